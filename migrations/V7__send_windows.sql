-- When a channel may send, and how much on a day. NULL is the setting: SEND_WINDOW, DAILY_LIMIT.

-- Local time in TIMEZONE, '07:00-21:00'; 'always' for none. The triggers bring '7.00 - 21.00' into that form.
ALTER TABLE channels ADD COLUMN send_window TEXT;

-- Sends on one local day; 0 for no limit.
ALTER TABLE channels ADD COLUMN daily_limit INTEGER
    CONSTRAINT "daily_limit is how many messages may go out on one day: 0 (no limit) to 1000000, or NULL for the setting"
    CHECK (daily_limit BETWEEN 0 AND 1000000);

-- How many deliveries were claimed on a local day: written with the claim, taken back when the request
-- certainly never left. A row for each day and not one counter, so that a clock that jumps over midnight
-- and back finds each day's count again.
CREATE TABLE channel_days (
    channel_id INTEGER NOT NULL,
    -- YYYY-MM-DD in TIMEZONE.
    day        TEXT NOT NULL,
    claimed    INTEGER NOT NULL CHECK (claimed >= 0),
    PRIMARY KEY (channel_id, day)
) STRICT, WITHOUT ROWID;

-- sqlite3 leaves foreign keys off, and the id of a deleted channel may be given again.
CREATE TRIGGER channels_deleted AFTER DELETE ON channels
BEGIN
    DELETE FROM channel_days WHERE channel_id = OLD.id;
END;

CREATE TRIGGER channels_send_window_on_insert AFTER INSERT ON channels
WHEN NEW.send_window IS NOT NULL
BEGIN
    UPDATE channels SET send_window = (
        WITH written(text) AS (
            SELECT replace(replace(replace(lower(NEW.send_window), ' ', ''), '.', ':'), '–', '-')),
        ends(first, last) AS (
            SELECT substr('0' || substr(text, 1, instr(text, '-') - 1), -5), substr('0' || substr(text, instr(text, '-') + 1), -5)
            FROM written
            WHERE text GLOB '[0-9]:[0-9][0-9]-[0-9]:[0-9][0-9]' OR text GLOB '[0-9][0-9]:[0-9][0-9]-[0-9]:[0-9][0-9]'
                OR text GLOB '[0-9]:[0-9][0-9]-[0-9][0-9]:[0-9][0-9]' OR text GLOB '[0-9][0-9]:[0-9][0-9]-[0-9][0-9]:[0-9][0-9]')
        SELECT first || '-' || last FROM ends
        WHERE first < '24:00' AND last <= '24:00' AND first <> last
            AND substr(first, 4, 1) < '6' AND substr(last, 4, 1) < '6'
        UNION ALL SELECT text FROM written WHERE text = 'always')
    WHERE id = NEW.id AND trim(NEW.send_window) <> '';
    SELECT RAISE(ABORT, 'channels.send_window is no window: write it as 07:00-21:00 (local time), always for no window, or NULL for the setting')
    FROM channels WHERE id = NEW.id AND trim(NEW.send_window) <> '' AND send_window IS NULL;
    UPDATE channels SET send_window = NULL WHERE id = NEW.id AND trim(send_window) = '';
END;

CREATE TRIGGER channels_send_window_on_update AFTER UPDATE OF send_window ON channels
WHEN NEW.send_window IS NOT NULL AND NEW.send_window IS NOT OLD.send_window
BEGIN
    UPDATE channels SET send_window = (
        WITH written(text) AS (
            SELECT replace(replace(replace(lower(NEW.send_window), ' ', ''), '.', ':'), '–', '-')),
        ends(first, last) AS (
            SELECT substr('0' || substr(text, 1, instr(text, '-') - 1), -5), substr('0' || substr(text, instr(text, '-') + 1), -5)
            FROM written
            WHERE text GLOB '[0-9]:[0-9][0-9]-[0-9]:[0-9][0-9]' OR text GLOB '[0-9][0-9]:[0-9][0-9]-[0-9]:[0-9][0-9]'
                OR text GLOB '[0-9]:[0-9][0-9]-[0-9][0-9]:[0-9][0-9]' OR text GLOB '[0-9][0-9]:[0-9][0-9]-[0-9][0-9]:[0-9][0-9]')
        SELECT first || '-' || last FROM ends
        WHERE first < '24:00' AND last <= '24:00' AND first <> last
            AND substr(first, 4, 1) < '6' AND substr(last, 4, 1) < '6'
        UNION ALL SELECT text FROM written WHERE text = 'always')
    WHERE id = NEW.id AND trim(NEW.send_window) <> '';
    SELECT RAISE(ABORT, 'channels.send_window is no window: write it as 07:00-21:00 (local time), always for no window, or NULL for the setting')
    FROM channels WHERE id = NEW.id AND trim(NEW.send_window) <> '' AND send_window IS NULL;
    UPDATE channels SET send_window = NULL WHERE id = NEW.id AND trim(send_window) = '';
END;
