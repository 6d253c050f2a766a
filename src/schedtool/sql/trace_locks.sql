-- The table locks that one session holds or waits for, and for whom it waits. Reads only.
SELECT
    lock.relation::bigint AS oid,
    upper(trim(regexp_replace(left(lock.mode, -4), '([A-Z])', ' \1', 'g'))) AS mode,
    CASE WHEN lock.granted THEN '{}' ELSE pg_blocking_pids(lock.pid) END AS blockers
FROM pg_catalog.pg_locks AS lock
WHERE lock.pid = :'pid'::integer AND (lock.locktype = 'relation' OR NOT lock.granted);
