-- Rows that are not what they must be, both ways; 0 where all are.
SELECT
    (
        SELECT count(*)
        FROM (
            SELECT * FROM benchmark.expected
            EXCEPT ALL
            SELECT a.provider_id, a.day_of_week, a.is_available, a.start_time, a.end_time, a.timezone
            FROM provider_availability AS a
        ) AS missing
    ) + (
        SELECT count(*)
        FROM (
            SELECT a.provider_id, a.day_of_week, a.is_available, a.start_time, a.end_time, a.timezone
            FROM provider_availability AS a
            EXCEPT ALL
            SELECT * FROM benchmark.expected
        ) AS more
    ) AS n;
