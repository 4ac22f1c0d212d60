//! The tables of the panel: `panel_sessions`, `panel_uploads`, `panel_marks` (the one-time marks of forms,
//! each with what its form made), and its password and key in `meta`.

use std::time::Duration;

use rusqlite::Row;

use super::{SqlResult, Stop, Tx, params, read};
use crate::clock::Timestamp;

const PASSWORD_KEY: &str = "panel_password_hash";
/// The password of the settings, as a hash, that another one was chosen in place of.
const REPLACED_KEY: &str = "panel_password_replaced";
const DEVICE_KEY: &str = "panel_device_key";
/// The number that tests go to, and the message that the last of them was.
const OWN_NUMBER_KEY: &str = "panel_own_number";
const TEST_KEY: &str = "panel_test";
/// How long a mark is kept: longer than a browser keeps a form that nobody sends.
const MARKS_LAST: Duration = Duration::from_hours(7 * 24);
/// How many marks are kept at most.
const MARKS_MAX: u32 = 2_000;

/// How a test of the panel is told from a message: in its `metadata`.
pub(crate) const TEST_METADATA: &str = r#"{"test":true}"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a step of its own")]
pub(crate) struct FirstSteps {
    pub(crate) number: bool,
    pub(crate) contacts: bool,
    pub(crate) test: bool,
    pub(crate) schedule: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PanelSession {
    pub(crate) created_at: Timestamp,
    /// When it was last noted that it asked for something.
    pub(crate) seen_at: Timestamp,
}

/// A file of contacts that waits for a person's yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PanelUpload {
    /// As the browser named it.
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
pub struct FormMark<'a> {
    /// Random, from the form, with the path that it was sent to.
    pub(crate) mark: &'a str,
    /// SHA-256 of what was filled in.
    pub(crate) form: &'a str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeBefore {
    pub(crate) id: i64,
    /// SHA-256 of what was filled in then.
    pub(crate) form: String,
}

