-- What went out of a message, or may have, keeps it from going out again. It must not be lost while its message can
-- still be planned anew (somebody empties the table as a log), nor may a message leave it behind under another id.

CREATE TRIGGER deliveries_kept BEFORE DELETE ON deliveries
WHEN OLD.status IN ('sending', 'sent', 'unknown') AND EXISTS (SELECT 1 FROM auto_messages m
    WHERE m.id = OLD.auto_message_id AND (OLD.status = 'sending'
        OR m.scheduled_at = OLD.due_at AND m.status IN ('draft', 'scheduled', 'sending')))
BEGIN
    SELECT RAISE(ABORT, 'this delivery keeps its message, which has not ended, from going out twice: cancel the message first, or wait until it has ended');
END;

CREATE TRIGGER deliveries_stay_where_they_are BEFORE UPDATE OF auto_message_id, due_at, chat_id ON deliveries
WHEN OLD.status IN ('sending', 'sent', 'unknown')
    AND (NEW.auto_message_id, NEW.due_at, NEW.chat_id) <> (OLD.auto_message_id, OLD.due_at, OLD.chat_id)
BEGIN
    SELECT RAISE(ABORT, 'this delivery tells what was sent of its message, when that was due, and to whom: all three stay');
END;

-- Not only OF id: it is rowid, oid and _rowid_, too.
CREATE TRIGGER auto_messages_keep_their_id BEFORE UPDATE ON auto_messages
WHEN NEW.id <> OLD.id AND EXISTS (SELECT 1 FROM deliveries WHERE auto_message_id = OLD.id)
BEGIN
    SELECT RAISE(ABORT, 'this message has deliveries, which know it by its id: the id stays; to begin anew, insert another row');
END;

-- A message that is deleted takes them along. After it is gone, so that deliveries_kept lets them go.
DROP TRIGGER auto_messages_deleted;
CREATE TRIGGER auto_messages_deleted_in_flight BEFORE DELETE ON auto_messages
BEGIN
    SELECT RAISE(ABORT, 'a request to WAHA for this message is in flight: set status = ''cancelled'' and delete it in a few minutes')
    WHERE EXISTS (SELECT 1 FROM deliveries
        WHERE auto_message_id = OLD.id AND status IN ('pending', 'sending') AND status = 'sending');
END;
CREATE TRIGGER auto_messages_deleted AFTER DELETE ON auto_messages
BEGIN
    DELETE FROM deliveries WHERE auto_message_id = OLD.id;
END;

-- SQLite gives every later row the id after the largest one: after the very largest none can be added, and the error speaks
-- of a full disk. No command can name a message whose id is not above 0. After the insert: before it, a row has no id.
CREATE TRIGGER auto_messages_id AFTER INSERT ON auto_messages
WHEN NEW.id NOT BETWEEN 1 AND 9007199254740991
BEGIN
    SELECT RAISE(ABORT, 'id: leave it out, and the row gets the next one; at most 9007199254740991');
END;
CREATE TRIGGER auto_messages_id_on_update BEFORE UPDATE OF id ON auto_messages
WHEN NEW.id <> OLD.id AND NEW.id NOT BETWEEN 1 AND 9007199254740991
BEGIN
    SELECT RAISE(ABORT, 'id: leave it out, and the row gets the next one; at most 9007199254740991');
END;
CREATE TRIGGER contacts_id AFTER INSERT ON contacts
WHEN NEW.id > 9007199254740991
BEGIN
    SELECT RAISE(ABORT, 'id: leave it out, and the row gets the next one; at most 9007199254740991');
END;
CREATE TRIGGER contacts_id_on_update BEFORE UPDATE OF id ON contacts
WHEN NEW.id <> OLD.id AND NEW.id > 9007199254740991
BEGIN
    SELECT RAISE(ABORT, 'id: leave it out, and the row gets the next one; at most 9007199254740991');
END;
CREATE TRIGGER channels_id AFTER INSERT ON channels
WHEN NEW.id > 9007199254740991
BEGIN
    SELECT RAISE(ABORT, 'id: leave it out, and the row gets the next one; at most 9007199254740991');
END;
CREATE TRIGGER channels_id_on_update BEFORE UPDATE OF id ON channels
WHEN NEW.id <> OLD.id AND NEW.id > 9007199254740991
BEGIN
    SELECT RAISE(ABORT, 'id: leave it out, and the row gets the next one; at most 9007199254740991');
END;
