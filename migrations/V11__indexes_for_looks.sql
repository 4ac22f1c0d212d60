-- What looked through rows that only ever become more. Neither index costs a send anything.

-- The last run that somebody's cron triggered: with none among them, every run there ever was.
CREATE INDEX idx_runs_triggered ON runs(id) WHERE trigger IN ('cron', 'api');

-- Whether an unknown delivery has a rival: another one of the same chat and time. Unknown ones stay
-- until a person decides.
CREATE INDEX idx_deliveries_unknown ON deliveries(chat_id, claimed_at) WHERE status = 'unknown';
