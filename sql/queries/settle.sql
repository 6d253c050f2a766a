-- End every difference between a provider's document and its rows, in favour of the 'document' or of the 'rows'.
-- writes: provider_availability, providers, provider_availability_rejects
-- By hand: psql -X -v provider_id=1 -v in_favour_of=document -f sql/queries/settle.sql
SELECT provider_availability_settle(:'provider_id', :'in_favour_of') AS days;
