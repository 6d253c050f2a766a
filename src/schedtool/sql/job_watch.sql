-- Shows the world why the workers rest (or that they do not), and reads whether somebody paused the job.
UPDATE schedtool_job
SET resting = nullif(:'resting', ''),
    updated_at = clock_timestamp()
WHERE id = :'job'
RETURNING paused, state;
