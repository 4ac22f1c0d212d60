-- Since which local day (YYYY-MM-DD in TIMEZONE) a channel's number is used carefully: its daily limit grows from
-- WARMUP_START by WARMUP_GROWTH a day. NULL: it is not warming up. The program moves it after a pause.
ALTER TABLE channels ADD COLUMN warmup_from TEXT
    CONSTRAINT "warmup_from is the day on which a warm-up began: YYYY-MM-DD, or NULL for none"
    CHECK (warmup_from GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]' AND date(warmup_from) IS warmup_from);

-- Claims since the channel last rested: see REST_AFTER.
ALTER TABLE channels ADD COLUMN sends_since_rest INTEGER NOT NULL DEFAULT 0
    CONSTRAINT "sends_since_rest is counted by the program: 0 or more" CHECK (sends_since_rest >= 0);
