-- Takes a job up again: who runs it now, and what has been done.
UPDATE schedtool_job
SET runner = :'runner',
    resting = NULL,
    rate = 0,
    left_at = NULL,
    updated_at = clock_timestamp()
WHERE id = :'job'
RETURNING
    total,
    is_stripped,
    (SELECT coalesce(sum(done), 0)::bigint FROM schedtool_range WHERE job_id = schedtool_job.id) AS done;
