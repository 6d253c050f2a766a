-- Gives up the batch of one of our own sessions, because somebody has waited for it long enough.
SELECT pg_cancel_backend(:'pid'::integer) AS cancelled;
