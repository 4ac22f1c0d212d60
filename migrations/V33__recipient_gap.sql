-- How many hours lie between two automatic messages to the same chat. NULL: a message has its channel's, a channel
-- RECIPIENT_GAP_HOURS; 0: none.
ALTER TABLE channels ADD COLUMN recipient_gap_hours INTEGER
    CONSTRAINT "recipient_gap_hours is 0 to 168, or NULL for RECIPIENT_GAP_HOURS"
    CHECK (recipient_gap_hours BETWEEN 0 AND 168);
ALTER TABLE auto_messages ADD COLUMN recipient_gap_hours INTEGER
    CONSTRAINT "recipient_gap_hours is 0 to 168, or NULL for what the channel has"
    CHECK (recipient_gap_hours BETWEEN 0 AND 168);

-- When a chat last got something, or may have got it.
CREATE INDEX idx_deliveries_reached ON deliveries(chat_id, coalesce(claimed_at, finished_at))
    WHERE status IN ('sending', 'sent', 'unknown');
-- Whether a forecast has to look at who got what when.
CREATE INDEX idx_auto_messages_recipient_gap ON auto_messages(id)
    WHERE recipient_gap_hours > 0 AND status IN ('draft', 'scheduled', 'sending');

-- A channel's next delivery is found without those that wait for next_attempt_at, however many they are.
DROP INDEX idx_deliveries_pending;
CREATE INDEX idx_deliveries_pending ON deliveries(channel_id, next_attempt_at, due_at, id) WHERE status = 'pending';
