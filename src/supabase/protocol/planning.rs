//! From a claim to deliveries: the row is read again, and planned as it is then. While it is being sent
//! the website may cancel it, edit it, move it or delete it.

use sha2::{Digest as _, Sha256};

use super::super::recipients::Contacts;
use super::super::remote::{Guard, IDS_MAX, RemoteRow};
use super::super::times;
use super::{Link, Pass, Step};
use crate::clock::Timestamp;
use crate::delivery::MessageStatus;
use crate::fail_point;
use crate::reason::Reason;
use crate::schedule::Zone;
use crate::secret::to_hex;
use crate::store::{
    ClaimState, LinkAlarm, LinkChannel, LinkClaim, LinkedRow, SqlResult, Trigger, Tx,
};

/// Rows that are read at once: each may have thousands of recipients.
const ROWS_AT_ONCE: usize = 20;

impl Link {
    pub(super) fn plan_claimed(&mut self, pass: &Pass) -> Step<()> {
        let mut has_planned = false;
        self.each_claims(ClaimState::Claimed, ROWS_AT_ONCE, |link, claimed| {
            let ids: Vec<&str> = claimed.iter().map(|claim| claim.remote_id.as_str()).collect();
            let rows = link.remote.read_again(&pass.tables, &ids)?;
            let named = rows.iter().map(|row| &row.contact_ids);
            let how = (&pass.off, &link.config.country);
            let contacts = Contacts::look_up(&link.remote, &pass.tables, how, named)?;
            fail_point::reach("link_read_again");
            let row = |claim: &LinkClaim| rows.iter().find(|row| row.id == claim.remote_id);
            let (planned, over): (Vec<_>, Vec<_>) = claimed.iter().partition(|claim| {
                row(claim).is_some_and(|row| to_plan(pass, claim, row).is_some())
            });
            has_planned |= link.plan_some(pass, &planned, &rows, &contacts)?;
            over.iter().try_for_each(|claim| link.not_as_found(pass, claim, row(claim)))
        })?;
        if has_planned {
            self.triggers.pull(Trigger::Timer, None);
        }
        Ok(())
    }

    /// A row is not what was claimed any more.
    fn not_as_found(
        &mut self,
        pass: &Pass,
        claim: &LinkClaim,
        row: Option<&RemoteRow>,
    ) -> Step<()> {
        if claim.auto_message_id.is_none() {
            return self.release(pass, claim);
        }
        // Planned before: what is left of it ends.
        match row {
            Some(row) if row.status == "scheduled" && row.scheduled_at != claim.due_at => {
                return self.moved(pass, claim, row);
            }
            Some(row) => self.end_by_website(claim, &why_over(row))?,
            None => self.end_by_website(claim, &Reason::WebsiteDeleted)?,
        }
        // Still scheduled, but on no channel of ours: how it ended is written to the row as it is now.
        if let Some(row) = row.filter(|row| is_as_found(claim, row)) {
            let (mark, next_at) = (mark(row), self.next_of(pass, claim, row)?);
            self.write(|tx| tx.set_claim_row(claim.id, &mark, next_at))?;
        }
        Ok(())
    }

    /// Plans claims from what was read just now, in one commit. Returns whether there is more to send.
    fn plan_some(
        &mut self,
        pass: &Pass,
        claims: &[&LinkClaim],
        rows: &[RemoteRow],
        contacts: &Contacts,
    ) -> Step<bool> {
        let (now, zone) = (self.wall_now(), self.config.zone.clone());
        let mut has_planned = false;
        self.write(|tx| {
            for claim in claims {
                let row = rows.iter().find(|row| row.id == claim.remote_id);
                let Some((row, channel)) =
                    row.and_then(|row| Some((row, to_plan(pass, claim, row)?)))
                else {
                    continue;
                };
                let contact_ids = contacts.ours(&pass.tables, &row.contact_ids);
                note_offset(tx, &zone, &pass.state.project, row)?;
                let linked = LinkedRow {
                    title: row.title.as_deref(),
                    message: &row.message,
                    contact_ids: &contact_ids,
                    channel_id: channel.channel_id,
                    row_mark: &mark(row),
                    next_at: next_of(tx, &zone, (&pass.state.project, claim), row)?,
                };
                tx.set_claim_channel(claim.id, &channel.remote_id)?;
                has_planned |= plan_one(tx, (&pass.state.project, claim), &linked, now)?;
            }
            Ok(())
        })?;
        fail_point::reach("link_planned");
        Ok(has_planned)
    }

