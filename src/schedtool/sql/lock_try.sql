-- Polled in autocommit: a session that waits inside pg_advisory_lock() holds a snapshot, and CREATE INDEX CONCURRENTLY
-- of the lock's holder would wait for it in turn.
SELECT pg_try_advisory_lock(:'class'::integer, :'key'::integer) AS taken, pg_backend_pid() AS pid;
