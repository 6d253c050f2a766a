-- Moves the cursor and adds the batch's counters, in the transaction that did the work: a killed batch leaves neither.
UPDATE schedtool_range
SET done_key = :'last',
    done = done + :'n'::bigint,
    batches = batches + 1,
    finished_at = CASE WHEN :'last' = last_key THEN clock_timestamp() END,
    counters = (
        SELECT coalesce(jsonb_object_agg(sums.name, sums.value), '{}')
        FROM (
            SELECT parts.key AS name, sum(parts.value::text::bigint) AS value
            FROM (
                SELECT key, value FROM jsonb_each(schedtool_range.counters)
                UNION ALL
                SELECT key, value FROM jsonb_each(:'counters'::jsonb)
            ) AS parts
            GROUP BY parts.key
        ) AS sums
    )
WHERE job_id = :'job'
    AND number = :'number';
