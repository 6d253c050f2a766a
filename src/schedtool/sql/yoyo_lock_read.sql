-- Who holds yoyo's lock, and for how many seconds: a positive pid is a plain yoyo's process, a negative one a server
-- process of schedtool. Reads only.
SELECT pid, extract(epoch FROM clock_timestamp() AT TIME ZONE 'UTC' - ctime)::bigint AS age_s
FROM yoyo_lock;
