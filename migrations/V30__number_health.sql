-- Ticks are the breaker's (V28): what told of a stuck session before goes.
DROP TRIGGER deliveries_acked;
DROP INDEX idx_deliveries_at_ack_0;
DROP TABLE channel_acks;
DELETE FROM meta WHERE key LIKE 'session_stuck:%';

-- When the breaker last stopped the channel.
ALTER TABLE channels ADD COLUMN broke_at TEXT;

-- What WhatsApp last warned of (messageCapping), when that was last seen, and how many it may send on a day for it when it has no
-- limit: half of the busiest of the seven days before the warning.
ALTER TABLE channels ADD COLUMN warning TEXT CHECK (warning IN ('FIRST_WARNING', 'SECOND_WARNING'));
ALTER TABLE channels ADD COLUMN warned_at TEXT;
ALTER TABLE channels ADD COLUMN warned_limit INTEGER CHECK (warned_limit > 0);

-- How many messages people wrote to the channel's session that day: the number only, never who or what.
ALTER TABLE channel_days ADD COLUMN received INTEGER NOT NULL DEFAULT 0 CHECK (received >= 0);
