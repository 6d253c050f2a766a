-- Gives this transaction its limits, and what a file may read.
SELECT set_config(s.key, s.value, true)
FROM json_each_text(:'settings'::json) AS s;
