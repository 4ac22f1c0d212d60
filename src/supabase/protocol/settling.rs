//! What became of everything, written back: results of deliveries, rows of messages, claims. All of it
//! is kept here until it is written, and may be written twice.

use serde_json::{Value, json};

use super::super::remote::{Guard, RemoteRow};
use super::super::reply::{Kind, Told, Trouble};
use super::super::times;
use super::{Link, Pass, Step};
use crate::delivery::{MessageStatus, Status};
use crate::fail_point;
use crate::reason::Reason;
use crate::store::{ClaimState, LinkAlarm, LinkClaim, LinkEnding, LinkResult};

/// Deliveries in one request.
const RESULTS_AT_ONCE: u32 = 500;
const CLAIMS_AT_ONCE: usize = 500;
/// Rows in one PATCH: each has its guard, of some 200 bytes, in the URL.
const PATCHED_AT_ONCE: usize = 20;

struct Ended {
    claim: LinkClaim,
    ending: LinkEnding,
}

/// Of a message that ended: its number in the outbox, its latest claim and how that ended.
type End = (i64, Option<(LinkClaim, LinkEnding)>);

impl Link {
    /// Writes what deliveries became, and what retries made of messages that were settled. An end is
    /// read first and written last: a claim that is settled while the project lacks what became of
    /// its deliveries would leave them `pending` there for ever, if this database were lost then.
    pub(super) fn write_results(&mut self, pass: &Pass) -> Step<()> {
        let ends = self.ends()?;
        self.write_deliveries(pass)?;
        self.write_ends(pass, ends)
    }

    fn write_deliveries(&mut self, pass: &Pass) -> Step<()> {
        if !pass.state.is_shared {
            return Ok(());
        }
        // Of a link that is off, another appliance may have the channel by now, and have called unknown
        // what it found open: what is open here must not come after that.
        let only_ended = !pass.state.is_on;
        loop {
            let results = self.store.read(|tx| tx.link_results(RESULTS_AT_ONCE, only_ended))?;
            if results.is_empty() {
                return Ok(());
            }
            self.write_some(&results)?;
            fail_point::reach("link_results_sent");
            let seqs: Vec<i64> = results.iter().map(|one| one.seq).collect();
            self.write(|tx| tx.drop_link_results(&seqs))?;
            // What came meanwhile is for the next pass: else there is no end while much is sent.
            if u32::try_from(seqs.len()).is_ok_and(|count| count < RESULTS_AT_ONCE) {
                return Ok(());
            }
        }
    }

