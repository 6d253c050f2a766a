-- The next :'size' keys behind :'after' (from the beginning where :'begin' is true) up to :'end', as their two ends, for
-- readers that keep no ranges in the database. Reads the key's index only.
WITH step AS MATERIALIZED (
    SELECT :"key" AS key
    FROM :"table"
    WHERE :"key" >= :'after'
        AND (:"key" > :'after' OR :'begin'::boolean)
        AND :"key" <= :'end'
    ORDER BY :"key"
    LIMIT :'size'
)
SELECT
    (SELECT step.key::text FROM step ORDER BY step.key LIMIT 1) AS first_key,
    (SELECT step.key::text FROM step ORDER BY step.key DESC LIMIT 1) AS last_key,
    (SELECT count(*) FROM step) AS n;
