-- How many workers the server has room for, two at most: one where few connections are free for everybody else.
SELECT CASE WHEN settings.slots - reserved.slots - used.n < 20 THEN 1 ELSE 2 END AS workers
FROM (SELECT current_setting('max_connections')::integer) AS settings (slots)
CROSS JOIN (SELECT current_setting('superuser_reserved_connections')::integer) AS reserved (slots)
CROSS JOIN (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS used (n);
