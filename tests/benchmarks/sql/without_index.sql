-- The index of 0001 that people would not have: they have theirs.
DROP INDEX provider_availability_day_of_week_timezone_idx;
