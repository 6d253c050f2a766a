-- The index that people put on a document column.
CREATE INDEX providers_availability_gin ON providers USING gin (availability);
