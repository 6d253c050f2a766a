-- What 0001 promises of its tables: every constraint there, enabled and validated; every index valid.
-- Reads the catalog only. By hand: psql -X -f (this file); psql exits 0 on a failed check, schedtool verify with 3.
SELECT
    'constraints' AS section,
    w.name,
    c.convalidated IS TRUE AND NOT o.is_off AS passed,
    'validated' AS expected,
    CASE
        WHEN c.oid IS NULL THEN 'missing'
        WHEN o.is_off THEN 'not checked: its triggers are disabled'
        WHEN c.convalidated THEN 'validated'
        ELSE 'not validated'
    END AS actual,
    coalesce(pg_get_constraintdef(c.oid), '') AS detail
FROM (VALUES
    ('provider_availability', 'provider_availability_id_pkey'),
    ('provider_availability', 'provider_availability_provider_id_day_of_week_key'),
    ('provider_availability', 'provider_availability_provider_id_fkey'),
    ('provider_availability', 'provider_availability_day_of_week_check'),
    ('provider_availability', 'provider_availability_is_available_check'),
    ('provider_availability', 'provider_availability_end_time_check'),
    ('bookings', 'bookings_id_pkey'),
    ('bookings', 'bookings_user_id_fkey'),
    ('bookings', 'bookings_provider_id_fkey'),
    ('bookings', 'bookings_session_duration_check'),
    ('bookings', 'bookings_status_check'),
    ('bookings', 'bookings_amount_check'),
    ('bookings', 'bookings_payment_status_check'),
    ('bookings', 'bookings_session_ended_at_check'),
    ('bookings', 'bookings_actual_duration_check')
) AS w (table_name, name)
LEFT JOIN pg_constraint AS c ON c.conrelid = to_regclass(w.table_name) AND c.conname = w.name
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgconstraint = c.oid AND t.tgenabled NOT IN ('O', 'A')) AS is_off
) AS o
UNION ALL
SELECT
    'constraints',
    w.name,
    i.indisvalid IS TRUE AND i.indisready IS TRUE,
    'valid',
    CASE WHEN i.indexrelid IS NULL THEN 'missing' WHEN i.indisvalid AND i.indisready THEN 'valid' ELSE 'not valid' END,
    coalesce(pg_get_indexdef(i.indexrelid), '')
FROM (VALUES
    ('provider_availability_id_pkey'),
    ('provider_availability_provider_id_day_of_week_key'),
    ('provider_availability_day_of_week_timezone_idx'),
    ('bookings_id_pkey'),
    ('bookings_provider_id_appointment_date_idx'),
    ('bookings_user_id_appointment_date_idx')
) AS w (name)
LEFT JOIN pg_index AS i ON i.indexrelid = to_regclass(w.name)
ORDER BY 2, 4;
