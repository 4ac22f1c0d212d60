//! What the website's owner was promised: each occurrence goes to each chat at most once, whatever
//! machines there are; what was cancelled stops; and in the end the project says what became of it.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use super::local;
use crate::link_remote::{Row, State, micros};
use crate::world::{Arrival, World};

/// Row, instant and chat.
type Sent = (String, String, String);

/// What was seen so far.
#[derive(Default)]
pub struct Truth {
    pub rows: HashMap<String, RowTruth>,
    pub arrived: HashSet<Sent>,
    /// Rows that the website ended, and did not arm again.
    pub over: HashSet<String>,
    /// By appliance: what it knew to be over at its last good pass.
    known_over: HashMap<usize, HashSet<String>>,
    has_restored: bool,
    has_changed_channels: bool,
}

/// A row of the website's.
pub struct RowTruth {
    is_edited: bool,
    made_at: i64,
}

impl Truth {
    pub fn note_row(&mut self, id: &str, made_at: i64) {
        self.rows.insert(id.to_owned(), RowTruth { is_edited: false, made_at });
    }

    /// The website writes a row that there is; it may arm it again.
    pub fn note_edit(&mut self, id: &str) {
        if let Some(row) = self.rows.get_mut(id) {
            row.is_edited = true;
        }
        self.over.remove(id);
    }

    pub fn note_over(&mut self, id: &str) {
        self.over.insert(id.to_owned());
    }

    pub fn note_channel_edit(&mut self) {
        self.has_changed_channels = true;
    }

    pub fn note_restore(&mut self) {
        self.has_restored = true;
    }

    /// Another machine has the number of one that is gone.
    pub fn note_lost(&mut self, appliance: usize) {
        self.known_over.remove(&appliance);
        self.has_changed_channels = true;
    }

    /// A good pass saw what was over.
    pub fn note_pass(&mut self, appliance: usize, over: HashSet<String>) {
        self.known_over.insert(appliance, over);
    }

    pub fn note_arrival(
        &mut self,
        appliance: usize,
        world: &World,
        arrival: &Arrival,
        rivals: &BTreeSet<(String, String)>,
    ) {
        let sql = format!(
            "SELECT l.remote_id, coalesce(d.retry_of, d.due_at), d.chat_id FROM deliveries d
             JOIN link_messages l ON l.auto_message_id = d.auto_message_id WHERE d.id = {}",
            arrival.delivery_id
        );
        let Some(row) = world.rows(&sql).pop() else { return };
        let [id, due_at, chat] = row.split('|').collect::<Vec<_>>()[..] else { panic!() };
        let is_rivals = |(row, at): &(String, String)| row == id && local(at) == due_at;
        assert!(!rivals.iter().any(is_rivals), "another appliance's, sent from {appliance}: {row}");
        let sent = (id.to_owned(), due_at.to_owned(), chat.to_owned());
        assert!(self.arrived.insert(sent), "twice, now from {appliance}: {row}");
        let is_over = |known: &HashSet<String>| known.contains(id) && self.over.contains(id);
        assert!(
            !self.known_over.get(&appliance).is_some_and(is_over),
            "sent from {appliance} though it knew that the website had ended it: {row}"
        );
    }

    /// At any moment: nobody looks at a claim that is settled, so nothing of it may be open there.
    pub fn check_settled(state: &State) {
        for row in state.rows("auto_message_deliveries") {
            let is_open = row["status"] == "pending" || row["status"] == "sending";
            let is_its = |claim: &&Row| {
                claim["auto_message_id"] == row["auto_message_id"]
                    && claim["due_at"] == row["due_at"]
            };
            if is_open {
                let claim = state.rows("auto_message_claims").iter().find(is_its);
                // Of one that another appliance ended, the first may live, and write once more before
                // it notices: what it leaves is looked at in the end.
                let is_first = |claim: &Row| {
                    !claim["error"].as_str().is_some_and(|error| error.contains("is gone"))
                };
                let is_settled =
                    claim.is_some_and(|claim| !claim["settled_at"].is_null() && is_first(claim));
                assert!(!is_settled, "settled, and still open: {row:?} {claim:?}");
            }
        }
    }

