-- What scheduled_at was worked out from, and what has gone out already, so that a changed rule or zone
-- neither sends an occurrence twice nor loses it.
--
--   scheduled_local  what the clock shows at scheduled_at, as 2026-12-07T08:00:00. While an edit of the rule has
--                    emptied scheduled_at: the instant from which the new rule counts, in UTC, with a Z. The
--                    same when a message became scheduled without a time; without it, created_at counts.
--   scheduled_zone   the zone in which the program worked scheduled_at out from schedules or interval_config;
--                    empty when it did not come from there; NULL when nobody has looked yet.
--   taken_local      what the clock showed at the last occurrence that was planned. An instant, with a Z, when
--                    an older version planned it, until the program turns it into what its zone shows.
--   taken_rule       interval_config as it was at the first occurrence of that date.

ALTER TABLE auto_messages ADD COLUMN scheduled_local TEXT;
ALTER TABLE auto_messages ADD COLUMN scheduled_zone TEXT;
ALTER TABLE auto_messages ADD COLUMN taken_local TEXT;
ALTER TABLE auto_messages ADD COLUMN taken_rule TEXT;

-- What waits for its first time counts from when it was last touched, as in the older version.
UPDATE auto_messages SET scheduled_local = strftime('%Y-%m-%dT%H:%M:%SZ', updated_at)
WHERE status = 'scheduled' AND scheduled_at IS NULL;

-- What an older version sent, or has under way, is done as well.
UPDATE auto_messages SET taken_rule = interval_config, taken_local =
    (SELECT max(d.due_at) FROM deliveries d WHERE d.auto_message_id = auto_messages.id AND d.due_at IS NOT
        (SELECT p.due_at FROM plannings p WHERE p.auto_message_id = auto_messages.id))
WHERE (schedules IS NOT NULL OR interval_config IS NOT NULL)
    AND EXISTS (SELECT 1 FROM deliveries d WHERE d.auto_message_id = auto_messages.id);

-- Empty but for the first moment of a new version. The WHERE is the same, word for word, in
-- src/store/messages.rs.
CREATE INDEX idx_auto_messages_taken_as_instant ON auto_messages(taken_local) WHERE taken_local GLOB '*Z';

-- What was worked out in another zone, or by nobody yet, is found without a look at the others. The WHERE is the
-- same, word for word, in src/store/messages.rs.
CREATE INDEX idx_auto_messages_scheduled_zone ON auto_messages(scheduled_zone)
WHERE status = 'scheduled' AND scheduled_at IS NOT NULL AND (schedules IS NOT NULL OR interval_config IS NOT NULL);

-- An edit of the rule empties the time that came from it, and the next tick fills it anew. Not of an occurrence
-- that has begun: an ended message keeps the time of its last one until it is scheduled again. A time that somebody
-- wrote stays when the rule becomes nothing (every rule has digits). What was due at the time of the edit, and was
-- not planned, is still due if the new rule has it.
CREATE TRIGGER auto_messages_rule_edited AFTER UPDATE OF schedules, interval_config ON auto_messages
WHEN (NEW.schedules IS NOT OLD.schedules OR NEW.interval_config IS NOT OLD.interval_config)
    AND NEW.scheduled_at IS OLD.scheduled_at AND NEW.scheduled_at IS NOT NULL AND NEW.status <> 'sending'
    AND (NEW.scheduled_zone <> '' OR NEW.schedules GLOB '*[0-9]*' OR NEW.interval_config GLOB '*[0-9]*')
BEGIN
    UPDATE auto_messages SET scheduled_at = NULL, scheduled_zone = NULL,
        scheduled_local = CASE NEW.status WHEN 'scheduled' THEN coalesce(
            min(iif(OLD.status = 'scheduled', NEW.scheduled_at, '9999'), strftime('%Y-%m-%dT%H:%M:%SZ',
                iif(NEW.updated_at IS OLD.updated_at, 'now', NEW.updated_at))),
            strftime('%Y-%m-%dT%H:%M:%SZ', 'now')) END
    WHERE id = NEW.id
        AND (NOT EXISTS (SELECT 1 FROM deliveries WHERE auto_message_id = NEW.id AND due_at = NEW.scheduled_at)
            OR EXISTS (SELECT 1 FROM plannings WHERE auto_message_id = NEW.id AND due_at = NEW.scheduled_at)
            OR (NEW.status = 'scheduled' AND OLD.status IN ('sent', 'failed', 'cancelled')));
    UPDATE auto_messages SET scheduled_zone = '?'
    WHERE id = NEW.id AND scheduled_at IS NOT NULL AND NEW.status IN ('sent', 'failed', 'cancelled');
END;

