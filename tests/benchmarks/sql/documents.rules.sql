-- The rules of provider_availability kept on the documents too, as far as a document of these can break them: the days'
-- names, hours that are times, a start before its end, and when it was last changed.
ALTER TABLE providers ADD COLUMN updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL;
CREATE TRIGGER providers_updated_at_trigger
    BEFORE UPDATE ON providers
    FOR EACH ROW EXECUTE FUNCTION provider_tables_set_updated_at();
ALTER TABLE providers
    ADD CONSTRAINT providers_days_check CHECK (
        availability - '{monday,tuesday,wednesday,thursday,friday,saturday,sunday,timezone}'::text[] = '{}'
    ),
    ADD CONSTRAINT providers_times_check CHECK (NOT jsonb_path_exists(
        availability,
        '$.* ? (@.available == true && !(@.start like_regex "^([01][0-9]|2[0-3]):[0-5][0-9]$"
            && @.end like_regex "^([01][0-9]|2[0-3]):[0-5][0-9]$"))'
    )),
    ADD CONSTRAINT providers_hours_check CHECK (NOT jsonb_path_exists(
        availability, '$.* ? (@.available == true && !(@.start < @.end))'
    ));
