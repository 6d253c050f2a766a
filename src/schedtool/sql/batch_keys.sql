-- The next :'size' keys of a range, as their two ends. :'after' is empty at the range's beginning, whose first key is
-- included; behind a cursor it is not. The bounds are literals of no type, so that the key's own index answers.
WITH batch AS MATERIALIZED (
    SELECT :"key" AS key
    FROM :"table"
    WHERE :"key" >= :'first'
        AND (:"key" > :'first' OR :'included'::boolean)
        AND :"key" <= :'last'
    ORDER BY :"key"
    LIMIT :'size'
)
SELECT
    (SELECT batch.key::text FROM batch ORDER BY batch.key LIMIT 1) AS first_key,
    (SELECT batch.key::text FROM batch ORDER BY batch.key DESC LIMIT 1) AS last_key,
    (SELECT count(*) FROM batch) AS n;
