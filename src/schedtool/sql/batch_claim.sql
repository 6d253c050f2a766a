-- One open range for this transaction. Whoever dies, dies with the lock and leaves the cursor where it was.
SELECT number, first_key, last_key, done_key
FROM schedtool_range
WHERE job_id = :'job'
    AND finished_at IS NULL
ORDER BY number
LIMIT 1
FOR UPDATE SKIP LOCKED;
