-- The engine's own tables: a job is one pass of a migration's batches over a table's keys, cut into ranges that workers
-- claim. Made beside the records by the first command that writes; may be run again. Takes no lock on any other table.
CREATE TABLE IF NOT EXISTS schedtool_job (
    id bigint GENERATED ALWAYS AS IDENTITY,
    migration text NOT NULL,
    direction text NOT NULL,
    state text NOT NULL DEFAULT 'running',
    paused boolean NOT NULL DEFAULT false,
    keys text NOT NULL,
    checksum text NOT NULL,
    settings jsonb,
    rollbacks bigint NOT NULL,
    total bigint NOT NULL DEFAULT 0,
    counters jsonb NOT NULL DEFAULT '{}',
    runner text NOT NULL,
    resting text,
    rate double precision NOT NULL DEFAULT 0,
    is_stripped boolean NOT NULL DEFAULT false,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    left_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT schedtool_job_id_pkey PRIMARY KEY (id),
    CONSTRAINT schedtool_job_direction_check CHECK (direction IN ('forward', 'back')),
    CONSTRAINT schedtool_job_state_check CHECK (state IN ('running', 'done', 'abandoned'))
);

-- Two runs that start at one instant cannot both make a job.
CREATE UNIQUE INDEX IF NOT EXISTS schedtool_job_migration_direction_key
    ON schedtool_job (migration, direction)
    WHERE state = 'running';

CREATE TABLE IF NOT EXISTS schedtool_range (
    job_id bigint NOT NULL,
    number bigint NOT NULL,
    first_key text NOT NULL,
    last_key text NOT NULL,
    done_key text,
    planned bigint NOT NULL,
    done bigint NOT NULL DEFAULT 0,
    batches bigint NOT NULL DEFAULT 0,
    counters jsonb NOT NULL DEFAULT '{}',
    finished_at timestamptz,
    CONSTRAINT schedtool_range_job_id_number_pkey PRIMARY KEY (job_id, number),
    CONSTRAINT schedtool_range_job_id_fkey FOREIGN KEY (job_id) REFERENCES schedtool_job (id) ON DELETE CASCADE
);

-- A claim looks for the first open range; without this it would step over every finished one.
CREATE INDEX IF NOT EXISTS schedtool_range_open_idx
    ON schedtool_range (job_id, number)
    WHERE finished_at IS NULL;

COMMENT ON TABLE schedtool_job IS 'One pass of a migration''s batches; forward, or back for its rollback';
COMMENT ON COLUMN schedtool_job.migration IS 'Id of the migration, its file name without .sql';
COMMENT ON COLUMN schedtool_job.state IS 'running: begun and not finished, taken up again by the next run; abandoned: will never go on';
COMMENT ON COLUMN schedtool_job.paused IS 'Set by --pause, cleared by --resume; workers rest while it is true';
COMMENT ON COLUMN schedtool_job.keys IS 'Table and key column that the ranges run over';
COMMENT ON COLUMN schedtool_job.checksum IS 'SHA-256 of the batch file; another file never goes on where this one stopped';
COMMENT ON COLUMN schedtool_job.settings IS 'What every batch of the job reads by, fixed at its start';
COMMENT ON COLUMN schedtool_job.rollbacks IS 'Rollbacks on record at the start; one more since, and the job starts over';
COMMENT ON COLUMN schedtool_job.total IS 'Keys there were when the ranges were planned';
COMMENT ON COLUMN schedtool_job.counters IS 'Sums of the ranges'' counters, filled when the job is done';
COMMENT ON COLUMN schedtool_job.runner IS 'Who runs it, or ran it last';
COMMENT ON COLUMN schedtool_job.resting IS 'Why its workers rest just now';
COMMENT ON COLUMN schedtool_job.rate IS 'Keys per second of late, of the run that is at it; rests for a reason left out';
COMMENT ON COLUMN schedtool_job.is_stripped IS 'Its .before file has run and its .after file has not: something is taken away that must come back';
COMMENT ON COLUMN schedtool_job.updated_at IS 'Every two seconds while somebody is at work on it';
COMMENT ON COLUMN schedtool_job.left_at IS 'When the last run ended, where it could still say so';
COMMENT ON TABLE schedtool_range IS 'Keys between two bounds, both included; a worker holds the row''s lock for one batch';
COMMENT ON COLUMN schedtool_range.done_key IS 'Everything up to this key, included, is done and counted';
COMMENT ON COLUMN schedtool_range.counters IS 'What the batch file answered, added up by name in the batch''s own transaction';