    fn write_some(&mut self, results: &[LinkResult]) -> Step<()> {
        let rows: Vec<Value> = results.iter().filter_map(result_row).collect();
        if rows.is_empty() {
            return Ok(());
        }
        match self.remote.results(&rows) {
            // One row of a message that was deleted keeps all from being written.
            Err(Trouble { kind: Kind::Gone | Kind::Refused | Kind::Filter, .. })
                if results.len() > 1 =>
            {
                let (left, right) = results.split_at(results.len() / 2);
                self.write_some(left)?;
                self.write_some(right)
            }
            Ok(_) | Err(Trouble { kind: Kind::Gone, .. }) => Ok(()),
            Err(Trouble { kind: Kind::Refused | Kind::Filter, words, .. }) => {
                let words = format!("Supabase refuses the result of a delivery: {words}");
                self.alarm(LinkAlarm::ResultRefused, &words)
            }
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// What ended since the last pass, and its number in the outbox.
    fn ends(&mut self) -> Step<Vec<End>> {
        Ok(self.store.read(|tx| {
            let of_message = |(seq, id)| {
                let claim = tx.latest_claim_of(id)?;
                let ending = claim.as_ref().map(|claim| tx.link_ending(claim)).transpose()?;
                Ok((seq, claim.zip(ending.flatten())))
            };
            tx.ended_link_messages(RESULTS_AT_ONCE)?.into_iter().map(of_message).collect()
        })?)
    }

    /// Notes what ended for the first time; writes what ended anew by a retry or a correction.
    fn write_ends(&mut self, pass: &Pass, ends: Vec<End>) -> Step<()> {
        let (mut ended, mut seqs) = (Vec::new(), Vec::new());
        for (seq, end) in ends {
            seqs.push(seq);
            let Some((claim, ending)) = end else { continue };
            match claim.state {
                ClaimState::Planned => ended.push((claim.id, ending)),
                ClaimState::Settled if claim.ending.as_ref() != Some(&ending) => {
                    self.write_end_of_retry(pass, &claim, &ending)?;
                }
                ClaimState::Settled
                | ClaimState::Claiming
                | ClaimState::Claimed
                | ClaimState::Ended
                | ClaimState::Lost
                | ClaimState::Released => {}
            }
        }
        if seqs.is_empty() {
            return Ok(());
        }
        self.write(|tx| {
            ended.iter().try_for_each(|(id, ending)| tx.end_claim(*id, ending))?;
            tx.drop_link_results(&seqs)
        })?;
        fail_point::reach("link_ended");
        Ok(())
    }

    fn write_end_of_retry(
        &mut self,
        pass: &Pass,
        claim: &LinkClaim,
        ending: &LinkEnding,
    ) -> Step<()> {
        let before = claim.ending.as_ref().map(row_status);
        if let Some(before @ (MessageStatus::Sent | MessageStatus::Failed)) = before
            && claim.next_at.is_none()
        {
            let guard = Guard {
                id: claim.remote_id.clone(),
                scheduled_at: claim.due_at.clone(),
                updated_at: None,
            };
            let body = row_body(pass, ending);
            taken(self.remote.settle(&pass.tables, before.as_str(), &guard, &body))?;
        }
        if pass.state.is_shared {
            self.remote.settle_claims(&[(&claim.remote_id, &claim.token)], &claim_body(ending))?;
        }
        self.write(|tx| {
            tx.end_claim(claim.id, ending)?;
            tx.settle_link_claim(claim.id)
        })
    }

    pub(super) fn settle_ended(&mut self, pass: &Pass) -> Step<()> {
        self.each_claims(ClaimState::Ended, CLAIMS_AT_ONCE, |link, ended| {
            link.write_deliveries(pass)?; // Before the claim: see `write_results`.
            let mut settled = Vec::new();
            let done = link.settle_some(pass, ended, &mut settled);
            // In one commit: what is written twice is written once.
            link.write(|tx| settled.iter().try_for_each(|id| tx.settle_link_claim(*id)))?;
            fail_point::reach("link_settled");
            done
        })
    }

    /// Writes how these ended, first their rows, then their claims; of those that the project has all
    /// of, `settled` gets the ids. What it refuses stays, and is tried in every pass.
    fn settle_some(
        &mut self,
        pass: &Pass,
        claims: Vec<LinkClaim>,
        settled: &mut Vec<i64>,
    ) -> Step<()> {
        let mut ended: Vec<Ended> = Vec::new();
        for claim in claims {
            // An answer names rows: of two occurrences of one row, the second waits for the next pass.
            if ended.iter().all(|one| one.claim.remote_id != claim.remote_id) {
                ended.push(match claim.ending.clone() {
                    Some(ending) => Ended { claim, ending },
                    None => self.end_foreign(pass, claim)?,
                });
            }
        }
        let is_ours = |one: &&Ended| {
            matches!(row_status(&one.ending), MessageStatus::Sent | MessageStatus::Failed)
        };
        // A row that the website cancelled, moved or deleted is as it wants it.
        let (rows, mut written): (Vec<&Ended>, Vec<&Ended>) = ended.iter().partition(is_ours);
        let mut done = Ok(());
        for (body, alike) in alike(&rows, |one| row_body_of(pass, one)) {
            for some in alike.chunks(PATCHED_AT_ONCE) {
                done = done.and_then(|()| self.settle_rows(pass, some, &body, &mut written));
            }
        }
        fail_point::reach("link_row_settled");
        for (body, alike) in alike(&written, |one| claim_body(&one.ending)) {
            for some in alike.chunks(PATCHED_AT_ONCE) {
                if pass.state.is_shared && !self.settle_claims(some, &body)? {
                    continue;
                }
                settled.extend(some.iter().map(|one| one.claim.id));
            }
        }
        done
    }

    /// Writes the rows of messages that ended alike; adds to `written` those that are as they should
    /// be. One that is still the same occurrence, but edited, is read and planned again, for those who
    /// are new.
    fn settle_rows<'a>(
        &mut self,
        pass: &Pass,
        ended: &[&'a Ended],
        body: &Value,
        written: &mut Vec<&'a Ended>,
    ) -> Step<()> {
        let has_updates = pass.tables.messages.has("updated_at");
        let guard = |one: &&Ended| Guard {
            id: one.claim.remote_id.clone(),
            scheduled_at: one.claim.due_at.clone(),
            updated_at: one.claim.row_mark.clone().filter(|_| has_updates),
        };
        let guards: Vec<Guard> = ended.iter().map(guard).collect();
        let changed = match &guards[..] {
            [guard] => self.remote.settle(&pass.tables, "scheduled", guard, body),
            many => self.remote.settle_all(&pass.tables, many, body).map(|()| false),
        };
        match changed {
            Ok(true) => {
                written.extend(ended);
                return Ok(());
            }
            Ok(false) => {}
            Err(Trouble { kind: Kind::Refused | Kind::Filter | Kind::Schema, .. })
                if ended.len() > 1 =>
            {
                let (left, right) = ended.split_at(ended.len() / 2);
                self.settle_rows(pass, left, body, written)?;
                return self.settle_rows(pass, right, body, written);
            }
            Err(Trouble { kind: Kind::Refused | Kind::Filter, words, .. }) => {
                return self.refused(ended, &words);
            }
            Err(trouble) => return Err(trouble.into()),
        }
        self.settle_as_they_are(pass, ended, body, written)
    }

    /// See [`Self::settle_rows`]: of these, the rows may be others than was thought.
    fn settle_as_they_are<'a>(
        &mut self,
        pass: &Pass,
        ended: &[&'a Ended],
        body: &Value,
        written: &mut Vec<&'a Ended>,
    ) -> Step<()> {
        let ids: Vec<&str> = ended.iter().map(|one| one.claim.remote_id.as_str()).collect();
        let rows = self.remote.watch(&pass.tables, &ids)?;
        for one in ended {
            let Ended { claim, ending } = one;
            let row = rows.iter().find(|row| row.id == claim.remote_id);
            // What was edited after a channel was taken over is the other one's.
            let is_open = |row: &RemoteRow| {
                row.status == "scheduled" && ending.status != MessageStatus::Cancelled
            };
            match row.filter(|row| !is_ours(row, claim, ending)) {
                Some(row) if is_open(row) && row.scheduled_at == claim.due_at => {
                    self.note_edit(claim, row)?;
                }
                Some(row) if is_open(row) && self.is_past(pass, row) => {
                    self.set_back(pass, claim, row)?;
                }
                Some(row) => {
                    if matches!(row.status.as_str(), "sent" | "failed") {
                        self.settled_by_other(pass, one, row, body)?;
                    }
                    written.push(one);
                }
                None => written.push(one),
            }
        }
        Ok(())
    }

    /// A row was set to sent or failed, and not by us.
    fn settled_by_other(
        &mut self,
        pass: &Pass,
        one: &Ended,
        row: &RemoteRow,
        body: &Value,
    ) -> Step<()> {
        let Ended { claim, ending } = one;
        // What a restoration made unknown may have been settled by the database that was lost.
        if ending.counts.unknown == 0 {
            self.alarm_of_other_sender(pass, claim)?;
        }
        // The appliance that took the channel over did not know that this was sent, or to how many.
        let is_last = row.scheduled_at == claim.due_at && claim.next_at.is_none();
        if is_last && (row.status == "failed" || self.was_ended_with_less(pass, one)?) {
            taken(self.remote.settle(&pass.tables, &row.status, &Guard::of(row), body))?;
        }
        Ok(())
    }

    /// Whether another appliance ended a claim of ours, and knew of fewer that were sent.
    fn was_ended_with_less(&self, pass: &Pass, Ended { claim, ending }: &Ended) -> Step<bool> {
        if !pass.state.is_shared || ending.counts.sent == 0 {
            return Ok(false);
        }
        let held = self.remote.claims_of(&[claim.remote_id.as_str()])?;
        Ok(held.iter().any(|held| {
            let sent = u64::try_from(held.sent_count).unwrap_or_default();
            held.token == claim.token && held.is_settled && sent < ending.counts.sent
        }))
    }

    /// Writes claims that ended alike. Returns whether the project took it.
    fn settle_claims(&mut self, ended: &[&Ended], body: &Value) -> Step<bool> {
        let keys: Vec<_> =
            ended.iter().map(|one| (&*one.claim.remote_id, &*one.claim.token)).collect();
        match self.remote.settle_claims(&keys, body) {
            Err(Trouble { kind: Kind::Refused | Kind::Filter, words, .. }) => {
                self.refused(ended, &words)?;
                Ok(false)
            }
            done => Ok(done.map(|_| true)?),
        }
    }

    fn refused(&mut self, ended: &[&Ended], words: &str) -> Step<()> {
        self.write(|tx| {
            ended.iter().try_for_each(|one| tx.refuse_link_claim(one.claim.id, words))
        })?;
        self.alarm(LinkAlarm::Refused, &format!("Supabase refuses a result: {words}"))
    }

    /// Ends a claim that another database made: what it did not write as sent is unknown.
    fn end_foreign(&mut self, pass: &Pass, mut claim: LinkClaim) -> Step<Ended> {
        let words = "the appliance that sent it is gone: what it did not report is unknown";
        let rows = self.remote.doubt_deliveries(&claim.remote_id, &claim.due_at, words)?;
        let count = |status: &str| rows.iter().filter(|row| row["status"] == status).count() as u64;
        let mut counts = crate::delivery::Counts::of_one(Status::Pending);
        counts.sent = count("sent");
        counts.failed = count("failed") + count("expired");
        counts.skipped = count("skipped");
        counts.unknown = count("unknown");
        let status = if counts.sent > 0 { MessageStatus::Sent } else { MessageStatus::Failed };
        let sent_at = (counts.sent > 0).then(|| self.wall_now());
        let ending = LinkEnding { status, sent_at, counts, error: Some(words.to_owned()) };
        let found = self.remote.read_again(&pass.tables, &[&claim.remote_id])?.into_iter().next();
        if let Some(row) = &found {
            claim.row_mark = Some(super::planning::mark(row));
            claim.next_at = self.next_of(pass, &claim, row)?;
        }
        let (next_at, mark) = (claim.next_at, claim.row_mark.clone().unwrap_or_default());
        self.write(|tx| {
            tx.set_claim_row(claim.id, &mark, next_at)?;
            tx.end_claim(claim.id, &ending)
        })?;
        Ok(Ended { claim, ending })
    }
}

/// Those of which the same is written, by what it is.
fn alike<'a>(ended: &[&'a Ended], body: impl Fn(&Ended) -> Value) -> Vec<(Value, Vec<&'a Ended>)> {
    let mut groups: Vec<(Value, Vec<&Ended>)> = Vec::new();
    for one in ended {
        let body = body(one);
        match groups.iter_mut().find(|(known, _)| *known == body) {
            Some((_, group)) => group.push(one),
            None => groups.push((body, vec![one])),
        }
    }
    groups
}

