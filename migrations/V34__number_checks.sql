-- CHECK_NUMBERS: whether the number behind a chat is on WhatsApp. checked_at is when WhatsApp was asked; "exists" what it
-- said, NULL while its answer is awaited. An answer counts for 30 days.
ALTER TABLE numbers ADD COLUMN checked_at TEXT;
ALTER TABLE numbers ADD COLUMN "exists" INTEGER
    CONSTRAINT "exists is 1 or 0, or NULL while nobody knows" CHECK ("exists" IN (0, 1));
-- The chat id that WhatsApp itself has for the number, when it is another one: requests to WAHA use it.
ALTER TABLE numbers ADD COLUMN checked_chat_id TEXT;
CREATE INDEX idx_numbers_checked_at ON numbers(checked_at, "exists") WHERE checked_at IS NOT NULL;
CREATE INDEX idx_numbers_checked_chat_id ON numbers(checked_chat_id) WHERE checked_chat_id IS NOT NULL;
