-- A message to very many recipients is planned in portions, so that whoever sends meanwhile never
-- waits long. While that goes on, or after it was cut off, the message has a row here: its deliveries
-- are not all there yet. The last portion removes the row and sets the message to `sending`, in one
-- transaction; a start that finds a row begins anew.
CREATE TABLE plannings (
    auto_message_id INTEGER PRIMARY KEY,
    due_at          TEXT NOT NULL
) STRICT;

CREATE TRIGGER plannings_not_by_hand BEFORE UPDATE OF status ON auto_messages
WHEN NEW.status = 'sending' AND EXISTS (SELECT 1 FROM plannings WHERE auto_message_id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'this message is being planned: it is set to sending by itself');
END;

CREATE TRIGGER plannings_deleted AFTER DELETE ON auto_messages
BEGIN
    DELETE FROM plannings WHERE auto_message_id = OLD.id;
END;
