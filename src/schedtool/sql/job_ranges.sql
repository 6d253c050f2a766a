-- Cuts the keys there are into ranges of :'size' rows, by position in the key's index and not by value, so that sparse and
-- random keys give equal shares. The last key is the frozen end: what is inserted behind it belongs to nobody's batch.
INSERT INTO schedtool_range (job_id, number, first_key, last_key, planned)
SELECT
    :'job',
    bounds.position / :'size'::bigint,
    bounds.key::text,
    bounds.last_key::text,
    bounds.last_position - bounds.position + 1
FROM (
    SELECT
        edges.key,
        edges.position,
        edges.is_first,
        CASE WHEN edges.is_last THEN edges.key ELSE lead(edges.key) OVER (ORDER BY edges.position) END AS last_key,
        CASE WHEN edges.is_last THEN edges.position ELSE lead(edges.position) OVER (ORDER BY edges.position) END
            AS last_position
    FROM (
        SELECT
            numbered.key,
            numbered.position,
            numbered.position % :'size'::bigint = 0 AS is_first,
            numbered.position % :'size'::bigint = :'size'::bigint - 1 OR numbered.following IS NULL AS is_last
        FROM (
            SELECT
                :"key" AS key,
                row_number() OVER (ORDER BY :"key") - 1 AS position,
                lead(:"key") OVER (ORDER BY :"key") AS following
            FROM :"table"
        ) AS numbered
    ) AS edges
    WHERE edges.is_first OR edges.is_last
) AS bounds
WHERE bounds.is_first;

UPDATE schedtool_job
SET total = (SELECT coalesce(sum(planned), 0) FROM schedtool_range WHERE job_id = :'job')
WHERE id = :'job'
RETURNING total;
