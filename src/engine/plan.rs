//! Planning: a due message becomes an occurrence with one delivery per recipient: one with few recipients in one
//! transaction, one with very many in portions, so that whoever sends meanwhile never waits long.
//!
//! A message that is planned in portions stays `scheduled` until its last portion is committed: until
//! then nothing of it can be claimed, and a start after a crash plans it anew. The table `plannings`
//! says that what is there is not whole; it is removed first then, because the message may have been
//! given other recipients meanwhile.
//!
//! One bad row fails itself, with a reason, and never stops the others.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Done;
use super::upkeep::unreadable;
use crate::channels::{self, Comer, Lines, Off};
use crate::clock::{Timestamp, lock};
use crate::config::Config;
use crate::content::Content;
use crate::delivery::{Counts, Status};
use crate::fail_point;
use crate::files::Files;
use crate::reason::Reason;
use crate::recipient::{self, Entry, number_to_check};
use crate::recipients::{self, Recipients};
use crate::store::{
    Channel, DataVersion, Message, NewDelivery, Settled, SqlResult, Standing, Store, Tx,
};
use crate::template::{self, TEXT_UNITS_MAX, Template};
use crate::trigger::Triggers;

/// How many messages one pass plans before it lets go; the next pass follows at once.
pub(super) const MESSAGES_PER_PASS: u32 = 100;

/// What `prune` removes is older than this: see `prune::AGE_MIN`.
pub(crate) const PRUNED_AGE_MIN: Duration = Duration::from_hours(7 * 24);

/// How many recipients are planned in one transaction: whoever has to send waits for it.
const PORTION: usize = 1_000;

/// To remove a row costs less than to plan it.
const REMOVED_PER_PLANNED: usize = 5;

/// Turns due messages into deliveries.
pub struct Planner {
    pub(super) store: Arc<Mutex<Store>>,
    pub(super) triggers: Arc<Triggers>,
    pub(super) config: Arc<Config>,
    pub(super) files: Files,
    pub(super) portion: usize,
    /// The message that is planned in portions now.
    under_way: Option<Planning>,
    /// The messages that this pass has still to plan, and whether another pass follows.
    due: VecDeque<i64>,
    has_more: bool,
}

/// What planning one message came to.
enum Planned {
    /// It is on its way, or ended at once because nobody can get it.
    Taken { rows: Rows, settled: Option<Settled> },
    /// It failed as a whole, and why.
    Failed(Reason),
    /// A portion of it is planned; more follows.
    Begun(Box<Planning>),
    /// A part of what was left of a planning that was cut off is removed.
    Cleared,
    /// It is no longer due as it was: somebody changed it.
    Gone,
}

/// How many rows planning made, by what became of them.
#[derive(Clone, Copy, Default)]
struct Rows {
    pending: u64,
    skipped: u64,
    expired: u64,
}

struct Planning {
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
    pub fn new(store: Arc<Mutex<Store>>, triggers: Arc<Triggers>, config: Arc<Config>) -> Self {
        let files = Files::beside(lock(&store).path());
        Self {
            store,
            triggers,
            config,
            files,
            portion: PORTION,
            under_way: None,
            due: VecDeque::new(),
            has_more: false,
        }
    }

    pub(crate) fn set_files(&mut self, files: Files) {
        self.files = files;
    }

    /// Plans at most `recipients` (1 or more) in one transaction from now on.
    pub(crate) fn set_portion(&mut self, recipients: usize) {
        self.portion = recipients.max(1);
    }

    /// Whether a message is planned in portions, and not all of it is.
    pub(super) fn is_in_portions(&self) -> bool {
        self.under_way.is_some()
    }

    /// Whether a pass was begun and is not at its end.
    pub(super) fn is_under_way(&self) -> bool {
        self.is_in_portions() || !self.due.is_empty()
    }

    /// A whole pass: see [`Planner::step`].
    pub fn pass(&mut self, now: Timestamp) -> Done<bool> {
        loop {
            let has_more = self.step(now)?;
            if !self.is_under_way() {
                return Ok(has_more);
            }
        }
    }

    /// A piece of a pass, with one message at most. A pass expires what is too late, gives times to
    /// messages without one or with one of another zone, and plans what is due. Returns whether there
    /// is more, so that the caller comes back at once.
    pub(super) fn step(&mut self, now: Timestamp) -> Done<bool> {
        if let Some(planning) = self.under_way.take() {
            return self.go_on(planning, now);
        }
        if self.due.is_empty() {
            self.has_more = self.fail_without_channel(now)?;
            self.expire(now)?;
            self.has_more |= self.look_at_zones(now)? | self.give_times(now)?;
            let due = self.read(|tx| tx.due_message_ids(now, MESSAGES_PER_PASS))?;
            self.has_more |= due.len() == MESSAGES_PER_PASS as usize;
            self.due = due.into();
        }
        if let Some(id) = self.due.pop_front()
            && !self.triggers.is_stopping()
        {
            let planned = self.plan_next(id, now);
            if planned.is_err() {
                self.due.clear();
            }
            self.has_more |= planned?;
        }
        Ok(self.has_more | self.is_under_way())
    }

