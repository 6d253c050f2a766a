-- Keep a copy of a table's rows, to hold them against what they are later. On a throw-away server only.
CREATE SCHEMA IF NOT EXISTS schedtool_rehearsal;

DROP TABLE IF EXISTS schedtool_rehearsal.:"table";

CREATE TABLE schedtool_rehearsal.:"table" AS
SELECT :"columns"
FROM :"table";

SELECT count(*) AS n
FROM schedtool_rehearsal.:"table";
