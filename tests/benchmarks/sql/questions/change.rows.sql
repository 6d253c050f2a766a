\set provider random(1, :documents)
\set minutes random(0, 59)
-- Change a provider's Tuesday.
UPDATE provider_availability
SET is_available = true, start_time = make_time(8, :minutes, 0), end_time = '18:00'
WHERE provider_id = :provider AND day_of_week = 'tuesday';
