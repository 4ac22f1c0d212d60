-- What changes while a message waits: a contact is removed or gets another number, a channel is removed.

-- The number that the contact had, as it was written, when the delivery was planned; NULL when the message itself names
-- the number or the chat. A delivery goes out only while its contact has this number: one that was corrected is
-- addressed anew, and a contact that is gone gets nothing.
ALTER TABLE deliveries ADD COLUMN contact_number TEXT;

-- What waits already, when the number is the same without what people write between its digits.
UPDATE deliveries SET contact_number =
    (SELECT phone_number FROM contacts c WHERE c.id = contact_id
        AND replace(replace(replace(replace(replace(replace(
                c.phone_number, ' ', ''), '-', ''), '.', ''), '(', ''), ')', ''), '+', '')
            IN (replace(chat_id, '@c.us', ''), '00' || replace(chat_id, '@c.us', ''),
                '0' || substr(replace(chat_id, '@c.us', ''), 3)))
WHERE status = 'pending' AND contact_id IS NOT NULL;

-- Who opted out and has a number that SQL cannot compare: a claim looks through these. The WHERE is the same, word for
-- word, in src/store/contacts.rs.
CREATE INDEX idx_contacts_odd_opted_out ON contacts(phone_number)
WHERE opted_out_at IS NOT NULL
    AND (phone_number NOT GLOB '+[1-9]*' OR phone_number GLOB '?*[^0-9]*' OR substr(phone_number, 3, 3) GLOB '*0*');

-- A message that is on its way goes through the channel that it names now.
CREATE TRIGGER auto_messages_channel_changed AFTER UPDATE OF channel_id ON auto_messages
WHEN NEW.channel_id <> OLD.channel_id
BEGIN
    UPDATE deliveries SET channel_id = NEW.channel_id
    WHERE auto_message_id = NEW.id AND due_at = NEW.scheduled_at
        AND status IN ('pending', 'sending') AND status = 'pending';
END;

-- INSERT OR REPLACE of a channel forgot its number, and the next one that scanned the code would have been taken for it
-- unasked. It is noted before, and given back once the new row is there.
CREATE TABLE replaced_channels (
    id           INTEGER PRIMARY KEY,
    session_name TEXT,
    phone_number TEXT
) STRICT;

CREATE TRIGGER channels_may_be_replaced BEFORE INSERT ON channels
WHEN EXISTS (SELECT 1 FROM channels WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM replaced_channels)
BEGIN
    DELETE FROM replaced_channels;
    INSERT INTO replaced_channels (id, session_name, phone_number)
    SELECT id, session_name, phone_number FROM channels WHERE id = NEW.id;
END;

CREATE TRIGGER channels_replaced AFTER INSERT ON channels
WHEN EXISTS (SELECT 1 FROM replaced_channels WHERE id = NEW.id)
BEGIN
    UPDATE channels SET phone_number = (SELECT phone_number FROM replaced_channels
        WHERE id = NEW.id AND trim(session_name) = trim(NEW.session_name))
    WHERE id = NEW.id AND phone_number IS NULL;
    DELETE FROM replaced_channels;
END;

-- Messages name their channel by id. Without AUTOINCREMENT the id of a removed channel went to the next one that was
-- added, and messages made for the first number would go out from the second. What is stored does not change, so that
-- the definition alone is changed (https://sqlite.org/lang_altertable.html, section 7).
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'INTEGER PRIMARY KEY,', 'INTEGER PRIMARY KEY AUTOINCREMENT,')
WHERE type = 'table' AND name = 'channels' AND sql NOT LIKE '%AUTOINCREMENT%';
PRAGMA writable_schema = RESET;

-- An ended message can be tried again. A number that was mistyped leaves room for the next ids.
INSERT INTO sqlite_sequence (name, seq)
SELECT 'channels', max(coalesce((SELECT max(id) FROM channels), 0),
    coalesce((SELECT max(channel_id) FROM auto_messages WHERE channel_id < 1000000), 0),
    coalesce((SELECT max(channel_id) FROM deliveries WHERE channel_id < 1000000), 0));
