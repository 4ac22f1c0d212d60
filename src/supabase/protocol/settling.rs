//! What became of everything, written back: results of deliveries, rows of messages, claims. All of it
//! is kept here until it is written, and may be written twice.

use serde_json::{Value, json};

use super::super::remote::{Guard, RemoteMessage};
use super::super::reply::{Kind, Trouble};
use super::super::times;
use super::{Link, Pass, Step, Stop};
use crate::delivery::{MessageStatus, Status};
use crate::fail_point;
use crate::store::{ClaimState, LinkClaim, LinkEnding, LinkResult};

/// Deliveries in one request.
const RESULTS_AT_ONCE: u32 = 500;
const CLAIMS_AT_ONCE: usize = 100;

impl Link {
    /// Writes what deliveries became, and what retries made of messages that were settled.
    pub(super) fn write_results(&mut self, pass: &Pass) -> Step<()> {
        self.write_ends(pass)?;
        if !pass.state.is_shared {
            return Ok(());
        }
        loop {
            let results = self.store.read(|tx| tx.link_results(RESULTS_AT_ONCE))?;
            if results.is_empty() {
                return Ok(());
            }
            self.write_some(&results)?;
            fail_point::reach("link_results_sent");
            let seqs: Vec<i64> = results.iter().map(|one| one.seq).collect();
            self.write(|tx| tx.drop_link_results(&seqs))?;
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
                self.alarm(&format!("Supabase refuses the result of a delivery: {words}"))
            }
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// What ended since the last pass: for the first time, or anew by a retry or a correction.
    fn write_ends(&mut self, pass: &Pass) -> Step<()> {
        let (mut ended, mut seqs) = (Vec::new(), Vec::new());
        for (seq, id) in self.store.read(|tx| tx.ended_link_messages(RESULTS_AT_ONCE))? {
            let claim = self.store.read(|tx| tx.latest_claim_of(id))?;
            if let Some(claim) = claim.as_ref().filter(|claim| claim.state == ClaimState::Planned)
                && let Some(ending) = self.store.read(|tx| tx.link_ending(claim))?
            {
                ended.push((claim.id, ending));
            }
            let settled = claim.filter(|claim| claim.state == ClaimState::Settled);
            if let Some(claim) = settled
                && let Some(ending) = self.store.read(|tx| tx.link_ending(&claim))?
                && claim.ending.as_ref() != Some(&ending)
            {
                self.write_end_of_retry(pass, &claim, &ending)?;
            }
            seqs.push(seq);
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
        let before = claim.ending.as_ref().map(|ending| ending.status);
        if let Some(before @ (MessageStatus::Sent | MessageStatus::Failed)) = before
            && claim.next_at.is_none()
        {
            let guard =
                Guard { status: before.as_str(), scheduled_at: &claim.due_at, updated_at: None };
            let body = row_body(pass, ending);
            taken(self.remote.settle(&pass.tables, &claim.remote_id, &guard, &body))?;
        }
        self.settle_claim_row(pass, claim, ending)?;
        self.write(|tx| {
            tx.end_claim(claim.id, ending)?;
            tx.settle_link_claim(claim.id)
        })
    }

    /// Writes how occurrences ended.
    pub(super) fn settle_ended(&mut self, pass: &Pass) -> Step<()> {
        let mut after = 0;
        loop {
            let ended = self
                .store
                .read(|tx| tx.link_claims_in(ClaimState::Ended, after, CLAIMS_AT_ONCE))?;
            let Some(last) = ended.last() else { return Ok(()) };
            after = last.id;
            let mut settled = Vec::new();
            let mut done = Ok(());
            for claim in &ended {
                match self.settle_one(pass, claim) {
                    Ok(true) => settled.push(claim.id),
                    Ok(false) => {}
                    // It stays, and is tried in every pass; the others go on.
                    Err(Stop::Trouble(Trouble {
                        kind: Kind::Refused | Kind::Filter,
                        words,
                        ..
                    })) => {
                        self.write(|tx| tx.refuse_link_claim(claim.id, &words))?;
                        self.alarm(&format!("Supabase refuses a result: {words}"))?;
                    }
                    Err(stop) => {
                        done = Err(stop);
                        break;
                    }
                }
            }
            // In one commit: what is written twice is written once.
            self.write(|tx| settled.iter().try_for_each(|id| tx.settle_link_claim(*id)))?;
            fail_point::reach("link_settled");
            done?;
        }
    }

    /// Writes how one occurrence ended. Returns whether the project has all of it.
    fn settle_one(&mut self, pass: &Pass, claim: &LinkClaim) -> Step<bool> {
        let Some(ending) = claim.ending.clone() else { return self.settle_foreign(pass, claim) };
        let is_written = match ending.status {
            MessageStatus::Sent | MessageStatus::Failed => self.settle_row(pass, claim, &ending)?,
            // The website wanted it so: its row is as it wants it.
            MessageStatus::Draft
            | MessageStatus::Scheduled
            | MessageStatus::Sending
            | MessageStatus::Cancelled => true,
        };
        fail_point::reach("link_row_settled");
        if !is_written {
            // Edited meanwhile: it is read and planned again, for those who are new.
            self.write(|tx| tx.set_claim_state(claim.id, ClaimState::Claimed))?;
            return Ok(false);
        }
        self.settle_claim_row(pass, claim, &ending)?;
        Ok(true)
    }

    /// Writes the row of a message. Returns `false` when it is still the same occurrence, but edited.
    fn settle_row(&mut self, pass: &Pass, claim: &LinkClaim, ending: &LinkEnding) -> Step<bool> {
        let has_updates = pass.tables.messages.has("updated_at");
        let guard = Guard {
            status: "scheduled",
            scheduled_at: &claim.due_at,
            updated_at: claim.row_mark.as_deref().filter(|_| has_updates),
        };
        let body = match claim.next_at {
            Some(next) => json!({ "scheduled_at": next }),
            None => row_body(pass, ending),
        };
        if self.remote.settle(&pass.tables, &claim.remote_id, &guard, &body)? {
            return Ok(true);
        }
        let rows = self.remote.read_again(&pass.tables, &[&claim.remote_id])?;
        let Some(row) = rows.into_iter().next() else { return Ok(true) };
        if row.status == "scheduled" && row.scheduled_at == claim.due_at {
            return Ok(false);
        }
        if !is_ours(&row, claim, ending) && matches!(row.status.as_str(), "sent" | "failed") {
            self.alarm_of_other_sender()?;
        }
        Ok(true)
    }

    fn settle_claim_row(
        &mut self,
        pass: &Pass,
        claim: &LinkClaim,
        ending: &LinkEnding,
    ) -> Step<()> {
        if !pass.state.is_shared {
            return Ok(());
        }
        let counts = ending.counts;
        let body = json!({
            "settled_at": "now", "status": ending.status, "sent_count": counts.sent,
            "failed_count": counts.failed + counts.expired, "skipped_count": counts.skipped,
            "unknown_count": counts.unknown, "error": ending.error,
        });
        let (id, due_at) = (&claim.remote_id, &claim.due_at);
        self.remote.settle_claim(id, due_at, &claim.token, &body)?;
        Ok(())
    }

    /// Ends a claim that another database made: what it did not write as sent is unknown.
    fn settle_foreign(&mut self, pass: &Pass, claim: &LinkClaim) -> Step<bool> {
        let rows = self.remote.doubt_deliveries(&claim.remote_id, &claim.due_at)?;
        let count = |status: &str| rows.iter().filter(|row| row["status"] == status).count() as u64;
        let mut counts = crate::delivery::Counts::of_one(Status::Pending);
        counts.sent = count("sent");
        counts.failed = count("failed") + count("expired");
        counts.skipped = count("skipped");
        counts.unknown = count("unknown");
        let status = if counts.sent > 0 { MessageStatus::Sent } else { MessageStatus::Failed };
        let sent_at = (counts.sent > 0).then(|| self.wall_now());
        let error = Some(
            "the appliance that sent it is gone: what it did not report is unknown".to_owned(),
        );
        let ending = LinkEnding { status, sent_at, counts, error };
        let found = self.remote.read_again(&pass.tables, &[&claim.remote_id])?.into_iter().next();
        let mut claim = claim.clone();
        if let Some(row) = &found {
            claim.row_mark = Some(super::planning::mark(row));
            claim.next_at = self.next_of(pass, &claim, row)?;
        }
        let next_at = claim.next_at;
        let mark = claim.row_mark.clone().unwrap_or_default();
        // From here on it ends as every other.
        self.write(|tx| {
            tx.set_claim_row(claim.id, &mark, next_at)?;
            tx.end_claim(claim.id, &ending)
        })?;
        claim.ending = Some(ending);
        self.settle_one(pass, &claim)
    }
}

/// A guard that did not hold is no trouble; nor is a row that is gone.
fn taken(done: Result<bool, Trouble>) -> Step<()> {
    match done {
        Ok(_) | Err(Trouble { kind: Kind::Gone, .. }) => Ok(()),
        Err(trouble) => Err(trouble.into()),
    }
}

/// The row of a message that ended, as the website writes it.
fn row_body(pass: &Pass, ending: &LinkEnding) -> Value {
    let mut body = json!({ "status": ending.status });
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
fn is_ours(row: &RemoteMessage, claim: &LinkClaim, ending: &LinkEnding) -> bool {
    if let Some(next) = claim.next_at {
        return times::instant(&row.scheduled_at) == Some(next);
    }
    let sent_at = row.sent_at.as_deref().and_then(times::instant);
    row.status == ending.status.as_str() && sent_at == ending.sent_at
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
