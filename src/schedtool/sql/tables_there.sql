-- Which of these tables stand in the one schema searched. Reads only.
SELECT c.relname::text AS name
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema()))
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND c.relname = ANY (:'tables'::text[]);