    /// The occurrence that follows, of those that did not go out from here already.
    pub(super) fn next_of(
        &mut self,
        pass: &Pass,
        claim: &LinkClaim,
        row: &RemoteRow,
    ) -> Step<Option<Timestamp>> {
        let (project, zone) = (&pass.state.project, &self.config.zone);
        Ok(self.store.read(|tx| next_of(tx, zone, (project, claim), row))?)
    }

    /// Looks at the rows that are being sent, and notices those that ended here.
    pub(super) fn watch(&mut self, pass: &Pass) -> Step<()> {
        self.each_claims(ClaimState::Planned, IDS_MAX, |link, planned| {
            let ids: Vec<&str> = planned.iter().map(|claim| claim.remote_id.as_str()).collect();
            let rows = link.remote.watch(&pass.tables, &ids)?;
            for claim in &planned {
                link.watch_one(pass, claim, rows.iter().find(|row| row.id == claim.remote_id))?;
            }
            let ending = |tx: &Tx<'_>, claim: &LinkClaim| {
                Ok(tx.link_ending(claim)?.map(|ending| (claim.id, ending)))
            };
            let ended: Vec<_> = link.store.read(|tx| {
                planned.iter().filter_map(|claim| ending(tx, claim).transpose()).collect()
            })?;
            if ended.is_empty() {
                return Ok(());
            }
            link.write(|tx| {
                ended.iter().try_for_each(|(id, end)| tx.end_claim_if_planned(*id, end))
            })
        })?;
        self.plan_claimed(pass)
    }

    fn watch_one(&mut self, pass: &Pass, claim: &LinkClaim, row: Option<&RemoteRow>) -> Step<()> {
        let Some(row) = row else { return self.end_by_website(claim, &Reason::WebsiteDeleted) };
        if row.status != "scheduled" {
            if row.status != "cancelled" {
                self.alarm_of_other_sender(pass, claim)?;
            }
            return self.end_by_website(claim, &why_over(row));
        }
        if row.scheduled_at != claim.due_at {
            return self.moved(pass, claim, row);
        }
        if claim.row_mark.as_deref() == Some(&mark(row)) {
            return Ok(());
        }
        self.note_edit(claim, row)
    }

    /// A row was edited after its claim: it is read and planned again, for those who are new. Nobody can be
    /// added to what another database sent, or one that was lost may have sent.
    pub(super) fn note_edit(&mut self, claim: &LinkClaim, row: &RemoteRow) -> Step<()> {
        let mark = mark(row);
        self.write(|tx| {
            if claim.auto_message_id.is_none() || tx.is_claim_of_lost_ledger(claim.id)? {
                return tx.set_claim_row(claim.id, &mark, claim.next_at);
            }
            tx.set_claim_state(claim.id, ClaimState::Claimed)
        })
    }

    /// A row that is being sent got another time. A later one is a new occurrence, and what is left of
    /// this one ends. One that is past is no new occurrence: those who have it would get it again at
    /// once. An edit of a series writes its first time, too. So the row gets back its time.
    fn moved(&mut self, pass: &Pass, claim: &LinkClaim, row: &RemoteRow) -> Step<()> {
        if self.is_past(pass, row) {
            return self.set_back(pass, claim, row);
        }
        self.end_by_website(claim, &Reason::WebsiteMoved)
    }

    /// Whether a row's time is past, by the project's clock.
    pub(super) fn is_past(&self, pass: &Pass, row: &RemoteRow) -> bool {
        let now = self.remote.date().unwrap_or(pass.now.wall);
        times::instant(&row.scheduled_at).is_some_and(|at| at <= now)
    }

    pub(super) fn set_back(&mut self, pass: &Pass, claim: &LinkClaim, row: &RemoteRow) -> Step<()> {
        let body = serde_json::json!({ "scheduled_at": claim.due_at });
        self.remote.settle(&pass.tables, "scheduled", &Guard::of(row), &body)?;
        Ok(())
    }

    /// What is left of an occurrence ends here, because the website or another appliance wants it so.
    pub(super) fn end_by_website(&mut self, claim: &LinkClaim, reason: &Reason) -> Step<()> {
        let now = self.wall_now();
        self.write(|tx| {
            tx.cancel_linked(claim, reason, now)?;
            tx.set_claim_state(claim.id, ClaimState::Planned)
        })
    }

    pub(super) fn cancel_where(
        &mut self,
        reason: &Reason,
        fits: impl Fn(&LinkClaim) -> bool,
    ) -> Step<()> {
        self.each_claims(ClaimState::Planned, IDS_MAX, |link, planned| {
            let mut over = planned.iter().filter(|claim| fits(claim));
            over.try_for_each(|claim| link.end_by_website(claim, reason))
        })
    }

    /// Somebody else set the row of a claim to sent or failed. An appliance that takes a channel over does so.
    pub(super) fn alarm_of_other_sender(&mut self, pass: &Pass, claim: &LinkClaim) -> Step<()> {
        let is_ours = |id| pass.channels.iter().any(|channel| channel.remote_id == id);
        if !claim.remote_channel.as_deref().is_none_or(is_ours) {
            return Ok(());
        }
        self.alarm(
            LinkAlarm::OtherSender,
            "the website set a message to sent or failed that this appliance is sending: turn its own cron off, or everything goes out twice",
        )
    }

    /// A row whose occurrence was sent from here is due again: an edit writes the first time of a series
    /// anew. Nothing is sent of what was sent; it moves on to its next time. After the last one, people
    /// who were added to its recipients get it.
    pub(super) fn found_again(&mut self, pass: &Pass, claim: &LinkClaim) -> Step<()> {
        let status = claim.ending.as_ref().map(|ending| ending.status);
        if self.move_on(pass, claim, None)? {
            return Ok(());
        }
        // A database that was lost may have added them, and sent it to them, before.
        let may_add = match claim.auto_message_id {
            Some(id) => self
                .store
                .read(|tx| Ok(tx.is_linked(id)? && !tx.is_claim_of_lost_ledger(claim.id)?))?,
            None => false,
        };
        if may_add {
            // Open in the project, too: else nobody looks at it when this database is lost.
            if pass.state.is_shared {
                let body = serde_json::json!({ "settled_at": null });
                self.remote.settle_claims(&[(&claim.remote_id, &claim.token)], &body)?;
            }
            self.write(|tx| tx.set_claim_state(claim.id, ClaimState::Claimed))?;
            return self.plan_claimed(pass);
        }
        let word = status.map_or("failed", |status| status.as_str());
        let word = if word == "cancelled" { "failed" } else { word };
        self.move_on(pass, claim, Some(word)).map(drop)
    }

    /// Moves a row on to its next time; after the last it gets `status`. Returns whether there was one to write.
    pub(super) fn move_on(
        &mut self,
        pass: &Pass,
        claim: &LinkClaim,
        status: Option<&str>,
    ) -> Step<bool> {
        let rows = self.remote.read_again(&pass.tables, &[&claim.remote_id])?;
        let Some(row) = rows.into_iter().next() else { return Ok(true) };
        if row.status != "scheduled" || row.scheduled_at != claim.due_at {
            return Ok(true);
        }
        let next = self.next_of(pass, claim, &row)?;
        let body = match (next, status) {
            (Some(next), _) => serde_json::json!({ "scheduled_at": next }),
            (None, Some(status)) => {
                let sent_at = claim.ending.as_ref().and_then(|ending| ending.sent_at);
                let sent_at =
                    (status == "sent").then(|| sent_at.unwrap_or_else(|| self.wall_now()));
                serde_json::json!({ "status": status, "sent_at": sent_at })
            }
            (None, None) => return Ok(false),
        };
        self.remote.settle(&pass.tables, "scheduled", &Guard::of(&row), &body)?;
        Ok(true)
    }

    /// A series that began before the link is edited: its first time is back, and it would never be
    /// found again. It moves on to its next time.
    pub(super) fn wake_old_series(&mut self, pass: &Pass) -> Step<()> {
        let has = |column| pass.tables.messages.has(column);
        if !has("schedules") || !has("updated_at") {
            return Ok(());
        }
        for (since, channels) in pass.channels_by_since() {
            for some in channels.chunks(IDS_MAX) {
                self.wake_old_series_on(pass, some, &since)?;
            }
        }
        Ok(())
    }

    fn wake_old_series_on(&mut self, pass: &Pass, channels: &[String], since: &str) -> Step<()> {
        let Some(begin) = times::instant(since) else { return Ok(()) };
        for row in self.remote.old_series(&pass.tables, channels, since)? {
            let Some(at) = times::instant(&row.scheduled_at) else { continue };
            let (rule, zone) = ((row.schedules.as_deref(), None), self.config.zone.clone());
            let offset = times::offset(rule.0, at, None, &zone);
            let next = times::following(rule, offset, begin, &zone).into_iter().next();
            if let Some(next) = next {
                self.write(|tx| note_offset(tx, &zone, &pass.state.project, &row))?;
                let body = serde_json::json!({ "scheduled_at": next });
                self.remote.settle(&pass.tables, "scheduled", &Guard::of(&row), &body)?;
            }
        }
        Ok(())
    }
}

