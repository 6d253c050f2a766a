-- How long is a working day, by weekday?
SELECT a.day_of_week, avg(a.end_time - a.start_time)
FROM provider_availability AS a
WHERE a.is_available
GROUP BY a.day_of_week;
