-- A new job. What was begun before, in either direction, never goes on: the two undo each other.
UPDATE schedtool_job
SET state = 'abandoned',
    finished_at = clock_timestamp(),
    updated_at = clock_timestamp()
WHERE migration = :'migration'
    AND state = 'running';

INSERT INTO schedtool_job (migration, direction, keys, checksum, settings, rollbacks, runner)
VALUES (:'migration', :'direction', :'keys', :'checksum', nullif(:'settings', '')::jsonb, :'rollbacks', :'runner')
RETURNING id;