/// The channel of a row that is still what was claimed, and sent from here.
fn to_plan<'a>(pass: &'a Pass, claim: &LinkClaim, row: &RemoteRow) -> Option<&'a LinkChannel> {
    let wanted = row.channel.as_deref().filter(|_| is_as_found(claim, row))?;
    let handed = pass.handed.iter().filter(|(_, at)| times::is_before(&claim.due_at, at));
    let left = pass.left.iter().filter(|_| claim.remote_channel.as_deref() == Some(wanted));
    let mut all = pass.channels.iter().chain(handed.map(|(channel, _)| channel)).chain(left);
    all.find(|channel| channel.remote_id == wanted)
}

fn is_as_found(claim: &LinkClaim, row: &RemoteRow) -> bool {
    row.status == "scheduled" && row.scheduled_at == claim.due_at
}

/// Plans a claim. Returns `false` when what goes out of it is what was planned before.
fn plan_one(
    tx: &Tx<'_>,
    (project, claim): (&str, &LinkClaim),
    linked: &LinkedRow<'_>,
    now: Timestamp,
) -> SqlResult<bool> {
    if let Some(message) = claim.auto_message_id.map(|id| tx.message(id)).transpose()?.flatten()
        && message.message == linked.message
        && message.contact_ids.as_deref() == Some(linked.contact_ids)
        && message.channel_id == linked.channel_id
        && message.scheduled_at == Some(claim.local_due_at)
        && claim.row_mark.is_some()
        && message.status != MessageStatus::Cancelled
    {
        // Something else of the row was edited.
        tx.set_claim_row(claim.id, linked.row_mark, linked.next_at)?;
        tx.set_claim_state(claim.id, ClaimState::Planned)?;
        return Ok(false);
    }
    tx.plan_linked(project, claim, linked, now)?;
    Ok(true)
}

