-- Sets up a session, or a transaction of one (`local`), and tells what kind of server and schema it has met. The caller
-- sends it as its first message, with the number of the server's process as it knows it: through a pooler that number
-- is another one, and then nothing is set, since the session may be anybody's. 0 is any process.
SELECT set_config(s.name, s.value, :'local'::boolean)
FROM (
    VALUES
    ('search_path', quote_ident(:'schema')),
    ('lock_timeout', :'lock_timeout'),
    ('statement_timeout', :'statement_timeout'),
    ('idle_in_transaction_session_timeout', '5min'),
    -- It holds the tool's lock while batches work on other sessions, and rests between tries: idle, and needed.
    ('idle_session_timeout', '0'),
    -- What is decided behind a lock must see what was committed before it, whatever this database's default is.
    ('default_transaction_isolation', 'read committed'),
    -- A role that may see only some of the rows gets an error, never a short answer.
    ('row_security', 'off'),
    ('TimeZone', 'UTC'),
    ('DateStyle', 'ISO, YMD'),
    ('IntervalStyle', 'postgres'),
    ('standard_conforming_strings', 'on')
) AS s (name, value)
WHERE :'pid'::integer IN (0, pg_backend_pid());

SELECT
    current_database() AS database,
    session_user AS role,
    pg_backend_pid() AS pid,
    pg_is_in_recovery() AS standby,
    current_setting('default_transaction_read_only')::boolean AS read_only,
    to_regnamespace(quote_ident(:'schema')) IS NOT NULL AS schema_exists,
    coalesce(has_schema_privilege(to_regnamespace(quote_ident(:'schema'))::oid, 'USAGE'), false) AS schema_usable,
    CASE
        WHEN :'read_only' = 'on' AND :'pid'::integer IN (0, pg_backend_pid())
            THEN set_config('default_transaction_read_only', 'on', :'local'::boolean)
    END AS now_read_only;
