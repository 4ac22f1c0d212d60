-- Whose number a channel sends from, and who asked to stop from a hidden number.

-- The number of the channel's session, '+6281234567890': the first one that WAHA tells is taken. NULL is "not told yet".
ALTER TABLE channels ADD COLUMN phone_number TEXT;

-- While the channel is held for it: the number that its session has now. `channel confirm` makes it the channel's.
ALTER TABLE channels ADD COLUMN other_number TEXT;

-- When a `run` told of the hold on standard error, for cron's mail: once per hold.
ALTER TABLE channels ADD COLUMN hold_told_at TEXT;

-- Two more kinds of hold, both freed by a person only. SQLite cannot change a CHECK: the column is made anew.
DROP TRIGGER channels_held_by_hand;
DROP TRIGGER channels_alert_held;

ALTER TABLE channels RENAME COLUMN held_kind TO held_kind_before;
ALTER TABLE channels ADD COLUMN held_kind TEXT CHECK (held_kind IN
    ('unreachable', 'session', 'rate_limited', 'misconfigured', 'restricted', 'other_number', 'breaker'));
UPDATE channels SET held_kind = held_kind_before WHERE held_kind_before IS NOT NULL;
ALTER TABLE channels DROP COLUMN held_kind_before;

CREATE TRIGGER channels_held_by_hand AFTER UPDATE OF held_reason ON channels
WHEN NEW.held_reason IS NOT OLD.held_reason AND NEW.held_kind IS NOT NULL
    AND NEW.held_kind IS OLD.held_kind AND NEW.held_count = OLD.held_count
BEGIN
    UPDATE channels SET held_kind = NULL, held_until = NULL WHERE id = NEW.id;
END;

-- A hold lasts from no reason to no reason: other words in between are the same hold. Only what a person has to end is
-- worse than what was told before.
CREATE TRIGGER channels_alert_held AFTER UPDATE OF held_reason, held_kind ON channels
WHEN NEW.held_reason IS NOT NULL
    AND (OLD.held_reason IS NULL OR (NEW.held_kind IN ('restricted', 'other_number', 'breaker')
        AND OLD.held_kind IS NOT NEW.held_kind))
    AND EXISTS (SELECT 1 FROM meta WHERE key = 'alerts_on')
BEGIN
    INSERT INTO alerts (event, channel_id, reason)
    VALUES (CASE NEW.held_kind WHEN 'session' THEN 'session_stopped' ELSE 'channel_held' END,
        NEW.id, NEW.held_reason);
END;

CREATE TRIGGER channels_hold_ended AFTER UPDATE OF held_reason ON channels
WHEN NEW.held_reason IS NULL AND (NEW.hold_told_at IS NOT NULL OR NEW.other_number IS NOT NULL)
BEGIN
    UPDATE channels SET hold_told_at = NULL, other_number = NULL WHERE id = NEW.id;
END;

-- Another session has another number, and a person chose it: that number is taken when it is told.
CREATE TRIGGER channels_session_changed AFTER UPDATE OF session_name ON channels
WHEN trim(NEW.session_name) IS NOT trim(OLD.session_name) AND NEW.phone_number IS OLD.phone_number
BEGIN
    UPDATE channels SET phone_number = NULL, other_number = NULL WHERE id = NEW.id;
    UPDATE channels SET held_reason = NULL, held_kind = NULL, held_until = NULL
    WHERE id = NEW.id AND held_kind = 'other_number';
END;

-- People who asked to stop and may be written to by two names, a phone number and a hidden one (`…@lid`): WAHA is asked
-- for the name that is missing. Until it is known, and when it never is, the hidden number alone is opted out. Once the
-- phone number is known, an opt-out of its contact is one of the hidden number too.
CREATE TABLE hidden_numbers (
    id           INTEGER PRIMARY KEY,
    lid          TEXT UNIQUE,
    -- E.164 digits, without '+'.
    phone_number TEXT,
    -- The session that is asked.
    session_name TEXT NOT NULL,
    -- What the writer calls himself.
    name         TEXT,
    opted_out_at TEXT,
    looks        INTEGER NOT NULL DEFAULT 0,
    -- When WAHA is asked again; NULL is never.
    next_look_at TEXT,
    -- What the last look came to.
    error        TEXT,
    created_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    CHECK (lid IS NOT NULL OR phone_number IS NOT NULL)
) STRICT;

CREATE INDEX idx_hidden_numbers_phone_number ON hidden_numbers(phone_number) WHERE phone_number IS NOT NULL;
CREATE INDEX idx_hidden_numbers_next_look_at ON hidden_numbers(next_look_at) WHERE next_look_at IS NOT NULL;
