//! The times of a message, from its row: its rule, the zone in which its time was worked out, and the
//! last occurrence that was planned.
//!
//! An occurrence of a local date and time is the same occurrence in whatever zone it is worked out. So
//! what went out is remembered as the clock on the wall showed it, and a time that was worked out in
//! another zone is worked out anew from what the clock shows.

use std::time::Duration;

use time::{OffsetDateTime, PrimitiveDateTime};

use super::{ScheduleError, Zone, columns, has_schedule, next_that_counts};
use crate::clock::Timestamp;
use crate::reason::Reason;

/// `scheduled_zone` of an ended message whose rule was edited since.
const OUTDATED: &str = "?";

/// A later local time than this was planned by another clock: two zones are 26 hours apart at most.
pub(crate) const TAKEN_AHEAD_MAX: Duration = Duration::from_hours(48);

/// The columns of `auto_messages` that say when, but for `scheduled_at` itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timetable {
    pub(crate) schedules: Option<String>,
    pub(crate) interval_config: Option<String>,
    /// The local time at `scheduled_at`. While an edit of the rule has emptied `scheduled_at`: the
    /// instant from which the new rule counts.
    pub(crate) scheduled_local: Option<String>,
    /// The zone in which `scheduled_at` was worked out from the rule. Empty when it did not come from
    /// the rule; `None` when nobody has looked yet.
    pub(crate) scheduled_zone: Option<String>,
    /// The last occurrence that was planned; `None` also for one that an older version planned.
    pub(crate) taken: Option<Taken>,
}

/// The last occurrence of a message that was planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub(crate) local: PrimitiveDateTime,
    /// `interval_config` as it was at the first occurrence of that date.
    pub(crate) rule: Option<String>,
}

impl Taken {
    pub(crate) fn read(local: Option<&str>, rule: Option<String>) -> Option<Self> {
        Some(Self { local: read_local(local?)?, rule })
    }

    /// Whether the present clock can have planned it.
    pub(crate) fn is_believed(&self, zone: &Zone, now: Timestamp) -> bool {
        zone.to_utc(self.local) < now.plus(TAKEN_AHEAD_MAX)
    }

    /// Whether a weekly occurrence is still to come beside the one that was planned: on its date only
    /// when the rule promised both. A date that went out is done, whatever the rule became.
    fn leaves(&self, local: PrimitiveDateTime, interval_config: Option<&str>) -> bool {
        local.date() != self.local.date()
            || self.rule.as_deref() == interval_config
            || columns::read_interval_config(self.rule.as_deref())
                .is_ok_and(|rule| rule.is_some_and(|rule| rule.promises(local)))
    }
}

impl Timetable {
    /// Whether `scheduled_at` was worked out from the rule, in any zone.
    pub(crate) fn is_from_rule(&self) -> bool {
        self.scheduled_zone.as_deref().is_some_and(|zone| !zone.is_empty() && zone != OUTDATED)
    }

    /// Whether `scheduled_at` comes from a rule that was edited when the message had ended.
    pub(crate) fn is_outdated(&self) -> bool {
        self.scheduled_zone.as_deref() == Some(OUTDATED)
    }

    /// Whether `scheduled_at` was worked out in `zone`, so that it may be planned; an instant always.
    pub(crate) fn is_of(&self, zone: &Zone) -> bool {
        let has_rule = self.schedules.is_some() || self.interval_config.is_some();
        !has_rule
            || self
                .scheduled_zone
                .as_deref()
                .is_some_and(|name| name.is_empty() || name == zone.name())
    }

    /// The zone of its local times: the one that the rule names itself, whatever TIMEZONE is, else `zone`.
    pub(crate) fn zone_of(&self, zone: &Zone) -> Zone {
        let (schedules, rule) = (self.schedules.as_deref(), self.interval_config.as_deref());
        columns::own_zone(schedules, rule).unwrap_or_else(|| zone.clone())
    }

    /// `scheduled_at` in `zone`: another instant when it was worked out in another zone.
    pub(crate) fn at_in(&self, scheduled_at: Timestamp, zone: &Zone) -> Timestamp {
        let is_of = self.is_of(zone);
        let zone = &self.zone_of(zone);
        let local = self.scheduled_local.as_deref().and_then(read_local);
        match local {
            Some(local) if self.is_from_rule() && !is_of => zone.to_utc(local),
            Some(_) | None => scheduled_at,
        }
    }

    /// From when on the rule counts, when an edit of it has emptied `scheduled_at`.
    pub(crate) fn counts_from(&self) -> Option<Timestamp> {
        Timestamp::parse(self.scheduled_local.as_deref()?)
    }

    /// The first occurrence that was not planned yet and is later than `after`.
    pub(crate) fn next(
        &self,
        zone: &Zone,
        after: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, ScheduleError> {
        let zone = &self.zone_of(zone);
        let planned = self.taken.as_ref().map(|taken| zone.to_utc(taken.local));
        let after = planned.max(after).unwrap_or(Timestamp::from_millis(i64::MIN));
        let weekly = self.interval_config.as_deref();
        let counts = |local| self.taken.as_ref().is_none_or(|taken| taken.leaves(local, weekly));
        next_that_counts(self.schedules.as_deref(), weekly, zone, after, counts)
    }

    /// Why it has no next occurrence; `was_planned`: one of it was planned before.
    pub(crate) fn why_over(&self, was_planned: bool) -> Reason {
        let (listed, rule) = (self.schedules.as_deref(), self.interval_config.as_deref());
        if columns::is_switched_off(listed, rule) {
            Reason::ScheduleOff
        } else if was_planned {
            Reason::ScheduleOver
        } else if has_schedule(listed, rule) {
            Reason::SchedulePassed
        } else {
            Reason::ScheduleMissing
        }
    }

    /// Whether the rule has an occurrence at `at`, whatever was planned.
    pub(crate) fn has(&self, at: Timestamp, zone: &Zone) -> bool {
        let (listed, weekly) = (self.schedules.as_deref(), self.interval_config.as_deref());
        let before = at.minus(Duration::from_secs(1));
        next_that_counts(listed, weekly, zone, before, |_| true) == Ok(Some(at))
    }

    /// The occurrence that follows the one that was planned for `scheduled_at`.
    pub(crate) fn following(
        &self,
        zone: &Zone,
        scheduled_at: Timestamp,
    ) -> Result<Option<Timestamp>, ScheduleError> {
        let is_counted = self.is_from_rule() && self.taken.is_some();
        self.next(zone, (!is_counted).then_some(scheduled_at))
    }
}

/// The local time in `zone` at `at`, as the tables have it: `2026-12-07T08:00:00`.
pub(crate) fn local_text(at: Timestamp, zone: &Zone) -> String {
    let local = zone.to_local(at).assume_utc().unix_timestamp();
    Timestamp::from_secs(local).to_string().trim_end_matches('Z').to_owned()
}

fn read_local(text: &str) -> Option<PrimitiveDateTime> {
    let shown = Timestamp::parse(&format!("{text}Z"))?;
    let shown = OffsetDateTime::from_unix_timestamp(shown.secs()).ok()?;
    Some(PrimitiveDateTime::new(shown.date(), shown.time()))
}
