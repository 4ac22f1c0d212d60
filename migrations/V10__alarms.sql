-- What a person is told of by ALERT_URL, and counts that need no look at every row.

-- How many rows have which status: counted row by row as they change, so that a monitor can ask every
-- few seconds beside millions of deliveries. Every status has its row from the beginning.
CREATE TABLE status_counts (
    counted TEXT NOT NULL CHECK (counted IN ('message', 'delivery')),
    status  TEXT NOT NULL,
    number  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (counted, status)
) STRICT, WITHOUT ROWID;

INSERT INTO status_counts (counted, status) VALUES
    ('message', 'draft'), ('message', 'scheduled'), ('message', 'sending'), ('message', 'sent'),
    ('message', 'failed'), ('message', 'cancelled'),
    ('delivery', 'pending'), ('delivery', 'sending'), ('delivery', 'sent'), ('delivery', 'failed'),
    ('delivery', 'skipped'), ('delivery', 'unknown'), ('delivery', 'expired'), ('delivery', 'cancelled');

UPDATE status_counts SET number = c.number
FROM (SELECT status, count(*) AS number FROM auto_messages GROUP BY status) c
WHERE counted = 'message' AND status_counts.status = c.status;

UPDATE status_counts SET number = c.number
FROM (SELECT status, count(*) AS number FROM deliveries GROUP BY status) c
WHERE counted = 'delivery' AND status_counts.status = c.status;

CREATE TRIGGER auto_messages_counted AFTER INSERT ON auto_messages
BEGIN
    UPDATE status_counts SET number = number + 1 WHERE counted = 'message' AND status = NEW.status;
END;

CREATE TRIGGER auto_messages_recounted AFTER UPDATE OF status ON auto_messages
WHEN NEW.status <> OLD.status
BEGIN
    UPDATE status_counts SET number = number - 1 WHERE counted = 'message' AND status = OLD.status;
    UPDATE status_counts SET number = number + 1 WHERE counted = 'message' AND status = NEW.status;
END;

CREATE TRIGGER auto_messages_uncounted AFTER DELETE ON auto_messages
BEGIN
    UPDATE status_counts SET number = number - 1 WHERE counted = 'message' AND status = OLD.status;
END;

CREATE TRIGGER deliveries_counted AFTER INSERT ON deliveries
BEGIN
    UPDATE status_counts SET number = number + 1 WHERE counted = 'delivery' AND status = NEW.status;
END;

CREATE TRIGGER deliveries_recounted AFTER UPDATE OF status ON deliveries
WHEN NEW.status <> OLD.status
BEGIN
    UPDATE status_counts SET number = number - 1 WHERE counted = 'delivery' AND status = OLD.status;
    UPDATE status_counts SET number = number + 1 WHERE counted = 'delivery' AND status = NEW.status;
END;

CREATE TRIGGER deliveries_uncounted AFTER DELETE ON deliveries
BEGIN
    UPDATE status_counts SET number = number - 1 WHERE counted = 'delivery' AND status = OLD.status;
END;

-- What is to be told, in the order in which it happened. Written in the transaction of what happened,
-- by whomever, so that no crash loses it and no restart tells it again; only while `meta` has alerts_on.
CREATE TABLE alerts (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    event           TEXT NOT NULL CHECK (event IN ('session_stopped', 'channel_held', 'channel_freed',
        'message_failed', 'deliveries_unknown', 'no_trigger')),
    channel_id      INTEGER,
    auto_message_id INTEGER,
    due_at          TEXT,
    -- In words, as the row that it is about had them.
    reason          TEXT,
    -- Of deliveries_unknown: how many so far.
    count           INTEGER NOT NULL DEFAULT 1,
    created_at      TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    attempts        INTEGER NOT NULL DEFAULT 0,
    -- Told, or given up; the newest rows are kept.
    is_over         INTEGER NOT NULL DEFAULT 0 CHECK (is_over IN (0, 1))
) STRICT;

CREATE INDEX idx_alerts_waiting ON alerts(id) WHERE is_over = 0;
CREATE INDEX idx_alerts_unknown ON alerts(auto_message_id, due_at) WHERE event = 'deliveries_unknown';

-- A hold lasts from no reason to no reason: other words in between are the same hold. Only a restricted
-- account is worse than what was told before.
CREATE TRIGGER channels_alert_held AFTER UPDATE OF held_reason, held_kind ON channels
WHEN NEW.held_reason IS NOT NULL
    AND (OLD.held_reason IS NULL OR (NEW.held_kind = 'restricted' AND OLD.held_kind IS NOT 'restricted'))
    AND EXISTS (SELECT 1 FROM meta WHERE key = 'alerts_on')
BEGIN
    INSERT INTO alerts (event, channel_id, reason)
    VALUES (CASE NEW.held_kind WHEN 'session' THEN 'session_stopped' ELSE 'channel_held' END,
        NEW.id, NEW.held_reason);
END;

CREATE TRIGGER channels_alert_freed AFTER UPDATE OF held_reason ON channels
WHEN NEW.held_reason IS NULL AND OLD.held_reason IS NOT NULL
    AND EXISTS (SELECT 1 FROM meta WHERE key = 'alerts_on')
BEGIN
    INSERT INTO alerts (event, channel_id) VALUES ('channel_freed', NEW.id);
END;

-- A message with a further occurrence fails without that status.
CREATE TRIGGER auto_messages_alert_failed AFTER UPDATE OF status, scheduled_at ON auto_messages
WHEN ((NEW.status = 'failed' AND OLD.status <> 'failed')
        OR (NEW.status = 'scheduled' AND OLD.status = 'sending' AND NEW.error IS NOT NULL
            AND NEW.scheduled_at IS NOT OLD.scheduled_at))
    AND EXISTS (SELECT 1 FROM meta WHERE key = 'alerts_on')
BEGIN
    INSERT INTO alerts (event, channel_id, auto_message_id, due_at, reason)
    VALUES ('message_failed', NEW.channel_id, NEW.id, OLD.scheduled_at, NEW.error);
END;

CREATE TRIGGER deliveries_alert_unknown AFTER UPDATE OF status ON deliveries
WHEN NEW.status = 'unknown' AND OLD.status <> 'unknown'
    AND EXISTS (SELECT 1 FROM meta WHERE key = 'alerts_on')
BEGIN
    INSERT INTO alerts (event, channel_id, auto_message_id, due_at, count)
    SELECT 'deliveries_unknown', NEW.channel_id, NEW.auto_message_id, NEW.due_at, 0
    WHERE NOT EXISTS (SELECT 1 FROM alerts WHERE event = 'deliveries_unknown'
        AND auto_message_id = NEW.auto_message_id AND due_at = NEW.due_at);
    UPDATE alerts SET count = count + 1 WHERE event = 'deliveries_unknown'
        AND auto_message_id = NEW.auto_message_id AND due_at = NEW.due_at;
END;
