-- A provider's coming bookings, the next one first.
-- By hand: psql -X -v provider_id=1 -f sql/queries/coming-bookings.sql
SELECT b.id, b.appointment_date, b.session_type, b.status, u.name AS user_name, u.email AS user_email
FROM bookings b JOIN users u ON b.user_id = u.id
WHERE b.provider_id = :'provider_id' AND b.appointment_date > CURRENT_TIMESTAMP AND b.status IN ('scheduled', 'confirmed')
ORDER BY b.appointment_date ASC;
