-- keys: providers (id)
-- settings: 0003
-- What stands in the tables already, as corrections to the census beside this file: rows that are there and equal are
-- not inserted; a document whose rows differ is rejected. Runs only where the table is there: a file that names a missing
-- one does not even parse. Reads only; takes no lock beyond a reader's.
-- By hand: psql -X -v first=1 -v last=1000 -v settings='{}' -f (this file)
-- The part between the marks is the body of provider_availability_read of 0002, pasted by python -m tests.paste_reading.

-- Fails where the default is no zone that the server knows.
SELECT timezone(coalesce(:'settings'::jsonb ->> 'default_timezone', 'UTC'), CURRENT_TIMESTAMP);

WITH provider_availability_zones AS (
    SELECT z.name
    FROM pg_timezone_names AS z
    WHERE (z.name = 'UTC' OR z.name LIKE '%/%') AND z.name !~ '^(posix|right)/'
),
documents AS MATERIALIZED (
    SELECT p.id, p.document IS NOT NULL AND r.zones[1] IS NULL AND r.outcome = 'converted' AS without_zone, r.*
    FROM (
        SELECT q.id, q.availability AS document
        FROM providers AS q
        WHERE q.id BETWEEN :'first' AND :'last'
    ) AS p
    CROSS JOIN (SELECT :'settings'::jsonb AS settings) AS s
    CROSS JOIN LATERAL (
-- <reading>
SELECT
    verdict.outcome,
    verdict.reason,
    -- What would hide on a screen, or move its cursor, is written as an escape.
    CASE WHEN verdict.path ~ words.unprintable THEN (
        SELECT string_agg(
            CASE WHEN c.letter ~ words.unprintable THEN '\u' || lpad(to_hex(ascii(c.letter)), 4, '0') ELSE c.letter END,
            '' ORDER BY c.place
        )
        FROM regexp_split_to_table(verdict.path, '') WITH ORDINALITY AS c (letter, place)
    ) ELSE verdict.path END AS path,
    CASE WHEN char_length(verdict.value) > 80 THEN left(verdict.value, 79) || '…' ELSE verdict.value END AS value,
    verdict.shape,
    verdict.ignored,
    CASE WHEN verdict.outcome = 'converted' THEN verdict.days END AS days,
    CASE WHEN verdict.outcome = 'converted' THEN verdict.available END AS available,
    CASE WHEN verdict.outcome = 'converted' THEN verdict.starts END AS starts,
    CASE WHEN verdict.outcome = 'converted' THEN verdict.ends END AS ends,
    CASE WHEN verdict.outcome = 'converted' THEN verdict.zones END AS zones,
    CASE WHEN verdict.outcome = 'converted' THEN verdict.places END AS places
FROM
    -- The one mention of the document: PostgreSQL's Memoize keys on every mention.
    (SELECT document AS doc OFFSET 0) AS given
CROSS JOIN (
    SELECT
        -- English names of days, in lower case.
        '{"monday": "monday", "mon": "monday", "mo": "monday",
          "tuesday": "tuesday", "tues": "tuesday", "tue": "tuesday", "tu": "tuesday",
          "wednesday": "wednesday", "wed": "wednesday", "we": "wednesday",
          "thursday": "thursday", "thurs": "thursday", "thur": "thursday", "thu": "thursday", "th": "thursday",
          "friday": "friday", "fri": "friday", "fr": "friday",
          "saturday": "saturday", "sat": "saturday", "sa": "saturday",
          "sunday": "sunday", "sun": "sunday", "su": "sunday"}'::jsonb AS day_names,
        -- What a key is for: its name in lower case, without _, - and spaces. "week" may wrap a week, "slots" may hold
        -- the hours of a day, "hours" either; "days" lists days beside one interval, or names those of an entry.
        '{"availability": "week", "availabilities": "week", "schedules": "week", "weeklyschedule": "week",
          "weekly": "week", "week": "week", "weeklyavailability": "week", "businesshours": "week",
          "openinghours": "week", "officehours": "week", "operatinghours": "week", "hoursofoperation": "week",
          "weeklyhours": "week", "regularhours": "week", "rules": "week", "workschedule": "week",
          "availabletime": "week", "timetable": "week", "availabilityslots": "week", "availabilitywindows": "week",
          "schedule": "hours", "hours": "hours", "workinghours": "hours", "workhours": "hours", "periods": "hours",
          "windows": "hours", "entries": "hours", "slots": "hours", "timeslots": "hours", "intervals": "hours",
          "workingblocks": "slots", "blocks": "slots", "timing": "slots", "timings": "slots",
          "timeperiods": "slots", "timeranges": "slots", "timerange": "slots", "ranges": "slots", "range": "slots",
          "times": "slots", "time": "slots", "shifts": "slots", "sessions": "slots",
          "days": "days", "workingdays": "days", "daysofweek": "days", "dayofweek": "days", "workdays": "days",
          "availabledays": "days",
          "day": "day", "dayname": "day", "wday": "day", "dayofweekenum": "day", "weekday": "weekday",
          "start": "start", "starttime": "start", "from": "start", "opentime": "start", "opens": "start",
          "opening": "start", "openingtime": "start", "begin": "start", "begintime": "start", "timestart": "start",
          "starthour": "start", "starts": "start", "startsat": "start", "opensat": "start", "fromtime": "start",
          "workstart": "start", "availablestarttime": "start", "startlocaltime": "start", "hoursstart": "start",
          "hourstart": "start", "daystart": "start",
          "end": "end", "endtime": "end", "to": "end", "close": "end", "closetime": "end", "closes": "end",
          "closing": "end", "closingtime": "end", "finish": "end", "finishtime": "end", "timeend": "end",
          "endhour": "end", "ends": "end", "endsat": "end", "closesat": "end", "totime": "end", "workend": "end",
          "availableendtime": "end", "endlocaltime": "end", "hoursend": "end", "hourend": "end", "dayend": "end",
          "until": "end",
          "open": "either",
          "available": "open", "isavailable": "open", "enabled": "open", "isenabled": "open", "active": "open",
          "isactive": "open", "isopen": "open", "isselected": "open", "selected": "open", "working": "open",
          "isworking": "open", "isworkingday": "open",
          "closed": "closed", "isclosed": "closed", "closedallday": "closed", "unavailable": "closed",
          "isunavailable": "closed", "dayoff": "closed", "isdayoff": "closed", "off": "closed",
          "blocked": "closed", "isblocked": "closed", "disabled": "closed", "isdisabled": "closed",
          "holiday": "closed", "isholiday": "closed",
          "allday": "always", "is24hours": "always", "open24hours": "always", "is24h": "always",
          "allhours": "always", "twentyfourhours": "always", "is247": "always", "open247": "always",
          "booked": "booked", "isbooked": "booked", "seats": "seats", "capacity": "seats",
          "break": "break", "breaks": "break", "lunch": "break", "lunchbreak": "break", "breaktime": "break",
          "breaktimes": "break", "breakstart": "break", "breakend": "break", "lunchstart": "break",
          "lunchend": "break", "breakstarttime": "break", "breakendtime": "break", "lunchstarttime": "break",
          "lunchendtime": "break", "pause": "break", "pauses": "break", "pausestart": "break", "pauseend": "break",
          "breakduration": "break", "breakminutes": "break",
          "hasbreak": "switch", "haslunchbreak": "switch", "haslunch": "switch", "breakenabled": "switch",
          "lunchenabled": "switch",
          "timezone": "zone", "tz": "zone", "timezoneid": "zone", "timezonename": "zone", "ianatimezone": "zone",
          "timezoneoffset": "offset", "utcoffset": "offset", "offset": "offset", "gmtoffset": "offset",
          "tzoffset": "offset", "timezoneabbr": "offset", "tzabbr": "offset", "timezoneabbreviation": "offset",
          "date": "date", "specificdate": "date", "startdate": "date", "enddate": "date", "ondate": "date",
          "dates": "date",
          "recurring": "recurring", "isrecurring": "recurring", "isrepeating": "recurring", "repeats": "recurring",
          "frequency": "frequency", "recurrence": "frequency",
          "status": "status", "state": "status", "type": "status", "kind": "status",
          "weekdays": "group", "weekend": "group", "weekends": "group", "everyday": "group", "daily": "group",
          "alldays": "group", "all": "group", "default": "group",
          "exceptions": "note", "overrides": "note", "dateoverrides": "note", "specialdates": "note",
          "specialdays": "note", "holidays": "note", "blockeddates": "note", "blackoutdates": "note",
          "unavailabledates": "note", "datesoff": "note", "daysoff": "note", "vacations": "note",
          "vacation": "note", "timeoff": "note", "notavailable": "note", "customdates": "note",
          "note": "note", "notes": "note", "comment": "note", "comments": "note", "description": "note",
          "reason": "note", "location": "note", "locations": "note", "metadata": "note", "meta": "note",
          "title": "note", "name": "note", "label": "note", "id": "note", "version": "note", "source": "note",
          "updatedat": "note", "createdat": "note", "lastupdated": "note"}'::jsonb AS roles,
        -- Texts under a status key that say: not available.
        '{"unavailable": 1, "closed": 1, "off": 1, "busy": 1, "blocked": 1, "block": 1, "break": 1, "lunch": 1,
          "booked": 1, "absent": 1, "absence": 1, "away": 1, "vacation": 1, "holiday": 1, "leave": 1, "timeoff": 1,
          "time_off": 1, "inactive": 1, "disabled": 1, "cancelled": 1, "canceled": 1, "exception": 1,
          "override": 1, "date": 1}'::jsonb AS closing_words,
        -- A JSON text that holds hours somewhere: the name of a start or an end, or a clock time.
        '"(start|end|open|close|begin|finish|from|to|opens|closes|opening|closing)([_ -]?(time|hour|at))?": |"[0-9]{1,2}:[0-9]{2}|"[0-9]{1,2} ?[ap]\.?m'::text
            AS hours_pattern,
        -- Two times and what joins them.
        '^([0-9:. apm]+?)[ \t]*(?:[-\u2010\u2011\u2012\u2013\u2014\u2015\u2212]|[ \t]to[ \t])[ \t]*([0-9:. apm]+)$'::text AS range_pattern,
        '[\u0001-\u001f\u007f-\u00a0\u00ad\u0300-\u036f\u200b-\u200f\u2028-\u202f\u2060-\u2064\ufeff]'::text AS unprintable,
        E' \t\n\r\f\v'::text AS blank
) AS words
-- 1. Where the week is: the document itself, or the one node below wrapper keys, at most two deep, that names days.
CROSS JOIN LATERAL (
    SELECT EXISTS (
        SELECT FROM jsonb_object_keys(CASE WHEN jsonb_typeof(given.doc) = 'object' THEN given.doc END) AS k (key)
        WHERE words.day_names ? lower(btrim(k.key, words.blank) COLLATE "C")
            OR words.roles ->> translate(lower(btrim(k.key, words.blank) COLLATE "C"), '_- ', '') = 'days'
                AND (jsonb_typeof(given.doc -> k.key) IN ('string', 'number')
                    OR jsonb_typeof(given.doc -> k.key -> 0) IN ('string', 'number'))
    ) AS names_days
) AS top
CROSS JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE w.names_days) AS weeks,
        -- Where none names days, an only candidate is entered all the same: what is found there says more than "no week".
        CASE WHEN bool_or(w.names_days) THEN min(w.key_1) FILTER (WHERE w.names_days)
            WHEN count(DISTINCT w.key_1) = 1 THEN min(w.key_1) END AS key_1,
        CASE WHEN bool_or(w.names_days) THEN min(w.i_1) FILTER (WHERE w.names_days)
            WHEN count(DISTINCT w.key_1) = 1 THEN min(w.i_1) END AS i_1,
        min(w.key_2) FILTER (WHERE w.names_days) AS key_2,
        min(w.i_2) FILTER (WHERE w.names_days) AS i_2
    FROM (
        SELECT
            n.key_1,
            n.i_1,
            n.key_2,
            n.i_2,
            EXISTS (
                SELECT FROM jsonb_object_keys(CASE
                    WHEN jsonb_typeof(n.node) = 'object' THEN n.node
                    WHEN jsonb_typeof(n.node -> 0) = 'object' THEN n.node -> 0
                END) AS k (key)
                WHERE CASE
                    WHEN jsonb_typeof(n.node) = 'object' THEN words.day_names ? lower(btrim(k.key, words.blank) COLLATE "C")
                        OR words.roles ->> translate(lower(btrim(k.key, words.blank) COLLATE "C"), '_- ', '') = 'days'
                            AND (jsonb_typeof(n.node -> k.key) IN ('string', 'number')
                                OR jsonb_typeof(n.node -> k.key -> 0) IN ('string', 'number'))
                    ELSE words.roles ->> translate(lower(btrim(k.key, words.blank) COLLATE "C"), '_- ', '') IN ('day', 'days', 'weekday')
                END
            ) AS names_days
        FROM jsonb_each(
            CASE WHEN jsonb_typeof(given.doc) = 'object' AND NOT top.names_days THEN given.doc END
        ) WITH ORDINALITY AS outer_key (key, value, i)
        CROSS JOIN LATERAL (
            SELECT outer_key.key, outer_key.i, NULL::text, NULL::bigint, outer_key.value
            UNION ALL
            SELECT outer_key.key, outer_key.i, inner_key.key, inner_key.i, inner_key.value
            FROM jsonb_each(
                CASE WHEN jsonb_typeof(outer_key.value) = 'object' THEN outer_key.value END
            ) WITH ORDINALITY AS inner_key (key, value, i)
            WHERE words.roles ->> translate(lower(btrim(inner_key.key, words.blank) COLLATE "C"), '_- ', '') IN ('week', 'hours', 'days')
                AND NOT EXISTS (
                    SELECT FROM jsonb_object_keys(CASE WHEN jsonb_typeof(outer_key.value) = 'object' THEN outer_key.value END) AS k (key)
                    WHERE words.day_names ? lower(btrim(k.key, words.blank) COLLATE "C")
                        OR words.roles ->> translate(lower(btrim(k.key, words.blank) COLLATE "C"), '_- ', '') = 'days'
                            AND (jsonb_typeof(outer_key.value -> k.key) IN ('string', 'number')
                                OR jsonb_typeof(outer_key.value -> k.key -> 0) IN ('string', 'number'))
                )
        ) AS n (key_1, i_1, key_2, i_2, node)
        WHERE words.roles ->> translate(lower(btrim(outer_key.key, words.blank) COLLATE "C"), '_- ', '') IN ('week', 'hours', 'days')
            AND (jsonb_typeof(n.node) = 'object' AND n.node <> '{}' OR jsonb_typeof(n.node -> 0) = 'object')
    ) AS w
) AS way
-- 2. Its parts: what stands beside the days, and the days; each is read for itself, and then seen beside the others.
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN given.doc IS NULL OR given.doc IN ('null', '{}', '[]', '""') THEN 'empty'
            WHEN count(*) FILTER (WHERE p.finding IS NOT NULL) = 0 AND count(p.day) > 0 THEN 'converted'
            ELSE 'rejected'
        END AS outcome,
        (array_agg(p.finding ORDER BY p.finding -> 0) FILTER (WHERE p.finding IS NOT NULL))[1] AS finding,
        coalesce(min(p.form) FILTER (WHERE p.day IS NOT NULL), jsonb_typeof(given.doc))
            || coalesce(': ' || string_agg(DISTINCT p.shape, ', ') FILTER (WHERE p.day IS NOT NULL), '') AS shape,
        (SELECT array_agg(DISTINCT i.path ORDER BY i.path) FROM jsonb_array_elements_text(jsonb_path_query_array(jsonb_agg(p.ignored) FILTER (WHERE p.ignored IS NOT NULL), '$[*][*]')) AS i (path)) AS ignored,
        array_agg(p.day ORDER BY p.pos) FILTER (WHERE p.day IS NOT NULL) AS days,
        array_agg(p.kind <> 'closed' ORDER BY p.pos) FILTER (WHERE p.day IS NOT NULL) AS available,
        array_agg(CASE p.kind WHEN 'true' THEN p.interval_start WHEN 'open' THEN p.start_time END ORDER BY p.pos) FILTER (WHERE p.day IS NOT NULL) AS starts,
        array_agg(CASE p.kind WHEN 'true' THEN p.interval_end WHEN 'open' THEN p.end_time END ORDER BY p.pos) FILTER (WHERE p.day IS NOT NULL) AS ends,
        array_agg(coalesce(p.zone, p.outer_zone, settings ->> 'default_timezone') ORDER BY p.pos) FILTER (WHERE p.day IS NOT NULL) AS zones,
        array_agg(p.place ORDER BY p.pos) FILTER (WHERE p.day IS NOT NULL) AS places
    FROM (
        SELECT
            q.*,
            CASE
                WHEN q.own_finding IS NOT NULL THEN q.own_finding
                -- The same day twice.
                WHEN q.day IS NOT NULL AND q.nth > 1 THEN jsonb_build_array(to_jsonb(q.pos || '{0,0}'::bigint[]), q.path, q.value,
                    CASE WHEN q.part = 'entry' AND q.kind = 'open' THEN 'several_slots' ELSE 'duplicate_day' END)
                WHEN q.day IS NOT NULL AND q.kind = 'true' AND q.interval_start IS NULL THEN jsonb_build_array(to_jsonb(q.pos || '{0,0}'::bigint[]), q.path, q.value, 'no_times')
                WHEN q.day IS NOT NULL AND q.zone <> q.outer_zone THEN jsonb_build_array(to_jsonb(q.pos || '{0,0}'::bigint[]), q.path, q.value, 'contradiction')
                WHEN q.compact IS NOT NULL AND NOT q.pads THEN q.compact
                WHEN q.part = 'interval' AND q.kind = 'open' AND q.open_days > 0 THEN jsonb_build_array(to_jsonb(q.pos || '{0,0}'::bigint[]), q.path, q.value, 'contradiction')
                WHEN q.part = 'key' AND q.closes AND q.any_open THEN jsonb_build_array(to_jsonb(q.pos || '{0,0}'::bigint[]), q.path, q.value, 'contradiction')
                WHEN q.part = 'key' AND q.zone <> q.outer_zone THEN jsonb_build_array(to_jsonb(q.pos || '{0,0}'::bigint[]), q.path, q.value, 'contradiction')
                WHEN q.part = 'key' AND q.role = 'other' AND (
                    jsonb_typeof(q.value) = 'string' AND q.value <> '""' AND q.text_days
                    OR q.value = 'true' AND q.flag_days
                ) THEN jsonb_build_array(to_jsonb(q.pos || '{0,0}'::bigint[]), q.path, q.value, 'unknown_day')
            END AS finding
        FROM (
            SELECT
                part.part,
                part.pos,
                part.value,
                part.role,
                part.form,
                part.place,
                part.path,
                day.day,
                r.kind,
                r.shape,
                r.start_time,
                r.end_time,
                coalesce(r.zone, part.zone) AS zone,
                part.closes,
                -- Places and paths found below a part are completed by its own.
                CASE
                    WHEN part.part = 'interval' AND r.finding ->> 3 = 'no_times' THEN NULL
                    WHEN r.finding IS NOT NULL THEN jsonb_build_array(to_jsonb(part.pos) || (r.finding -> 0), part.path || (r.finding ->> 1), r.finding -> 2, r.finding -> 3)
                    WHEN part.part = 'entry' AND r.absence IS NOT NULL
                        THEN jsonb_build_array(to_jsonb(part.pos) || (r.absence -> 0), part.path || (r.absence ->> 1), r.absence -> 2, r.absence -> 3)
                    WHEN part.reason IS NOT NULL THEN jsonb_build_array(to_jsonb(part.pos || '{0,0}'::bigint[]), part.path, part.value, part.reason)
                    WHEN part.part = 'entry' AND day.day IS NULL THEN jsonb_build_array(to_jsonb(part.pos || '{0,0}'::bigint[]), part.path, part.value, CASE
                        WHEN jsonb_typeof(part.value) = 'string' AND words.day_names ? lower(btrim(part.value #>> '{}', words.blank) COLLATE "C") THEN 'days_without_times'
                        WHEN jsonb_typeof(part.value) = 'string' THEN 'text'
                        ELSE 'no_day'
                    END)
                    WHEN part.part = 'day' AND r.days <> ARRAY[part.day] THEN jsonb_build_array(to_jsonb(part.pos || '{0,0}'::bigint[]), part.path, part.value, 'contradiction')
                END AS own_finding,
                CASE WHEN r.compact IS NOT NULL THEN jsonb_build_array(to_jsonb(part.pos) || (r.compact -> 0), part.path || (r.compact ->> 1), r.compact -> 2, r.compact -> 3) END AS compact,
                CASE
                    WHEN part.part = 'key' AND part.role IN ('note', 'other', 'week', 'hours', 'slots', 'day', 'seats', 'booked', 'date') AND part.reason IS NULL THEN jsonb_build_array(part.path)
                    WHEN r.ignored IS NOT NULL THEN (SELECT jsonb_agg(regexp_replace(part.path, '\[[0-9]+\]', '[*]') || i.path) FROM unnest(r.ignored) AS i (path))
                END AS ignored,
                row_number() OVER (PARTITION BY day.day ORDER BY part.pos) AS nth,
                min(r.start_time) FILTER (WHERE part.part = 'interval') OVER () AS interval_start,
                min(r.end_time) FILTER (WHERE part.part = 'interval') OVER () AS interval_end,
                min(part.zone) FILTER (WHERE part.part = 'key') OVER () AS outer_zone,
                bool_or(r.pads_hours) OVER () AS pads,
                count(*) FILTER (WHERE day.day IS NOT NULL AND r.kind = 'open') OVER () AS open_days,
                bool_or(day.day IS NOT NULL AND r.kind IN ('open', 'true')) OVER () AS any_open,
                bool_or(part.part = 'day' AND jsonb_typeof(part.value) = 'string') OVER () AS text_days,
                bool_or(part.part = 'day' AND jsonb_typeof(part.value) = 'boolean') OVER () AS flag_days
            FROM (
                SELECT
                    k.part,
                    k.pos,
                    k.key,
                    k.value,
                    k.role,
                    k.day,
                    k.place,
                    k.base || k.below AS path,
                    CASE WHEN k.part IN ('day', 'entry', 'interval') THEN k.value END AS hours,
                    CASE WHEN k.part = 'key' AND k.role = 'zone' AND jsonb_typeof(k.value) = 'string' THEN (
                        SELECT z.name FROM (SELECT btrim(k.value #>> '{}', words.blank)) AS z (name)
                        WHERE (SELECT jsonb_object_agg(known.name, 1) FROM provider_availability_zones AS known) ? z.name
                    ) END AS zone,
                    CASE WHEN k.part <> 'key' THEN false
                        WHEN k.role = 'open' OR k.role = 'either' THEN lower(btrim(k.value #>> '{}', words.blank) COLLATE "C") IN ('false', 'no', '0')
                        WHEN k.role = 'closed' THEN lower(btrim(k.value #>> '{}', words.blank) COLLATE "C") IN ('true', 'yes', '1')
                        WHEN k.role = 'status' THEN words.closing_words ? lower(btrim(k.value #>> '{}', words.blank) COLLATE "C")
                        ELSE false
                    END AS closes,
                    CASE WHEN k.part = 'key' THEN CASE k.role
                        WHEN 'zone' THEN CASE WHEN k.value <> 'null' AND NOT (
                            jsonb_typeof(k.value) = 'string'
                            AND (SELECT jsonb_object_agg(known.name, 1) FROM provider_availability_zones AS known) ? btrim(k.value #>> '{}', words.blank)
                        ) THEN 'zone_unknown' END
                        WHEN 'offset' THEN CASE WHEN k.value <> 'null' THEN 'zone_offset' END
                        WHEN 'open' THEN CASE WHEN jsonb_typeof(k.value) IN ('null', 'object', 'array') OR lower(btrim(k.value #>> '{}', words.blank) COLLATE "C") NOT IN ('true', 'yes', '1', 'false', 'no', '0') THEN 'unreadable_flag' END
                        WHEN 'either' THEN CASE WHEN jsonb_typeof(k.value) IN ('null', 'object', 'array') OR lower(btrim(k.value #>> '{}', words.blank) COLLATE "C") NOT IN ('true', 'yes', '1', 'false', 'no', '0') THEN 'unreadable_flag' END
                        WHEN 'closed' THEN CASE WHEN jsonb_typeof(k.value) IN ('null', 'object', 'array') OR lower(btrim(k.value #>> '{}', words.blank) COLLATE "C") NOT IN ('true', 'yes', '1', 'false', 'no', '0') THEN 'unreadable_flag' END
                        WHEN 'always' THEN CASE WHEN k.value NOT IN ('null', 'false') THEN 'all_day' END
                        WHEN 'recurring' THEN CASE WHEN k.value = 'false' THEN 'not_weekly' END
                        WHEN 'frequency' THEN CASE WHEN k.value <> 'null' AND lower(btrim(k.value #>> '{}', words.blank) COLLATE "C") <> 'weekly' THEN 'not_weekly' END
                        WHEN 'switch' THEN CASE WHEN k.value NOT IN ('null', 'false') THEN 'break' END
                        WHEN 'break' THEN CASE WHEN k.value NOT IN ('null', 'false', '[]', '{}', '""', '0') THEN 'break' END
                        WHEN 'group' THEN CASE WHEN k.value <> 'null' THEN 'day_group' END
                        WHEN 'weekday' THEN CASE WHEN k.value <> 'null' THEN 'day_group' END
                        WHEN 'note' THEN NULL
                        ELSE CASE
                            WHEN k.value IN ('null', '[]', '{}', '""') THEN NULL
                            WHEN k.role = 'rival' THEN 'ambiguous_week'
                            WHEN k.key ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}' THEN 'date'
                            WHEN k.key ~ '^[0-9]+$' THEN 'day_number'
                            WHEN EXISTS (
                                SELECT FROM regexp_split_to_table(lower(btrim(k.key, words.blank) COLLATE "C"), '[ \t]*(?:[-\u2010\u2011\u2012\u2013\u2014\u2015\u2212]|[,/&]|[ \t]to[ \t]|[ \t]and[ \t])[ \t]*') AS piece (name)
                                HAVING count(*) > 1 AND count(*) = count(words.day_names ->> piece.name)
                            ) THEN 'day_group'
                            WHEN jsonb_typeof(k.value) IN ('object', 'array') AND k.value::text ~* words.hours_pattern
                                OR jsonb_typeof(k.value) = 'string' AND (
                                    k.value #>> '{}' ~* words.range_pattern
                                    OR lower(btrim(k.value #>> '{}', words.blank) COLLATE "C") ~ '^([0-9]{1,2}(:[0-9]{2}){1,2} ?([ap][.]?m[.]?)?|[0-9]{1,2} ?[ap][.]?m[.]?|closed|off)$'
                                ) THEN 'unknown_day'
                        END
                    END END AS reason,
                    k.form
                FROM (
                    SELECT
                        CASE WHEN e.part = 'key' AND words.day_names ? lower(btrim(e.key, words.blank) COLLATE "C") AND level.is_last THEN 'day' ELSE e.part END AS part,
                        (level.pos || e.i || '{0,0}'::bigint[])[1:3] AS pos,
                        e.key,
                        e.value,
                        CASE WHEN e.part = 'key' THEN coalesce(words.roles ->> translate(lower(btrim(e.key, words.blank) COLLATE "C"), '_- ', ''), 'other') END AS role,
                        CASE WHEN e.part = 'key' AND level.is_last THEN words.day_names ->> lower(btrim(e.key, words.blank) COLLATE "C") END AS day,
                        CASE WHEN level.is_last AND e.part <> 'interval' AND NOT level.lists_days THEN level.place || E'\x1f' || coalesce(e.key, (e.i - 1)::text) END AS place,
                        level.path AS base,
                        CASE
                            WHEN e.part = 'entry' AND level.lists_days THEN ''
                            WHEN e.part = 'entry' THEN '[' || (e.i - 1) || ']'
                            ELSE CASE WHEN e.key ~ '^[A-Za-z_][A-Za-z0-9_]*$' THEN '.' || e.key ELSE '[''' || replace(replace(left(e.key, 80), '\', '\\'), '''', '\''') || ''']' END
                        END AS below,
                        CASE WHEN e.part = 'entry' AND level.lists_days THEN 'days and an interval' WHEN e.part = 'entry' THEN 'list' ELSE 'weekday' END
                            || CASE WHEN way.key_1 IS NOT NULL THEN ' in a wrapper' ELSE '' END AS form
                    FROM (
                        SELECT l.*,
                            l.is_last AND jsonb_typeof(l.node) = 'object' AND NOT EXISTS (
                                SELECT FROM jsonb_object_keys(CASE WHEN jsonb_typeof(l.node) = 'object' THEN l.node END) AS k (key)
                                WHERE words.day_names ? lower(btrim(k.key, words.blank) COLLATE "C")
                            ) AND EXISTS (
                                SELECT FROM jsonb_object_keys(CASE WHEN jsonb_typeof(l.node) = 'object' THEN l.node END) AS k (key)
                                WHERE words.day_names ? lower(btrim(k.key, words.blank) COLLATE "C")
                                OR words.roles ->> translate(lower(btrim(k.key, words.blank) COLLATE "C"), '_- ', '') = 'days'
                                    AND (jsonb_typeof(l.node -> k.key) IN ('string', 'number')
                                        OR jsonb_typeof(l.node -> k.key -> 0) IN ('string', 'number'))
                            ) AS lists_days
                        FROM (VALUES
                            (given.doc, NULL::text, '{}'::bigint[], '$', '', way.key_1 IS NULL),
                            (given.doc -> way.key_1, way.key_1, ARRAY[way.i_1], '$' || CASE WHEN way.key_1 ~ '^[A-Za-z_][A-Za-z0-9_]*$' THEN '.' || way.key_1 ELSE '[''' || replace(replace(left(way.key_1, 80), '\', '\\'), '''', '\''') || ''']' END, E'\x1f' || way.key_1, way.key_2 IS NULL),
                            (given.doc -> way.key_1 -> way.key_2, way.key_2, ARRAY[way.i_1, way.i_2], '$' || CASE WHEN way.key_1 ~ '^[A-Za-z_][A-Za-z0-9_]*$' THEN '.' || way.key_1 ELSE '[''' || replace(replace(left(way.key_1, 80), '\', '\\'), '''', '\''') || ''']' END || CASE WHEN way.key_2 ~ '^[A-Za-z_][A-Za-z0-9_]*$' THEN '.' || way.key_2 ELSE '[''' || replace(replace(left(way.key_2, 80), '\', '\\'), '''', '\''') || ''']' END, E'\x1f' || way.key_1 || E'\x1f' || way.key_2, true)
                        ) AS l (node, key, pos, path, place, is_last)
                        WHERE l.node IS NOT NULL
                    ) AS level
                    CROSS JOIN LATERAL (
                        SELECT 'key', each.key, each.value, each.i
                        FROM jsonb_each(CASE WHEN jsonb_typeof(level.node) = 'object' AND NOT level.lists_days THEN level.node END) WITH ORDINALITY AS each (key, value, i)
                        WHERE level.is_last OR each.key <> CASE cardinality(level.pos) WHEN 0 THEN way.key_1 ELSE way.key_2 END
                        UNION ALL
                        SELECT 'entry', NULL, element.value, element.i
                        FROM jsonb_array_elements(CASE WHEN jsonb_typeof(level.node) = 'array' AND level.is_last THEN level.node END) WITH ORDINALITY AS element (value, i)
                        UNION ALL
                        SELECT 'entry', NULL, level.node, 0
                        WHERE level.lists_days
                        UNION ALL
                        -- One interval for the days that say no more than true.
                        SELECT 'interval', min(each.key), jsonb_object_agg(each.key, each.value), min(each.i)
                        FROM jsonb_each(CASE WHEN level.is_last AND jsonb_typeof(level.node) = 'object' AND NOT level.lists_days THEN level.node END) WITH ORDINALITY AS each (key, value, i)
                        WHERE words.roles ->> translate(lower(btrim(each.key, words.blank) COLLATE "C"), '_- ', '') IN ('start', 'end', 'hours', 'slots')
                            OR words.roles ->> translate(lower(btrim(each.key, words.blank) COLLATE "C"), '_- ', '') = 'either' AND jsonb_typeof(each.value) = 'string'
                                AND lower(btrim(each.value #>> '{}', words.blank) COLLATE "C") NOT IN ('true', 'yes', 'false', 'no')
                        HAVING count(*) > 0
                    ) AS e (part, key, value, i)
                ) AS k
                WHERE k.part <> 'key' OR k.role NOT IN ('start', 'end')
            ) AS part
    -- 3. One part read for itself. Its only reference to the outside is part.hours: equal hours are read once.
    LEFT JOIN LATERAL (
        SELECT
            CASE
                WHEN c.finding IS NOT NULL THEN NULL
                WHEN h.bare IN ('closed', 'true') THEN h.bare
                WHEN f.closing IS NOT NULL THEN 'closed'
                WHEN f.timed THEN 'open'
                ELSE 'closed'
            END AS kind,
            f.days,
            CASE WHEN f.closing IS NULL THEN f.start_time END AS start_time,
            CASE WHEN f.closing IS NULL THEN f.end_time END AS end_time,
            f.zone,
            h.shape,
            f.ignored,
            -- A finding is [place among the keys, path below the part, value, reason].
            c.finding,
            CASE WHEN f.timed THEN f.closing || '"absence"' END AS absence,
            CASE WHEN f.closing IS NULL THEN f.compact || '"ambiguous_time"' END AS compact,
            f.closing IS NULL AND f.pads_hours AS pads_hours
        FROM (SELECT part.hours AS v OFFSET 0) AS given_hours
        CROSS JOIN LATERAL (
            SELECT
                jsonb_typeof(given_hours.v) = 'array' AS listed,
                CASE
                    WHEN jsonb_typeof(given_hours.v) <> 'array' THEN given_hours.v
                    WHEN jsonb_array_length(given_hours.v) = 1 THEN given_hours.v -> 0
                END AS x
            OFFSET 0
        ) AS one
        CROSS JOIN LATERAL (
            SELECT
                CASE
                    WHEN given_hours.v IN ('null', 'false', '[]') THEN 'closed'
                    WHEN given_hours.v = 'true' THEN 'true'
                    WHEN jsonb_typeof(one.x) = 'string' AND lower(btrim(one.x #>> '{}', words.blank) COLLATE "C") IN ('closed', 'off') THEN 'closed'
                    WHEN jsonb_typeof(given_hours.v) = 'number' THEN 'bare_number'
                    WHEN one.x = '{}' THEN 'no_times'
                    WHEN jsonb_typeof(one.x) = 'string' AND btrim(one.x #>> '{}', words.blank) = '' THEN 'empty_value'
                    WHEN one.x IS NULL THEN CASE
                        WHEN EXISTS (
                            SELECT FROM jsonb_array_elements(given_hours.v) AS slot (value)
                            WHERE jsonb_typeof(slot.value) NOT IN ('string', 'number') OR slot.value #>> '{}' ~* words.range_pattern
                        ) THEN 'several_slots'
                        WHEN jsonb_array_length(given_hours.v) = 2 THEN 'pair_or_starts'
                        ELSE 'slot_starts'
                    END
                    WHEN jsonb_typeof(one.x) = 'number' THEN 'slot_starts'
                    WHEN jsonb_typeof(one.x) NOT IN ('object', 'string') THEN 'not_a_range'
                END AS bare,
                CASE jsonb_typeof(given_hours.v)
                    WHEN 'object' THEN 'object'
                    WHEN 'string' THEN 'text'
                    WHEN 'boolean' THEN 'flag'
                    WHEN 'array' THEN CASE jsonb_typeof(one.x) WHEN 'string' THEN 'list of texts' ELSE 'list of objects' END
                END AS shape
            OFFSET 0
        ) AS h
        CROSS JOIN LATERAL (
            SELECT
                min(t.time) FILTER (WHERE t.side = 'start') AS start_time,
                min(t.time) FILTER (WHERE t.side = 'end') AS end_time,
                coalesce(bool_or(t.side IS NOT NULL), false) AS timed,
                (array_agg(jsonb_build_array(t.pos) || t.found ORDER BY t.pos) FILTER (WHERE t.side = 'start'))[1] AS first_start,
                (array_agg(jsonb_build_array(t.pos) || t.found ORDER BY t.pos) FILTER (WHERE t.side = 'end'))[1] AS first_end,
                coalesce(
                    (array_agg(jsonb_build_array(t.pos) || t.found ORDER BY t.pos) FILTER (WHERE t.role = 'end' AND t.side IS NULL))[1],
                    (array_agg(jsonb_build_array(t.pos, replace(replace(replace(replace(replace(replace(t.found ->> 0, 'start', 'end'), 'Start', 'End'), 'open', 'close'), 'Open', 'Close'), 'from', 'to'), 'begin', 'finish'), NULL::text) ORDER BY t.pos) FILTER (WHERE t.side = 'start'))[1]
                ) || '"missing_end"' AS missing_end,
                coalesce(
                    (array_agg(jsonb_build_array(t.pos) || t.found ORDER BY t.pos) FILTER (WHERE t.role = 'start' AND t.side IS NULL))[1],
                    (array_agg(jsonb_build_array(t.pos, replace(replace(replace(replace(replace(replace(t.found ->> 0, 'end', 'start'), 'End', 'Start'), 'close', 'open'), 'Close', 'Open'), '.to', '.from'), 'finish', 'begin'), NULL::text) ORDER BY t.pos) FILTER (WHERE t.side = 'end'))[1]
                ) || '"missing_start"' AS missing_start,
                -- The second of two that differ.
                CASE WHEN min(t.time) FILTER (WHERE t.side = 'start') <> max(t.time) FILTER (WHERE t.side = 'start')
                    THEN (array_agg(jsonb_build_array(t.pos) || t.found ORDER BY t.pos DESC) FILTER (WHERE t.side = 'start'))[1] || '"contradiction"' END AS starts_differ,
                CASE WHEN min(t.time) FILTER (WHERE t.side = 'end') <> max(t.time) FILTER (WHERE t.side = 'end')
                    THEN (array_agg(jsonb_build_array(t.pos) || t.found ORDER BY t.pos DESC) FILTER (WHERE t.side = 'end'))[1] || '"contradiction"' END AS ends_differ,
                CASE WHEN min(t.days) <> max(t.days) THEN (array_agg(jsonb_build_array(t.pos) || t.found ORDER BY t.pos DESC) FILTER (WHERE t.days IS NOT NULL))[1] || '"contradiction"' END AS days_differ,
                CASE WHEN min(t.zone) <> max(t.zone) THEN (array_agg(jsonb_build_array(t.pos) || t.found ORDER BY t.pos DESC) FILTER (WHERE t.zone IS NOT NULL))[1] || '"contradiction"' END AS zones_differ,
                CASE WHEN bool_or(t.clock = '12') AND bool_or(t.clock = '24?')
                    THEN (array_agg(jsonb_build_array(t.pos) || t.found ORDER BY t.pos DESC) FILTER (WHERE t.side IS NOT NULL))[1] || '"mixed_clock"' END AS mixed,
                (array_agg(jsonb_build_array(t.pos) || t.found ORDER BY t.pos) FILTER (WHERE t.clock = 'HHMM'))[1] AS compact,
                coalesce(bool_or(t.clock = '0HMM'), false) AS pads_hours,
                (array_agg(jsonb_build_array(t.pos) || t.found ORDER BY t.pos) FILTER (WHERE t.closes))[1] AS closing,
                (array_agg(jsonb_build_array(t.pos) || t.found ORDER BY t.pos) FILTER (WHERE t.closes AND t.listed))[1] AS listed_closing,
                (array_agg(jsonb_build_array(t.pos) || t.found ORDER BY t.pos) FILTER (WHERE t.opens))[1] AS opening,
                (array_agg(jsonb_build_array(t.pos) || t.found || to_jsonb(t.reason) ORDER BY t.pos) FILTER (WHERE t.hard AND t.reason IS NOT NULL))[1] AS hard,
                (array_agg(jsonb_build_array(t.pos) || t.found || to_jsonb(t.reason) ORDER BY t.pos) FILTER (WHERE NOT t.hard AND t.reason <> 'break'))[1] AS soft,
                (array_agg(jsonb_build_array(t.pos) || t.found || to_jsonb(t.reason) ORDER BY t.pos) FILTER (WHERE t.reason = 'break'))[1] AS break,
                coalesce(bool_or(t.break_off), false) AS break_off,
                (array_agg(jsonb_build_array(t.pos) || t.found ORDER BY t.pos) FILTER (WHERE t.empty_slots))[1] AS empty_slots,
                string_to_array(min(t.days), ' ') AS days,
                min(t.zone) AS zone,
                array_agg(t.found ->> 0) FILTER (WHERE t.ignored) AS ignored
            FROM (
                    SELECT
                        leaf.role,
                        leaf.pos,
                        at.found,
                        clock.side,
                        clock.time,
                        clock.clock,
                        -- A time that is not there is no fact: NULL and empty texts say nothing.
                        CASE
                            WHEN leaf.role IN ('open', 'closed') THEN CASE WHEN leaf.is_on IS NULL THEN 'unreadable_flag' END
                            WHEN leaf.role = 'zone' THEN CASE
                                WHEN jsonb_typeof(leaf.value) = 'null' OR leaf.zone IS NOT NULL THEN NULL
                                ELSE 'zone_unknown'
                            END
                            WHEN leaf.role = 'offset' THEN CASE WHEN leaf.value <> 'null' THEN 'zone_offset' END
                            WHEN leaf.role = 'date' THEN CASE WHEN leaf.value NOT IN ('null', '""', '[]') THEN 'date' END
                            WHEN leaf.role = 'recurring' THEN CASE WHEN leaf.is_on IS FALSE THEN 'not_weekly' END
                            WHEN leaf.role = 'frequency' THEN CASE
                                WHEN jsonb_typeof(leaf.value) <> 'null' AND lower(btrim(leaf.value #>> '{}', words.blank) COLLATE "C") <> 'weekly' THEN 'not_weekly'
                            END
                            WHEN leaf.role = 'day' THEN leaf.day_reason
                            WHEN leaf.role = 'status' THEN CASE WHEN words.closing_words ? lower(btrim(leaf.value #>> '{}', words.blank) COLLATE "C") THEN 'contradiction' END
                            WHEN leaf.role = 'always' THEN CASE WHEN leaf.value <> 'null' AND leaf.is_on IS NOT FALSE THEN 'all_day' END
                            WHEN leaf.role = 'booked' THEN CASE WHEN leaf.value <> 'null' AND leaf.is_on IS NOT FALSE THEN 'booked' END
                            WHEN leaf.role = 'seats' THEN CASE WHEN jsonb_typeof(leaf.value) <> 'number' AND leaf.value <> 'null' OR leaf.value <= '0' AND jsonb_typeof(leaf.value) = 'number' THEN 'contradiction' END
                            WHEN leaf.role = 'switch' THEN CASE WHEN leaf.value <> 'null' AND leaf.is_on IS NOT FALSE THEN 'break' END
                            WHEN leaf.role = 'break' THEN CASE
                                WHEN leaf.value IN ('null', 'false', '[]', '{}', '""', '0') THEN NULL
                                WHEN jsonb_typeof(leaf.value) = 'object' AND EXISTS (
                                    SELECT FROM jsonb_each(leaf.value) AS inside (key, value)
                                    WHERE words.roles ->> translate(lower(btrim(inside.key, words.blank) COLLATE "C"), '_- ', '') = 'open'
                                        AND (inside.value IN ('false', '0') OR lower(btrim(inside.value #>> '{}', words.blank) COLLATE "C") IN ('false', 'no'))
                                ) THEN NULL
                                ELSE 'break'
                            END
                            WHEN leaf.role = 'slots' THEN CASE
                                WHEN leaf.value IN ('null', '[]', '""') THEN NULL
                                WHEN jsonb_typeof(leaf.value) = 'number' THEN 'bare_number'
                                WHEN jsonb_typeof(leaf.value) = 'array' AND jsonb_array_length(leaf.value) > 1 THEN CASE
                                    WHEN EXISTS (
                                        SELECT FROM jsonb_array_elements(leaf.value) AS slot (value)
                                        WHERE jsonb_typeof(slot.value) NOT IN ('string', 'number')
                                            OR slot.value #>> '{}' ~* words.range_pattern
                                    ) THEN 'several_slots'
                                    WHEN jsonb_array_length(leaf.value) = 2 THEN 'pair_or_starts'
                                    ELSE 'slot_starts'
                                END
                                ELSE 'not_a_range'
                            END
                            WHEN leaf.role IN ('start', 'end', 'range') THEN CASE WHEN clock.time IS NULL THEN clock.reason END
                            WHEN leaf.role = 'other' THEN CASE
                                WHEN jsonb_typeof(leaf.value) IN ('object', 'array') AND leaf.value::text ~* words.hours_pattern THEN 'unknown_key'
                            END
                        END AS reason,
                        leaf.role IN ('open', 'closed', 'zone', 'offset', 'date', 'recurring', 'frequency', 'day') AS hard,
                        leaf.role = 'open' AND NOT leaf.is_on OR leaf.role = 'closed' AND leaf.is_on
                            OR leaf.role = 'range' AND lower(btrim(leaf.value #>> '{}', words.blank) COLLATE "C") IN ('closed', 'off') AS closes,
                        leaf.role = 'open' AND leaf.is_on OR leaf.role = 'closed' AND NOT leaf.is_on AS opens,
                        leaf.role = 'switch' AND leaf.is_on IS FALSE AS break_off,
                        leaf.role = 'slots' AND leaf.value IN ('null', '[]', '""') AS empty_slots,
                        leaf.listed,
                        CASE WHEN leaf.day_reason IS NULL THEN leaf.days END AS days,
                        leaf.zone,
                        leaf.role IN ('other', 'note', 'week', 'group') AS ignored
                    FROM jsonb_each(CASE jsonb_typeof(one.x)
                        WHEN 'object' THEN one.x
                        WHEN 'string' THEN jsonb_build_object('', one.x)
                    END) WITH ORDINALITY AS own (key, value, i)
                    CROSS JOIN LATERAL (
                        SELECT
                            CASE
                                WHEN jsonb_typeof(one.x) = 'string' THEN 'range'
                                ELSE coalesce(words.roles ->> translate(lower(btrim(own.key, words.blank) COLLATE "C"), '_- ', ''), 'other')
                            END AS role,
                            -- What a key for slots holds: itself, or the only element of its list.
                            CASE
                                WHEN jsonb_typeof(own.value) <> 'array' THEN own.value
                                WHEN jsonb_array_length(own.value) = 1 THEN own.value -> 0
                            END AS slot
                        OFFSET 0
                    ) AS own_role
                    CROSS JOIN LATERAL jsonb_each(CASE
                        WHEN own_role.role IN ('slots', 'hours') AND jsonb_typeof(own_role.slot) = 'object' THEN own_role.slot
                        ELSE '{"": null}'
                    END) WITH ORDINALITY AS deep (key, value, i)
                    CROSS JOIN LATERAL (
                        SELECT
                            CASE
                                WHEN own_role.role NOT IN ('slots', 'hours') THEN own_role.role
                                WHEN jsonb_typeof(own_role.slot) = 'object' THEN coalesce(words.roles ->> translate(lower(btrim(deep.key, words.blank) COLLATE "C"), '_- ', ''), 'other')
                                WHEN jsonb_typeof(own_role.slot) = 'string' AND own_role.slot <> '""' THEN 'range'
                                ELSE 'slots'
                            END AS role,
                            own_role.role IN ('slots', 'hours') AND jsonb_typeof(own_role.slot) = 'object' AS is_deep
                        OFFSET 0
                    ) AS deep_role
                    CROSS JOIN LATERAL (
                        SELECT CASE
                            WHEN deep_role.is_deep THEN deep.value
                            WHEN own_role.role IN ('slots', 'hours') AND deep_role.role = 'range' THEN own_role.slot
                            ELSE own.value
                        END AS value
                        OFFSET 0
                    ) AS deep_value
                    CROSS JOIN LATERAL (
                        SELECT
                            ARRAY[own.i, CASE WHEN deep_role.is_deep THEN deep.i ELSE 0 END] AS pos,
                            CASE
                                -- "open" is a flag where it holds one, else the start.
                                WHEN deep_role.role = 'either' THEN CASE
                                    WHEN jsonb_typeof(deep_value.value) = 'boolean'
                                        OR lower(btrim(deep_value.value #>> '{}', words.blank) COLLATE "C") IN ('true', 'yes', 'false', 'no') THEN 'open'
                                    ELSE 'start'
                                END
                                WHEN deep_role.role IN ('days', 'weekday') THEN 'day'
                                WHEN deep_role.role = 'hours' THEN 'slots'
                                ELSE deep_role.role
                            END AS role,
                            deep_value.value,
                            CASE WHEN deep_role.is_deep THEN jsonb_typeof(own.value) = 'array' ELSE one.listed END AS listed,
                            CASE jsonb_typeof(deep_value.value)
                                WHEN 'boolean' THEN deep_value.value = 'true'
                                WHEN 'number' THEN CASE deep_value.value WHEN '1' THEN true WHEN '0' THEN false END
                                WHEN 'string' THEN CASE lower(btrim(deep_value.value #>> '{}', words.blank) COLLATE "C")
                                    WHEN 'true' THEN true WHEN 'yes' THEN true WHEN 'false' THEN false WHEN 'no' THEN false
                                END
                            END AS is_on,
                            CASE WHEN deep_role.role = 'zone' AND jsonb_typeof(deep_value.value) = 'string' THEN (
                                SELECT z.name FROM (SELECT btrim(deep_value.value #>> '{}', words.blank)) AS z (name)
                                WHERE (SELECT jsonb_object_agg(known.name, 1) FROM provider_availability_zones AS known) ? z.name
                            ) END AS zone,
                            named.days,
                            named.reason AS day_reason
                        FROM (
                            SELECT
                                string_agg(words.day_names ->> lower(btrim(d.name #>> '{}', words.blank) COLLATE "C"), ' ' ORDER BY d.i) AS days,
                                CASE
                                    WHEN count(*) = 0 THEN 'no_day'
                                    WHEN bool_or(jsonb_typeof(d.name) = 'number' OR d.name #>> '{}' ~ '^[ \t]*[0-9]+[ \t]*$') THEN 'day_number'
                                    WHEN bool_or(jsonb_typeof(d.name) <> 'string') THEN 'no_day'
                                    WHEN count(*) <> count(words.day_names ->> lower(btrim(d.name #>> '{}', words.blank) COLLATE "C")) THEN 'unknown_day'
                                END AS reason
                            FROM jsonb_array_elements(CASE
                                WHEN deep_role.role NOT IN ('day', 'days', 'weekday') THEN NULL
                                WHEN jsonb_typeof(deep_value.value) = 'array' THEN deep_value.value
                                ELSE jsonb_build_array(deep_value.value)
                            END) WITH ORDINALITY AS d (name, i)
                        ) AS named
                        OFFSET 0
                    ) AS leaf
                    CROSS JOIN LATERAL (
                        SELECT jsonb_build_array(
                            CASE WHEN jsonb_typeof(given_hours.v) = 'array' AND jsonb_typeof(one.x) = 'object' THEN '[0]' ELSE '' END
                            || CASE WHEN jsonb_typeof(one.x) = 'string' THEN '' ELSE CASE WHEN own.key ~ '^[A-Za-z_][A-Za-z0-9_]*$' THEN '.' || own.key ELSE '[''' || replace(replace(left(own.key, 80), '\', '\\'), '''', '\''') || ''']' END END
                            || CASE WHEN deep_role.is_deep THEN CASE WHEN jsonb_typeof(own.value) = 'array' THEN '[0]' ELSE '' END || CASE WHEN deep.key ~ '^[A-Za-z_][A-Za-z0-9_]*$' THEN '.' || deep.key ELSE '[''' || replace(replace(left(deep.key, 80), '\', '\\'), '''', '\''') || ''']' END
                                WHEN own_role.role IN ('slots', 'hours') AND jsonb_typeof(own.value) = 'array' AND deep_role.role = 'range' THEN '[0]'
                                ELSE '' END,
                            leaf.value
                        ) AS found
                        OFFSET 0
                    ) AS at
                    LEFT JOIN LATERAL (
                        SELECT
                            texts.side,
                            -- A side that cannot be read is a finding; a cast is reached only by a shape that it reads as meant.
                            CASE
                                WHEN m.p IS NULL AND texts.reason IS NULL THEN CASE
                                    WHEN texts.text ~ '^([01][0-9]|2[0-3])[0-5][0-9]$' OR texts.text = '2400' AND texts.side = 'end'
                                        THEN make_time(left(texts.text, 2)::integer, right(texts.text, 2)::integer, 0)
                                END
                                WHEN texts.reason IS NOT NULL THEN NULL
                                WHEN m.p[5] IS NOT NULL THEN CASE
                                    WHEN m.p[1]::integer BETWEEN 1 AND 12 AND coalesce(m.p[2], '0')::integer < 60 AND coalesce(m.p[3], '0')::integer < 60
                                        AND m.p[4] IS NULL
                                        THEN make_time(
                                            m.p[1]::integer % 12 + CASE WHEN lower(m.p[5]) = 'p' THEN 12 ELSE 0 END,
                                            coalesce(m.p[2], '0')::integer, coalesce(m.p[3], '0')::integer
                                        )
                                END
                                WHEN m.p[2] IS NULL OR m.p[2]::integer > 59 OR coalesce(m.p[3], '0')::integer > 59 THEN NULL
                                WHEN m.p[1]::integer < 24 OR m.p[1] = '24' AND texts.side = 'end' AND m.p[2] = '00'
                                    AND coalesce(m.p[3], '00') = '00' AND coalesce(m.p[4], '0') ~ '^0+$'
                                    THEN make_time(
                                        m.p[1]::integer, m.p[2]::integer,
                                        (coalesce(m.p[3], '0') || '.' || coalesce(m.p[4], '0'))::double precision
                                    )
                            END AS time,
                            CASE
                                WHEN m.p IS NULL THEN CASE WHEN texts.text ~ '^0[0-9]{3}$' THEN '0HMM' WHEN texts.text ~ '^[0-9]{4}$' THEN 'HHMM' END
                                WHEN m.p[5] IS NOT NULL THEN '12'
                                WHEN texts.in_range OR char_length(m.p[1]) = 2 AND (m.p[1] < '10' OR m.p[1] > '12') THEN '24'
                                ELSE '24?'
                            END AS clock,
                            coalesce(texts.reason, CASE
                                WHEN texts.text ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}' THEN 'date'
                                WHEN texts.text ~* '^[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)? *([-+\u2212][0-9].*|z|[a-z]{2,5}|(gmt|utc).*)$'
                                    AND texts.text !~* '[ap][.]?m[.]?$' THEN 'offset_in_time'
                                ELSE 'not_a_time'
                            END) AS reason
                        FROM (
                            SELECT
                                s.side,
                                s.text,
                                leaf.role = 'range' AS in_range,
                                CASE
                                    WHEN leaf.role <> 'range' THEN CASE jsonb_typeof(leaf.value)
                                        WHEN 'string' THEN CASE WHEN char_length(leaf.value #>> '{}') > 60 THEN 'not_a_time' END
                                        WHEN 'number' THEN 'bare_number'
                                        ELSE 'not_a_time'
                                    END
                                    WHEN r.p IS NULL THEN CASE
                                        WHEN lower(btrim(leaf.value #>> '{}', words.blank) COLLATE "C") ~ '^[0-9]{1,2}(:[0-9]{2}){0,2} ?([ap][.]?m[.]?)?$' THEN 'slot_starts'
                                        ELSE 'not_a_range'
                                    END
                                    WHEN (r.p[1] ~* '[ap]') <> (r.p[2] ~* '[ap]') THEN 'mixed_clock'
                                END AS reason
                            FROM (SELECT CASE WHEN leaf.role = 'range' AND char_length(leaf.value #>> '{}') <= 60
                                    THEN regexp_match(leaf.value #>> '{}', words.range_pattern, 'i') END) AS r (p)
                            CROSS JOIN LATERAL (VALUES
                                (CASE WHEN leaf.role IN ('start', 'range') THEN 'start' END, CASE WHEN leaf.role = 'start' THEN btrim(leaf.value #>> '{}', words.blank) ELSE btrim(r.p[1], words.blank) END),
                                (CASE WHEN leaf.role IN ('end', 'range') THEN 'end' END, CASE WHEN leaf.role = 'end' THEN btrim(leaf.value #>> '{}', words.blank) ELSE btrim(r.p[2], words.blank) END)
                            ) AS s (side, text)
                            WHERE s.side IS NOT NULL
                            OFFSET 0
                        ) AS texts
                        CROSS JOIN LATERAL (
                            SELECT regexp_match(
                                texts.text,
                                '^([0-9]{1,2})(?::([0-9]{2}))?(?::([0-9]{2})(?:[.]([0-9]{1,6})0*)?)? ?(?:([ap])(?:m|[.]m[.]?))?$', 'i'
                            ) AS p
                            OFFSET 0
                        ) AS m
                    ) AS clock ON leaf.role IN ('start', 'end', 'range')
                        AND leaf.value <> 'null'
                        AND btrim(leaf.value #>> '{}', words.blank) <> ''
                        AND NOT (leaf.role = 'range' AND lower(btrim(leaf.value #>> '{}', words.blank) COLLATE "C") IN ('closed', 'off'))
            ) AS t
        ) AS f
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN h.bare IN ('closed', 'true') THEN NULL
                WHEN h.bare IS NOT NULL THEN jsonb_build_array('[0, 0]'::jsonb, '', given_hours.v, h.bare)
                ELSE (
                    SELECT n.finding
                    FROM (VALUES
                        (f.hard),
                        (f.days_differ),
                        (f.zones_differ),
                        (CASE WHEN f.closing IS NOT NULL AND f.opening IS NOT NULL THEN greatest(f.closing, f.opening) || '"contradiction"' END),
                        (CASE WHEN f.listed_closing IS NOT NULL AND f.timed THEN f.listed_closing || '"absence"' END),
                        (CASE WHEN f.closing IS NULL THEN f.soft END),
                        (CASE WHEN f.closing IS NULL AND NOT f.break_off THEN f.break END),
                        (CASE WHEN f.closing IS NULL THEN f.starts_differ END),
                        (CASE WHEN f.closing IS NULL THEN f.ends_differ END),
                        (CASE WHEN f.closing IS NULL THEN f.mixed END),
                        (CASE WHEN f.closing IS NULL AND f.first_start IS NOT NULL AND f.first_end IS NULL THEN f.missing_end END),
                        (CASE WHEN f.closing IS NULL AND f.first_end IS NOT NULL AND f.first_start IS NULL THEN f.missing_start END),
                        (CASE WHEN f.closing IS NULL AND NOT f.timed THEN CASE
                            WHEN f.empty_slots IS NOT NULL THEN CASE WHEN f.opening IS NOT NULL THEN f.empty_slots || '"no_times"' END
                            ELSE jsonb_build_array('[0, 0]'::jsonb, '', given_hours.v, 'no_times')
                        END END),
                        (CASE WHEN f.closing IS NULL AND f.start_time >= f.end_time
                            THEN jsonb_build_array('[0, 0]'::jsonb, '', given_hours.v, 'start_not_before_end') END)
                    ) AS n (finding)
                    WHERE n.finding IS NOT NULL
                    ORDER BY n.finding -> 0
                    LIMIT 1
                )
            END AS finding
            OFFSET 0
        ) AS c
    ) AS r ON part.hours IS NOT NULL
            LEFT JOIN LATERAL unnest(CASE part.part WHEN 'day' THEN ARRAY[part.day] WHEN 'entry' THEN r.days END) AS day (day) ON true
        ) AS q
    ) AS p
) AS verdict_parts
CROSS JOIN LATERAL (
    SELECT
        verdict_parts.*,
        CASE WHEN verdict_parts.outcome = 'rejected' THEN coalesce(verdict_parts.finding ->> 3, CASE WHEN jsonb_typeof(given.doc) = 'string' THEN 'text' ELSE 'no_week' END) END AS reason,
        CASE WHEN verdict_parts.outcome = 'rejected' THEN coalesce(verdict_parts.finding ->> 1, '$') END AS path,
        CASE WHEN verdict_parts.outcome = 'rejected' THEN CASE WHEN verdict_parts.finding IS NULL THEN given.doc::text ELSE (verdict_parts.finding -> 2)::text END END AS value
) AS verdict
-- </reading>
    ) AS r
),
days AS (
    SELECT d.id, n.day, n.available, n.start_time, n.end_time, n.zone
    FROM documents AS d
    CROSS JOIN LATERAL unnest(d.days, d.available, d.starts, d.ends, d.zones) AS n (day, available, start_time, end_time, zone)
),
standing AS (
    SELECT
        a.provider_id,
        a.day_of_week,
        n.id IS NOT NULL
            AND (a.is_available, a.timezone) IS NOT DISTINCT FROM (n.available, n.zone)
            AND (NOT n.available OR (a.start_time, a.end_time) = (n.start_time, n.end_time)) AS is_equal
    FROM documents AS d
    JOIN provider_availability AS a ON a.provider_id = d.id
    LEFT JOIN days AS n ON n.id = a.provider_id AND n.day = a.day_of_week
    WHERE d.outcome <> 'rejected'
),
differing AS (
    SELECT s.provider_id, min(s.day_of_week) AS day
    FROM standing AS s
    WHERE NOT s.is_equal
    GROUP BY s.provider_id
),
moved AS (
    SELECT d.id, d.outcome, cardinality(d.days) AS days, d.shape, f.day
    FROM differing AS f
    JOIN documents AS d ON d.id = f.provider_id
),
equal AS (
    SELECT count(*) AS n
    FROM standing AS s
    WHERE s.is_equal AND NOT EXISTS (SELECT FROM differing AS f WHERE f.provider_id = s.provider_id)
)
SELECT 'documents' AS kind, NULL AS key, NULL AS path, CASE m.outcome WHEN 'converted' THEN 'convertible' ELSE m.outcome END AS value, NULL AS reason, -count(*) AS n
FROM moved AS m
GROUP BY m.outcome
UNION ALL
SELECT 'documents', NULL, NULL, 'rejected', NULL, count(*)
FROM moved AS m
HAVING count(*) > 0
UNION ALL
SELECT 'rows', NULL, NULL, 'insert', NULL, -coalesce(sum(m.days), 0)::bigint
FROM moved AS m
HAVING coalesce(sum(m.days), 0) > 0
UNION ALL
SELECT 'rows', NULL, NULL, 'insert', NULL, -e.n
FROM equal AS e
WHERE e.n > 0
UNION ALL
SELECT 'rows', NULL, NULL, 'unchanged', NULL, e.n
FROM equal AS e
WHERE e.n > 0
UNION ALL
SELECT 'shape', NULL, NULL, m.shape, NULL, -count(*)
FROM moved AS m
WHERE m.outcome = 'converted'
GROUP BY m.shape
UNION ALL
SELECT 'reject', m.id::text, '$', m.day, 'row_differs', 1
FROM moved AS m;
