-- Which locks schedtool's sessions hold just now on these tables, one row per transaction, table and mode.
SELECT
    lock.pid,
    lock.virtualtransaction AS transaction,
    lock.relation::bigint AS oid,
    upper(trim(regexp_replace(left(lock.mode, -4), '([A-Z])', ' \1', 'g'))) AS mode
FROM pg_locks AS lock
WHERE lock.locktype = 'relation'
    AND lock.granted
    AND lock.relation::bigint = ANY (:'tables'::bigint[])
    AND lock.pid <> pg_backend_pid()
    AND lock.pid IN (
        SELECT session.pid
        FROM pg_stat_activity AS session
        WHERE session.datname = current_database() AND session.application_name LIKE 'schedtool %'
    );
