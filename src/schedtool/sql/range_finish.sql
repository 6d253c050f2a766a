-- No key is left in this range: those at its end were deleted meanwhile.
UPDATE schedtool_range
SET finished_at = clock_timestamp()
WHERE job_id = :'job'
    AND number = :'number';
