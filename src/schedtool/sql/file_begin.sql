-- Begins the transaction of one file, in front of it and in the same message. No statement here takes a snapshot, so the
-- file may still begin with SET TRANSACTION.
BEGIN;

SET LOCAL lock_timeout = :'lock_timeout';

SET LOCAL statement_timeout = :'statement_timeout';
