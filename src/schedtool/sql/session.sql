-- Sets up a session and tells what kind of server and schema it has met. The caller sends it as its first message.
SELECT
    set_config('search_path', quote_ident(:'schema'), false),
    set_config('lock_timeout', :'lock_timeout', false),
    set_config('statement_timeout', :'statement_timeout', false),
    set_config('idle_in_transaction_session_timeout', '5min', false),
    -- It holds the tool's lock while batches work on other sessions, and rests between tries: idle, and needed.
    set_config('idle_session_timeout', '0', false),
    -- What is decided behind a lock must see what was committed before it, whatever this database's default is.
    set_config('default_transaction_isolation', 'read committed', false),
    -- A role that may see only some of the rows gets an error, never a short answer.
    set_config('row_security', 'off', false),
    set_config('TimeZone', 'UTC', false),
    set_config('DateStyle', 'ISO, YMD', false),
    set_config('IntervalStyle', 'postgres', false),
    set_config('standard_conforming_strings', 'on', false);

SELECT
    current_database() AS database,
    session_user AS role,
    pg_is_in_recovery() AS standby,
    current_setting('default_transaction_read_only')::boolean AS read_only,
    to_regnamespace(quote_ident(:'schema')) IS NOT NULL AS schema_exists,
    coalesce(has_schema_privilege(to_regnamespace(quote_ident(:'schema'))::oid, 'USAGE'), false) AS schema_usable,
    CASE WHEN :'read_only' = 'on' THEN set_config('default_transaction_read_only', 'on', false) END AS now_read_only;
