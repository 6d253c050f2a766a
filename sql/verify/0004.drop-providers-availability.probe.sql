-- Try one row per constraint of 0004 that the constraint must refuse, and say which constraint refused it.
-- Run by schedtool verify --probe inside a transaction that is always rolled back; no try gets as far as a row, a sequence
-- or a trigger. By hand: psql -X -c BEGIN -f (this file) -c ROLLBACK
CREATE TEMPORARY TABLE schedtool_probes (name text, statement text, caught text) ON COMMIT DROP;

INSERT INTO schedtool_probes (name, statement)
VALUES
    ('providers_availability_archive_id_pkey', 'INSERT INTO providers_availability_archive (id, provider_key, rows_hash, proof) OVERRIDING SYSTEM VALUE VALUES (-1, '''', 0, 0), (-1, '''', 0, 0)'),
    ('providers_availability_archive_provider_id_key', 'INSERT INTO providers_availability_archive (id, provider_id, provider_key, rows_hash, proof) OVERRIDING SYSTEM VALUE VALUES (-1, ?, '''', 0, 0), (-2, ?, '''', 0, 0)'),
    ('providers_availability_archive_provider_id_fkey', 'INSERT INTO providers_availability_archive (id, provider_id, provider_key, rows_hash, proof) OVERRIDING SYSTEM VALUE VALUES (-1, ?, '''', 0, 0)'),
    ('providers_availability_archive_definitions_place_pkey', 'INSERT INTO providers_availability_archive_definitions (place, definition) VALUES (-1, ''''), (-1, '''')');

DO $$
DECLARE
    probe record;
    stranger text;
    caught text;
BEGIN
    PERFORM set_config('schedtool.sync', 'document', true);
    -- A key that no provider and no user has, in the type of theirs.
    SELECT CASE WHEN format_type(a.atttypid, a.atttypmod) = 'uuid' THEN gen_random_uuid()::text ELSE (
        SELECT (least(0, min(p.id::text::bigint), (SELECT min(u.id::text::bigint) FROM users AS u)) - 1)::text FROM providers AS p
    ) END INTO stranger
    FROM pg_attribute AS a
    WHERE a.attrelid = to_regclass('providers') AND a.attname = 'id';
    FOR probe IN SELECT s.name, s.statement FROM schedtool_probes AS s LOOP
        caught := 'nothing';
        BEGIN
            EXECUTE replace(probe.statement, '?', quote_literal(stranger));
            RAISE EXCEPTION 'not refused' USING ERRCODE = 'ST000';
        EXCEPTION
            WHEN integrity_constraint_violation THEN
                GET STACKED DIAGNOSTICS caught = CONSTRAINT_NAME;
            WHEN SQLSTATE 'ST000' THEN
                NULL;
        END;
        UPDATE schedtool_probes AS s SET caught = probes.caught FROM (SELECT probe.name, caught) AS probes (name, caught) WHERE s.name = probes.name;
    END LOOP;
END
$$;

SELECT
    'constraints' AS section,
    s.name,
    s.caught = s.name AS passed,
    s.name AS expected,
    s.caught AS actual,
    s.statement AS detail
FROM schedtool_probes AS s
ORDER BY s.name;
