-- Whether a log of rollbacks is kept here.
SELECT to_regclass('_yoyo_log') IS NOT NULL AS present;
