//! Planning: a due message becomes an occurrence with one delivery per recipient, in one
//! transaction. Also what else the tables need from time to time: times for messages that have only
//! a schedule, an end for deliveries that are too late.
//!
//! One bad row fails itself, with a reason, and never stops the others.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::portions::Planning;
use crate::channels::{self, Off};
use crate::clock::{Timestamp, lock};
use crate::config::Config;
use crate::content::Content;
use crate::delivery::{Counts, MessageStatus, Status, Verdict};
use crate::fail_point;
use crate::files::Files;
use crate::reason::Reason;
use crate::recipient::{self, Entry};
use crate::schedule::{self, ScheduleError, Taken, Zone};
use crate::store::{Channel, Message, Past, Settled, SqlResult, Store, StoreError, Tx};
use crate::template::{self, TEXT_UNITS_MAX, Template};
use crate::trigger::Triggers;

/// How many messages one pass plans before it lets go; the next pass follows at once.
const MESSAGES_PER_PASS: u32 = 100;

/// A schedule whose first time was so little before its row was made still means that time: forms
/// have minutes, and cron comes every few.
const JUST_MISSED: Duration = Duration::from_mins(5);

/// A message that is due later than this was planned by another clock than the present one.
const EARLY_MAX: Duration = Duration::from_hours(1);

/// What `prune` removes is older than this: see `prune::AGE_MIN`.
pub(crate) const PRUNED_AGE_MIN: Duration = Duration::from_hours(7 * 24);

/// How long after its claim an unknown delivery keeps its message waiting for a first look-up.
const UNLOOKED_MAX: Duration = Duration::from_mins(10);

/// How many recipients are planned in one transaction: whoever has to send waits for it, on a slow
/// disk too.
const PORTION: usize = 1_000;

/// Turns due messages into deliveries.
pub struct Planner {
    pub(super) store: Arc<Mutex<Store>>,
    pub(super) triggers: Arc<Triggers>,
    pub(super) config: Arc<Config>,
    pub(super) files: Files,
    pub(super) portion: usize,
    /// The message that is planned in portions now.
    pub(super) under_way: Option<Planning>,
    /// The messages that this pass has still to plan, and whether another pass follows.
    due: VecDeque<i64>,
    has_more: bool,
}

/// What planning one message came to.
pub(super) enum Planned {
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
pub(super) struct Rows {
    pub(super) pending: u64,
    pub(super) skipped: u64,
    pub(super) expired: u64,
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
    pub fn pass(&mut self, now: Timestamp) -> Result<bool, StoreError> {
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
    pub(super) fn step(&mut self, now: Timestamp) -> Result<bool, StoreError> {
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

    /// Ends what is still pending of occurrences past the late limit, and settles occurrences that
    /// have nothing left to do.
    fn expire(&self, now: Timestamp) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.localize_taken(&self.config.zone, now)?;
            tx.put_back_unplanned(now)?;
            tx.put_back_early(now.plus(EARLY_MAX), now)
        })?;
        let before = now.minus(self.config.late_limit);
        let (late, finished) =
            self.read(|tx| Ok((tx.late_occurrences(before)?, tx.finished_occurrences()?)))?;
        for (id, due_at) in late.into_iter().chain(finished) {
            let (expired, settled) = self.write(|tx| {
                let expired = if due_at < before {
                    tx.end_all_pending(
                        id,
                        due_at,
                        (Status::Expired, &too_late(self.config.late_limit)),
                        now,
                    )?
                } else {
                    0
                };
                let none = Counts::default();
                Ok((expired, tx.settle_if_done(id, due_at, none, &self.config.zone, now)?))
            })?;
            self.triggers.note_deliveries(id, Status::Expired, expired as u64);
            if expired > 0 {
                log::warn!("message {id}: {expired} deliveries expired, due at {due_at}");
            }
            self.triggers.note_settled(&settled);
        }
        Ok(())
    }

    /// Fails what waits for a channel that is not there any more: nobody would ever send it. Returns
    /// whether there may be more.
    fn fail_without_channel(&self, now: Timestamp) -> Result<bool, StoreError> {
        let mut has_more = false;
        let missing = self.read(|tx| tx.missing_channels())?;
        for channel_id in missing {
            let reason = Reason::ChannelRemoved { channel_id };
            let (failed, settled) = self.write(|tx| {
                let failed = tx.fail_pending_of_missing_channel(channel_id, self.portion, now)?;
                let mut occurrences: BTreeMap<(i64, Timestamp), u64> = BTreeMap::new();
                for occurrence in &failed {
                    *occurrences.entry(*occurrence).or_default() += 1;
                }
                let mut all_settled = Vec::new();
                for ((id, due_at), count) in occurrences {
                    let ended = Counts { failed: count, ..Counts::default() };
                    let settled = tx.settle_if_done(id, due_at, ended, &self.config.zone, now)?;
                    let Some(mut settled) = settled else { continue };
                    tx.note_reason(id, &reason)?;
                    if let Verdict::Failed { error } = &mut settled.verdict {
                        *error = reason.clone();
                    }
                    all_settled.push(settled);
                }
                Ok((failed, all_settled))
            })?;
            has_more |= failed.len() == self.portion;
            for (id, _) in failed {
                self.triggers.note_deliveries(id, Status::Failed, 1);
            }
            self.triggers.note_settled(&settled);
        }
        Ok(has_more)
    }