    /// When everything has healed, with the tables of the shared mode.
    pub fn check_shared(&self, worlds: &[&World], state: &State) {
        let id = "SELECT value FROM meta WHERE key = 'link_appliance'";
        let ids: Vec<String> = worlds.iter().map(|world| world.ask(id)).collect();
        // Of a machine that is gone, nobody looks at the row of no channel.
        let is_left = |claim: &Row| {
            let row = state
                .rows("auto_messages")
                .iter()
                .find(|row| row["id"] == claim["auto_message_id"]);
            let is_gone = !ids.iter().any(|id| claim["claimed_by"] == **id);
            is_gone && row.is_none_or(|row| row["chanel_id"].is_null())
        };
        let open: Vec<&Row> = state
            .rows("auto_message_claims")
            .iter()
            .filter(|claim| claim["settled_at"].is_null() && !is_left(claim))
            .collect();
        assert!(open.is_empty(), "claims never settle: {open:?}");
        for row in state.rows("auto_message_deliveries") {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            let sent = (text("auto_message_id"), local(&text("due_at")), text("chat_id"));
            let has_arrived = self.arrived.contains(&sent);
            let is_of_gone = |claim: &Row| {
                claim["auto_message_id"] == row["auto_message_id"]
                    && claim["due_at"] == row["due_at"]
                    && claim["settled_at"].is_null()
            };
            if state.rows("auto_message_claims").iter().any(is_of_gone) {
                continue;
            }
            let is_true = match text("status").as_str() {
                "sent" => has_arrived,
                "unknown" => true,
                "pending" | "sending" => false,
                _ => !has_arrived || row["ack"] == -1,
            };
            assert!(is_true, "a lie in the project (arrived: {has_arrived}): {row:?}");
        }
        for claim in state.rows("auto_message_claims") {
            let row = state
                .rows("auto_messages")
                .iter()
                .find(|row| row["id"] == claim["auto_message_id"]);
            let id = claim["auto_message_id"].as_str().unwrap();
            if let Some(row) = row
                .filter(|row| !self.rows[id].is_edited && row["schedules"] == Value::Array(vec![]))
            {
                // What nobody sends any more has ended, for the website. What of it was proven
                // afterwards to be sent, the claim says.
                let is_over = row["status"] == "failed" || row["status"] == "sent";
                let is_cancelled = claim["status"] == "cancelled" && is_over;
                assert!(is_cancelled || row["status"] == claim["status"], "{row:?} {claim:?}");
                assert_eq!(row["status"] == "sent", !row["sent_at"].is_null(), "{row:?}");
                if claim["error"].is_null() && !is_cancelled && !self.has_restored {
                    assert_eq!(row["contact_count"], claim["sent_count"], "{row:?} {claim:?}");
                }
            }
        }
        self.check_rows(worlds, state);
    }

    /// The same without them.
    pub fn check_alone(&self, world: &World, state: &State) {
        self.check_rows(&[world], state);
    }

    fn check_rows(&self, worlds: &[&World], state: &State) {
        for (number, world) in worlds.iter().enumerate() {
            let is_on = "SELECT count(*) FROM meta WHERE key = 'link_on'";
            if world.ask(is_on) == "0" {
                continue;
            }
            let open = world.rows(
                "SELECT remote_id, due_at, state, refused FROM link_claims
                 WHERE state IN ('claiming', 'claimed', 'planned', 'ended')",
            );
            assert!(open.is_empty(), "lost: {open:?} never end on {number}");
            let outbox = world.rows("SELECT auto_message_id, delivery_id FROM link_outbox");
            assert!(outbox.is_empty(), "never written by {number}: {outbox:?}");
        }
        // What is due, on a channel that somebody sends for, is not left.
        for row in state.rows("auto_messages").iter().filter(|row| row["status"] == "scheduled") {
            let Some(channel) = row["chanel_id"].as_str() else { continue };
            let at = micros(row["scheduled_at"].as_str().unwrap(), 0).unwrap();
            let is_waited_for = worlds.iter().any(|world| {
                // What was due before another machine had the channel is sent by the one before.
                let due = row["scheduled_at"].as_str().unwrap();
                let sql = format!(
                    "SELECT since FROM link_channels c WHERE remote_id = '{channel}'
                         AND EXISTS (SELECT 1 FROM meta WHERE key = 'link_on')
                         AND (handed_to IS NULL OR EXISTS (SELECT 1 FROM meta
                             WHERE key = 'link_handed_at:' || c.project || ' ' || remote_id AND value > '{due}'))"
                );
                let since = world.ask(&sql);
                !since.is_empty() && micros(&since, 0).unwrap() <= at
            });
            assert!(!is_waited_for || at > state.latest(), "lost: {row:?} is never sent");
        }
        for (id, row) in &self.rows {
            self.check_untouched(id, row, worlds, state);
        }
    }

    /// A row that nobody touched, on channels that nobody touched, went to each of its recipients.
    fn check_untouched(&self, id: &str, truth: &RowTruth, worlds: &[&World], state: &State) {
        let found = state.rows("auto_messages").iter().find(|row| row["id"] == *id);
        let Some(row) = found.filter(|_| !truth.is_edited) else { return };
        // What became of it at an appliance that is not in the story nobody knows here.
        if state.rivals.iter().any(|(rivals, _)| rivals == id) {
            return;
        }
        let due = micros(row["scheduled_at"].as_str().unwrap(), 0).unwrap();
        // One that was due before the link, or before a takeover, is left alone.
        let is_old =
            due < truth.made_at - 1_000_000 || self.has_changed_channels || self.has_restored;
        if is_old || row["schedules"] != Value::Array(vec![]) {
            return;
        }
        let phones = row["contact_ids"].as_array().unwrap();
        let numbers: HashSet<String> = phones
            .iter()
            .filter_map(|one| one["phone"].as_str())
            .map(|phone| {
                phone.strip_prefix('0').map_or(phone.to_owned(), |rest| format!("62{rest}"))
            })
            .collect();
        for number in numbers {
            let sql = format!(
                "SELECT d.status FROM deliveries d JOIN link_messages l ON l.auto_message_id = d.auto_message_id
                 WHERE l.remote_id = '{id}' AND d.chat_id = '{number}@c.us'"
            );
            let ends: Vec<String> = worlds.iter().flat_map(|world| world.rows(&sql)).collect();
            let [end] = &ends[..] else { panic!("lost: {number} of {row:?}: {ends:?}") };
            let has_arrived =
                self.arrived.iter().any(|sent| sent.0 == *id && sent.2 == format!("{number}@c.us"));
            let is_well = match end.as_str() {
                "sent" => has_arrived,
                // The clocks jump at the end, for those whom WAHA never lets through.
                "unknown" | "failed" | "expired" => true,
                _ => false,
            };
            assert!(is_well, "{number} of {row:?} is {end}");
        }
    }
}
