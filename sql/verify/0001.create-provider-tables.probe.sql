-- Try one row per constraint of 0001 that the constraint must refuse, and say which constraint refused it.
-- Run by schedtool verify --probe inside a transaction that is always rolled back; no try gets as far as a row, a sequence
-- or a trigger. By hand: psql -X -c BEGIN -f (this file) -c ROLLBACK
CREATE TEMPORARY TABLE schedtool_probes (name text, statement text, caught text) ON COMMIT DROP;

INSERT INTO schedtool_probes (name, statement)
VALUES
    ('provider_availability_id_pkey', 'INSERT INTO provider_availability (id, provider_id, day_of_week, is_available, start_time, end_time) VALUES (-1, ?, ''monday'', false, NULL, NULL), (-1, ?, ''tuesday'', false, NULL, NULL)'),
    ('provider_availability_provider_id_day_of_week_key', 'INSERT INTO provider_availability (id, provider_id, day_of_week, is_available, start_time, end_time) VALUES (-1, ?, ''monday'', false, NULL, NULL), (-2, ?, ''monday'', false, NULL, NULL)'),
    ('provider_availability_provider_id_fkey', 'INSERT INTO provider_availability (id, provider_id, day_of_week, is_available, start_time, end_time) VALUES (-1, ?, ''monday'', false, NULL, NULL)'),
    ('provider_availability_day_of_week_check', 'INSERT INTO provider_availability (id, provider_id, day_of_week, is_available, start_time, end_time) VALUES (-1, ?, ''someday'', false, NULL, NULL)'),
    ('provider_availability_is_available_check', 'INSERT INTO provider_availability (id, provider_id, day_of_week, is_available, start_time, end_time) VALUES (-1, ?, ''monday'', true, ''09:00'', NULL)'),
    ('provider_availability_end_time_check', 'INSERT INTO provider_availability (id, provider_id, day_of_week, is_available, start_time, end_time) VALUES (-1, ?, ''monday'', true, ''17:00'', ''09:00'')'),
    ('bookings_id_pkey', 'INSERT INTO bookings (id, user_id, provider_id, appointment_date) VALUES (-1, ?, ?, CURRENT_TIMESTAMP), (-1, ?, ?, CURRENT_TIMESTAMP)'),
    ('bookings_user_id_fkey', 'INSERT INTO bookings (id, user_id, provider_id, appointment_date) SELECT -1, ?, p.id, CURRENT_TIMESTAMP FROM (SELECT id FROM providers UNION ALL SELECT ? LIMIT 1) AS p (id)'),
    ('bookings_provider_id_fkey', 'INSERT INTO bookings (id, user_id, provider_id, appointment_date) SELECT -1, u.id, ?, CURRENT_TIMESTAMP FROM (SELECT id FROM users UNION ALL SELECT ? LIMIT 1) AS u (id)'),
    ('bookings_session_duration_check', 'INSERT INTO bookings (id, user_id, provider_id, appointment_date, session_duration) VALUES (-1, ?, ?, CURRENT_TIMESTAMP, 0)'),
    ('bookings_status_check', 'INSERT INTO bookings (id, user_id, provider_id, appointment_date, status) VALUES (-1, ?, ?, CURRENT_TIMESTAMP, ''lost'')'),
    ('bookings_amount_check', 'INSERT INTO bookings (id, user_id, provider_id, appointment_date, amount) VALUES (-1, ?, ?, CURRENT_TIMESTAMP, -0.01)'),
    ('bookings_payment_status_check', 'INSERT INTO bookings (id, user_id, provider_id, appointment_date, payment_status) VALUES (-1, ?, ?, CURRENT_TIMESTAMP, ''owed'')'),
    ('bookings_session_ended_at_check', 'INSERT INTO bookings (id, user_id, provider_id, appointment_date, session_started_at, session_ended_at) VALUES (-1, ?, ?, CURRENT_TIMESTAMP, ''2026-01-01 10:00+00'', ''2026-01-01 09:00+00'')'),
    ('bookings_actual_duration_check', 'INSERT INTO bookings (id, user_id, provider_id, appointment_date, actual_duration) VALUES (-1, ?, ?, CURRENT_TIMESTAMP, 0)');

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
    s.caught = s.name
        -- Without a single user no booking gets past the key of users, which refuses first: then the catalog has to do.
        OR s.name = 'bookings_provider_id_fkey' AND s.caught = 'bookings_user_id_fkey' AND NOT EXISTS (SELECT FROM users) AND EXISTS (
            SELECT
            FROM pg_constraint AS c
            WHERE c.conrelid = to_regclass('bookings') AND c.conname = s.name AND c.convalidated
                AND NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgconstraint = c.oid AND t.tgenabled NOT IN ('O', 'A'))
        ) AS passed,
    s.name AS expected,
    s.caught AS actual,
    s.statement AS detail
FROM schedtool_probes AS s
ORDER BY s.name;
