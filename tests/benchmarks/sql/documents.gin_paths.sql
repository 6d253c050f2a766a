-- The smaller index on a document column, for "contains" and nothing else.
CREATE INDEX providers_availability_gin_paths ON providers USING gin (availability jsonb_path_ops);
