-- What a channel needs to know to stop by itself when WhatsApp shows displeasure (held_kind 'breaker').

-- Of its last 20 sends that ended, the latest at the end: '.' sent, 'x' failed.
ALTER TABLE channels ADD COLUMN recent_outcomes TEXT NOT NULL DEFAULT '' CHECK (length(recent_outcomes) <= 20);

-- When it was last restricted (463), locked or capped, and when its session last lost its phone.
ALTER TABLE channels ADD COLUMN displeased_at TEXT;
ALTER TABLE channels ADD COLUMN logged_out_at TEXT;

-- Its last tick; how many it has sent since, and when the fifth of these was sent.
ALTER TABLE channels ADD COLUMN acked_at TEXT;
ALTER TABLE channels ADD COLUMN sends_since_ack INTEGER NOT NULL DEFAULT 0;
ALTER TABLE channels ADD COLUMN fifth_unacked_at TEXT;

-- A person looked at the number and frees it, by whatever way: what tripped the breaker counts no more.
CREATE TRIGGER channels_breaker_freed AFTER UPDATE OF held_reason ON channels
WHEN NEW.held_reason IS NULL AND OLD.held_kind = 'breaker'
BEGIN
    UPDATE channels SET recent_outcomes = '', acked_at = NULL, sends_since_ack = 0, fifth_unacked_at = NULL
    WHERE id = NEW.id;
END;
