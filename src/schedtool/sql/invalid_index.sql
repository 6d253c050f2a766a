-- An INVALID index of this name, left by a CREATE INDEX CONCURRENTLY that did not end, and not being built right now.
-- A partitioned index (relkind I) may be invalid on purpose, until its parts are attached. Reads only.
SELECT n.nspname::text AS schema, c.relname::text AS name
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND c.relkind = 'i' AND c.relname = :'name' AND n.nspname = current_schema()
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_stat_progress_create_index AS p WHERE p.index_relid = c.oid
    );
