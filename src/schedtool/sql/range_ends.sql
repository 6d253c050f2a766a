-- The first and the last key there are, about how many (what the planner believes, 0 where nobody has
-- looked yet), and the key's type.
-- The alias matters: ORDER BY of a bare name would mean the text that is selected, and sort 999 behind 1000.
SELECT
    (SELECT source.:"key"::text FROM :"table" AS source ORDER BY source.:"key" LIMIT 1) AS first_key,
    (SELECT source.:"key"::text FROM :"table" AS source ORDER BY source.:"key" DESC LIMIT 1) AS last_key,
    (
        SELECT coalesce(sum(greatest(part.reltuples, 0)), 0)::bigint
        FROM pg_class AS part
        WHERE part.oid = :'table'::regclass
            OR part.oid IN (SELECT leaf.relid FROM pg_partition_tree(:'table'::regclass) AS leaf WHERE leaf.isleaf)
    ) AS estimate,
    (
        SELECT format_type(attribute.atttypid, NULL)
        FROM pg_attribute AS attribute
        WHERE attribute.attrelid = :'table'::regclass AND attribute.attname = :'column'
    ) AS key_type;
