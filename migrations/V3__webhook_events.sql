-- What WAHA tells us by webhook, and what comes of it.

-- An echo's delivery on an engine that offers no ids: by chat, then by text and time.
CREATE INDEX idx_deliveries_without_id ON deliveries(chat_id)
WHERE waha_message_id IS NULL AND status IN ('sending', 'unknown');

-- The events that were about a message of ours, so that a repeat is known. The id and the ack stay
-- because an event may overtake the outcome of the request that it is about: it is weighed when that
-- is recorded. Rows are dropped after 7 days.
CREATE TABLE webhook_events (
    id              TEXT PRIMARY KEY,
    waha_message_id TEXT,
    ack             INTEGER,
    received_at     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_webhook_events_received_at ON webhook_events(received_at);
CREATE INDEX idx_webhook_events_waha_message_id ON webhook_events(waha_message_id, ack)
WHERE waha_message_id IS NOT NULL;

-- The newest that each session said of itself, by WAHA's own clock (milliseconds since 1970), so that
-- an older word that comes later changes nothing.
CREATE TABLE webhook_sessions (
    session_name TEXT PRIMARY KEY,
    event_at     INTEGER NOT NULL,
    is_working   INTEGER NOT NULL CHECK (is_working IN (0, 1)),
    received_at  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- How each message did, per day. Acks come by webhook: without webhooks delivered and read stay 0.
CREATE VIEW delivery_rates AS
SELECT
    auto_message_id,
    -- The day of the occurrence, in UTC.
    date(due_at) AS day,
    -- Recipients, whatever became of them.
    count(*) AS planned,
    -- WAHA accepted it, or an event or a look-up proved it.
    count(*) FILTER (WHERE status = 'sent') AS sent,
    -- Of these: a device of the recipient has it (ack 2 or more). In a group, at least one member's.
    count(*) FILTER (WHERE status = 'sent' AND ack >= 2) AS delivered,
    -- Of these: it was read (ack 3 or more); nothing for who has switched read receipts off.
    count(*) FILTER (WHERE status = 'sent' AND ack >= 3) AS read,
    -- Refused, or too late to be sent: as auto_messages.failed_count has it.
    count(*) FILTER (WHERE status IN ('failed', 'expired')) AS failed,
    -- It may have gone out.
    count(*) FILTER (WHERE status = 'unknown') AS unknown
FROM deliveries
GROUP BY auto_message_id, date(due_at);
