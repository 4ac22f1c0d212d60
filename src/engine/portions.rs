//! A message becomes deliveries: one with few recipients in one transaction, one with very many in
//! portions, so that whoever sends meanwhile never waits long.
//!
//! A message that is planned in portions stays `scheduled` until its last portion is committed: until
//! then nothing of it can be claimed, and a start after a crash plans it anew. The table `plannings`
//! says that what is there is not whole; it is removed first then, because the message may have been
//! given other recipients meanwhile.

use std::collections::HashSet;

use super::plan::{PRUNED_AGE_MIN, Planned, Planner, Rows};
use crate::channels::{self, Comer, Lines};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::content::Content;
use crate::delivery::{Counts, Status};
use crate::fail_point;
use crate::reason::Reason;
use crate::recipient::number_to_check;
use crate::recipients::{self, Recipients};
use crate::store::{DataVersion, Message, NewDelivery, SqlResult, Standing, StoreError, Tx};
use crate::template::{self, Template};

/// To remove a row costs less than to plan it.
const REMOVED_PER_PLANNED: usize = 5;

pub(super) struct Planning {
    message: Message,
    due_at: Timestamp,
    content: Content,
    template: Option<Template>,
    recipients: Recipients,
    /// The contacts that may have got it before: somebody set the message back.
    served: HashSet<i64>,
    /// Its channels when it has several, and who stands before them.
    sharing: Option<Sharing>,
    rows: Rows,
    /// The database when the message was last seen to be what it was.
    seen: DataVersion,
}

/// The channels that share a message, while it is planned.
struct Sharing {
    ids: Vec<i64>,
    lines: Lines,
    /// The chats whose numbers are checked before something is sent to those who stand there already.
    checked: HashSet<String>,
}

impl Planner {
    /// Plans a message, or begins to.
    pub(super) fn plan(&self, tx: &Tx<'_>, id: i64, now: Timestamp) -> SqlResult<Planned> {
        let Some(message) = tx.due_message(id, now)? else { return Ok(Planned::Gone) };
        let Some(due_at) = message.scheduled_at else { return Ok(Planned::Gone) };
        if !message.timetable.is_of(&self.config.zone) {
            return Ok(Planned::Gone); // Not due here, perhaps: the next pass works its time out.
        }
        if let Some(begun) = tx.begun_planning(id)? {
            let portion = self.portion.saturating_mul(REMOVED_PER_PLANNED);
            if tx.remove_unplanned(id, begun, portion)? == portion {
                return Ok(Planned::Cleared);
            }
            tx.end_planning(id)?;
        }
        let channel = channels::sender_of(tx, &message)?;
        let checked = super::check(&message, channel.as_ref(), &self.config, (&self.files, true));
        let (entries, content) = match checked {
            Ok(checked) => checked,
            Err(error) => {
                tx.fail_message(id, &error, now)?;
                return Ok(Planned::Failed(error));
            }
        };
        // Beside deliveries of an earlier planning (somebody set the message back) it is planned at
        // once: nobody could tell afterwards which are new.
        let is_new = !tx.has_deliveries(id, due_at)?;
        let portion = if is_new { self.portion } else { usize::MAX };
        let words = content.words(&message.message).unwrap_or_default();
        let template = template::is_template(words).then(|| Template::parse(words));
        let recipients =
            Recipients::new(tx, entries, &self.config.country, self.config.send_order)?;
        let (rows, seen) = (Rows::default(), tx.data_version()?);
        let served = if is_new { HashSet::new() } else { tx.contacts_served(id, due_at)? };
        let sharing = self.sharing(tx, &message, due_at, now)?;
        let mut planning = Planning {
            message,
            due_at,
            content,
            template,
            recipients,
            served,
            sharing,
            rows,
            seen,
        };
        if self.plan_some(tx, &mut planning, portion, now)? {
            tx.begin_planning(id, due_at)?;
            return Ok(Planned::Begun(Box::new(planning)));
        }
        self.end_planning(tx, &planning, now)
    }

