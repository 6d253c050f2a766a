-- The latest job of each migration and direction, with its progress.
SELECT
    job.id,
    job.migration,
    job.direction,
    job.state,
    job.paused,
    job.runner,
    CASE WHEN job.state = 'running' THEN job.resting END AS resting,
    job.is_stripped,
    job.state = 'running' AND job.left_at IS NULL AND job.updated_at > clock_timestamp() - interval '15 seconds' AS is_at_work,
    job.rate,
    job.total,
    (SELECT coalesce(sum(done), 0)::bigint FROM schedtool_range WHERE job_id = job.id) AS done,
    (
        SELECT coalesce(jsonb_object_agg(sums.name, sums.value), '{}')::text
        FROM (
            SELECT each.key AS name, sum(each.value::text::bigint) AS value
            FROM schedtool_range, jsonb_each(schedtool_range.counters) AS each
            WHERE schedtool_range.job_id = job.id
            GROUP BY each.key
        ) AS sums
    ) AS counters,
    job.started_at,
    job.updated_at,
    job.finished_at
FROM schedtool_job AS job
WHERE job.id IN (SELECT max(id) FROM schedtool_job GROUP BY migration, direction)
ORDER BY job.id;
