-- Shows the world how fast the workers are and why they rest (or that they do not): updated_at says that somebody is there.
UPDATE schedtool_job
SET resting = nullif(:'resting', ''),
    rate = :'rate',
    updated_at = clock_timestamp()
WHERE id = :'job';