    /// The next portion of a message. Returns whether there is more to plan, of this message or others.
    pub(super) fn go_on(&mut self, planning: Planning, now: Timestamp) -> Result<bool, StoreError> {
        if self.triggers.is_stopping() {
            return Ok(false);
        }
        let id = planning.message.id;
        let planned = self.write(|tx| {
            let mut planning = planning;
            // Whoever changed it changed what it should become: it is planned anew. All who could
            // have their own connection; the look costs as much as the message is long.
            let version = tx.data_version()?;
            if version != planning.seen {
                if !Self::is_as_it_was(tx, &planning, now)? {
                    return Ok(Planned::Gone);
                }
                planning.recipients.look_again(tx)?;
                planning.seen = version;
            }
            if self.plan_some(tx, &mut planning, self.portion, now)? {
                return Ok(Planned::Begun(Box::new(planning)));
            }
            tx.end_planning(id)?;
            let planned = self.end_planning(tx, &planning, now)?;
            fail_point::reach("plan_uncommitted");
            Ok(planned)
        });
        let planned = self.fail_if_unreadable(id, planned, Planned::Failed, now)?;
        if !matches!(planned, Planned::Begun(_)) {
            fail_point::reach("planned");
        }
        self.note(id, planned, now);
        Ok(true) // The other messages that are due waited for this one.
    }

    fn is_as_it_was(tx: &Tx<'_>, planning: &Planning, now: Timestamp) -> SqlResult<bool> {
        let Planning { message, due_at, .. } = planning;
        let found = tx.due_message(message.id, now)?;
        Ok(found.is_some_and(|found| found.is_planned_like(message))
            && tx.begun_planning(message.id)? == Some(*due_at))
    }

    fn end_planning(&self, tx: &Tx<'_>, planning: &Planning, now: Timestamp) -> SqlResult<Planned> {
        let (id, due_at, rows) = (planning.message.id, planning.due_at, planning.rows);
        if let Some(why) = self.too_late(tx, due_at, now)? {
            // Left over from before a person set it to scheduled again.
            tx.end_all_pending(id, due_at, (Status::Expired, &why), now)?;
        }
        tx.start_sending(id, due_at, &self.config.zone, now)?;
        let none = Counts::default();
        let settled = tx.settle_if_done(id, due_at, none, &self.config.zone, now)?;
        Ok(Planned::Taken { rows, settled })
    }

    /// Why an occurrence may not go out any more, when that is so: it is late, or what was sent of it
    /// may have been pruned (a person gave a message a time that long passed).
    fn too_late(
        &self,
        tx: &Tx<'_>,
        due_at: Timestamp,
        now: Timestamp,
    ) -> SqlResult<Option<Reason>> {
        if due_at < now.minus(self.config.late_limit) {
            return Ok(Some(super::plan::too_late(self.config.late_limit)));
        }
        // One that was made by a clock that ran ahead must not stop what is due now.
        let pruned = tx.pruned_before()?.map(|at| at.min(now.minus(PRUNED_AGE_MIN)));
        Ok(pruned.is_some_and(|before| due_at < before).then_some(Reason::Pruned))
    }

