-- Book a session with a provider.
-- writes: bookings
-- By hand: psql -X -v user_id=1 -v provider_id=1 -v appointment_date='2024-01-15 10:00:00' -v session_type='Video Consultation' -v session_duration=60 -v amount=150.00 -v status=scheduled -f sql/queries/book.sql
INSERT INTO bookings (user_id, provider_id, appointment_date, session_type, session_duration, amount, status)
VALUES (:'user_id', :'provider_id', :'appointment_date', :'session_type', :'session_duration', :'amount', :'status') RETURNING *;
