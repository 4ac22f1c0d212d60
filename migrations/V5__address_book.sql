-- The address book: ids that are never given twice, numbers found in any spelling, opt-outs.

-- A message names its recipients by id. Without AUTOINCREMENT the id of a removed contact went to the next
-- one who was added, and a message made for the first would reach the second.

CREATE TABLE contacts_with_lasting_ids (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT,
    phone_number TEXT NOT NULL,
    tags         TEXT NOT NULL DEFAULT '[]',
    attributes   TEXT NOT NULL DEFAULT '{}',
    opted_out_at TEXT,
    created_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    updated_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
) STRICT;

INSERT INTO contacts_with_lasting_ids (id, name, phone_number, tags, attributes, opted_out_at, created_at, updated_at)
SELECT id, name, phone_number, tags, attributes, opted_out_at, created_at, updated_at FROM contacts ORDER BY id;

DROP TABLE contacts;

ALTER TABLE contacts_with_lasting_ids RENAME TO contacts;

CREATE INDEX idx_contacts_phone_number
ON contacts(phone_number);

-- The program writes numbers as +6281234567890, and finds those by the index above. People write them in
-- any way: these are all rows that may be spelled otherwise, the zero after a country code included.
-- The WHERE is the same, word for word, in src/store/contacts.rs.
CREATE INDEX idx_contacts_odd_number ON contacts(phone_number)
WHERE phone_number NOT GLOB '+[1-9]*' OR phone_number GLOB '?*[^0-9]*' OR substr(phone_number, 3, 3) GLOB '*0*';

CREATE INDEX idx_contacts_opted_out ON contacts(phone_number) WHERE opted_out_at IS NOT NULL;

-- As before: the triggers went with the old table.

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

CREATE TRIGGER contacts_updated_at AFTER UPDATE ON contacts
WHEN NEW.updated_at IS OLD.updated_at AND NEW.updated_at IS NOT strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
BEGIN
    UPDATE contacts SET updated_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now') WHERE id = NEW.id;
END;