    /// Plans one delivery for each of the next recipients. Returns whether there are more.
    fn plan_some(
        &self,
        tx: &Tx<'_>,
        planning: &mut Planning,
        limit: usize,
        now: Timestamp,
    ) -> SqlResult<bool> {
        let Planning {
            message, due_at, content, template, recipients, served, sharing, rows, ..
        } = planning;
        let too_late = self.too_late(tx, *due_at, now)?;
        recipients.visit_some(tx, limit, |mut recipient| {
            // At a number that was corrected since, perhaps.
            if recipient.contact_id.is_some_and(|id| served.contains(&id)) {
                return Ok(());
            }
            if recipient.skipped.is_none() {
                recipient.skipped = content.why_not_to(&recipient.chat_id);
            }
            if let (Some(template), None) = (&*template, &recipient.skipped) {
                recipient.skipped =
                    recipients::render(tx, template, &recipient, Some(*due_at))?.err();
            }
            let (status, error, count) = match (&recipient.skipped, &too_late) {
                (Some(reason), _) => (Status::Skipped, Some(reason), &mut rows.skipped),
                (None, Some(why)) => (Status::Expired, Some(why), &mut rows.expired),
                (None, None) => (Status::Pending, None, &mut rows.pending),
            };
            let who = (recipient.chat_id.as_str(), *due_at, message.recipient_gap_hours);
            let mut chosen = None;
            if let (Some(sharing), Status::Pending) = (&*sharing, status) {
                let comer = self.comer(tx, (&sharing.ids, sharing), who, now)?;
                let spoke = tx.spoke_through(&recipient.chat_id)?;
                let id = sharing.lines.choose(&sharing.ids, spoke, &comer, &self.config);
                chosen = id.map(|id| (id, comer));
            }
            let new = NewDelivery {
                auto_message_id: message.id,
                due_at: *due_at,
                channel_id: chosen.map_or(message.channel_id, |(id, _)| id),
                contact_id: recipient.contact_id,
                contact_number: recipient.contact_number.as_deref(),
                name: recipient.name.as_deref(),
                chat_id: &recipient.chat_id,
                status,
                error,
            };
            let is_planned = tx.plan_delivery(&new, now)?;
            *count += u64::from(is_planned);
            if let (true, Some((id, comer)), Some(sharing)) = (is_planned, chosen, &mut *sharing) {
                sharing.stand(id, (&recipient.chat_id, &comer), &self.config);
            }
            Ok(())
        })
    }

    /// The channels of a message that has several, with all that they send before it.
    fn sharing(
        &self,
        tx: &Tx<'_>,
        message: &Message,
        due_at: Timestamp,
        now: Timestamp,
    ) -> SqlResult<Option<Sharing>> {
        let Some(ids) = message.several() else { return Ok(None) };
        let (lines, checked) = Default::default();
        let mut sharing = Sharing { ids: ids.clone(), lines, checked };
        for id in &ids {
            sharing.lines.line(tx, *id, &self.config, now)?;
            tx.each_before(*id, due_at, |before| {
                let who = (before.chat_id.as_str(), before.due_at, before.recipient_gap_hours);
                let mut comer = self.comer(tx, (&[*id], &sharing), who, now)?;
                comer.reached = comer.reached.filter(|_| !before.is_wanted_again);
                if let Some(not_before) = before.not_before.filter(|at| *at > now) {
                    comer = Comer { from: not_before, waits: true, reached: None, ..comer };
                }
                sharing.stand(*id, (&before.chat_id, &comer), &self.config);
                Ok(())
            })?;
        }
        Ok(Some(sharing))
    }

    /// Somebody whose turn it may be from now on, on one of the channels `ids`.
    fn comer(
        &self,
        tx: &Tx<'_>,
        (ids, sharing): (&[i64], &Sharing),
        (chat_id, due_at, own_gap): (&str, Timestamp, Option<i64>),
        now: Timestamp,
    ) -> SqlResult<Comer> {
        let reached = sharing.lines.reached(tx, (ids, chat_id), own_gap, &self.config, now)?;
        let is_known = !self.config.check_numbers
            || number_to_check(chat_id).is_none()
            || sharing.checked.contains(chat_id);
        let standing = if is_known { Standing::Known } else { tx.number(chat_id)?.standing(now) };
        Ok(Comer { due_at, from: now, waits: false, own_gap, reached, standing })
    }
}

impl Sharing {
    /// Lets somebody stand before a channel. What cannot go out, or only too late, holds up nothing.
    fn stand(&mut self, id: i64, (chat_id, who): (&str, &Comer), config: &Config) {
        if self.lines.stand(id, who, config).is_ok() && who.standing == Standing::Unknown {
            self.checked.insert(chat_id.to_owned());
        }
    }
}