-- What waits for another status makes up for nothing: it counts from the moment when it is scheduled. What waits
-- for its first tick counts from when it was made, whatever else of it is edited meanwhile.
CREATE TRIGGER auto_messages_emptied AFTER UPDATE OF status ON auto_messages
WHEN NEW.status <> OLD.status AND NEW.scheduled_at IS NULL
    AND (NEW.scheduled_local IS NOT NULL OR NEW.status = 'scheduled')
BEGIN
    UPDATE auto_messages SET scheduled_local = CASE NEW.status WHEN 'scheduled' THEN coalesce(
        max(strftime('%Y-%m-%dT%H:%M:%SZ', NEW.updated_at),
            iif(NEW.updated_at IS OLD.updated_at, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), '')),
        strftime('%Y-%m-%dT%H:%M:%SZ', 'now')) END
    WHERE id = NEW.id;
END;

CREATE TRIGGER auto_messages_untimed_rule_edited AFTER UPDATE OF schedules, interval_config ON auto_messages
WHEN (NEW.schedules IS NOT OLD.schedules OR NEW.interval_config IS NOT OLD.interval_config)
    AND NEW.status = 'scheduled' AND NEW.scheduled_at IS NULL AND NEW.scheduled_local IS NULL
BEGIN
    UPDATE auto_messages SET scheduled_local = coalesce(
        max(strftime('%Y-%m-%dT%H:%M:%SZ', NEW.updated_at),
            iif(NEW.updated_at IS OLD.updated_at, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), '')),
        strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
    WHERE id = NEW.id;
END;

-- A row that is older than its place in the table, from an import or a form that replaces it.
CREATE TRIGGER auto_messages_made_before AFTER INSERT ON auto_messages
WHEN NEW.status = 'scheduled' AND NEW.scheduled_at IS NULL AND NEW.scheduled_local IS NULL
    AND strftime('%s', NEW.updated_at) + 0 > strftime('%s', NEW.created_at) + 0
BEGIN
    UPDATE auto_messages SET scheduled_local = strftime('%Y-%m-%dT%H:%M:%SZ', NEW.updated_at)
    WHERE id = NEW.id;
END;

-- A time that somebody writes is looked at anew.
CREATE TRIGGER auto_messages_timed_by_hand AFTER UPDATE OF scheduled_at ON auto_messages
WHEN NEW.scheduled_at IS NOT OLD.scheduled_at AND NEW.scheduled_local IS OLD.scheduled_local
    AND NEW.scheduled_zone IS OLD.scheduled_zone
    AND (NEW.scheduled_local IS NOT NULL OR NEW.scheduled_zone IS NOT NULL
        OR (NEW.scheduled_at IS NULL AND NEW.status = 'scheduled'))
BEGIN
    UPDATE auto_messages SET scheduled_zone = NULL,
        scheduled_local = CASE WHEN NEW.status = 'scheduled' AND NEW.scheduled_at IS NULL THEN coalesce(
        max(strftime('%Y-%m-%dT%H:%M:%SZ', NEW.updated_at),
            iif(NEW.updated_at IS OLD.updated_at, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), '')),
        strftime('%Y-%m-%dT%H:%M:%SZ', 'now')) END
    WHERE id = NEW.id;
END;

-- INSERT OR REPLACE of a message: what went out of it stays known. V11 tells how it is noticed.
ALTER TABLE replaced_messages ADD COLUMN taken_local TEXT;
ALTER TABLE replaced_messages ADD COLUMN taken_rule TEXT;

DROP TRIGGER auto_messages_may_be_replaced;
CREATE TRIGGER auto_messages_may_be_replaced BEFORE INSERT ON auto_messages
WHEN EXISTS (SELECT 1 FROM auto_messages WHERE id = NEW.id) OR EXISTS (SELECT 1 FROM replaced_messages)
BEGIN
    DELETE FROM replaced_messages;
    INSERT INTO replaced_messages (id, status, taken_local, taken_rule)
    SELECT id, status, taken_local, taken_rule FROM auto_messages WHERE id = NEW.id;
END;

DROP TRIGGER auto_messages_replaced;
CREATE TRIGGER auto_messages_replaced AFTER INSERT ON auto_messages
WHEN EXISTS (SELECT 1 FROM replaced_messages WHERE id = NEW.id)
BEGIN
    UPDATE status_counts SET number = number - 1
    WHERE counted = 'message' AND status = (SELECT status FROM replaced_messages WHERE id = NEW.id);
    UPDATE auto_messages SET (taken_local, taken_rule) =
        (SELECT taken_local, taken_rule FROM replaced_messages WHERE id = NEW.id)
    WHERE id = NEW.id AND NEW.taken_local IS NULL
        AND (SELECT taken_local FROM replaced_messages WHERE id = NEW.id) IS NOT NULL;
    DELETE FROM replaced_messages;
END;
