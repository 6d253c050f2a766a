-- The sessions that make another session wait. Reads only. Another role's statement is hidden by the server.
SELECT
    a.pid, a.usename::text AS role, a.application_name AS application,
    coalesce(a.client_hostname, host(a.client_addr), 'local socket') AS host,
    extract(epoch FROM clock_timestamp() - a.xact_start)::bigint AS age_s, a.state,
    regexp_replace(left(a.query, 200), '\s+', ' ', 'g') AS statement
FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid = ANY (pg_blocking_pids(:'pid'::integer))
ORDER BY a.pid;
