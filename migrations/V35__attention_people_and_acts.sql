-- What a person has to look at, who got what, statistics, and who did what.

-- Messages of which somebody did not get it, or may not have: the last changed first.
CREATE INDEX idx_auto_messages_attention ON auto_messages(updated_at, id)
    WHERE status <> 'cancelled' AND (failed_count > 0 OR unknown_count > 0 OR status = 'failed');

-- Recipients that are no contacts, by number and name.
CREATE INDEX idx_deliveries_strangers ON deliveries(chat_id, name, contact_id) WHERE contact_id IS NULL;

-- What became of deliveries, by channel and contact too: counted in the index alone, as before.
DROP INDEX idx_deliveries_finished_at;
CREATE INDEX idx_deliveries_finished_at ON deliveries(finished_at, status, ack, channel_id, contact_id)
    WHERE finished_at IS NOT NULL;

-- Who did what: logins, edits, sends by hand. Kept for 90 days.
CREATE TABLE acts (
    id     INTEGER PRIMARY KEY,
    at     TEXT NOT NULL,
    -- Through which door.
    door   TEXT NOT NULL CHECK (door IN ('panel', 'api', 'cli')),
    -- The address of a browser, the name of an API key; NULL on the command line.
    who    TEXT,
    -- A stable name, such as `message_added`.
    what   TEXT NOT NULL,
    -- The message, contact or channel.
    kind   TEXT CHECK (kind IN ('message', 'contact', 'channel')),
    about  INTEGER,
    -- How many it was, where it is more than one.
    number INTEGER
) STRICT;

CREATE INDEX idx_acts_at ON acts(at);
