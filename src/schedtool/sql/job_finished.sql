-- The latest job of this migration, in either direction, if it went forward to its end and nothing was rolled back since.
SELECT job.id
FROM schedtool_job AS job
WHERE job.id = (SELECT max(latest.id) FROM schedtool_job AS latest WHERE latest.migration = :'migration')
    AND job.direction = 'forward'
    AND job.state = 'done'
    AND job.keys = :'keys'
    AND job.checksum = :'checksum'
    AND job.rollbacks = :'rollbacks'::bigint
    AND job.settings IS NOT DISTINCT FROM nullif(:'settings', '')::jsonb;
