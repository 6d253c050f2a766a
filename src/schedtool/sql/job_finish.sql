-- Closes a job whose ranges are all finished, and answers with the sums; no row when one is open still.
UPDATE schedtool_job
SET state = 'done',
    resting = NULL,
    left_at = clock_timestamp(),
    counters = coalesce(
        (
            SELECT jsonb_object_agg(sums.name, sums.value)
            FROM (
                SELECT each.key AS name, sum(each.value::text::bigint) AS value
                FROM schedtool_range, jsonb_each(schedtool_range.counters) AS each
                WHERE schedtool_range.job_id = schedtool_job.id
                GROUP BY each.key
            ) AS sums
        ),
        '{}'
    ),
    updated_at = clock_timestamp(),
    finished_at = clock_timestamp()
WHERE id = :'job'
    AND state = 'running'
    AND NOT EXISTS (
        SELECT FROM schedtool_range WHERE schedtool_range.job_id = schedtool_job.id AND finished_at IS NULL
    )
RETURNING
    counters::text,
    (SELECT coalesce(sum(done), 0)::bigint FROM schedtool_range WHERE schedtool_range.job_id = schedtool_job.id) AS done;
