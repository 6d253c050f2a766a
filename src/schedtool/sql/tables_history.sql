-- schedtool's own record of every run of a migration, failures included, beside yoyo's _yoyo_migration and _yoyo_log,
-- which know neither contents nor durations nor failures. Made by the first command that writes; may be run again.
CREATE TABLE IF NOT EXISTS schedtool_history (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT schedtool_history_id_pkey PRIMARY KEY,
    migration text NOT NULL,
    operation text NOT NULL CONSTRAINT schedtool_history_operation_check
        CHECK (operation IN ('apply', 'rollback', 'repair', 'adopt')),
    outcome text NOT NULL CONSTRAINT schedtool_history_outcome_check
        CHECK (outcome IN ('started', 'done', 'failed', 'refused', 'busy', 'interrupted')),
    checksum text,
    content text,
    applied_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    duration_ms bigint,
    retries integer NOT NULL DEFAULT 0,
    documents bigint,
    rows bigint,
    error text,
    database_user text NOT NULL DEFAULT session_user,
    os_user text,
    host text,
    tool_version text
);

COMMENT ON TABLE schedtool_history IS 'schedtool: who ran which migration when, for how long, with which outcome';
COMMENT ON COLUMN schedtool_history.migration IS 'File name without .sql, the same as in _yoyo_migration';
COMMENT ON COLUMN schedtool_history.operation IS 'apply, rollback, repair (an edit accepted) or adopt (found in the catalog)';
COMMENT ON COLUMN schedtool_history.outcome IS 'started stays only where a run outside a transaction ended without a word';
COMMENT ON COLUMN schedtool_history.checksum IS 'SHA-256 of the file as it was sent, without BOM and with line feeds only';
COMMENT ON COLUMN schedtool_history.content IS 'The file as it was sent, so that a later edit can be shown line by line';
COMMENT ON COLUMN schedtool_history.applied_at IS 'applied_at_utc of the record in _yoyo_migration that this run wrote or accepted';
COMMENT ON COLUMN schedtool_history.started_at IS 'When the run began, by the server''s clock';
COMMENT ON COLUMN schedtool_history.duration_ms IS 'Milliseconds from the first try to the end, batches and waits included';
COMMENT ON COLUMN schedtool_history.retries IS 'Tries that met a lock, a deadlock or a cancelled statement';
COMMENT ON COLUMN schedtool_history.documents IS 'Documents its batches read; NULL where it has none';
COMMENT ON COLUMN schedtool_history.rows IS 'Rows its statements and batches wrote';
COMMENT ON COLUMN schedtool_history.error IS 'SQLSTATE and message of what stopped it';
COMMENT ON COLUMN schedtool_history.database_user IS 'The role that was logged in';
COMMENT ON COLUMN schedtool_history.os_user IS 'The operating system''s user on the machine that ran schedtool';
COMMENT ON COLUMN schedtool_history.host IS 'The machine that ran schedtool';
COMMENT ON COLUMN schedtool_history.tool_version IS 'The version of schedtool';

CREATE INDEX IF NOT EXISTS schedtool_history_migration_idx ON schedtool_history (migration, id);
