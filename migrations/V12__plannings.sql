-- A message to very many recipients is planned in portions, so that whoever sends meanwhile never
-- waits long. While that goes on, or after it was cut off, the message has a row here: its deliveries
-- are not all there yet. The last portion removes the row and sets the message to `sending`, in one
-- transaction; a start that finds a row begins anew.
CREATE TABLE plannings (
    auto_message_id INTEGER PRIMARY KEY,
    due_at          TEXT NOT NULL
) STRICT;

-- Half of it must not go out, whoever says so: it is planned anew and set to sending by itself.
CREATE TRIGGER plannings_not_by_hand AFTER UPDATE OF status ON auto_messages
WHEN NEW.status = 'sending' AND EXISTS
    (SELECT 1 FROM plannings WHERE auto_message_id = NEW.id AND due_at IS NEW.scheduled_at)
BEGIN
    UPDATE auto_messages SET status = 'scheduled' WHERE id = NEW.id;
END;

CREATE TRIGGER plannings_not_by_replacing AFTER INSERT ON auto_messages
WHEN NEW.status = 'sending' AND EXISTS
    (SELECT 1 FROM plannings WHERE auto_message_id = NEW.id AND due_at IS NEW.scheduled_at)
BEGIN
    UPDATE auto_messages SET status = 'scheduled' WHERE id = NEW.id;
END;

CREATE TRIGGER plannings_deleted AFTER DELETE ON auto_messages
BEGIN
    DELETE FROM plannings WHERE auto_message_id = OLD.id;
END;
