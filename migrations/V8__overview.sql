-- What ended today, counted without a look at every delivery there ever was.
CREATE INDEX idx_deliveries_finished_at ON deliveries(finished_at, status) WHERE finished_at IS NOT NULL;
