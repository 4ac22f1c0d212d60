-- Several numbers for one message: a JSON array of channel ids, such as [1,2]. Each recipient gets it from the number that
-- last spoke with them, else from the one that is free first, chosen when the occurrence is planned. NULL: channel_id
-- alone. With several, channel_id is the first of them.
ALTER TABLE auto_messages ADD COLUMN channel_ids TEXT
    CONSTRAINT "channel_ids is NULL or a JSON array of ids of channels, such as [1,2]"
    CHECK (CASE WHEN channel_ids IS NULL THEN 1
        WHEN channel_ids GLOB '[[]*[0-9]*]' AND channel_ids NOT GLOB '*[^][0-9, ]*' AND channel_ids NOT GLOB '?*[[]*'
            AND channel_ids NOT GLOB '*[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]*'
        THEN json_valid(channel_ids) ELSE 0 END);

CREATE TRIGGER auto_messages_channels_on_insert AFTER INSERT ON auto_messages
WHEN NEW.channel_ids IS NOT NULL AND NEW.channel_id <> json_extract(NEW.channel_ids, '$[0]')
BEGIN
    UPDATE auto_messages SET channel_id = json_extract(channel_ids, '$[0]') WHERE id = NEW.id;
END;

CREATE TRIGGER auto_messages_channels_on_update AFTER UPDATE OF channel_ids ON auto_messages
WHEN NEW.channel_ids IS NOT NULL AND NEW.channel_id <> json_extract(NEW.channel_ids, '$[0]')
BEGIN
    UPDATE auto_messages SET channel_id = json_extract(channel_ids, '$[0]') WHERE id = NEW.id;
END;

CREATE TRIGGER auto_messages_one_of_several BEFORE UPDATE OF channel_id ON auto_messages
WHEN NEW.channel_ids IS NOT NULL AND NEW.channel_ids IS OLD.channel_ids
    AND NEW.channel_id <> json_extract(NEW.channel_ids, '$[0]')
BEGIN
    SELECT RAISE(ABORT, 'this message has channel_ids, and channel_id is the first of them: set channel_ids; for one channel alone, set channel_ids = NULL in the same UPDATE');
END;

-- A message that is on its way goes through the channel that it names now; with several, what is planned stays.
DROP TRIGGER auto_messages_channel_changed;
CREATE TRIGGER auto_messages_channel_changed AFTER UPDATE OF channel_id ON auto_messages
WHEN NEW.channel_id <> OLD.channel_id AND NEW.channel_ids IS NULL AND OLD.channel_ids IS NULL
BEGIN
    UPDATE deliveries SET channel_id = NEW.channel_id
    WHERE auto_message_id = NEW.id AND due_at = NEW.scheduled_at
        AND status IN ('pending', 'sending') AND status = 'pending';
END;

-- Through which channel somebody last wrote to us or was sent something, and when something was last sent.
ALTER TABLE numbers ADD COLUMN channel_id INTEGER;
ALTER TABLE numbers ADD COLUMN last_sent_at TEXT;
CREATE INDEX idx_numbers_last_inbound_at ON numbers(last_inbound_at) WHERE last_inbound_at IS NOT NULL;

INSERT INTO numbers (chat_id, channel_id, last_sent_at)
SELECT chat_id, channel_id, max(finished_at) FROM deliveries
WHERE status = 'sent' AND finished_at IS NOT NULL GROUP BY chat_id
ON CONFLICT (chat_id) DO UPDATE SET channel_id = excluded.channel_id, last_sent_at = excluded.last_sent_at;

-- An older one that is proved only now changes nothing.
CREATE TRIGGER deliveries_spoke AFTER UPDATE OF status ON deliveries
WHEN NEW.status = 'sent' AND OLD.status <> 'sent'
BEGIN
    INSERT INTO numbers (chat_id, channel_id, last_sent_at)
    VALUES (NEW.chat_id, NEW.channel_id, coalesce(NEW.finished_at, NEW.claimed_at))
    ON CONFLICT (chat_id) DO UPDATE SET channel_id = excluded.channel_id, last_sent_at = excluded.last_sent_at
    WHERE excluded.last_sent_at >= max(coalesce(last_sent_at, ''), coalesce(last_inbound_at, ''));
END;
