-- Set a provider's hours on one day of the week.
-- writes: provider_availability
-- By hand: psql -X -v provider_id=1 -v day_of_week=monday -v is_available=true -v start_time=09:00 -v end_time=17:00 -v timezone=America/New_York -f sql/queries/set-day.sql
INSERT INTO provider_availability (provider_id, day_of_week, is_available, start_time, end_time, timezone)
VALUES (:'provider_id', :'day_of_week', :'is_available', :'start_time', :'end_time', :'timezone')
ON CONFLICT (provider_id, day_of_week)
DO UPDATE SET is_available = EXCLUDED.is_available, start_time = EXCLUDED.start_time,
              end_time = EXCLUDED.end_time, updated_at = CURRENT_TIMESTAMP;
