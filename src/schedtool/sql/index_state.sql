-- How the index of this name stands: valid; invalid, as a CREATE INDEX CONCURRENTLY leaves it that did not end; building,
-- by a session that is at it right now; different, where it is not the index that is meant. No row where there is none.
-- A partitioned index (relkind I) may be invalid on purpose, until its parts are attached. Reads only.
SELECT
    CASE
        WHEN t.relname <> :'table' OR i.indisunique <> :'unique'::boolean OR c.relkind <> 'i' THEN 'different'
        WHEN i.indisvalid THEN 'valid'
        WHEN EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index AS p WHERE p.index_relid = c.oid) THEN 'building'
        ELSE 'invalid'
    END AS state
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_class AS t ON t.oid = i.indrelid
WHERE c.relname = :'name' AND c.relnamespace = to_regnamespace(quote_ident(current_schema()));
