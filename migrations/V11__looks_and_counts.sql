-- What looked through rows that only ever become more. Neither index costs a send anything.

-- The last run that somebody's cron triggered: with none among them, every run there ever was.
CREATE INDEX idx_runs_triggered ON runs(id) WHERE trigger IN ('cron', 'api');

-- Whether an unknown delivery has a rival: another one of the same chat and time. Unknown ones stay
-- until a person decides.
CREATE INDEX idx_deliveries_unknown ON deliveries(chat_id, claimed_at) WHERE status = 'unknown';

-- INSERT OR REPLACE of a message removes the old row without a word to the triggers of a DELETE: the
-- status that it had was counted for ever. It is noted before, and taken back only once the new row is
-- there: an INSERT OR IGNORE comes by here too. Whoever has recursive_triggers on is told of the DELETE.

CREATE TABLE replaced_messages (
    id     INTEGER PRIMARY KEY,
    status TEXT NOT NULL
) STRICT;

CREATE TRIGGER auto_messages_may_be_replaced BEFORE INSERT ON auto_messages
WHEN EXISTS (SELECT 1 FROM auto_messages WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM replaced_messages)
BEGIN
    DELETE FROM replaced_messages;
    INSERT INTO replaced_messages (id, status) SELECT id, status FROM auto_messages WHERE id = NEW.id;
END;

CREATE TRIGGER auto_messages_replaced AFTER INSERT ON auto_messages
WHEN EXISTS (SELECT 1 FROM replaced_messages WHERE id = NEW.id)
BEGIN
    UPDATE status_counts SET number = number - 1
    WHERE counted = 'message' AND status = (SELECT status FROM replaced_messages WHERE id = NEW.id);
    DELETE FROM replaced_messages;
END;

CREATE TRIGGER auto_messages_not_replaced AFTER DELETE ON auto_messages
WHEN EXISTS (SELECT 1 FROM replaced_messages WHERE id = OLD.id)
BEGIN
    DELETE FROM replaced_messages;
END;

-- What was counted wrongly until now.
UPDATE status_counts SET number =
    (SELECT count(*) FROM auto_messages m WHERE m.status = status_counts.status)
WHERE counted = 'message';
