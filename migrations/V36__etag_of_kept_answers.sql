-- The ETag of an answer that is given again, for a change that follows it with If-Match.
ALTER TABLE api_answers ADD COLUMN etag TEXT;
