-- What taking the triggers and their tables back would undo and lose, as rows: kind, what, n. Reads only.
-- By hand: psql -X -f (this file)
SELECT 'undone' AS kind, 'triggers and functions that keep rows and documents in step; documents and rows stay as they are' AS what, NULL::bigint AS n
UNION ALL
SELECT 'lost', 'decisions about documents (provider_availability_rejects)', count(*)
FROM provider_availability_rejects AS j
WHERE j.accepted_at IS NOT NULL
UNION ALL
SELECT 'lost', 'policies (provider_availability_policy)', count(*)
FROM provider_availability_policy AS p;