/// See [`Link::next_of`].
fn next_of(
    tx: &Tx<'_>,
    zone: &Zone,
    (project, claim): (&str, &LinkClaim),
    row: &RemoteRow,
) -> SqlResult<Option<Timestamp>> {
    let Some(scheduled_at) = times::instant(&row.scheduled_at) else { return Ok(None) };
    let rule = (row.schedules.as_deref(), row.interval_config.as_deref());
    let offset = times::offset(rule.0, scheduled_at, tx.link_offset(project, &row.id)?, zone);
    for at in times::following(rule, offset, claim.local_due_at, zone) {
        if !tx.has_settled_link_claim(project, &claim.remote_id, at)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Keeps in which wall-clock the list of a row is, when it is not that of TIMEZONE.
fn note_offset(tx: &Tx<'_>, zone: &Zone, project: &str, row: &RemoteRow) -> SqlResult<()> {
    let Some(at) = times::instant(&row.scheduled_at) else { return Ok(()) };
    let known = tx.link_offset(project, &row.id)?;
    match times::offset(row.schedules.as_deref(), at, known, zone) {
        Some(offset) if known != Some(offset) => tx.set_link_offset(project, &row.id, offset),
        Some(_) | None => Ok(()),
    }
}

fn why_over(row: &RemoteRow) -> Reason {
    match row.status.as_str() {
        "scheduled" => Reason::WebsiteMoved,
        "sent" | "failed" => Reason::WebsiteEnded,
        _ => Reason::WebsiteCancelled,
    }
}

/// By what an edit of a row is noticed.
pub(super) fn mark(row: &RemoteRow) -> String {
    if let Some(updated_at) = &row.updated_at {
        return updated_at.clone();
    }
    let all = format!("{}\n{}\n{:?}\n{:?}", row.message, row.contact_ids, row.schedules, row.title);
    format!("hash:{}", to_hex(&Sha256::digest(all)))
}
