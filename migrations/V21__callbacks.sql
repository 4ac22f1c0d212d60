-- Facts that another program is told by CALLBACK_URL.

-- Which facts become rows of `callbacks`. The process that sends keeps it in line with CALLBACK_EVENTS; it is empty while
-- CALLBACK_URL is not set. Facts of one change are told in the order of `rank`.
CREATE TABLE callback_wants (
    rank  INTEGER PRIMARY KEY,
    event TEXT NOT NULL
) STRICT;

-- Written in the transaction of the fact, by whomever, so that no crash loses one.
CREATE TABLE callbacks (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The header `webhook-id`: a receiver that gets it twice got the same fact twice.
    webhook_id       TEXT NOT NULL DEFAULT ('msg_' || lower(hex(randomblob(16)))),
    event            TEXT NOT NULL,
    -- `message 12`, `contact 3` or `channel 1`: facts of one subject are told one after the other.
    subject          TEXT NOT NULL,
    -- A JSON object.
    data             TEXT NOT NULL,
    created_at       TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    status           TEXT NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'told', 'failed')),
    attempts         INTEGER NOT NULL DEFAULT 0,
    first_attempt_at TEXT,
    last_attempt_at  TEXT,
    -- Of one that waits: not before this.
    next_attempt_at  TEXT,
    -- Why the last attempt failed.
    error            TEXT
) STRICT;

CREATE INDEX idx_callbacks_waiting ON callbacks(id, subject, next_attempt_at) WHERE status = 'waiting';
CREATE INDEX idx_callbacks_subject ON callbacks(subject, id) WHERE status = 'waiting';
CREATE INDEX idx_callbacks_told ON callbacks(id) WHERE status = 'told';
CREATE INDEX idx_callbacks_failed ON callbacks(id) WHERE status = 'failed';

-- An occurrence ended, or a person cancelled the message. One with a further occurrence is `scheduled` again.
CREATE TRIGGER auto_messages_callback AFTER UPDATE OF status, scheduled_at ON auto_messages
WHEN ((NEW.status IN ('sent', 'failed', 'cancelled') AND NEW.status <> OLD.status)
        OR (NEW.status = 'scheduled' AND OLD.status = 'sending' AND NEW.scheduled_at IS NOT OLD.scheduled_at))
    AND EXISTS (SELECT 1 FROM callback_wants)
BEGIN
    INSERT INTO callbacks (event, subject, data)
    SELECT w.event, 'message ' || NEW.id, json_object(
        'id', NEW.id, 'title', NEW.title, 'channel_id', NEW.channel_id,
        'status', iif(NEW.status <> 'scheduled', NEW.status, iif(NEW.sent_count > 0, 'sent', 'failed')),
        'due_at', iif(NEW.status = 'scheduled', OLD.scheduled_at, NEW.scheduled_at),
        'next_at', iif(NEW.status = 'scheduled', NEW.scheduled_at, NULL),
        'counts', json_object('sent', NEW.sent_count, 'failed', NEW.failed_count,
            'skipped', NEW.skipped_count, 'unknown', NEW.unknown_count),
        'error', NEW.error, 'code', NEW.error_code,
        'metadata', iif(json_valid(NEW.metadata), json(NEW.metadata), NULL))
    FROM callback_wants w
    WHERE w.event = 'message.finished' OR (w.event = 'message.failed'
        AND (NEW.status = 'failed' OR (NEW.status = 'scheduled' AND NEW.sent_count = 0)))
    ORDER BY w.rank;
END;

-- Some deliveries end when they are planned: nobody is there, or it is too late.
CREATE TRIGGER deliveries_callback_planned AFTER INSERT ON deliveries
WHEN NEW.status <> 'pending' AND EXISTS (SELECT 1 FROM callback_wants)
BEGIN
    INSERT INTO callbacks (event, subject, data)
    SELECT w.event, 'message ' || NEW.auto_message_id, json_object(
        'id', NEW.id, 'message_id', NEW.auto_message_id, 'due_at', NEW.due_at, 'channel_id', NEW.channel_id,
        'contact_id', NEW.contact_id, 'to', NEW.chat_id, 'name', NEW.name, 'status', NEW.status,
        'ack', NEW.ack, 'error', NEW.error, 'code', NEW.error_code)
    FROM callback_wants w WHERE w.event = 'delivery.' || NEW.status;
END;

CREATE TRIGGER deliveries_callback AFTER UPDATE OF status, ack ON deliveries
WHEN (NEW.status <> OLD.status OR NEW.ack IS NOT OLD.ack) AND EXISTS (SELECT 1 FROM callback_wants)
BEGIN
    INSERT INTO callbacks (event, subject, data)
    SELECT w.event, 'message ' || NEW.auto_message_id, json_object(
        'id', NEW.id, 'message_id', NEW.auto_message_id, 'due_at', NEW.due_at, 'channel_id', NEW.channel_id,
        'contact_id', NEW.contact_id, 'to', NEW.chat_id, 'name', NEW.name, 'status', NEW.status,
        'ack', NEW.ack, 'error', NEW.error, 'code', NEW.error_code)
    FROM callback_wants w
    WHERE (NEW.status <> OLD.status AND w.event = 'delivery.' || NEW.status)
        OR (w.event = 'delivery.delivered' AND NEW.ack >= 2 AND coalesce(OLD.ack, 0) < 2)
        OR (w.event = 'delivery.read' AND NEW.ack >= 3 AND coalesce(OLD.ack, 0) < 3)
    ORDER BY w.rank;
END;

CREATE TRIGGER contacts_callback AFTER UPDATE OF opted_out_at ON contacts
WHEN NEW.opted_out_at IS NOT NULL AND OLD.opted_out_at IS NULL
BEGIN
    INSERT INTO callbacks (event, subject, data)
    SELECT event, 'contact ' || NEW.id, json_object('id', NEW.id, 'to', NEW.phone_number, 'name', NEW.name)
    FROM callback_wants WHERE event = 'contact.opted_out';
END;

CREATE TRIGGER contacts_callback_new AFTER INSERT ON contacts
WHEN NEW.opted_out_at IS NOT NULL
BEGIN
    INSERT INTO callbacks (event, subject, data)
    SELECT event, 'contact ' || NEW.id, json_object('id', NEW.id, 'to', NEW.phone_number, 'name', NEW.name)
    FROM callback_wants WHERE event = 'contact.opted_out';
END;

-- As alerts have it: other words in between are the same hold, but for what a person has to end.
CREATE TRIGGER channels_callback AFTER UPDATE OF held_reason, held_kind ON channels
WHEN (NEW.held_reason IS NULL) <> (OLD.held_reason IS NULL)
    OR (NEW.held_reason IS NOT NULL AND NEW.held_kind IN ('restricted', 'other_number', 'breaker')
        AND OLD.held_kind IS NOT NEW.held_kind)
BEGIN
    INSERT INTO callbacks (event, subject, data)
    SELECT event, 'channel ' || NEW.id, json_object(
        'id', NEW.id, 'channel', NEW.name, 'session_name', NEW.session_name, 'kind', NEW.held_kind,
        'until', NEW.held_until, 'error', NEW.held_reason, 'code', NEW.held_code)
    FROM callback_wants
    WHERE event = iif(NEW.held_reason IS NULL, 'channel.freed', 'channel.held');
END;
