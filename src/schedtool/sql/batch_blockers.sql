-- Sessions that wait for one of ours. Only sessions that wait for a lock are asked about: pg_blocking_pids stops the
-- whole lock table for an instant, so it must not be called for every session there is.
SELECT
    waiter.pid,
    coalesce(nullif(waiter.application_name, ''), waiter.backend_type) AS name,
    blocking.pid AS ours
FROM (
    SELECT pid, application_name, backend_type, pg_blocking_pids(pid) AS blockers
    FROM pg_stat_activity
    WHERE wait_event_type = 'Lock'
        AND pid <> ALL (:'pids'::integer[])
) AS waiter
CROSS JOIN LATERAL unnest(waiter.blockers) AS blocking (pid)
WHERE blocking.pid = ANY (:'pids'::integer[]);
