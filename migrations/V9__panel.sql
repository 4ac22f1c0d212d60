-- The panel: who is logged in, what waits for a person's yes, and the indexes of its pages.

-- The browsers that are logged in. `id_hash` is the SHA-256 of what the cookie holds. A session ends with
-- the history that it was made in (a restore and a copy begin a new one), and with the password.
CREATE TABLE panel_sessions (
    id_hash    TEXT PRIMARY KEY,
    history_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    seen_at    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A file of contacts between its preview and the yes to it; one per session, dropped after an hour.
CREATE TABLE panel_uploads (
    id_hash     TEXT PRIMARY KEY REFERENCES panel_sessions(id_hash) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    content     BLOB NOT NULL,
    uploaded_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Messages of one status, the newest first, without sorting them.
CREATE INDEX idx_auto_messages_status ON auto_messages(status);

-- What became of deliveries per day, with how far they came: counted in the index alone. It serves what
-- V8's was for as well.
DROP INDEX idx_deliveries_finished_at;
CREATE INDEX idx_deliveries_finished_at ON deliveries(finished_at, status, ack) WHERE finished_at IS NOT NULL;
