-- The first tables. Their columns are a public interface: people watch and fill them with sqlite3.
-- Times are UTC text, YYYY-MM-DDTHH:MM:SSZ; the triggers at the end bring what people write into
-- that form. The file must stay readable for the sqlite3 of Debian 12 (3.40), and STRICT asks for 3.37.

CREATE TABLE channels (
    id           INTEGER PRIMARY KEY,
    name         TEXT NOT NULL,
    session_name TEXT,
    is_active    INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
    -- No send on this channel begins before this time. Written by the claim and by the outcome.
    ready_at     TEXT,
    -- Held while held_reason is not NULL. With a held_kind the program held it, and frees it; without
    -- one a person did. A trigger takes the kind away when a person writes the reason.
    held_reason  TEXT,
    held_kind    TEXT CHECK (held_kind IN ('unreachable', 'session', 'rate_limited', 'misconfigured', 'restricted')),
    held_until   TEXT,
    -- How many times it was held since the last send that WAHA accepted: the step of the growing wait.
    held_count   INTEGER NOT NULL DEFAULT 0 CHECK (held_count >= 0),
    created_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    updated_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT;

-- Two channels on one session would be one WhatsApp number at twice the pace.
CREATE UNIQUE INDEX idx_channels_session_name ON channels(trim(session_name)) WHERE trim(session_name) <> '';

INSERT INTO channels (id, name, session_name) VALUES (1, 'default', 'default');

CREATE TABLE contacts (
    id           INTEGER PRIMARY KEY,
    name         TEXT,
    phone_number TEXT NOT NULL,
    tags         TEXT NOT NULL DEFAULT '[]',
    attributes   TEXT NOT NULL DEFAULT '{}',
    opted_out_at TEXT,
    created_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    updated_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT;

CREATE INDEX idx_contacts_phone_number
ON contacts(phone_number);

CREATE TABLE auto_messages (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    title           TEXT,
    message         TEXT NOT NULL,
    -- No foreign key: a message with an unknown channel is taken in and fails with that reason.
    channel_id      INTEGER NOT NULL DEFAULT 1,
    contact_ids     TEXT,
    contact_count   INTEGER NOT NULL DEFAULT 0,
    scheduled_at    TEXT,
    schedules       TEXT,
    interval_config TEXT,
    status          TEXT NOT NULL DEFAULT 'scheduled'
        CHECK (status IN ('draft', 'scheduled', 'sending', 'sent', 'failed', 'cancelled')),
    sent_at         TEXT,
    -- The counts are of the latest occurrence.
    sent_count      INTEGER NOT NULL DEFAULT 0,
    failed_count    INTEGER NOT NULL DEFAULT 0,
    skipped_count   INTEGER NOT NULL DEFAULT 0,
    unknown_count   INTEGER NOT NULL DEFAULT 0,
    error           TEXT,
    metadata        TEXT,
    created_by      TEXT,
    created_at      TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    updated_at      TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT;

CREATE INDEX idx_auto_messages_status_scheduled_at
ON auto_messages(status, scheduled_at);

CREATE TABLE deliveries (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    -- No cascade: INSERT OR REPLACE of a message must not erase what was sent of it. A DELETE takes
    -- its deliveries along by a trigger.
    auto_message_id INTEGER NOT NULL REFERENCES auto_messages(id),
    due_at          TEXT NOT NULL,
    channel_id      INTEGER NOT NULL,
    -- No foreign key: what was sent stays on record when a contact is deleted.
    contact_id      INTEGER,
    name            TEXT,
    chat_id         TEXT NOT NULL,
    status          TEXT NOT NULL CHECK (status IN
        ('pending', 'sending', 'sent', 'failed', 'skipped', 'unknown', 'expired', 'cancelled')),
    attempts        INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at TEXT,
    text            TEXT,
    waha_message_id TEXT,
    ack             INTEGER,
    error           TEXT,
    claimed_at      TEXT,
    finished_at     TEXT,
    created_at      TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    UNIQUE (auto_message_id, due_at, chat_id),
    CONSTRAINT "a sent delivery has the id that WAHA gave it"
        CHECK (status <> 'sent' OR waha_message_id IS NOT NULL),
    CONSTRAINT "a claimed delivery has its exact text and the time of the claim"
        CHECK (status <> 'sending' OR (text IS NOT NULL AND claimed_at IS NOT NULL AND attempts > 0))
) STRICT;

-- The next delivery of a channel, in due order.
CREATE INDEX idx_deliveries_pending ON deliveries(channel_id, due_at, id) WHERE status = 'pending';
-- Whether an occurrence has anything left to do.
CREATE INDEX idx_deliveries_open ON deliveries(auto_message_id, due_at) WHERE status IN ('pending', 'sending');
-- What a process that died left behind.
CREATE INDEX idx_deliveries_sending ON deliveries(id) WHERE status = 'sending';

CREATE TABLE runs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    trigger     TEXT NOT NULL CHECK (trigger IN ('cron', 'api', 'timer', 'cli')),
    remote      TEXT,
    started_at  TEXT NOT NULL,
    finished_at TEXT,
    processed   INTEGER NOT NULL DEFAULT 0,
    success     INTEGER NOT NULL DEFAULT 0,
    failed      INTEGER NOT NULL DEFAULT 0,
    error       TEXT
) STRICT;

CREATE INDEX idx_runs_unfinished ON runs(id) WHERE finished_at IS NULL;
CREATE INDEX idx_runs_found_nothing ON runs(started_at) WHERE processed = 0;

CREATE TRIGGER auto_messages_scheduled_at_on_insert AFTER INSERT ON auto_messages
WHEN NEW.scheduled_at IS NOT NULL AND NEW.scheduled_at IS NOT strftime('%Y-%m-%dT%H:%M:%SZ', NEW.scheduled_at, '+0 seconds')
BEGIN
    UPDATE auto_messages SET scheduled_at =
        strftime('%Y-%m-%dT%H:%M:%SZ', CASE
            WHEN NEW.scheduled_at GLOB '*:*[+-][0-9][0-9]' THEN NEW.scheduled_at || ':00'
            WHEN NEW.scheduled_at GLOB '*:*[+-][0-9][0-9][0-9][0-9]'
                THEN substr(NEW.scheduled_at, 1, length(NEW.scheduled_at) - 2) || ':' || substr(NEW.scheduled_at, -2)
            ELSE NEW.scheduled_at END, '+0 seconds')
    WHERE id = NEW.id
        AND NEW.scheduled_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
        AND date(substr(NEW.scheduled_at, 1, 10), '+0 days') IS substr(NEW.scheduled_at, 1, 10);
    SELECT RAISE(ABORT, 'auto_messages.scheduled_at is no time: write it as 2026-12-01 09:00 (UTC) or 2026-12-01 09:00+07:00')
    FROM auto_messages
    WHERE id = NEW.id AND (scheduled_at IS NULL OR scheduled_at NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z'
        OR date(substr(scheduled_at, 1, 10), '+0 days') IS NOT substr(scheduled_at, 1, 10));
END;

CREATE TRIGGER auto_messages_scheduled_at_on_update AFTER UPDATE OF scheduled_at ON auto_messages
WHEN NEW.scheduled_at IS NOT NULL AND NEW.scheduled_at IS NOT strftime('%Y-%m-%dT%H:%M:%SZ', NEW.scheduled_at, '+0 seconds')
BEGIN
    UPDATE auto_messages SET scheduled_at =
        strftime('%Y-%m-%dT%H:%M:%SZ', CASE
            WHEN NEW.scheduled_at GLOB '*:*[+-][0-9][0-9]' THEN NEW.scheduled_at || ':00'
            WHEN NEW.scheduled_at GLOB '*:*[+-][0-9][0-9][0-9][0-9]'
                THEN substr(NEW.scheduled_at, 1, length(NEW.scheduled_at) - 2) || ':' || substr(NEW.scheduled_at, -2)
            ELSE NEW.scheduled_at END, '+0 seconds')
    WHERE id = NEW.id
        AND NEW.scheduled_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
        AND date(substr(NEW.scheduled_at, 1, 10), '+0 days') IS substr(NEW.scheduled_at, 1, 10);
    SELECT RAISE(ABORT, 'auto_messages.scheduled_at is no time: write it as 2026-12-01 09:00 (UTC) or 2026-12-01 09:00+07:00')
    FROM auto_messages
    WHERE id = NEW.id AND (scheduled_at IS NULL OR scheduled_at NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z'
        OR date(substr(scheduled_at, 1, 10), '+0 days') IS NOT substr(scheduled_at, 1, 10));
END;

CREATE TRIGGER auto_messages_sent_at_on_insert AFTER INSERT ON auto_messages
WHEN NEW.sent_at IS NOT NULL AND NEW.sent_at IS NOT strftime('%Y-%m-%dT%H:%M:%SZ', NEW.sent_at, '+0 seconds')
BEGIN
    UPDATE auto_messages SET sent_at =
        strftime('%Y-%m-%dT%H:%M:%SZ', CASE
            WHEN NEW.sent_at GLOB '*:*[+-][0-9][0-9]' THEN NEW.sent_at || ':00'
            WHEN NEW.sent_at GLOB '*:*[+-][0-9][0-9][0-9][0-9]'
                THEN substr(NEW.sent_at, 1, length(NEW.sent_at) - 2) || ':' || substr(NEW.sent_at, -2)
            ELSE NEW.sent_at END, '+0 seconds')
    WHERE id = NEW.id
        AND NEW.sent_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
        AND date(substr(NEW.sent_at, 1, 10), '+0 days') IS substr(NEW.sent_at, 1, 10);
    SELECT RAISE(ABORT, 'auto_messages.sent_at is no time: write it as 2026-12-01 09:00 (UTC) or 2026-12-01 09:00+07:00')
    FROM auto_messages
    WHERE id = NEW.id AND (sent_at IS NULL OR sent_at NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z'
        OR date(substr(sent_at, 1, 10), '+0 days') IS NOT substr(sent_at, 1, 10));
END;

CREATE TRIGGER auto_messages_sent_at_on_update AFTER UPDATE OF sent_at ON auto_messages
WHEN NEW.sent_at IS NOT NULL AND NEW.sent_at IS NOT strftime('%Y-%m-%dT%H:%M:%SZ', NEW.sent_at, '+0 seconds')
BEGIN
    UPDATE auto_messages SET sent_at =
        strftime('%Y-%m-%dT%H:%M:%SZ', CASE
            WHEN NEW.sent_at GLOB '*:*[+-][0-9][0-9]' THEN NEW.sent_at || ':00'
            WHEN NEW.sent_at GLOB '*:*[+-][0-9][0-9][0-9][0-9]'
                THEN substr(NEW.sent_at, 1, length(NEW.sent_at) - 2) || ':' || substr(NEW.sent_at, -2)
            ELSE NEW.sent_at END, '+0 seconds')
    WHERE id = NEW.id
        AND NEW.sent_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
        AND date(substr(NEW.sent_at, 1, 10), '+0 days') IS substr(NEW.sent_at, 1, 10);
    SELECT RAISE(ABORT, 'auto_messages.sent_at is no time: write it as 2026-12-01 09:00 (UTC) or 2026-12-01 09:00+07:00')
    FROM auto_messages
    WHERE id = NEW.id AND (sent_at IS NULL OR sent_at NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z'
        OR date(substr(sent_at, 1, 10), '+0 days') IS NOT substr(sent_at, 1, 10));
END;

CREATE TRIGGER contacts_opted_out_at_on_insert AFTER INSERT ON contacts
WHEN NEW.opted_out_at IS NOT NULL AND NEW.opted_out_at IS NOT strftime('%Y-%m-%dT%H:%M:%SZ', NEW.opted_out_at, '+0 seconds')
BEGIN
    UPDATE contacts SET opted_out_at =
        strftime('%Y-%m-%dT%H:%M:%SZ', CASE
            WHEN NEW.opted_out_at GLOB '*:*[+-][0-9][0-9]' THEN NEW.opted_out_at || ':00'
            WHEN NEW.opted_out_at GLOB '*:*[+-][0-9][0-9][0-9][0-9]'
                THEN substr(NEW.opted_out_at, 1, length(NEW.opted_out_at) - 2) || ':' || substr(NEW.opted_out_at, -2)
            ELSE NEW.opted_out_at END, '+0 seconds')
    WHERE id = NEW.id
        AND NEW.opted_out_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
        AND date(substr(NEW.opted_out_at, 1, 10), '+0 days') IS substr(NEW.opted_out_at, 1, 10);
    SELECT RAISE(ABORT, 'contacts.opted_out_at is no time: write it as 2026-12-01 09:00 (UTC) or 2026-12-01 09:00+07:00')
    FROM contacts
    WHERE id = NEW.id AND (opted_out_at IS NULL OR opted_out_at NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z'
        OR date(substr(opted_out_at, 1, 10), '+0 days') IS NOT substr(opted_out_at, 1, 10));
END;

CREATE TRIGGER contacts_opted_out_at_on_update AFTER UPDATE OF opted_out_at ON contacts
WHEN NEW.opted_out_at IS NOT NULL AND NEW.opted_out_at IS NOT strftime('%Y-%m-%dT%H:%M:%SZ', NEW.opted_out_at, '+0 seconds')
BEGIN
    UPDATE contacts SET opted_out_at =
        strftime('%Y-%m-%dT%H:%M:%SZ', CASE
            WHEN NEW.opted_out_at GLOB '*:*[+-][0-9][0-9]' THEN NEW.opted_out_at || ':00'
            WHEN NEW.opted_out_at GLOB '*:*[+-][0-9][0-9][0-9][0-9]'
                THEN substr(NEW.opted_out_at, 1, length(NEW.opted_out_at) - 2) || ':' || substr(NEW.opted_out_at, -2)
            ELSE NEW.opted_out_at END, '+0 seconds')
    WHERE id = NEW.id
        AND NEW.opted_out_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
        AND date(substr(NEW.opted_out_at, 1, 10), '+0 days') IS substr(NEW.opted_out_at, 1, 10);
    SELECT RAISE(ABORT, 'contacts.opted_out_at is no time: write it as 2026-12-01 09:00 (UTC) or 2026-12-01 09:00+07:00')
    FROM contacts
    WHERE id = NEW.id AND (opted_out_at IS NULL OR opted_out_at NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z'
        OR date(substr(opted_out_at, 1, 10), '+0 days') IS NOT substr(opted_out_at, 1, 10));
END;

CREATE TRIGGER channels_ready_at_on_insert AFTER INSERT ON channels
WHEN NEW.ready_at IS NOT NULL AND NEW.ready_at IS NOT strftime('%Y-%m-%dT%H:%M:%SZ', NEW.ready_at, '+0 seconds')
BEGIN
    UPDATE channels SET ready_at =
        strftime('%Y-%m-%dT%H:%M:%SZ', CASE
            WHEN NEW.ready_at GLOB '*:*[+-][0-9][0-9]' THEN NEW.ready_at || ':00'
            WHEN NEW.ready_at GLOB '*:*[+-][0-9][0-9][0-9][0-9]'
                THEN substr(NEW.ready_at, 1, length(NEW.ready_at) - 2) || ':' || substr(NEW.ready_at, -2)
            ELSE NEW.ready_at END, '+0 seconds')
    WHERE id = NEW.id
        AND NEW.ready_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
        AND date(substr(NEW.ready_at, 1, 10), '+0 days') IS substr(NEW.ready_at, 1, 10);
    SELECT RAISE(ABORT, 'channels.ready_at is no time: write it as 2026-12-01 09:00 (UTC) or 2026-12-01 09:00+07:00')
    FROM channels
    WHERE id = NEW.id AND (ready_at IS NULL OR ready_at NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z'
        OR date(substr(ready_at, 1, 10), '+0 days') IS NOT substr(ready_at, 1, 10));
END;

CREATE TRIGGER channels_ready_at_on_update AFTER UPDATE OF ready_at ON channels
WHEN NEW.ready_at IS NOT NULL AND NEW.ready_at IS NOT strftime('%Y-%m-%dT%H:%M:%SZ', NEW.ready_at, '+0 seconds')
BEGIN
    UPDATE channels SET ready_at =
        strftime('%Y-%m-%dT%H:%M:%SZ', CASE
            WHEN NEW.ready_at GLOB '*:*[+-][0-9][0-9]' THEN NEW.ready_at || ':00'
            WHEN NEW.ready_at GLOB '*:*[+-][0-9][0-9][0-9][0-9]'
                THEN substr(NEW.ready_at, 1, length(NEW.ready_at) - 2) || ':' || substr(NEW.ready_at, -2)
            ELSE NEW.ready_at END, '+0 seconds')
    WHERE id = NEW.id
        AND NEW.ready_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
        AND date(substr(NEW.ready_at, 1, 10), '+0 days') IS substr(NEW.ready_at, 1, 10);
    SELECT RAISE(ABORT, 'channels.ready_at is no time: write it as 2026-12-01 09:00 (UTC) or 2026-12-01 09:00+07:00')
    FROM channels
    WHERE id = NEW.id AND (ready_at IS NULL OR ready_at NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z'
        OR date(substr(ready_at, 1, 10), '+0 days') IS NOT substr(ready_at, 1, 10));
END;

CREATE TRIGGER channels_held_until_on_insert AFTER INSERT ON channels
WHEN NEW.held_until IS NOT NULL AND NEW.held_until IS NOT strftime('%Y-%m-%dT%H:%M:%SZ', NEW.held_until, '+0 seconds')
BEGIN
    UPDATE channels SET held_until =
        strftime('%Y-%m-%dT%H:%M:%SZ', CASE
            WHEN NEW.held_until GLOB '*:*[+-][0-9][0-9]' THEN NEW.held_until || ':00'
            WHEN NEW.held_until GLOB '*:*[+-][0-9][0-9][0-9][0-9]'
                THEN substr(NEW.held_until, 1, length(NEW.held_until) - 2) || ':' || substr(NEW.held_until, -2)
            ELSE NEW.held_until END, '+0 seconds')
    WHERE id = NEW.id
        AND NEW.held_until GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
        AND date(substr(NEW.held_until, 1, 10), '+0 days') IS substr(NEW.held_until, 1, 10);
    SELECT RAISE(ABORT, 'channels.held_until is no time: write it as 2026-12-01 09:00 (UTC) or 2026-12-01 09:00+07:00')
    FROM channels
    WHERE id = NEW.id AND (held_until IS NULL OR held_until NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z'
        OR date(substr(held_until, 1, 10), '+0 days') IS NOT substr(held_until, 1, 10));
END;

CREATE TRIGGER channels_held_until_on_update AFTER UPDATE OF held_until ON channels
WHEN NEW.held_until IS NOT NULL AND NEW.held_until IS NOT strftime('%Y-%m-%dT%H:%M:%SZ', NEW.held_until, '+0 seconds')
BEGIN
    UPDATE channels SET held_until =
        strftime('%Y-%m-%dT%H:%M:%SZ', CASE
            WHEN NEW.held_until GLOB '*:*[+-][0-9][0-9]' THEN NEW.held_until || ':00'
            WHEN NEW.held_until GLOB '*:*[+-][0-9][0-9][0-9][0-9]'
                THEN substr(NEW.held_until, 1, length(NEW.held_until) - 2) || ':' || substr(NEW.held_until, -2)
            ELSE NEW.held_until END, '+0 seconds')
    WHERE id = NEW.id
        AND NEW.held_until GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'
        AND date(substr(NEW.held_until, 1, 10), '+0 days') IS substr(NEW.held_until, 1, 10);
    SELECT RAISE(ABORT, 'channels.held_until is no time: write it as 2026-12-01 09:00 (UTC) or 2026-12-01 09:00+07:00')
    FROM channels
    WHERE id = NEW.id AND (held_until IS NULL OR held_until NOT GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z'
        OR date(substr(held_until, 1, 10), '+0 days') IS NOT substr(held_until, 1, 10));
END;

-- updated_at, for whoever changes a row without saying so.

CREATE TRIGGER channels_updated_at AFTER UPDATE ON channels
WHEN NEW.updated_at IS OLD.updated_at AND NEW.updated_at IS NOT strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
BEGIN
    UPDATE channels SET updated_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE id = NEW.id;
END;

CREATE TRIGGER contacts_updated_at AFTER UPDATE ON contacts
WHEN NEW.updated_at IS OLD.updated_at AND NEW.updated_at IS NOT strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
BEGIN
    UPDATE contacts SET updated_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE id = NEW.id;
END;

CREATE TRIGGER auto_messages_updated_at AFTER UPDATE ON auto_messages
WHEN NEW.updated_at IS OLD.updated_at AND NEW.updated_at IS NOT strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
BEGIN
    UPDATE auto_messages SET updated_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE id = NEW.id;
END;

-- What is pending belongs to a message that is on its way, or paused, at the time that it has now.
-- `status IN (…) AND status = 'pending'` is for the partial index idx_deliveries_open.

CREATE TRIGGER auto_messages_ended AFTER UPDATE OF status ON auto_messages
WHEN NEW.status IN ('cancelled', 'sent', 'failed') AND NEW.status <> OLD.status
BEGIN
    UPDATE deliveries SET status = 'cancelled', error = 'the message was set to ' || NEW.status,
        finished_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
    WHERE auto_message_id = NEW.id AND status IN ('pending', 'sending') AND status = 'pending';
END;

CREATE TRIGGER auto_messages_moved AFTER UPDATE OF scheduled_at ON auto_messages
WHEN NEW.scheduled_at IS NOT OLD.scheduled_at
BEGIN
    UPDATE deliveries SET status = 'cancelled', error = 'the message was given a new time',
        finished_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
    WHERE auto_message_id = NEW.id AND status IN ('pending', 'sending') AND status = 'pending'
        AND due_at IS NOT NEW.scheduled_at;
END;

CREATE TRIGGER auto_messages_moved_while_sending BEFORE UPDATE OF scheduled_at ON auto_messages
WHEN OLD.status = 'sending' AND NEW.status = 'sending' AND NEW.scheduled_at IS NOT OLD.scheduled_at
BEGIN
    SELECT RAISE(ABORT, 'this message is being sent: to give it a new time, set status = ''scheduled'' in the same UPDATE; to stop it, set status = ''cancelled''');
END;

-- sqlite3 leaves foreign keys off: without this a deleted message would leave its deliveries behind.

CREATE TRIGGER auto_messages_deleted BEFORE DELETE ON auto_messages
BEGIN
    SELECT RAISE(ABORT, 'a request to WAHA for this message is in flight: set status = ''cancelled'' and delete it in a few minutes')
    WHERE EXISTS (SELECT 1 FROM deliveries
        WHERE auto_message_id = OLD.id AND status IN ('pending', 'sending') AND status = 'sending');
    DELETE FROM deliveries WHERE auto_message_id = OLD.id;
END;

-- While a request is out, only its outcome may change the row: anything else would be a lie about a
-- message that goes out, or send it again. The program itself empties claimed_at when it defers.

CREATE TRIGGER deliveries_in_flight BEFORE UPDATE OF status ON deliveries
WHEN OLD.status = 'sending' AND (NEW.status IN ('cancelled', 'skipped', 'expired')
    OR (NEW.status = 'pending' AND NEW.claimed_at IS NOT NULL))
BEGIN
    SELECT RAISE(ABORT, 'a request to WAHA for this delivery is in flight: wait until it is sent, failed or unknown');
END;

-- A person who writes held_reason holds the channel, or frees it; the program always counts its holds.

CREATE TRIGGER channels_held_by_hand AFTER UPDATE OF held_reason ON channels
WHEN NEW.held_reason IS NOT OLD.held_reason AND NEW.held_kind IS NOT NULL
    AND NEW.held_kind IS OLD.held_kind AND NEW.held_count = OLD.held_count
BEGIN
    UPDATE channels SET held_kind = NULL, held_until = NULL WHERE id = NEW.id;
END;
