-- What dropping providers.availability would meet and do, as rows: kind, what, n. refused: what uses the column, or waits
-- for a decision; archived: what goes with the column and comes back with it; look at: what names the column without
-- PostgreSQL knowing. Reads the catalog and counts, changes nothing. By hand: psql -X -f (this file)
WITH found AS (
    SELECT a.attrelid, a.attnum, a.attnotnull, a.atthasdef, a.attacl
    FROM pg_attribute AS a
    WHERE a.attrelid = to_regclass('providers') AND a.attname = 'availability' AND NOT a.attisdropped
),
users AS (
    SELECT d.classid, d.objid, d.objsubid, d.deptype, pg_describe_object(d.classid, d.objid, d.objsubid) AS what
    FROM found AS a
    JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
)
SELECT 'refused' AS kind, 'in use by ' || u.what || ': change or drop it first' AS what, NULL::bigint AS n
FROM users AS u
CROSS JOIN found AS a
WHERE u.deptype = 'n'
    AND NOT (u.classid = 'pg_trigger'::regclass AND u.objid IN (
        SELECT t.oid FROM pg_trigger AS t WHERE t.tgname LIKE 'providers\_availability\_%\_trigger'
    ))
    AND NOT (u.classid = 'pg_constraint'::regclass AND u.objid IN (SELECT k.oid FROM pg_constraint AS k WHERE k.conrelid = a.attrelid))
UNION
SELECT 'refused', 'documents wait for a decision: schedtool rejects', count(*)
FROM provider_availability_rejects AS j
WHERE j.accepted_at IS NULL
HAVING count(*) > 0
UNION
SELECT 'left behind', 'documents that were accepted by name', count(*)
FROM provider_availability_rejects AS j
WHERE j.accepted_at IS NOT NULL
HAVING count(*) > 0
UNION
SELECT 'look at', 'function ' || f.oid::regprocedure || ' has the word availability in its body', NULL
FROM pg_proc AS f
WHERE f.pronamespace = to_regnamespace(quote_ident(current_schema())) AND f.prosrc ~ '\mavailability\M'
    AND f.proname NOT LIKE 'provider\_availability\_%' AND f.proname NOT LIKE 'providers\_availability\_%'
UNION
SELECT 'archived', u.what, NULL
FROM users AS u
WHERE u.classid IN ('pg_class'::regclass, 'pg_statistic_ext'::regclass) AND u.objid <> (SELECT a.attrelid FROM found AS a)
UNION
SELECT 'archived', 'constraint ' || k.conname || ': ' || pg_get_constraintdef(k.oid), NULL
FROM found AS a
JOIN pg_constraint AS k ON k.conrelid = a.attrelid AND a.attnum = ANY (k.conkey) AND k.contype IN ('c', 'u', 'x')
UNION
SELECT 'archived', w.what, NULL
FROM found AS a
CROSS JOIN LATERAL (VALUES
    (CASE WHEN a.attnotnull THEN 'NOT NULL' END),
    ('default ' || (SELECT pg_get_expr(f.adbin, f.adrelid) FROM pg_attrdef AS f WHERE f.adrelid = a.attrelid AND f.adnum = a.attnum)),
    (CASE WHEN a.attacl IS NOT NULL THEN 'grants of the column: ' || array_to_string(a.attacl, ', ') END),
    ('comment: ' || col_description(a.attrelid, a.attnum))
) AS w (what)
WHERE w.what IS NOT NULL
UNION
SELECT 'disk space', 'does not come back by itself: no row is rewritten; the table has now bytes', pg_table_size(a.attrelid)
FROM found AS a
ORDER BY 1 DESC, 2;
