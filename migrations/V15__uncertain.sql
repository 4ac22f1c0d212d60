-- What WhatsApp's server has not got, texts that are cut off, and one more thing to tell.

-- WhatsApp's own programs may cut a text off at a NUL.
CREATE TRIGGER auto_messages_no_nul_on_insert BEFORE INSERT ON auto_messages
WHEN instr(NEW.message, char(0)) > 0
BEGIN
    SELECT RAISE(ABORT, 'auto_messages.message holds a NUL character: save the text as plain text');
END;

CREATE TRIGGER auto_messages_no_nul_on_update BEFORE UPDATE OF message ON auto_messages
WHEN instr(NEW.message, char(0)) > 0
BEGIN
    SELECT RAISE(ABORT, 'auto_messages.message holds a NUL character: save the text as plain text');
END;

-- When the newest delivery of a channel was sent that WhatsApp's server has, as an ack told. One that is newer and stays
-- at ack 0 is with WAHA only.
CREATE TABLE channel_acks (
    channel_id INTEGER PRIMARY KEY,
    sent_at    TEXT NOT NULL
) STRICT;

INSERT INTO channel_acks (channel_id, sent_at)
SELECT channel_id, max(finished_at) FROM deliveries WHERE ack >= 1 AND finished_at IS NOT NULL GROUP BY channel_id;

CREATE TRIGGER deliveries_acked AFTER UPDATE OF ack ON deliveries
WHEN NEW.ack >= 1 AND coalesce(OLD.ack, 0) < 1 AND coalesce(NEW.finished_at, NEW.claimed_at) IS NOT NULL
BEGIN
    INSERT INTO channel_acks (channel_id, sent_at)
    VALUES (NEW.channel_id, coalesce(NEW.finished_at, NEW.claimed_at))
    ON CONFLICT (channel_id) DO UPDATE SET sent_at = max(sent_at, excluded.sent_at);
END;

CREATE INDEX idx_deliveries_at_ack_0 ON deliveries(channel_id, finished_at) WHERE status = 'sent' AND ack = 0;

-- SQLite cannot change a CHECK: the table is made anew. The triggers of other tables that write into it stay as they are.
PRAGMA legacy_alter_table = ON;

CREATE TABLE alerts_new (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    event           TEXT NOT NULL CHECK (event IN ('session_stopped', 'channel_held', 'channel_freed',
        'message_failed', 'deliveries_unknown', 'no_trigger', 'session_stuck', 'other_number')),
    channel_id      INTEGER,
    auto_message_id INTEGER,
    due_at          TEXT,
    -- In words, as the row that it is about had them.
    reason          TEXT,
    -- Of deliveries_unknown and session_stuck: how many so far.
    count           INTEGER NOT NULL DEFAULT 1,
    created_at      TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    attempts        INTEGER NOT NULL DEFAULT 0,
    -- Told, or given up; the newest rows are kept.
    is_over         INTEGER NOT NULL DEFAULT 0 CHECK (is_over IN (0, 1))
) STRICT;

INSERT INTO alerts_new (id, event, channel_id, auto_message_id, due_at, reason, count, created_at, attempts, is_over)
SELECT id, event, channel_id, auto_message_id, due_at, reason, count, created_at, attempts, is_over FROM alerts;

-- A receiver knows an alert by its id: none is given twice, also when all old ones are gone.
DELETE FROM sqlite_sequence WHERE name = 'alerts_new';
INSERT INTO sqlite_sequence (name, seq) SELECT 'alerts_new', seq FROM sqlite_sequence WHERE name = 'alerts';

DROP TABLE alerts;
ALTER TABLE alerts_new RENAME TO alerts;

PRAGMA legacy_alter_table = OFF;

CREATE INDEX idx_alerts_waiting ON alerts(id) WHERE is_over = 0;
CREATE INDEX idx_alerts_unknown ON alerts(auto_message_id, due_at) WHERE event = 'deliveries_unknown';
