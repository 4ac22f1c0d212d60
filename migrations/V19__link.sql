-- The link to a website's Supabase project: which of its rows are here, which occurrences this machine may send, and
-- what has still to be written back. Empty without SUPABASE_URL. Ids of the project are text, as it wrote them.

-- The channels of the project that this machine sends for.
CREATE TABLE link_channels (
    project      TEXT NOT NULL,
    remote_id    TEXT NOT NULL,
    name         TEXT NOT NULL,
    session_name TEXT NOT NULL,
    channel_id   INTEGER NOT NULL,              -- ours, of the same session
    is_active    INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
    since        TEXT NOT NULL,                 -- what was due before is left alone; the project's clock
    handed_to    TEXT,                          -- the appliance that has it now
    PRIMARY KEY (project, remote_id)
) STRICT, WITHOUT ROWID;

-- Which row of auto_messages is which row of the project's.
CREATE TABLE link_messages (
    auto_message_id INTEGER PRIMARY KEY,
    project         TEXT NOT NULL,
    remote_id       TEXT NOT NULL,
    UNIQUE (project, remote_id)
) STRICT;

-- One row for each occurrence that this machine meant to send, kept for good: the token, written before the request
-- leaves, is the proof of whose claim it is.
--   claiming  the claim may have been made, or not
--   claimed   it is ours: the row is to be read again and planned
--   planned   it is in auto_messages and sent as every message
--   ended     everything of it ended here; the result is to be written
--   settled   and was written
--   lost      another appliance has it
--   released  given back: the row had changed
CREATE TABLE link_claims (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    project         TEXT NOT NULL,
    remote_id       TEXT NOT NULL,
    due_at          TEXT NOT NULL,              -- as the project's database writes it
    local_due_at    TEXT NOT NULL,              -- the same in deliveries.due_at
    claim_token     TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN
        ('claiming', 'claimed', 'planned', 'ended', 'settled', 'lost', 'released')),
    remote_channel  TEXT,
    auto_message_id INTEGER,
    row_mark        TEXT,                       -- of the row as it was read last: its updated_at, or a hash
    next_at         TEXT,                       -- the occurrence that follows
    status          TEXT CHECK (status IN ('sent', 'failed', 'cancelled')),
    sent_at         TEXT,
    sent_count      INTEGER NOT NULL DEFAULT 0,
    failed_count    INTEGER NOT NULL DEFAULT 0,
    skipped_count   INTEGER NOT NULL DEFAULT 0,
    unknown_count   INTEGER NOT NULL DEFAULT 0,
    error           TEXT,
    refused         TEXT,                       -- what the project said when it did not take the result
    created_at      TEXT NOT NULL,
    UNIQUE (project, remote_id, due_at)
) STRICT;

CREATE INDEX idx_link_claims_open ON link_claims(state, id) WHERE state IN ('claiming', 'claimed', 'planned', 'ended');
CREATE INDEX idx_link_claims_refused ON link_claims(id) WHERE refused IS NOT NULL;
CREATE INDEX idx_link_claims_of_message ON link_claims(auto_message_id, local_due_at);

-- What has changed since it was written to the project: one row a delivery (0 for the message itself), read when it is
-- written, so that a delivery that changes again has one row still. seq orders the writes.
CREATE TABLE link_outbox (
    seq             INTEGER PRIMARY KEY AUTOINCREMENT,
    auto_message_id INTEGER NOT NULL,
    delivery_id     INTEGER NOT NULL,
    UNIQUE (auto_message_id, delivery_id)
) STRICT;

CREATE TRIGGER link_delivery_planned AFTER INSERT ON deliveries
WHEN EXISTS (SELECT 1 FROM link_messages WHERE auto_message_id = NEW.auto_message_id)
    AND EXISTS (SELECT 1 FROM meta WHERE key = 'link_mode' AND value = 'shared')
BEGIN
    DELETE FROM link_outbox WHERE auto_message_id = NEW.auto_message_id AND delivery_id = NEW.id;
    INSERT INTO link_outbox (auto_message_id, delivery_id) VALUES (NEW.auto_message_id, NEW.id);
END;

CREATE TRIGGER link_delivery_changed AFTER UPDATE OF status, ack ON deliveries
WHEN (NEW.status <> OLD.status OR NEW.ack IS NOT OLD.ack)
    AND EXISTS (SELECT 1 FROM link_messages WHERE auto_message_id = NEW.auto_message_id)
    AND EXISTS (SELECT 1 FROM meta WHERE key = 'link_mode' AND value = 'shared')
BEGIN
    DELETE FROM link_outbox WHERE auto_message_id = NEW.auto_message_id AND delivery_id = NEW.id;
    INSERT INTO link_outbox (auto_message_id, delivery_id) VALUES (NEW.auto_message_id, NEW.id);
END;

-- A message that ended: by its first sending, a retry, or a correction.
CREATE TRIGGER link_message_ended AFTER UPDATE OF status, sent_count, failed_count, unknown_count ON auto_messages
WHEN NEW.status IN ('sent', 'failed', 'cancelled')
    AND (NEW.status <> OLD.status OR NEW.sent_count <> OLD.sent_count OR NEW.failed_count <> OLD.failed_count
        OR NEW.unknown_count <> OLD.unknown_count)
    AND EXISTS (SELECT 1 FROM link_messages WHERE auto_message_id = NEW.id)
BEGIN
    DELETE FROM link_outbox WHERE auto_message_id = NEW.id AND delivery_id = 0;
    INSERT INTO link_outbox (auto_message_id, delivery_id) VALUES (NEW.id, 0);
END;

-- Claims stay: nothing of them is sent again.
CREATE TRIGGER link_message_deleted AFTER DELETE ON auto_messages
WHEN EXISTS (SELECT 1 FROM link_messages WHERE auto_message_id = OLD.id)
BEGIN
    DELETE FROM link_outbox WHERE auto_message_id = OLD.id;
    DELETE FROM link_messages WHERE auto_message_id = OLD.id;
END;
