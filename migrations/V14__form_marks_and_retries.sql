-- What each form of the panel made. A form carries a random mark. The mark and the thing that the form
-- made are kept in one transaction, so a form that comes a second time leads to the first thing. The
-- program drops old marks.
CREATE TABLE panel_marks (
    mark    TEXT PRIMARY KEY,
    -- SHA-256 of what was filled in: two forms with the same content are probably one wish.
    form    TEXT NOT NULL,
    -- The id of the message, contact or channel.
    made    INTEGER NOT NULL,
    kept_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_panel_marks_kept_at ON panel_marks(kept_at);

-- A retry is an occurrence of its own, and the counts of its message are of both: retry_of is the due_at
-- of the occurrence whose recipients are tried again, NULL for all else.
ALTER TABLE deliveries ADD COLUMN retry_of TEXT;
