-- A new job. What was begun before, in either direction, never goes on: the two undo each other.
UPDATE schedtool_job
SET state = 'abandoned',
    finished_at = clock_timestamp(),
    updated_at = clock_timestamp()
WHERE migration = :'migration'
    AND state = 'running';

-- What an earlier job has taken away and not brought back is this one's to bring back.
INSERT INTO schedtool_job (migration, direction, keys, checksum, settings, rollbacks, runner, is_stripped)
SELECT
    :'migration', :'direction', :'keys', :'checksum', nullif(:'settings', '')::jsonb, :'rollbacks'::bigint, :'runner',
    EXISTS (SELECT FROM schedtool_job AS earlier WHERE earlier.migration = :'migration' AND earlier.is_stripped)
RETURNING id, is_stripped;
