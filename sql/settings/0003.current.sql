-- The policy that holds: the last one stored.
SELECT p.version, p.settings, p.created_by, p.created_at
FROM provider_availability_policy AS p
ORDER BY p.version DESC
LIMIT 1;