    /// Returns whether another pass has to follow by that.
    fn plan_next(&mut self, id: i64, now: Timestamp) -> Done<bool> {
        self.look_at_file(id)?;
        let planned = self.write(|tx| {
            let planned = self.plan(tx, id, now)?;
            fail_point::reach("plan_uncommitted");
            Ok(planned)
        });
        fail_point::reach("planned");
        let planned = self.fail_if_unreadable(id, planned, Planned::Failed, now)?;
        if matches!(planned, Planned::Begun(_) | Planned::Cleared) {
            self.due.clear(); // The others are looked for again, after this one.
        }
        Ok(self.note(id, planned, now))
    }

    /// Reads the file of a message once, before the database is taken for planning it: nobody shall wait
    /// for that. What is wrong with it, planning finds.
    fn look_at_file(&self, id: i64) -> Done<()> {
        let column = self.read(|tx| tx.content_of_message(id))?;
        if let Ok(content) = Content::read(column.as_deref()) {
            let _ = self.files.check(&content, self.config.media_max_mb, true);
        }
        Ok(())
    }

    /// Plans a message, or begins to.
    fn plan(&self, tx: &Tx<'_>, id: i64, now: Timestamp) -> SqlResult<Planned> {
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
        let checked = check(&message, channel.as_ref(), &self.config, (&self.files, true));
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
    fn go_on(&mut self, planning: Planning, now: Timestamp) -> Done<bool> {
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
            return Ok(Some(too_late(self.config.late_limit)));
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

    /// Takes and tells what planning a message came to. Returns whether more is to be planned by that.
    fn note(&mut self, id: i64, planned: Planned, now: Timestamp) -> bool {
        match planned {
            Planned::Begun(planning) => {
                fail_point::reach("planned_in_part");
                self.under_way = Some(*planning);
                return true;
            }
            Planned::Cleared => return true,
            Planned::Gone => {}
            Planned::Failed(error) => self.triggers.note_failed(id, &error),
            Planned::Taken { rows, settled } => {
                let Rows { pending, skipped, expired } = rows;
                self.triggers.note_planned(id, skipped, expired);
                log::info!(
                    "message {id}: planned: {pending} pending, {skipped} skipped, {expired} expired"
                );
                self.triggers.note_settled(&settled);
                // All of it was too late, and the next occurrence may be due as well.
                return settled.and_then(|settled| settled.next).is_some_and(|next| next <= now);
            }
        }
        false
    }

    /// A row that cannot even be read (a text that is not UTF-8, say) fails alone.
    pub(super) fn fail_if_unreadable<T>(
        &self,
        id: i64,
        result: Done<T>,
        failed: impl FnOnce(Reason) -> T,
        now: Timestamp,
    ) -> Done<T> {
        let error = match result {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let Some(why) = error.unreadable_row() else { return Err(error) };
        let reason = Reason::RowUnreadable { cause: why };
        self.write(|tx| tx.fail_message(id, &reason, now))?;
        Ok(failed(reason))
    }

    pub(super) fn read<T>(&self, work: impl FnOnce(&Tx<'_>) -> SqlResult<T>) -> Done<T> {
        lock(&self.store).read(work)
    }

    pub(super) fn write<T>(&self, work: impl FnOnce(&Tx<'_>) -> SqlResult<T>) -> Done<T> {
        lock(&self.store).write(work)
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

pub(super) fn too_late(late_limit: Duration) -> Reason {
    Reason::TooLate { hours: late_limit.as_secs() / 3600 }
}

/// The entries and the content of a message that has all that it needs before any recipient is looked at.
pub(crate) fn check(
    message: &Message,
    channel: Option<&Channel>,
    config: &Config,
    (files, whole): (&Files, bool),
) -> Result<(Vec<Entry>, Content), Reason> {
    if let Some(why) = message.why_unreadable() {
        return Err(why);
    }
    channels::usable(channel).map_err(|off| {
        let channel = channel.map(|channel| channel.name.clone()).unwrap_or_default();
        match off {
            Off::Missing => Reason::NoSuchChannel { channel_id: message.channel_id },
            Off::Inactive => Reason::ChannelNotActive { channel },
            Off::NoSession => Reason::ChannelWithoutSession { channel },
        }
    })?;
    let content = Content::read(message.content.as_deref())?;
    content.check(&config.country)?;
    files.check(&content, config.media_max_mb, whole)?;
    let words = content.words(&message.message)?;
    if words.contains('\0') {
        return Err(Reason::NulInText);
    }
    let units = template::text_units(words);
    let template = Template::parse(words);
    if units > TEXT_UNITS_MAX && !template.varies() {
        let (characters, most) = (units as u64, TEXT_UNITS_MAX as u64);
        return Err(Reason::TextTooLong { characters, most });
    }
    if let Some(placeholder) = template.foreign() {
        return Err(Reason::ForeignPlaceholder { placeholder: placeholder.to_owned() });
    }
    if let Some(metadata) = message.metadata.as_deref().filter(|text| !text.trim().is_empty())
        && serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(metadata).is_err()
    {
        return Err(Reason::MetadataUnreadable);
    }
    message.timetable.next(&config.zone, None).map_err(|error| unreadable(&error))?;
    let entries = recipient::parse_contact_ids(message.contact_ids.as_deref())
        .map_err(|error| Reason::RecipientsUnreadable { cause: error.to_string() })?;
    if entries.is_empty() {
        return Err(Reason::RecipientsMissing);
    }
    Ok((entries, content))
}
