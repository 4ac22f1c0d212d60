//! What the tables need from time to time, before a pass plans what is due: times for messages that have only a
//! schedule, an end for deliveries that are too late, and for what waits for nothing that comes.
//!
//! One bad row fails itself, with a reason, and never stops the others.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Done;
use super::plan::{MESSAGES_PER_PASS, Planner, too_late};
use crate::clock::Timestamp;
use crate::delivery::{Counts, MessageStatus, Status, Verdict};
use crate::reason::Reason;
use crate::schedule::{ScheduleError, Taken, Zone};
use crate::store::{Message, Past, Stop, Tx};

/// A schedule whose first time was so little before its row was made still means that time: forms
/// have minutes, and cron comes every few.
const JUST_MISSED: Duration = Duration::from_mins(5);

/// A message that is due later than this was planned by another clock than the present one.
const EARLY_MAX: Duration = Duration::from_hours(1);

/// How long after its claim an unknown delivery keeps its message waiting for a first look-up.
const UNLOOKED_MAX: Duration = Duration::from_mins(10);

/// Whether a message has another time now, or why it fails.
type Looked = Result<bool, Stop<Reason>>;

impl Planner {
    /// Ends what is pending of occurrences past the late limit, and settles those with nothing left to do.
    pub(super) fn expire(&self, now: Timestamp) -> Done<()> {
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
    pub(super) fn fail_without_channel(&self, now: Timestamp) -> Done<bool> {
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
    pub(crate) fn settle_unlooked(&self, now: Timestamp) -> Done<bool> {
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
    pub(super) fn give_times(&self, now: Timestamp) -> Done<bool> {
        let ids = self.read(|tx| tx.untimed_message_ids(MESSAGES_PER_PASS))?;
        self.time_each(&ids, now, |tx, id| self.give_time(tx, id, now))?;
        Ok(!ids.is_empty())
    }

    /// Works the times of scheduled messages out anew that were worked out in another zone, and looks
    /// at those that somebody wrote beside a rule. Returns whether there may be more.
    pub(super) fn look_at_zones(&self, now: Timestamp) -> Done<bool> {
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

    /// Looks at the times of messages, at each in a transaction of its own. Returns how many have another one.
    fn time_each(
        &self,
        ids: &[i64],
        now: Timestamp,
        look: impl Fn(&Tx<'_>, i64) -> Looked,
    ) -> Done<usize> {
        let mut moved = 0;
        for id in ids {
            let looked = self.write(|tx| match look(tx, *id) {
                Ok(is_moved) => Ok(Ok(is_moved)),
                Err(Stop::Sql(error)) => Err(error),
                Err(Stop::Refused(error)) => {
                    tx.fail_message(*id, &error, now)?;
                    Ok(Err(error))
                }
            });
            match self.fail_if_unreadable(*id, looked, Err, now)? {
                Ok(is_moved) => moved += usize::from(is_moved),
                Err(error) => self.triggers.note_failed(*id, &error),
            }
        }
        Ok(moved)
    }

    fn give_time(&self, tx: &Tx<'_>, id: i64, now: Timestamp) -> Looked {
        let untimed = tx.message(id)?.filter(Message::is_untimed);
        let Some(message) = untimed else { return Ok(false) };
        let past = tx.past(id)?;
        match first_time(&message, &past, &self.config.zone, now).map_err(Stop::Refused)? {
            Some(at) => tx.set_scheduled_at(id, at, &self.config.zone, now)?,
            None => {
                tx.end_message(id, past.latest_due_at, &message.timetable.why_over(true), now)?;
            }
        }
        Ok(true)
    }

    fn look_at_zone(&self, tx: &Tx<'_>, id: i64, now: Timestamp) -> Looked {
        let zone = &self.config.zone;
        let is_scheduled = |message: &Message| message.status == MessageStatus::Scheduled;
        let Some(message) = tx.message(id)?.filter(is_scheduled) else { return Ok(false) };
        let Some(scheduled_at) = message.scheduled_at else { return Ok(false) };
        let has_begun =
            tx.has_deliveries(id, scheduled_at)? && tx.begun_planning(id)? != Some(scheduled_at);
        if message.timetable.is_outdated() {
            tx.clear_scheduled_at(id)?;
            return Ok(false);
        }
        let here = time_here(&message, (scheduled_at, has_begun), zone, now);
        let (at, is_from_rule) = here.map_err(Stop::Refused)?;
        if has_begun || !is_from_rule {
            tx.set_scheduled_zone(id, if is_from_rule { zone.name() } else { "" }, now)?;
            return Ok(false);
        }
        tx.set_scheduled_at(id, at, zone, now)?;
        Ok(at != scheduled_at)
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
        Ok(None) => Err(timetable.why_over(false)),
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

pub(super) fn unreadable(error: &ScheduleError) -> Reason {
    Reason::ScheduleUnreadable { cause: error.to_string() }
}
