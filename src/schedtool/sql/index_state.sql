-- How an index stands: valid or invalid; no row where there is none of this name. Reads only.
SELECT CASE WHEN i.indisvalid THEN 'valid' ELSE 'invalid' END AS state
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relname = :'name' AND n.nspname = current_schema();
