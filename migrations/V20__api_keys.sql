-- The keys of programs that use /api/v1. `hash` is the SHA-256 of the key, which is kept nowhere.
CREATE TABLE api_keys (
    id           INTEGER PRIMARY KEY,
    name         TEXT NOT NULL,
    hash         TEXT NOT NULL UNIQUE,
    can          TEXT NOT NULL CHECK (can IN ('read', 'write', 'read,write')),
    created_at   TEXT NOT NULL,
    expires_at   TEXT,
    -- Within a minute.
    last_used_at TEXT,
    revoked_at   TEXT
) STRICT;

CREATE UNIQUE INDEX idx_api_keys_name ON api_keys(name) WHERE revoked_at IS NULL;

-- The answers to requests with an Idempotency-Key, each written in the transaction of what it tells. The program
-- drops them after 7 days.
CREATE TABLE api_answers (
    api_key_id      INTEGER NOT NULL,
    idempotency_key TEXT NOT NULL,
    -- SHA-256 of method, path and body.
    request         TEXT NOT NULL,
    status          INTEGER NOT NULL,
    location        TEXT,
    body            TEXT NOT NULL,
    kept_at         TEXT NOT NULL,
    PRIMARY KEY (api_key_id, idempotency_key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_api_answers_kept_at ON api_answers(kept_at);

-- Few expire: the counts of a message ask for them.
CREATE INDEX idx_deliveries_expired ON deliveries(auto_message_id) WHERE status = 'expired';
