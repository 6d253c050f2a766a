-- Whether sessions of others in this database are at work, or were a moment ago; and whether there are some that this role
-- may not look at (without pg_monitor), or that do not say (track_activities is off), which may be at work for all we know.
SELECT
    coalesce(bool_or(a.state = 'active' OR a.state_change > clock_timestamp() - :'within'::interval), false) AS seen,
    coalesce(bool_or(a.state IS NULL OR a.state = 'disabled'), false) AS hidden
FROM pg_stat_activity AS a
WHERE a.datname = current_database()
    -- Neither a background process nor a worker of somebody's parallel query; and no sender of the write-ahead log, which a
    -- role may not tell from others by its type.
    AND coalesce(a.backend_type, 'client backend') = 'client backend'
    AND a.usesysid IS NOT NULL
    AND NOT EXISTS (SELECT FROM pg_stat_replication AS r WHERE r.pid = a.pid)
    AND a.application_name NOT LIKE 'schedtool%';
