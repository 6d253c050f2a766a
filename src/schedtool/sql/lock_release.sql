-- Gives the lock back before the session ends, for sessions that go on (a pooler keeps them).
SELECT pg_advisory_unlock(:'class'::integer, :'key'::integer) AS released;
