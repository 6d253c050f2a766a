-- Rollbacks on record, by whichever tool: a number that only grows.
SELECT count(*) AS rollbacks
FROM _yoyo_log
WHERE operation IN ('rollback', 'unmark');
