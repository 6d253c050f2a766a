-- What yoyo has recorded as applied. Reads only.
SELECT migration_id, applied_at_utc AT TIME ZONE 'UTC' AS applied_at
FROM _yoyo_migration
ORDER BY applied_at_utc, migration_id;
