-- Documents that need a decision, or got one, by provider.
SELECT
    r.provider_id,
    r.path,
    r.value,
    r.reason,
    r.stale,
    r.accepted_by,
    r.accepted_at,
    r.note
FROM provider_availability_rejects AS r
ORDER BY r.provider_id;
