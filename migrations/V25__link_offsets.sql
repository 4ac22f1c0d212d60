-- A website writes the times of a series in the wall-clock of a browser, without its zone, and the first of them as an
-- instant. That tells the offset; of a later time it cannot be told any more, so it is kept.
CREATE TABLE link_offsets (
    project     TEXT NOT NULL,
    remote_id   TEXT NOT NULL,
    offset_secs INTEGER NOT NULL,               -- how far the wall-clock is ahead of UTC; none for TIMEZONE's
    PRIMARY KEY (project, remote_id)
) STRICT, WITHOUT ROWID;
