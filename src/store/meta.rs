//! The tables `meta` and `place_holds`: what the database knows of itself, and the channels that
//! are held because it is a copy. `instance` says what an instance is, `clock_check` when our
//! clock is believed.

use std::str::FromStr;

use super::{SqlResult, Tx, params};
use crate::clock::Timestamp;
use crate::reason::{Explanation, Reason};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClockBelieved {
    /// When it was last noted; `None` before the first run.
    pub(crate) at: Option<Timestamp>,
    /// Why it is not believed now.
    pub(crate) hold: Option<Explanation>,
}

impl Tx<'_> {
    /// The instance of the database that last sent; `None` before the first start.
    pub(crate) fn instance(&self) -> SqlResult<Option<String>> {
        self.meta("place")
    }

    pub(crate) fn set_instance(&self, instance: &str) -> SqlResult<()> {
        self.set_meta("place", instance)
    }

    /// When this backup was made; `None` when the database is none. What cannot be read is a backup
    /// of the earliest time: nothing about it can be known.
    pub(crate) fn backup_made_at(&self) -> SqlResult<Option<Timestamp>> {
        let text = self.meta("backup_made_at")?;
        Ok(text.map(|text| Timestamp::parse(&text).unwrap_or(Timestamp::from_millis(i64::MIN))))
    }

    /// Makes the database a backup, begun at `now`. One that was a backup already, put in place by
    /// hand, keeps its earlier time, and is a history of its own: it is no evidence for anything.
    pub fn set_backup_made_at(&self, now: Timestamp) -> SqlResult<()> {
        match self.backup_made_at()? {
            Some(_) => self.begin_history(),
            None => self.set_meta("backup_made_at", &now.to_string()),
        }
    }

    /// Holds every channel for `reason`, as a person would: nothing but [`Self::confirm_instance`] or a
    /// person frees them. What a person holds is left alone; what the program held is remembered.
    /// Returns how many channels were not held in this way before.
    pub(crate) fn hold_as_copy(&self, reason: &Reason, now: Timestamp) -> SqlResult<usize> {
        // The conflict: a person freed it by hand, which is no confirmation.
        let remember = "INSERT INTO place_holds
                            (channel_id, reason, held_reason, held_code, held_args, held_kind, held_until)
                        SELECT id, :reason, held_reason, held_code, held_args, held_kind, held_until FROM channels
                        WHERE held_reason IS NULL OR held_kind IS NOT NULL
                        ON CONFLICT (channel_id) DO UPDATE SET reason = excluded.reason,
                            held_reason = excluded.held_reason, held_code = excluded.held_code,
                            held_args = excluded.held_args, held_kind = excluded.held_kind,
                            held_until = excluded.held_until";
        self.execute_sql(remember, params! { reason })?;
        let hold = "UPDATE channels SET held_reason = :reason, held_code = :code, held_args = NULL,
                        held_kind = NULL, held_until = NULL, updated_at = :now
                    WHERE held_reason IS NULL OR held_kind IS NOT NULL";
        self.change_rows(hold, params! { reason, now, ":code": reason.code() })
    }

    pub(crate) fn has_copy_holds(&self) -> SqlResult<bool> {
        self.query_value("SELECT EXISTS (SELECT 1 FROM place_holds)", &[])
    }

    /// Makes `instance` the one that sends, begins a new history, and frees exactly
    /// the channels that [`Self::hold_as_copy`] held; a hold from before it comes back. Returns how
    /// many channels that were.
    pub(crate) fn confirm_instance(&self, instance: &str, now: Timestamp) -> SqlResult<usize> {
        let free = "UPDATE channels SET held_reason = p.held_reason, held_code = p.held_code,
                        held_args = p.held_args, held_kind = p.held_kind,
                        held_until = p.held_until, updated_at = :now
                    FROM place_holds p
                    WHERE p.channel_id = channels.id AND channels.held_kind IS NULL
                        AND channels.held_reason = p.reason";
        let freed = self.change_rows(free, params! { now })?;
        self.execute_sql("DELETE FROM place_holds", &[])?;
        self.remove_meta("backup_made_at")?;
        self.begin_history()?;
        self.set_instance(instance)?;
        Ok(freed)
    }

    pub(crate) fn clock_believed(&self) -> SqlResult<ClockBelieved> {
        let at = self.meta_time("clock_believed_at")?;
        let (code, args) = (self.meta("clock_hold_code")?, self.meta("clock_hold_args")?);
        let hold = self.meta("clock_hold")?;
        let hold = hold.map(|why| Explanation::of_columns(why, code.as_deref(), args.as_deref()));
        Ok(ClockBelieved { at, hold })
    }

    pub(crate) fn believe_clock(&self, now: Timestamp) -> SqlResult<()> {
        self.remove_meta("clock_hold")?;
        self.remove_meta("clock_hold_code")?;
        self.remove_meta("clock_hold_args")?;
        self.set_meta("clock_believed_at", &now.to_string())
    }

    /// Notes why our clock is not believed. Returns whether that is news.
    pub(crate) fn hold_for_clock(&self, reason: &Reason) -> SqlResult<bool> {
        if self.meta("clock_hold_code")?.as_deref() == Some(reason.code()) {
            return Ok(false);
        }
        self.set_meta("clock_hold_code", reason.code())?;
        self.set_meta("clock_hold_args", &reason.args().unwrap_or_default())?;
        self.set_meta("clock_hold", &reason.to_string())?;
        Ok(true)
    }

    pub(crate) fn note_tier(&self, is_plus: bool, now: Timestamp) -> SqlResult<()> {
        self.set_meta("waha_is_plus", if is_plus { "1" } else { "0" })?;
        self.set_meta("waha_tier_at", &now.to_string())
    }

    pub(crate) fn is_core_since(&self, since: Timestamp) -> SqlResult<bool> {
        let at = self.meta_time("waha_tier_at")?;
        let is_core = self.meta("waha_is_plus")?.as_deref() == Some("0");
        Ok(is_core && at.is_some_and(|at| at >= since))
    }

    pub(crate) fn note_no_tier(&self, now: Timestamp) -> SqlResult<()> {
        self.set_meta("waha_no_tier_at", &now.to_string())
    }

    /// Whether WAHA was asked what it is since then, and did not say it.
    pub(crate) fn had_no_tier_since(&self, since: Timestamp) -> SqlResult<bool> {
        Ok(self.meta_time("waha_no_tier_at")?.is_some_and(|at| at >= since))
    }

    fn begin_history(&self) -> SqlResult<()> {
        let sql = "INSERT INTO meta (key, value) VALUES ('history_id', lower(hex(randomblob(16))))
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.execute_sql(sql, &[])
    }

    pub(super) fn meta(&self, key: &str) -> SqlResult<Option<String>> {
        self.query_maybe("SELECT value FROM meta WHERE key = :key", params! { key })
    }

    /// A value that is a time; `None` also for one that is none.
    pub(super) fn meta_time(&self, key: &str) -> SqlResult<Option<Timestamp>> {
        Ok(self.meta(key)?.and_then(|text| Timestamp::parse(&text)))
    }

    /// A value that is a number; `None` also for one that is none.
    pub(super) fn meta_number<T: FromStr>(&self, key: &str) -> SqlResult<Option<T>> {
        Ok(self.meta(key)?.and_then(|text| text.parse().ok()))
    }

    pub(super) fn set_meta(&self, key: &str, value: &str) -> SqlResult<()> {
        let sql = "INSERT INTO meta (key, value) VALUES (:key, :value)
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.execute_sql(sql, params! { key, value })
    }

    /// Returns whether it was there.
    pub(super) fn remove_meta(&self, key: &str) -> SqlResult<bool> {
        self.change("DELETE FROM meta WHERE key = :key", params! { key })
    }
}
