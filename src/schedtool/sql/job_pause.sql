-- Pauses the unfinished jobs of a migration, or lets them go on.
UPDATE schedtool_job
SET paused = :'paused',
    updated_at = clock_timestamp()
WHERE migration = :'migration'
    AND state = 'running'
RETURNING id;
