-- Who is available on Monday at ten in the morning, in one zone?
SELECT a.provider_id
FROM provider_availability AS a
WHERE a.day_of_week = 'monday'
    AND a.is_available
    AND a.timezone = 'Europe/Paris'
    AND a.start_time <= '10:00'
    AND a.end_time > '10:00';
