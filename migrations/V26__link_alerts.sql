-- ALERT_URL hears of the link to a website's Supabase project, too.

-- SQLite cannot change a CHECK: the table is made anew. The triggers of other tables that write into it stay as they are.
PRAGMA legacy_alter_table = ON;

CREATE TABLE alerts_new (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    event           TEXT NOT NULL CHECK (event IN ('session_stopped', 'channel_held', 'channel_freed',
        'message_failed', 'deliveries_unknown', 'no_trigger', 'session_stuck', 'other_number', 'link_trouble',
        'link_over')),
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

-- While Supabase is away the outbox holds many deliveries; messages that ended are looked for at every send.
CREATE INDEX idx_link_outbox_ended ON link_outbox(seq) WHERE delivery_id = 0;
