-- Why something is as it is, for programs and translations: a code and its parameters beside the English sentence. The
-- program writes all three. What a person writes has no code, nor has what an older version wrote.

ALTER TABLE auto_messages ADD COLUMN error_code TEXT;
ALTER TABLE auto_messages ADD COLUMN error_args TEXT;
ALTER TABLE deliveries ADD COLUMN error_code TEXT;
ALTER TABLE deliveries ADD COLUMN error_args TEXT;
ALTER TABLE runs ADD COLUMN error_code TEXT;
ALTER TABLE runs ADD COLUMN error_args TEXT;
ALTER TABLE channels ADD COLUMN held_code TEXT;
ALTER TABLE channels ADD COLUMN held_args TEXT;
-- Of the hold that the channel had before.
ALTER TABLE place_holds ADD COLUMN held_code TEXT;
ALTER TABLE place_holds ADD COLUMN held_args TEXT;

-- Another sentence with the code of the one before is a person's.
CREATE TRIGGER auto_messages_error_by_hand AFTER UPDATE OF error ON auto_messages
WHEN NEW.error IS NOT OLD.error AND NEW.error_code IS NOT NULL
    AND NEW.error_code IS OLD.error_code AND NEW.error_args IS OLD.error_args
BEGIN
    UPDATE auto_messages SET error_code = NULL, error_args = NULL WHERE id = NEW.id;
END;

CREATE TRIGGER deliveries_error_by_hand AFTER UPDATE OF error ON deliveries
WHEN NEW.error IS NOT OLD.error AND NEW.error_code IS NOT NULL
    AND NEW.error_code IS OLD.error_code AND NEW.error_args IS OLD.error_args
BEGIN
    UPDATE deliveries SET error_code = NULL, error_args = NULL WHERE id = NEW.id;
END;

CREATE TRIGGER channels_reason_by_hand AFTER UPDATE OF held_reason ON channels
WHEN NEW.held_reason IS NOT OLD.held_reason AND NEW.held_code IS NOT NULL
    AND NEW.held_code IS OLD.held_code AND NEW.held_args IS OLD.held_args
BEGIN
    UPDATE channels SET held_code = NULL, held_args = NULL WHERE id = NEW.id;
END;

DROP TRIGGER auto_messages_ended;
CREATE TRIGGER auto_messages_ended AFTER UPDATE OF status ON auto_messages
WHEN NEW.status IN ('cancelled', 'sent', 'failed') AND NEW.status <> OLD.status
BEGIN
    UPDATE deliveries SET status = 'cancelled', error = 'the message was set to ' || NEW.status,
        error_code = iif(NEW.status = 'cancelled', 'message_cancelled', 'message_ended'),
        error_args = iif(NEW.status = 'cancelled', NULL, json_object('status', NEW.status)),
        finished_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
    WHERE auto_message_id = NEW.id AND status IN ('pending', 'sending') AND status = 'pending';
END;

DROP TRIGGER auto_messages_moved;
CREATE TRIGGER auto_messages_moved AFTER UPDATE OF scheduled_at ON auto_messages
WHEN NEW.scheduled_at IS NOT OLD.scheduled_at
BEGIN
    UPDATE deliveries SET status = 'cancelled', error = 'the message was given a new time',
        error_code = 'message_moved', error_args = NULL,
        finished_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
    WHERE auto_message_id = NEW.id AND status IN ('pending', 'sending') AND status = 'pending'
        AND due_at IS NOT NEW.scheduled_at;
END;

-- What the next look-up finds takes the place of what the last one found; the sentence alone does not tell them apart.
UPDATE deliveries SET error = substr(error, 1, instr(error, '; looked up at ') - 1)
WHERE status = 'unknown' AND next_attempt_at IS NOT NULL AND instr(error, '; looked up at ') > 0;
