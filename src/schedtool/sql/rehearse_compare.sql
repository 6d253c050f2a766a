-- Rows that are not what they were when they were kept: as text, which is stricter than equality (1.0 is not 1, and a
-- json has none), and whatever their order. :"columns" are the same ones in the same order on both sides.
WITH lost AS (
    SELECT ROW(:"columns")::text AS line FROM schedtool_rehearsal.:"table"
    EXCEPT ALL
    SELECT ROW(:"columns")::text FROM :"table"
),
more AS (
    SELECT ROW(:"columns")::text AS line FROM :"table"
    EXCEPT ALL
    SELECT ROW(:"columns")::text FROM schedtool_rehearsal.:"table"
)
SELECT
    (SELECT count(*) FROM schedtool_rehearsal.:"table") AS kept,
    (SELECT count(*) FROM lost) AS lost,
    (SELECT count(*) FROM more) AS more,
    (SELECT lost.line FROM lost ORDER BY lost.line LIMIT 1) AS was,
    (SELECT more.line FROM more ORDER BY more.line LIMIT 1) AS is_now;
