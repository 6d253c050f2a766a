-- After a rollback no unfinished job may go on where it stopped: what it had written is gone.
UPDATE schedtool_job
SET state = 'abandoned',
    updated_at = clock_timestamp(),
    finished_at = clock_timestamp()
WHERE state = 'running';
