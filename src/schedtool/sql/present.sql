-- The names of the tables that stand in the one schema searched. The catalog, not information_schema: that one hides
-- tables the role may not read, and a hidden table would be taken for a missing one.
SELECT c.relname::text AS relname
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema()))
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND (c.relname LIKE '%yoyo%' OR c.relname LIKE 'schedtool%');
