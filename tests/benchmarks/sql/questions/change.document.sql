\set provider random(1, :documents)
\set minutes random(0, 59)
-- Change a provider's Tuesday.
UPDATE providers
SET availability = jsonb_set(
    availability, '{tuesday}',
    jsonb_build_object('available', true, 'start', left(make_time(8, :minutes, 0)::text, 5), 'end', '18:00')
)
WHERE id = :provider;
