\set provider random(1, :documents)
-- A provider's week, Monday first: sql/queries/provider-week.sql.
SELECT day_of_week, is_available, start_time, end_time, timezone FROM provider_availability
WHERE provider_id = :provider
ORDER BY CASE day_of_week WHEN 'monday' THEN 1 WHEN 'tuesday' THEN 2 WHEN 'wednesday' THEN 3 WHEN 'thursday' THEN 4
                          WHEN 'friday' THEN 5 WHEN 'saturday' THEN 6 WHEN 'sunday' THEN 7 END;
