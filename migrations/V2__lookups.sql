-- Looking up what is unknown: which deliveries are to be looked up, and whose a message id is.

CREATE INDEX idx_deliveries_lookup ON deliveries(next_attempt_at) WHERE status = 'unknown';
CREATE INDEX idx_deliveries_waha_message_id ON deliveries(waha_message_id) WHERE waha_message_id IS NOT NULL;
