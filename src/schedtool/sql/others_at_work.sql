-- Whether sessions of others in this database are at work, or were a moment ago; and whether there are some that this role
-- may not look at (without pg_monitor), which may be at work for all we know.
SELECT
    coalesce(bool_or(a.state = 'active' OR a.state_change > clock_timestamp() - :'within'::interval), false) AS seen,
    coalesce(bool_or(a.state IS NULL), false) AS hidden
FROM pg_stat_activity AS a
WHERE a.datname = current_database()
    -- Neither a background process nor a worker of somebody's parallel query.
    AND coalesce(a.backend_type, 'client backend') = 'client backend'
    AND a.usesysid IS NOT NULL
    AND a.application_name NOT LIKE 'schedtool%';
