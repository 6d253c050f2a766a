-- Takes back what a file set for the session: the record must not go into another schema, or as another role.
RESET ROLE;

SELECT set_config('search_path', :'search_path', false);
