//! When WhatsApp shows displeasure, a channel stops until a person frees it: what it has to remember for that.

use std::time::Duration;

use super::{Channel, SqlResult, Tx, params};
use crate::clock::Timestamp;
use crate::delivery::{CapWarning, Displeasure, Hold, HoldKind, Status, Transition};
use crate::reason::Reason;
use crate::schedule::Zone;
use crate::send_window::{Day, Warned};

/// So many of the last sends are looked at, and so many of them may not fail: 30 %.
const LATEST: usize = 20;
const FAILED_MAX: usize = 6;
/// How long a send waits for its tick, and how long ago the channel must have had one.
const TICK_WITHIN: Duration = Duration::from_hours(1);
const HAD_TICKS_WITHIN: Duration = Duration::from_hours(7 * 24);
/// Two of the same displeasure within so long are one too many.
const RESTRICTED_WITHIN: Duration = Duration::from_hours(7 * 24);
const LOGGED_OUT_WITHIN: Duration = Duration::from_hours(24);

impl Channel {
    /// The hold for a channel whose last sends say that WhatsApp does not take them any more: too many
    /// failed, or five in a row have no tick although the channel had some.
    pub(crate) fn hold_for_displeasure(&self, now: Timestamp) -> Option<Hold> {
        let failed = self.recent_outcomes.bytes().filter(|mark| *mark == b'x').count();
        let reason = if self.recent_outcomes.len() >= LATEST && failed >= FAILED_MAX {
            Reason::ManyFailed { failed: failed as u64, of: LATEST as u64 }
        } else {
            let (acked, fifth) = self.acked_at.zip(self.fifth_unacked_at)?;
            let (before, since) = no_ticks_between(now);
            (fifth <= before && acked >= since).then_some(Reason::NoTicks)?
        };
        Some(Hold::new(HoldKind::Breaker, reason))
    }
}

/// The fifth send in a row without a tick was before the first of these, and the last tick after the
/// second, when a channel is held for it.
pub(super) fn no_ticks_between(now: Timestamp) -> (Timestamp, Timestamp) {
    (now.minus(TICK_WITHIN), now.minus(HAD_TICKS_WITHIN))
}

/// What a send that ended tells of its channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SendEnd {
    /// How it stands in `channels.recent_outcomes`.
    pub(super) mark: &'static str,
    pub(super) is_sent: bool,
    /// Whether a tick is to come: those of groups and newsletters are their members'.
    pub(super) awaits_tick: bool,
}

impl SendEnd {
    pub(crate) fn new(transition: &Transition, chat_id: &str) -> Self {
        let is_sent = transition.status == Status::Sent;
        let is_refused = transition.status == Status::Failed
            && transition.error.as_ref().is_some_and(Reason::is_whatsapps_no);
        Self {
            mark: match (is_sent, is_refused) {
                (true, _) => SENT,
                (false, true) => FAILED,
                (false, false) => "",
            },
            is_sent,
            awaits_tick: is_sent && ["@c.us", "@lid"].iter().any(|end| chat_id.ends_with(end)),
        }
    }
}

const SENT: &str = ".";
const FAILED: &str = "x";

impl Tx<'_> {
    /// The breaker's reason, when a free channel is to be held for what it had not long ago. Notes the moment.
    pub(super) fn breaks(&self, id: i64, hold: &Hold, now: Timestamp) -> SqlResult<Option<Reason>> {
        let (column, within, reason) = match hold.displeasure() {
            None => return Ok(None),
            Some(Displeasure::Restricted) => {
                ("displeased_at", RESTRICTED_WITHIN, Reason::RestrictedAgain)
            }
            Some(Displeasure::LoggedOut) => {
                ("logged_out_at", LOGGED_OUT_WITHIN, Reason::LoggedOutAgain)
            }
        };
        // A session that never had a number is being set up.
        let sql = format!(
            "SELECT {column} FROM channels WHERE id = :id AND held_reason IS NULL AND phone_number IS NOT NULL"
        );
        let read = |row: &rusqlite::Row<'_>| row.get::<_, Option<Timestamp>>(0);
        let Some(before) = self.query_optional(&sql, params! { id }, read)? else {
            return Ok(None);
        };
        let sql = format!("UPDATE channels SET {column} = :now WHERE id = :id");
        self.execute_sql(&sql, params! { id, now })?;
        Ok(before.filter(|at| *at <= now && *at >= now.minus(within)).map(|_| reason))
    }

    /// Notes that a send which had ended, or was unknown, ended otherwise after all. Whose mark is whose the
    /// column does not say: of what WhatsApp refuses it says so within seconds, so it is the newest.
    pub(super) fn note_proven(&self, id: i64, was: Status, is: Status) -> SqlResult<()> {
        let (from, to) = match (was, is) {
            (Status::Sent, Status::Failed) => (Some(SENT), FAILED),
            (Status::Failed, Status::Sent) => (Some(FAILED), SENT),
            (Status::Unknown, Status::Failed) => (None, FAILED),
            (Status::Unknown, Status::Sent) => (None, SENT),
            (_, _) => return Ok(()),
        };
        let sql = "SELECT recent_outcomes FROM channels WHERE id = :id";
        let Some(mut marks): Option<String> = self.query_maybe(sql, params! { id })? else {
            return Ok(());
        };
        match from.map(|from| marks.rfind(from)) {
            // What a person freed the channel of counts no more.
            Some(None) => return Ok(()),
            Some(Some(at)) => marks.replace_range(at..=at, to),
            None => marks.push_str(to),
        }
        let sql = "UPDATE channels SET recent_outcomes = substr(:marks, -20) WHERE id = :id";
        self.execute_sql(sql, params! { id, marks })
    }

    /// Notes that WhatsApp warns of a channel's number, once a day. Returns whether its limit changes by that.
    pub fn note_warning(
        &self,
        channel: &Channel,
        warning: CapWarning,
        zone: &Zone,
        now: Timestamp,
    ) -> SqlResult<bool> {
        let (id, today) = (channel.id, Day::of(zone, now));
        let before = channel.warned(zone).filter(|warned| warned.lasts_on(today));
        if channel.warning == Some(warning) && before.is_some_and(|warned| warned.seen == today) {
            return Ok(false);
        }
        let limit = match before {
            Some(warned) => warned.without_limit, // not half of the half
            None => Warned::half_of(self.week_counts(id, today)?.busiest),
        };
        let sql = "UPDATE channels SET warning = :warning, warned_at = :now, warned_limit = :limit
                   WHERE id = :id";
        self.execute_sql(sql, params! { id, now, warning, limit })?;
        Ok(before.is_none())
    }

    pub(super) fn note_tick(&self, id: i64, now: Timestamp) -> SqlResult<()> {
        let sql = "UPDATE channels SET acked_at = :now, sends_since_ack = 0, fifth_unacked_at = NULL
                   WHERE id = :id AND (sends_since_ack > 0 OR acked_at IS NULL OR acked_at < :day_before)";
        let day_before = now.minus(Duration::from_hours(24));
        self.execute_sql(sql, params! { id, now, day_before })
    }

    /// A session that began anew: what had no tick before says nothing of it.
    pub(super) fn forget_missing_ticks(&self, id: i64) -> SqlResult<()> {
        let sql = "UPDATE channels SET sends_since_ack = 0, fifth_unacked_at = NULL
                   WHERE id = :id AND sends_since_ack > 0";
        self.execute_sql(sql, params! { id })
    }
}
