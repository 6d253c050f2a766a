-- Of these tables the file each is stored in, which a rewrite changes, and the constraints that are not validated. A
-- table that is gone has no row. Reads only.
SELECT
    class.relname::text AS name,
    coalesce(pg_relation_filenode(class.oid), 0)::bigint AS file,
    array(
        SELECT c.conname::text
        FROM pg_catalog.pg_constraint AS c
        WHERE c.conrelid = class.oid AND NOT c.convalidated
        ORDER BY c.conname
    ) AS unvalidated
FROM pg_catalog.pg_class AS class
WHERE class.oid::bigint = ANY (:'tables'::bigint[]);
