-- Once on each connection of schedtool's that runs batches of 0003, before its first one: does without the question that a
-- foreign key asks for every row, a third of a batch's work. A batch holds the locks of its providers while it writes their
-- rows, so the answer is known: nobody deletes or renumbers a provider whose row is locked.
-- session_replication_role is what does it, and only superusers and roles with GRANT SET ON PARAMETER may set it (14: superusers);
-- for others nothing changes. Before it writes, each batch looks for triggers and rules that would be passed over, and
-- takes it back where there are any. Not seen: what a function in a default or a check writes elsewhere, whose triggers are
-- passed over then.
-- Locks nothing. May run again. The setting stays with the session: never on one that goes on to others.
-- By hand: psql -X -1 -v ON_ERROR_STOP=1 -v first=1 -v last=1000 -v settings='{}' -f (this file) -f (the batch's)

DO $$
BEGIN
    IF current_setting('session_replication_role') = 'origin' THEN
        PERFORM set_config('session_replication_role', 'replica', false), set_config('schedtool.passes_over', 'yes', false);
    END IF;
EXCEPTION
    WHEN insufficient_privilege THEN
        NULL;
END
$$;
