-- Remembers that something is taken away for the time of a job, or that it is back.
UPDATE schedtool_job
SET is_stripped = :'is_stripped'
WHERE migration = :'migration';
