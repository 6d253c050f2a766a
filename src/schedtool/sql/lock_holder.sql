-- Who holds the advisory lock of this schema. Reads only. Another role's statement is hidden by the server.
SELECT
    a.pid, a.usename::text AS role, a.application_name AS application,
    coalesce(a.client_hostname, host(a.client_addr), 'local socket') AS host,
    extract(epoch FROM clock_timestamp() - a.backend_start)::bigint AS age_s, a.state,
    to_char(a.query_start AT TIME ZONE 'UTC', 'HH24:MI:SS') AS query_start,
    -- Without the BEGIN and the limits in front of a file of ours.
    regexp_replace(
        left(regexp_replace(a.query, '^BEGIN;( SET LOCAL [a-z_.]+ = ''[^'']*'';)+\s*', ''), 200), '\s+', ' ', 'g'
    ) AS statement
FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted
    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())
    AND l.classid = (:'class'::bigint & 4294967295)::oid AND l.objid = (:'key'::bigint & 4294967295)::oid AND l.objsubid = 2;