/// A guard that did not hold is no trouble; nor is a row that is gone.
fn taken<T>(done: Told<T>) -> Step<()> {
    match done {
        Ok(_) | Err(Trouble { kind: Kind::Gone, .. }) => Ok(()),
        Err(trouble) => Err(trouble.into()),
    }
}

/// The row of a message whose occurrence ended: its next one, or how the last one ended.
fn row_body_of(pass: &Pass, Ended { claim, ending }: &Ended) -> Value {
    match claim.next_at {
        Some(next) => json!({ "scheduled_at": next }),
        None => row_body(pass, ending),
    }
}

/// The columns of [`claim_body`].
pub(super) const ENDING: [&str; 7] = [
    "settled_at",
    "status",
    "sent_count",
    "failed_count",
    "skipped_count",
    "unknown_count",
    "error",
];

/// How an occurrence ended, as its claim says it.
pub(super) fn claim_body(ending: &LinkEnding) -> Value {
    let counts = ending.counts;
    json!({
        "settled_at": "now", "status": ending.status, "sent_count": counts.sent,
        "failed_count": counts.failed + counts.expired, "skipped_count": counts.skipped,
        "unknown_count": counts.unknown, "error": ending.error,
    })
}

/// What the website's row is to say. What ended because the channel was taken over nobody sends any
/// more; the appliance that took it over does not look at rows from before it had the channel.
fn row_status(ending: &LinkEnding) -> MessageStatus {
    let is_handed_over = || ending.error == Some(Reason::HandedOver.to_string());
    match ending.status {
        MessageStatus::Cancelled if is_handed_over() && ending.counts.sent > 0 => {
            MessageStatus::Sent
        }
        MessageStatus::Cancelled if is_handed_over() => MessageStatus::Failed,
        status => status,
    }
}

