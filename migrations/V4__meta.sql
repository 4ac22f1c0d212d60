-- What a database knows of itself.
--
--   history_id      two databases with the same one are moments of one history: one may be evidence for what became
--                   of the other. A restore and a confirmed copy begin a new history.
--   place           where the file was when it last sent: see src/place.rs. Missing until the first start.
--   backup_made_at  only in backups: when the copying began.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

INSERT INTO meta (key, value) VALUES ('history_id', lower(hex(randomblob(16))));

-- The channels that are held because the database is not where it was: the words that `channels` got for it,
-- and what held them before.
CREATE TABLE place_holds (
    channel_id  INTEGER PRIMARY KEY REFERENCES channels(id) ON DELETE CASCADE,
    reason      TEXT NOT NULL,
    held_reason TEXT,
    held_kind   TEXT,
    held_until  TEXT
) STRICT;
