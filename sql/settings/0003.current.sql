-- The policy that holds: the last one stored.
SELECT p.version, p.settings
FROM provider_availability_policy AS p
ORDER BY p.version DESC
LIMIT 1;