/// The row of a message that ended, as the website writes it.
fn row_body(pass: &Pass, ending: &LinkEnding) -> Value {
    let mut body = json!({ "status": row_status(ending) });
    let messages = &pass.tables.messages;
    if messages.has("sent_at") {
        body["sent_at"] = json!(ending.sent_at);
    }
    if messages.has("contact_count") {
        body["contact_count"] = json!(ending.counts.sent);
    }
    body
}

/// Whether a row is as we wrote it: the answer was lost.
fn is_ours(row: &RemoteRow, claim: &LinkClaim, ending: &LinkEnding) -> bool {
    if let Some(next) = claim.next_at {
        return times::instant(&row.scheduled_at) == Some(next);
    }
    let sent_at = row.sent_at.as_deref().and_then(times::instant);
    row.status == row_status(ending).as_str() && sent_at == ending.sent_at
}

/// The row of a delivery; `None` when there is none any more.
fn result_row(one: &LinkResult) -> Option<Value> {
    let (id, due_at) = one.occurrence.as_ref()?;
    Some(json!({
        "auto_message_id": id, "due_at": due_at, "chat_id": one.chat_id, "name": one.name,
        "status": one.status?, "attempts": one.attempts, "waha_message_id": one.waha_message_id,
        "ack": one.ack, "error": one.error, "claimed_at": one.claimed_at,
        "finished_at": one.finished_at, "seq": one.seq,
    }))
}