impl Tx<'_> {
    pub(crate) fn panel_password_hash(&self) -> SqlResult<Option<String>> {
        self.meta(PASSWORD_KEY)
    }

    /// Notes a new password of the settings, which counts from now on, and ends every session.
    pub(crate) fn set_panel_password_hash(&self, hash: &str) -> SqlResult<()> {
        self.end_panel_sessions()?;
        self.remove_meta(REPLACED_KEY)?;
        self.set_meta(PASSWORD_KEY, hash)
    }

    /// Notes a password in place of the setting's, whose hash is `replaced`, and ends every session.
    pub(crate) fn replace_panel_password(&self, hash: &str, replaced: &str) -> SqlResult<()> {
        self.end_panel_sessions()?;
        self.set_meta(REPLACED_KEY, replaced)?;
        self.set_meta(PASSWORD_KEY, hash)
    }

    /// The hash of the setting's password that a person replaced; `None` while the setting's counts.
    pub(crate) fn replaced_password(&self) -> SqlResult<Option<String>> {
        self.meta(REPLACED_KEY)
    }

    /// What the marks of known browsers are signed with; `None` while nobody has one.
    pub(crate) fn known_device_key(&self) -> SqlResult<Option<String>> {
        self.meta(DEVICE_KEY)
    }

    /// The same; `made` is kept when there is none yet.
    pub(crate) fn panel_device_key(&self, made: &str) -> SqlResult<String> {
        if let Some(key) = self.meta(DEVICE_KEY)? {
            return Ok(key);
        }
        self.set_meta(DEVICE_KEY, made)?;
        Ok(made.to_owned())
    }

    pub(crate) fn panel_own_number(&self) -> SqlResult<Option<String>> {
        self.meta(OWN_NUMBER_KEY)
    }

    /// Notes the number that a test went to, and the message that it is.
    pub(crate) fn note_panel_test(&self, number: &str, message_id: i64) -> SqlResult<()> {
        self.set_meta(OWN_NUMBER_KEY, number)?;
        self.set_meta(TEST_KEY, &message_id.to_string())
    }

    /// Which first steps are done: something went out, a contact, a test that arrived at WAHA, a message.
    pub(crate) fn first_steps(&self) -> SqlResult<FirstSteps> {
        let test = match self.meta_number(TEST_KEY)? {
            // One that was removed since was done, too.
            Some(id) => self.message(id)?.is_none_or(|message| message.counts.sent > 0),
            None => false,
        };
        let number = "SELECT EXISTS (SELECT 1 FROM channels WHERE phone_number IS NOT NULL)
                          OR EXISTS (SELECT 1 FROM status_counts
                              WHERE counted = 'delivery' AND status = 'sent' AND number > 0)";
        let number = self.query_value(number, &[])?;
        let contacts = self.query_value("SELECT EXISTS (SELECT 1 FROM contacts)", &[])?;
        let schedule = "SELECT EXISTS (SELECT 1 FROM auto_messages WHERE metadata IS NOT :test)";
        let schedule = self.query_value(schedule, params! { ":test": TEST_METADATA })?;
        Ok(FirstSteps { number, contacts, test, schedule })
    }

    /// Begins a session, and drops those that were begun before `oldest`, or not used since `unused_since`.
    pub(crate) fn begin_panel_session(
        &self,
        id_hash: &str,
        now: Timestamp,
        oldest: Timestamp,
        unused_since: Timestamp,
    ) -> SqlResult<()> {
        let drop_ended =
            "DELETE FROM panel_sessions WHERE created_at < :oldest OR seen_at < :unused";
        self.change_rows(drop_ended, params! { oldest, ":unused": unused_since })?;
        let sql = "INSERT INTO panel_sessions (id_hash, history_id, created_at, seen_at)
                   SELECT :id_hash, value, :now, :now FROM meta WHERE key = 'history_id'";
        self.execute_sql(sql, params! { id_hash, now })
    }

    /// The session, when it is of this database's present history.
    pub(crate) fn panel_session(&self, id_hash: &str) -> SqlResult<Option<PanelSession>> {
        let sql = "SELECT created_at, seen_at FROM panel_sessions
                   WHERE id_hash = :id_hash
                       AND history_id = (SELECT value FROM meta WHERE key = 'history_id')";
        let read = |row: &Row<'_>| read! { row => PanelSession { created_at, seen_at } };
        self.query_optional(sql, params! { id_hash }, read)
    }

    pub(crate) fn note_panel_session(&self, id_hash: &str, now: Timestamp) -> SqlResult<()> {
        let sql = "UPDATE panel_sessions SET seen_at = :now WHERE id_hash = :id_hash";
        self.execute_sql(sql, params! { id_hash, now })
    }

    pub(crate) fn end_panel_session(&self, id_hash: &str) -> SqlResult<()> {
        self.execute_sql("DELETE FROM panel_sessions WHERE id_hash = :id_hash", params! { id_hash })
    }

    /// Ends every session and every mark of a known browser.
    pub(crate) fn end_panel_sessions(&self) -> SqlResult<()> {
        self.remove_meta(DEVICE_KEY)?;
        self.execute_sql("DELETE FROM panel_sessions", &[])
    }

    /// Keeps a session's upload in the place of its last one, and drops those from before `oldest`.
    pub(crate) fn keep_panel_upload(
        &self,
        id_hash: &str,
        upload: &PanelUpload,
        now: Timestamp,
        oldest: Timestamp,
    ) -> SqlResult<()> {
        let old = "DELETE FROM panel_uploads WHERE uploaded_at < :oldest";
        self.execute_sql(old, params! { oldest })?;
        let sql = "INSERT OR REPLACE INTO panel_uploads (id_hash, name, content, uploaded_at)
                   VALUES (:id_hash, :name, :content, :now)";
        self.execute_sql(sql, params! { id_hash, now, upload.{ name, content } })
    }

    /// The upload of a session, unless it is from before `oldest`.
    pub(crate) fn panel_upload(
        &self,
        id_hash: &str,
        oldest: Timestamp,
    ) -> SqlResult<Option<PanelUpload>> {
        let sql = "SELECT name, content FROM panel_uploads
                   WHERE id_hash = :id_hash AND uploaded_at >= :oldest";
        let read = |row: &Row<'_>| read! { row => PanelUpload { name, content } };
        self.query_optional(sql, params! { id_hash, oldest }, read)
    }

    pub(crate) fn drop_panel_upload(&self, id_hash: &str) -> SqlResult<()> {
        self.execute_sql("DELETE FROM panel_uploads WHERE id_hash = :id_hash", params! { id_hash })
    }

    pub(crate) fn made_by_mark(&self, mark: &str) -> SqlResult<Option<MadeBefore>> {
        let sql = "SELECT made, form FROM panel_marks WHERE mark = :mark";
        let read = |row: &Row<'_>| Ok(MadeBefore { id: row.get("made")?, form: row.get("form")? });
        self.query_optional(sql, params! { mark }, read)
    }

    /// The last thing that another form with the same content made since `since`.
    pub(crate) fn made_by_same_form(
        &self,
        mark: FormMark<'_>,
        since: Timestamp,
    ) -> SqlResult<Option<i64>> {
        let sql = "SELECT made FROM panel_marks
                   WHERE form = :form AND mark <> :mark AND kept_at >= :since
                   ORDER BY kept_at DESC LIMIT 1";
        self.query_maybe(sql, params! { since, mark.{ form, mark } })
    }

    /// Makes something once: `make` runs, and its id is kept with the mark, unless the mark is kept
    /// already. Refuses with what the form made before.
    pub(crate) fn make_once<T, E: From<MadeBefore>>(
        &self,
        mark: Option<FormMark<'_>>,
        now: Timestamp,
        make: impl FnOnce() -> Result<T, Stop<E>>,
        id_of: impl FnOnce(&T) -> i64,
    ) -> Result<T, Stop<E>> {
        let Some(mark) = mark else { return make() };
        if let Some(before) = self.made_by_mark(mark.mark)? {
            return Err(Stop::Refused(before.into()));
        }
        let new = make()?;
        self.keep_mark(mark, id_of(&new), now)?;
        Ok(new)
    }

    /// Keeps a mark with the id of what its form made or changed; a mark that is kept already stays.
    /// Drops the marks that are old or too many.
    pub(crate) fn keep_mark(&self, mark: FormMark<'_>, made: i64, now: Timestamp) -> SqlResult<()> {
        let old = "DELETE FROM panel_marks WHERE kept_at < :oldest";
        self.execute_sql(old, params! { ":oldest": now.minus(MARKS_LAST) })?;
        let too_many = "DELETE FROM panel_marks WHERE kept_at <=
                            (SELECT kept_at FROM panel_marks ORDER BY kept_at DESC LIMIT 1 OFFSET :max)";
        self.execute_sql(too_many, params! { ":max": MARKS_MAX - 1 })?;
        let sql = "INSERT OR IGNORE INTO panel_marks (mark, form, made, kept_at)
                   VALUES (:mark, :form, :made, :now)";
        self.execute_sql(sql, params! { made, now, mark.{ mark, form } })
    }
}
