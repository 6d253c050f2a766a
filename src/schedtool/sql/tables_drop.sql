-- Takes away what this very run has made, when nothing came of it: a database that was named by mistake stays as it was.
DROP TABLE IF EXISTS
    schedtool_range, schedtool_job, schedtool_history, _yoyo_migration, _yoyo_log, _yoyo_version, yoyo_lock;
