-- Whether somebody has paused the job, or given it up.
SELECT paused, state
FROM schedtool_job
WHERE id = :'job';
