-- Pictures, files, places, cards and polls: what a message carries beside its text, or in place of it. NULL is a text alone.
-- docs/media.md has the forms; what the CHECK lets through and the program cannot read fails the message with the reason.
ALTER TABLE auto_messages ADD COLUMN content TEXT
    CONSTRAINT "content is NULL or a JSON object such as {kind:image, file:…}, with its keys in double quotes"
    CHECK (CASE WHEN content IS NULL THEN 1 WHEN json_valid(content) THEN json_type(content) = 'object' ELSE 0 END);

-- The same as it was claimed, beside the exact text: the message may be edited while it goes out.
ALTER TABLE deliveries ADD COLUMN content TEXT;
