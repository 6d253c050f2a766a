-- What taking the backfill back would undo and lose, as rows: kind, what, n. Reads only. By hand: psql -X -f (this file)
SELECT 'undone' AS kind, 'rows of provider_availability are deleted; documents stay as they are' AS what, count(*) AS n
FROM provider_availability AS a
UNION ALL
SELECT 'lost', 'nothing that the documents say; it stops at rows that no document says (schedtool verify parity) without --lose provider_availability', NULL;
