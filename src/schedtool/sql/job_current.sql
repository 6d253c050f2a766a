-- The job of this migration and direction that is begun and not finished, if there is one.
SELECT id, paused, keys, checksum, settings::text AS settings, rollbacks, total
FROM schedtool_job
WHERE migration = :'migration'
    AND direction = :'direction'
    AND state = 'running'
FOR UPDATE;