    /// At the end of a run: settles occurrences that wait for nothing but a look-up that does not come
    /// (the run had no time for it, or the clock was set back). Returns whether one of their messages
    /// is due again.
    pub(crate) fn settle_unlooked(&self, now: Timestamp) -> Result<bool, StoreError> {
        let (from, until) = (now.minus(UNLOOKED_MAX), now.plus(UNLOOKED_MAX));
        let mut is_due = false;
        let unlooked = self.read(|tx| match tx.clock_believed()?.hold {
            Some(_) => Ok(Vec::new()), // Nothing settles by a clock that is in doubt.
            None => tx.unlooked_occurrences(from, until),
        })?;
        for (id, due_at) in unlooked {
            let settled =
                self.write(|tx| tx.settle_unlooked(id, due_at, &self.config.zone, now))?;
            self.triggers.note_settled(&settled);
            is_due |= settled.and_then(|settled| settled.next).is_some_and(|next| next <= now);
        }
        Ok(is_due)
    }

    /// Gives scheduled messages without a time the first one of their schedule.
    fn give_times(&self, now: Timestamp) -> Result<bool, StoreError> {
        let ids = self.read(|tx| tx.untimed_message_ids(MESSAGES_PER_PASS))?;
        self.time_each(&ids, now, |tx, id| self.give_time(tx, id, now))?;
        Ok(!ids.is_empty())
    }

    /// Works the times of scheduled messages out anew that were worked out in another zone, and looks
    /// at those that somebody wrote beside a rule. Returns whether there may be more.
    fn look_at_zones(&self, now: Timestamp) -> Result<bool, StoreError> {
        let zone = &self.config.zone;
        let ids = self.read(|tx| tx.message_ids_of_other_zones(zone, MESSAGES_PER_PASS))?;
        let moved = self.time_each(&ids, now, |tx, id| self.look_at_zone(tx, id, now))?;
        if moved > 0 {
            log::info!(
                "schedules: {moved} messages have the time of another zone: {zone} counts now"
            );
        }
        Ok(ids.len() == MESSAGES_PER_PASS as usize)
    }

