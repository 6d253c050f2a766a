-- The tables that foreign keys of other tables refer to.
SELECT DISTINCT parent.relname AS name, child.relname AS referring
FROM pg_constraint AS reference
JOIN pg_class AS parent ON parent.oid = reference.confrelid
JOIN pg_class AS child ON child.oid = reference.conrelid
WHERE reference.contype = 'f' AND child.relnamespace = to_regnamespace(quote_ident(current_schema()));
