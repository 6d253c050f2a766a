-- Sessions that wait for one of ours, and for how long. Only sessions that wait for a lock are asked about:
-- pg_blocking_pids stops the whole lock table for an instant, so it must not be called for every session there is.
SELECT
    waiter.pid,
    blocking.pid AS ours,
    coalesce(
        (
            SELECT extract(epoch FROM clock_timestamp() - min(l.waitstart)) * 1000
            FROM pg_locks AS l
            WHERE l.pid = waiter.pid AND NOT l.granted
        ),
        0
    )::bigint AS waited_ms
FROM (
    SELECT a.pid, pg_blocking_pids(a.pid) AS blockers
    FROM pg_stat_activity AS a
    WHERE a.wait_event_type = 'Lock'
        AND a.pid <> ALL (:'pids'::integer[])
) AS waiter
CROSS JOIN LATERAL unnest(waiter.blockers) AS blocking (pid)
WHERE blocking.pid = ANY (:'pids'::integer[]);
