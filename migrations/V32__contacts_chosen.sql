-- The panel's contacts as the place to choose: tags with how many have them, what somebody got, and a minute
-- in which a removal can be undone.

-- Tags are counted in the index alone.
CREATE INDEX idx_contacts_tags ON contacts(tags) WHERE tags <> '[]';

-- What a contact got, the newest first.
CREATE INDEX idx_deliveries_contact ON deliveries(contact_id, id) WHERE contact_id IS NOT NULL;

-- Contacts that were removed in the panel, until the minute is over in which that can be undone.
CREATE TABLE panel_removed (
    batch        TEXT NOT NULL,
    id           INTEGER NOT NULL,
    name         TEXT,
    phone_number TEXT NOT NULL,
    tags         TEXT NOT NULL,
    attributes   TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    removed_at   TEXT NOT NULL,
    PRIMARY KEY (batch, id)
) STRICT, WITHOUT ROWID;