    /// Looks at the times of messages, at each in a transaction of its own: `look` says whether it
    /// has another time now, or why it fails. Returns how many have another one.
    fn time_each(
        &self,
        ids: &[i64],
        now: Timestamp,
        look: impl Fn(&Tx<'_>, i64) -> SqlResult<Result<bool, Reason>>,
    ) -> Result<usize, StoreError> {
        let mut moved = 0;
        for id in ids {
            let looked = self.write(|tx| {
                let looked = look(tx, *id)?;
                if let Err(error) = &looked {
                    tx.fail_message(*id, error, now)?;
                }
                Ok(looked)
            });
            match self.fail_if_unreadable(*id, looked, Err, now)? {
                Ok(is_moved) => moved += usize::from(is_moved),
                Err(error) => self.triggers.note_failed(*id, &error),
            }
        }
        Ok(moved)
    }

    fn give_time(&self, tx: &Tx<'_>, id: i64, now: Timestamp) -> SqlResult<Result<bool, Reason>> {
        let untimed = tx.message(id)?.filter(Message::is_untimed);
        let Some(message) = untimed else { return Ok(Ok(false)) };
        let past = tx.past(id)?;
        match first_time(&message, &past, &self.config.zone, now) {
            Ok(Some(at)) => tx.set_scheduled_at(id, at, &self.config.zone, now)?,
            Ok(None) => {
                tx.end_message(id, past.latest_due_at, now)?;
            }
            Err(error) => return Ok(Err(error)),
        }
        Ok(Ok(true))
    }

    fn look_at_zone(
        &self,
        tx: &Tx<'_>,
        id: i64,
        now: Timestamp,
    ) -> SqlResult<Result<bool, Reason>> {
        let zone = &self.config.zone;
        let is_scheduled = |message: &Message| message.status == MessageStatus::Scheduled;
        let Some(message) = tx.message(id)?.filter(is_scheduled) else { return Ok(Ok(false)) };
        let Some(scheduled_at) = message.scheduled_at else { return Ok(Ok(false)) };
        let has_begun =
            tx.has_deliveries(id, scheduled_at)? && tx.begun_planning(id)? != Some(scheduled_at);
        if message.timetable.is_outdated() {
            tx.clear_scheduled_at(id)?;
            return Ok(Ok(false));
        }
        match time_here(&message, (scheduled_at, has_begun), zone, now) {
            Ok((_, is_from_rule)) if has_begun || !is_from_rule => {
                tx.set_scheduled_zone(id, if is_from_rule { zone.name() } else { "" }, now)?;
                Ok(Ok(false))
            }
            Ok((at, _)) => {
                tx.set_scheduled_at(id, at, zone, now)?;
                Ok(Ok(at != scheduled_at))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// Returns whether another pass has to follow by that.
    fn plan_next(&mut self, id: i64, now: Timestamp) -> Result<bool, StoreError> {
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
    fn look_at_file(&self, id: i64) -> Result<(), StoreError> {
        let column = self.read(|tx| tx.content_of_message(id))?;
        if let Ok(content) = Content::read(column.as_deref()) {
            let _ = self.files.check(&content, self.config.media_max_mb, true);
        }
        Ok(())
    }

    /// Takes and tells what planning a message came to. Returns whether more is to be planned by that.
    pub(super) fn note(&mut self, id: i64, planned: Planned, now: Timestamp) -> bool {
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
        result: Result<T, StoreError>,
        failed: impl FnOnce(Reason) -> T,
        now: Timestamp,
    ) -> Result<T, StoreError> {
        let error = match result {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let Some(why) = error.unreadable_row() else { return Err(error) };
        let reason = Reason::RowUnreadable { cause: why };
        self.write(|tx| tx.fail_message(id, &reason, now))?;
        Ok(failed(reason))
    }

    fn read<T>(&self, work: impl FnOnce(&Tx<'_>) -> SqlResult<T>) -> Result<T, StoreError> {
        lock(&self.store).read(work)
    }

    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> SqlResult<T>,
    ) -> Result<T, StoreError> {
        lock(&self.store).write(work)
    }
}

/// The next time of a message that has only a schedule: it is new, or its rule was edited. `None`
/// when something of it was planned before, and nothing is left.
///
/// What was due when the rule was edited, and was not planned yet, may still be due by the new rule.
pub(crate) fn first_time(
    message: &Message,
    past: &Past,
    zone: &Zone,
    now: Timestamp,
) -> Result<Option<Timestamp>, Reason> {
    if let Some(why) = message.why_rule_unreadable() {
        return Err(why);
    }
    let mut timetable = message.timetable.clone();
    // An older version planned that; the date in this zone is done.
    timetable.taken = timetable.taken.filter(|taken| taken.is_believed(zone, now));
    timetable.taken = timetable.taken.or_else(|| {
        let local = message.timetable.zone_of(zone).to_local(past.latest_planned_at?);
        Some(Taken { local, rule: None })
    });
    let from = timetable.counts_from().or(past.since).unwrap_or(now).min(now);
    match timetable.next(zone, Some(from.minus(JUST_MISSED))) {
        Ok(Some(at)) => Ok(Some(at)),
        Ok(None) if timetable.taken.is_some() => Ok(None),
        Ok(None) => {
            let (schedules, weekly) = (&timetable.schedules, &timetable.interval_config);
            Err(if schedule::has_schedule(schedules.as_deref(), weekly.as_deref()) {
                Reason::SchedulePassed
            } else {
                Reason::ScheduleMissing
            })
        }
        Err(error) => Err(unreadable(&error)),
    }
}

/// The time of a scheduled message in this zone, and whether that comes from its rule.
fn time_here(
    message: &Message,
    (scheduled_at, has_begun): (Timestamp, bool),
    zone: &Zone,
    now: Timestamp,
) -> Result<(Timestamp, bool), Reason> {
    if let Some(why) = message.why_rule_unreadable() {
        return Err(why);
    }
    let mut timetable = message.timetable.clone();
    timetable.taken = timetable.taken.filter(|taken| taken.is_believed(zone, now));
    if timetable.is_from_rule() {
        let here = timetable.at_in(scheduled_at, zone);
        return Ok((if has_begun { scheduled_at } else { here }, true));
    }
    // Somebody wrote it, or an older version worked it out: is it one that the rule has here?
    let before = scheduled_at.minus(Duration::from_secs(1));
    let next = timetable.next(zone, Some(before)).map_err(|error| unreadable(&error))?;
    Ok((scheduled_at, next == Some(scheduled_at) && !has_begun))
}

fn unreadable(error: &ScheduleError) -> Reason {
    Reason::ScheduleUnreadable { cause: error.to_string() }
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
