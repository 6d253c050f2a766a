-- The index made for the one question about Monday; each other day would need one of its own.
CREATE INDEX providers_availability_monday ON providers (
    (availability ->> 'timezone'), (availability -> 'monday' ->> 'start'), (availability -> 'monday' ->> 'end')
);
