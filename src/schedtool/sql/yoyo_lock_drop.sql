-- Gives back the row of one server process of schedtool.
DELETE FROM yoyo_lock
WHERE pid = :'pid'::integer;
