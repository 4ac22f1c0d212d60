-- Which messages refer to a file beside the database: `prune` asks before it removes one.
CREATE INDEX idx_auto_messages_file ON auto_messages(json_extract(content, '$.file')) WHERE content IS NOT NULL;
