-- How big a table is, and how many rows the planner expects in it; NULLs where it is missing. Reads only the catalog.
SELECT
    sum(pg_relation_size(c.oid))::bigint AS bytes,
    sum(CASE WHEN c.reltuples >= 0 THEN c.reltuples END)::bigint AS estimate
FROM (
    -- A partitioned table has no rows of its own.
    SELECT t.relid
    FROM pg_partition_tree(to_regclass(quote_ident(:'table'))) AS t
    WHERE t.isleaf
    UNION
    SELECT to_regclass(quote_ident(:'table'))
) AS part
JOIN pg_catalog.pg_class AS c ON c.oid = part.relid
WHERE c.relkind <> 'p';
