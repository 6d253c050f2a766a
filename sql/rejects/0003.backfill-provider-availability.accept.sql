-- Leave behind the documents now listed under a reason: they no longer block the drop, and are archived like the rest.
-- By hand: psql -X -v name=several_slots -v note='agreed with product' -v who=me -f (this file)
WITH accepted AS (
    UPDATE provider_availability_rejects AS r
    SET accepted_by = :'who', accepted_at = CURRENT_TIMESTAMP, note = nullif(:'note', '')
    WHERE r.reason = :'name' AND r.accepted_at IS NULL
    RETURNING r.provider_id
)
SELECT count(*) AS accepted
FROM accepted;
