-- The two indexes that people add: for "this provider's" and for "who works on".
CREATE INDEX provider_availability_by_provider ON provider_availability (provider_id);
CREATE INDEX provider_availability_by_day ON provider_availability (day_of_week, is_available);
