-- yoyo's own lock, so that plain yoyo keeps out; without its failing INSERT, which writes an ERROR into the server's log.
INSERT INTO yoyo_lock (locked, ctime, pid)
VALUES (1, clock_timestamp() AT TIME ZONE 'UTC', - pg_backend_pid())
ON CONFLICT (locked) DO NOTHING
RETURNING pid;
