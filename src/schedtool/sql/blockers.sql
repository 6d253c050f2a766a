-- What makes a session wait: other sessions, and prepared transactions that nobody ended, which no session holds. Reads
-- only. Another role's statement is hidden by the server.
SELECT
    a.pid, a.usename::text AS role, a.application_name AS application,
    coalesce(a.client_hostname, host(a.client_addr), 'local socket') AS host,
    extract(epoch FROM clock_timestamp() - a.xact_start)::bigint AS age_s, a.state,
    to_char(a.query_start AT TIME ZONE 'UTC', 'HH24:MI:SS') AS query_start,
    -- Without the BEGIN and the limits in front of a file of ours.
    regexp_replace(
        left(regexp_replace(a.query, '^BEGIN;( SET LOCAL [a-z_.]+ = ''[^'']*'';)+\s*', ''), 200), '\s+', ' ', 'g'
    ) AS statement
FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid = ANY (pg_blocking_pids(:'pid'::integer))
UNION ALL
SELECT
    0, p.owner::text, 'prepared transaction ' || quote_literal(p.gid), 'no session',
    extract(epoch FROM clock_timestamp() - p.prepared)::bigint, 'prepared',
    to_char(p.prepared AT TIME ZONE 'UTC', 'HH24:MI:SS'), 'it waits for COMMIT PREPARED or ROLLBACK PREPARED'
FROM pg_catalog.pg_prepared_xacts AS p
WHERE EXISTS (
    SELECT
    FROM pg_catalog.pg_locks AS held
    JOIN pg_catalog.pg_locks AS wanted
        ON wanted.database = held.database AND wanted.relation = held.relation
    WHERE held.pid IS NULL AND held.granted AND held.virtualtransaction = '-1/' || p.transaction
        AND wanted.pid = :'pid'::integer AND NOT wanted.granted
)
ORDER BY pid;
