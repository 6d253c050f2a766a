-- Whether the engine's tables are there at all: a database nothing was run on has no jobs, which is no error.
SELECT to_regclass('schedtool_job') IS NOT NULL AND to_regclass('schedtool_range') IS NOT NULL AS present;
