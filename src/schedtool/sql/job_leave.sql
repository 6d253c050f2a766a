-- Nobody is at work on the job any more: a run that can still say so does.
UPDATE schedtool_job
SET resting = NULL,
    left_at = clock_timestamp()
WHERE id = :'job';
