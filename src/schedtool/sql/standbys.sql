-- How far the write-ahead log is written, and how far each standby has replayed it, both in bytes. A logical subscriber is
-- no standby. A role without pg_monitor sees that there are some, and nothing about them.
SELECT
    (pg_current_wal_lsn() - '0/0')::bigint AS written,
    coalesce(nullif(s.application_name, ''), host(s.client_addr), 'process ' || s.pid) AS name,
    (s.replay_lsn - '0/0')::bigint AS replayed,
    coalesce(s.pid IS NOT NULL AND s.state IS NULL, false) AS hidden
FROM (SELECT 1) AS one (row)
LEFT JOIN pg_stat_replication AS s ON NOT EXISTS (
    SELECT FROM pg_replication_slots AS slot WHERE slot.active_pid = s.pid AND slot.slot_type = 'logical'
);
