//! The tables `panel_sessions` and `panel_uploads`, and the hash of the panel's password in `meta`.

use rusqlite::{OptionalExtension, named_params};

use super::{SqlResult, Tx, timestamp};
use crate::clock::Timestamp;

const PASSWORD_KEY: &str = "panel_password_hash";
const DEVICE_KEY: &str = "panel_device_key";

/// A browser that is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PanelSession {
    /// When it logged in.
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

impl Tx<'_> {
    /// The hash of the password that the sessions belong to.
    pub(crate) fn panel_password_hash(&self) -> SqlResult<Option<String>> {
        self.meta(PASSWORD_KEY)
    }

    /// Notes a new password and ends every session.
    pub(crate) fn set_panel_password_hash(&self, hash: &str) -> SqlResult<()> {
        self.end_panel_sessions()?;
        self.set_meta(PASSWORD_KEY, hash)
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

    /// Begins a session, and drops those that have ended: begun before `oldest`, or unused since
    /// `unused_since`.
    pub(crate) fn begin_panel_session(
        &self,
        id_hash: &str,
        now: Timestamp,
        oldest: Timestamp,
        unused_since: Timestamp,
    ) -> SqlResult<()> {
        let drop_ended =
            "DELETE FROM panel_sessions WHERE created_at < :oldest OR seen_at < :unused";
        self.prepare(drop_ended)?.execute(named_params! {
            ":oldest": oldest.to_string(),
            ":unused": unused_since.to_string(),
        })?;
        let sql = "INSERT INTO panel_sessions (id_hash, history_id, created_at, seen_at)
                   SELECT :id_hash, value, :now, :now FROM meta WHERE key = 'history_id'";
        self.prepare(sql)?
            .execute(named_params! { ":id_hash": id_hash, ":now": now.to_string() })?;
        Ok(())
    }

    /// The session, when it is of this database's present history.
    pub(crate) fn panel_session(&self, id_hash: &str) -> SqlResult<Option<PanelSession>> {
        let sql = "SELECT created_at, seen_at FROM panel_sessions
                   WHERE id_hash = :id_hash
                       AND history_id = (SELECT value FROM meta WHERE key = 'history_id')";
        self.prepare(sql)?
            .query_row(named_params! { ":id_hash": id_hash }, |row| {
                Ok(PanelSession {
                    created_at: timestamp(row, "created_at")?,
                    seen_at: timestamp(row, "seen_at")?,
                })
            })
            .optional()
    }

    /// Notes that the session was used.
    pub(crate) fn note_panel_session(&self, id_hash: &str, now: Timestamp) -> SqlResult<()> {
        let sql = "UPDATE panel_sessions SET seen_at = :now WHERE id_hash = :id_hash";
        self.prepare(sql)?
            .execute(named_params! { ":id_hash": id_hash, ":now": now.to_string() })?;
        Ok(())
    }

    /// Ends one session.
    pub(crate) fn end_panel_session(&self, id_hash: &str) -> SqlResult<()> {
        let sql = "DELETE FROM panel_sessions WHERE id_hash = :id_hash";
        self.prepare(sql)?.execute(named_params! { ":id_hash": id_hash })?;
        Ok(())
    }

    /// Ends every session and every mark of a known browser.
    pub(crate) fn end_panel_sessions(&self) -> SqlResult<()> {
        self.prepare("DELETE FROM meta WHERE key = :key")?
            .execute(named_params! { ":key": DEVICE_KEY })?;
        self.prepare("DELETE FROM panel_sessions")?.execute([]).map(drop)
    }

    /// Keeps a session's upload in the place of its last one, and drops those from before `oldest`.
    pub(crate) fn keep_panel_upload(
        &self,
        id_hash: &str,
        upload: &PanelUpload,
        now: Timestamp,
        oldest: Timestamp,
    ) -> SqlResult<()> {
        self.prepare("DELETE FROM panel_uploads WHERE uploaded_at < :oldest")?
            .execute(named_params! { ":oldest": oldest.to_string() })?;
        let sql = "INSERT OR REPLACE INTO panel_uploads (id_hash, name, content, uploaded_at)
                   VALUES (:id_hash, :name, :content, :now)";
        self.prepare(sql)?.execute(named_params! {
            ":id_hash": id_hash,
            ":name": upload.name,
            ":content": upload.content,
            ":now": now.to_string(),
        })?;
        Ok(())
    }

    /// The upload of a session, unless it is from before `oldest`.
    pub(crate) fn panel_upload(
        &self,
        id_hash: &str,
        oldest: Timestamp,
    ) -> SqlResult<Option<PanelUpload>> {
        let sql = "SELECT name, content FROM panel_uploads
                   WHERE id_hash = :id_hash AND uploaded_at >= :oldest";
        self.prepare(sql)?
            .query_row(
                named_params! { ":id_hash": id_hash, ":oldest": oldest.to_string() },
                |row| Ok(PanelUpload { name: row.get("name")?, content: row.get("content")? }),
            )
            .optional()
    }

    /// Drops the upload of a session.
    pub(crate) fn drop_panel_upload(&self, id_hash: &str) -> SqlResult<()> {
        let sql = "DELETE FROM panel_uploads WHERE id_hash = :id_hash";
        self.prepare(sql)?.execute(named_params! { ":id_hash": id_hash })?;
        Ok(())
    }
}
