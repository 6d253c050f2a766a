-- The text a record stands for, where it was stored. Reads only.
SELECT content
FROM schedtool_history
WHERE migration = :'migration' AND outcome = 'done' AND operation <> 'rollback' AND applied_at = :'applied_at'
ORDER BY id DESC
LIMIT 1;
