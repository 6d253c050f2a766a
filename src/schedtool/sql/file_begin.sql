-- Begins the transaction of one file, with its limits and with what the file may read.
BEGIN;

SELECT set_config(s.key, s.value, true)
FROM json_each_text(:'settings'::json) AS s;

-- What is to be put back behind it.
SELECT current_setting('search_path') AS search_path;
