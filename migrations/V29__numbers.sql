-- What is known of the people behind chats: times only, never a text.
CREATE TABLE numbers (
    -- As in deliveries: '6281234567890@c.us', or '…@lid' while the number behind it is not known.
    chat_id         TEXT PRIMARY KEY,
    -- When they last wrote to one of our sessions, to the hour.
    last_inbound_at TEXT
) STRICT, WITHOUT ROWID;
