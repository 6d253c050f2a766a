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
            -- The census has read them all; these are the ones that may have to be told otherwise.
            AND q.id IN (
                SELECT a.provider_id FROM provider_availability AS a WHERE a.provider_id BETWEEN :'first' AND :'last'
            )
    ) AS p
    CROSS JOIN (SELECT :'settings'::jsonb AS settings) AS s
    CROSS JOIN LATERAL (
-- <reading>
SELECT
    coalesce(plain.outcome, whole.outcome) AS outcome,
    whole.reason,
    whole.path,
    whole.value,
    coalesce(plain.shape, whole.shape) AS shape,
    coalesce(plain.ignored, whole.ignored) AS ignored,
    coalesce(plain.days, whole.days) AS days,
    coalesce(plain.available, whole.available) AS available,
    coalesce(plain.starts, whole.starts) AS starts,
    coalesce(plain.ends, whole.ends) AS ends,
    coalesce(plain.zones, whole.zones) AS zones,
    coalesce(plain.places, whole.places) AS places
FROM (
    -- <plain>
    -- The short way, for what most documents are: weekdays by their English names, each plainly hours or closed, and
    -- perhaps a timezone. It reads them as the long way below does, which tests hold it to, at a tenth of the cost. Equal
    -- days are read once: the one mention of a day's value is what Memoize keys on.
    SELECT
        CASE
            WHEN all_of.fit THEN 'converted'
            WHEN all_of.n = 0 AND given.aside IS NULL AND (given.doc IS NULL OR given.doc IN ('null', '{}', '[]', '""')) THEN 'empty'
        END AS outcome,
        CASE WHEN all_of.fit THEN
            CASE all_of.forms >> 3
                WHEN 1 THEN 'weekday: flag' WHEN 2 THEN 'weekday: list of objects' WHEN 4 THEN 'weekday: list of texts'
                WHEN 8 THEN 'weekday: object' WHEN 16 THEN 'weekday: text' ELSE 'weekday'
            END
        END AS shape,
        CASE WHEN all_of.fit THEN (SELECT array_agg('$.' || a.key ORDER BY '$.' || a.key) FROM unnest(given.aside) AS a (key)) END AS ignored,
        CASE WHEN all_of.fit THEN all_of.days END AS days,
        CASE WHEN all_of.fit THEN all_of.available END AS available,
        CASE WHEN all_of.fit THEN all_of.starts END AS starts,
        CASE WHEN all_of.fit THEN all_of.ends END AS ends,
        CASE WHEN all_of.fit THEN array_fill(coalesce(zone.name, settings ->> 'default_timezone'), ARRAY[all_of.n]) END AS zones,
        CASE WHEN all_of.fit THEN all_of.places END AS places
    FROM (
        -- Keys beside the days that nobody reads, whatever they hold, unless a policy says what keys mean.
        SELECT CASE WHEN o.keys IS NULL THEN d.doc ELSE d.doc - o.keys END AS doc, o.keys AS aside
        FROM (SELECT document AS doc OFFSET 0) AS d
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN d.doc ?| '{id,name,note,notes,comment,version,updatedAt,updated_at,description}'
                    AND jsonb_typeof(d.doc) = 'object' AND settings -> 'key_names' IS NULL AND settings -> 'day_names' IS NULL
                    THEN (
                        SELECT array_agg(n.key)
                        FROM unnest('{id,name,note,notes,comment,version,updatedAt,updated_at,description}'::text[]) AS n (key)
                        WHERE jsonb_typeof(d.doc -> n.key) NOT IN ('object', 'array')
                    )
            END AS keys
            OFFSET 0
        ) AS o
        OFFSET 0
    ) AS given
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN jsonb_typeof(given.doc) = 'object' AND given.doc ->> 'timezone' IN (SELECT z.name FROM provider_availability_zones AS z)
                THEN given.doc ->> 'timezone'
        END AS name
        OFFSET 0
    ) AS zone
    CROSS JOIN LATERAL (
        SELECT
            -- Names of one form, so that no day comes twice. Days of several forms go the long way.
            bool_and(k.fits) AND bit_or(k.form) & 7 IN (1, 2, 4) AND bit_or(k.form) >> 3 IN (0, 1, 2, 4, 8, 16)
                -- A policy may say what these keys are for.
                AND NOT coalesce(settings -> 'key_names' ?| '{start,starttime,from,end,endtime,to,available,enabled,isavailable,isopen,active,timezone}', false) AS fit,
            bit_or(k.form) AS forms,
            count(*)::integer AS n,
            array_agg(k.day) AS days,
            array_agg(k.available) AS available,
            array_agg(k.start_time) AS starts,
            array_agg(k.end_time) AS ends,
            array_agg(E'\x1f' || k.key) AS places
        FROM (
            SELECT
                e.key, e.day, r.fits AND e.day IS NOT NULL AS fits, r.available, r.start_time, r.end_time,
                r.form | CASE WHEN e.key = e.day THEN 1 WHEN length(e.key) = 3 THEN 2 ELSE 4 END AS form
            FROM (
                SELECT
                    k.key,
                    given.doc -> k.key AS value,
                    '{"monday": "monday", "tuesday": "tuesday", "wednesday": "wednesday", "thursday": "thursday",
                      "friday": "friday", "saturday": "saturday", "sunday": "sunday",
                      "Monday": "monday", "Tuesday": "tuesday", "Wednesday": "wednesday", "Thursday": "thursday",
                      "Friday": "friday", "Saturday": "saturday", "Sunday": "sunday",
                      "mon": "monday", "tue": "tuesday", "wed": "wednesday", "thu": "thursday",
                      "fri": "friday", "sat": "saturday", "sun": "sunday"}'::jsonb ->> k.key AS day
                FROM (SELECT jsonb_object_keys(CASE WHEN jsonb_typeof(given.doc) = 'object' THEN given.doc END) AS key OFFSET 0) AS k
                WHERE zone.name IS NULL OR k.key <> 'timezone'
                OFFSET 0
            ) AS e
            CROSS JOIN LATERAL (SELECT e.value AS v OFFSET 0) AS one
            CROSS JOIN LATERAL (
                SELECT coalesce(t.closed OR t.start_time < t.end_time, false) AS fits, t.form, NOT t.closed AS available, t.start_time, t.end_time
                FROM (
                    SELECT
                        h.form,
                        h.closed,
                        CASE WHEN h.times AND NOT h.closed THEN h.start_text::time END AS start_time,
                        CASE WHEN h.times AND NOT h.closed THEN h.end_text::time END AS end_time
                    FROM (
                    SELECT
                        g.form,
                        g.start_text,
                        g.end_text,
                        -- Closed decides first; but a slot that is switched off is an absence, and goes the long way.
                        CASE g.kind
                            WHEN 'object' THEN coalesce(g.whole AND g.flag = 'false', false)
                            ELSE g.v IN ('null', 'false', '[]', '"closed"', '"Closed"')
                        END AS closed,
                        -- HH:MM or HH:MM:SS, an end also 24:00. By comparisons: a regular expression here is three quarters of all costs.
                        coalesce(
                            g.whole AND coalesce(g.flag = 'true', true)
                                AND translate(g.start_text || ' ' || g.end_text, '123456789', '000000000')
                                    IN ('00:00 00:00', '00:00:00 00:00:00', '00:00 00:00:00', '00:00:00 00:00')
                                AND g.start_text COLLATE "C" < '24' AND (g.end_text COLLATE "C" < '24' OR g.end_text IN ('24:00', '24:00:00'))
                                AND substr(g.start_text, 4, 1) COLLATE "C" < '6' AND substr(g.end_text, 4, 1) COLLATE "C" < '6'
                                AND substr(g.start_text, 7, 1) COLLATE "C" < '6' AND substr(g.end_text, 7, 1) COLLATE "C" < '6',
                            false
                        ) AS times
                    FROM (
                        SELECT
                            k.v,
                            k.kind,
                            CASE k.kind
                                WHEN 'array' THEN CASE k.slot_kind WHEN 'string' THEN 32 ELSE 16 END
                                WHEN 'string' THEN 128
                                WHEN 'boolean' THEN 8
                                WHEN 'object' THEN 64
                                ELSE 0
                            END AS form,
                            CASE k.slot_kind
                                WHEN 'string' THEN k.slot #>> '{}' ~ '^[0-9:]+-[0-9:]+$'
                                WHEN 'object' THEN k.slot - ARRAY[k.start_key, k.end_key, k.flag_key] = '{}'
                            END AS whole,
                            k.slot -> k.flag_key AS flag,
                            CASE k.slot_kind WHEN 'string' THEN split_part(k.slot #>> '{}', '-', 1) ELSE k.slot ->> k.start_key END AS start_text,
                            CASE k.slot_kind WHEN 'string' THEN split_part(k.slot #>> '{}', '-', 2) ELSE k.slot ->> k.end_key END AS end_text
                        FROM (
                            SELECT
                                s.*,
                                jsonb_typeof(s.slot) AS slot_kind,
                                CASE
                                    WHEN s.slot ? 'start' THEN 'start' WHEN s.slot ? 'startTime' THEN 'startTime'
                                    WHEN s.slot ? 'start_time' THEN 'start_time' WHEN s.slot ? 'from' THEN 'from'
                                END AS start_key,
                                CASE
                                    WHEN s.slot ? 'end' THEN 'end' WHEN s.slot ? 'endTime' THEN 'endTime'
                                    WHEN s.slot ? 'end_time' THEN 'end_time' WHEN s.slot ? 'to' THEN 'to'
                                END AS end_key,
                                CASE
                                    WHEN s.slot ? 'available' THEN 'available' WHEN s.slot ? 'enabled' THEN 'enabled'
                                    WHEN s.slot ? 'isAvailable' THEN 'isAvailable' WHEN s.slot ? 'is_available' THEN 'is_available'
                                    WHEN s.slot ? 'isOpen' THEN 'isOpen' WHEN s.slot ? 'active' THEN 'active'
                                END AS flag_key
                            FROM (
                                SELECT it.v, it.kind, CASE
                                    WHEN it.kind <> 'array' THEN it.v
                                    WHEN jsonb_array_length(it.v) = 1 THEN it.v -> 0
                                END AS slot
                                FROM (SELECT one.v, jsonb_typeof(one.v) AS kind FROM (SELECT one.v AS v OFFSET 0) AS one OFFSET 0) AS it
                                OFFSET 0
                            ) AS s
                            OFFSET 0
                        ) AS k
                        OFFSET 0
                    ) AS g
                    OFFSET 0
                    ) AS h
                    OFFSET 0
                ) AS t
                OFFSET 0
            ) AS r
            OFFSET 0
        ) AS k
    ) AS all_of
    OFFSET 0
    -- </plain>
) AS plain
LEFT JOIN LATERAL (
    -- The long way, for all others.
    WITH lexicon AS MATERIALIZED (
        SELECT
            v.*,
            -- What the policy adds. A number of a day is one more name of it.
            v.english
                || CASE policy.s ->> 'day_numbers'
                    WHEN '0=sunday' THEN '{"0": "sunday", "1": "monday", "2": "tuesday", "3": "wednesday", "4": "thursday", "5": "friday", "6": "saturday"}'
                    WHEN '0=monday' THEN '{"0": "monday", "1": "tuesday", "2": "wednesday", "3": "thursday", "4": "friday", "5": "saturday", "6": "sunday"}'
                    WHEN '1=sunday' THEN '{"1": "sunday", "2": "monday", "3": "tuesday", "4": "wednesday", "5": "thursday", "6": "friday", "7": "saturday"}'
                    WHEN '1=monday' THEN '{"1": "monday", "2": "tuesday", "3": "wednesday", "4": "thursday", "5": "friday", "6": "saturday", "7": "sunday"}'
                    ELSE '{}'
                END::jsonb
                || (
                    SELECT coalesce(jsonb_object_agg(translate(lower(btrim(n.name, v.blank) COLLATE "C"), v.capitals, v.smalls), n.day), '{}')
                    FROM jsonb_each_text(policy.s -> 'day_names') AS n (name, day)
                ) AS days,
            v.english || (
                SELECT coalesce(jsonb_object_agg(translate(lower(btrim(n.name, v.blank) COLLATE "C"), v.capitals, v.smalls), n.day), '{}')
                FROM jsonb_each_text(policy.s -> 'day_names') AS n (name, day)
            ) AS named,
            ARRAY(
                SELECT translate(lower(n.name COLLATE "C"), v.fold, v.smalls) FROM jsonb_object_keys(policy.s -> 'key_names') AS n (name)
            ) AS given_keys,
            v.built_in || (
                SELECT coalesce(jsonb_object_agg(translate(lower(n.name COLLATE "C"), v.fold, v.smalls), CASE n.role
                    WHEN 'open_or_start' THEN 'either' WHEN 'closed_or_end' THEN 'shut' WHEN 'days' THEN 'list day' WHEN 'note' THEN 'unread' ELSE n.role
                END), '{}')
                FROM jsonb_each_text(policy.s -> 'key_names') AS n (name, role)
            ) AS roles,
            '{closed,off}'::text[] || ARRAY(
                SELECT translate(lower(btrim(c.word, v.blank) COLLATE "C"), v.capitals, v.smalls)
                FROM jsonb_array_elements_text(policy.s -> 'closed_words') AS c (word)
            ) AS closed,
            CASE WHEN policy.s -> 'all_day' = 'true' THEN
                '{24 hours,24h,24/7,24 hrs,open 24 hours,open 24/7,all day,allday}'::text[] || ARRAY(
                    SELECT regexp_replace(translate(lower(btrim(a.word, v.blank) COLLATE "C"), v.capitals, v.smalls), v.space || '+', ' ', 'g')
                    FROM jsonb_array_elements_text(policy.s -> 'all_day_words') AS a (word)
                )
            END AS around,
            CASE policy.s ->> 'numbers' WHEN 'hours' THEN 3600 WHEN 'minutes' THEN 60 WHEN 'seconds' THEN 1 END AS unit,
            -- Minutes beside an hour: {"startHour": 9, "startMinute": 30}.
            CASE WHEN policy.s ->> 'numbers' = 'hours'
                THEN '^(start|open|begin|from|end|close|to|finish)(?:mins?|minutes?)$'
            END AS minute_keys,
            CASE WHEN policy.s ->> 'numbers' = 'hours' THEN '^(start|open(?!hours)|begin|from|end|close(?!hours)|to|finish)hours?$' END AS hour_keys,
            coalesce(policy.s -> 'pairs' = 'true', false) AS pairs,
            coalesce(policy.s -> 'midnight_end' = 'true', false) AS midnight_end,
            coalesce(policy.s -> 'whole_day' = 'true', false) AS whole_day,
            coalesce(policy.s -> 'equal_duplicates' = 'true', false) AS equal_duplicates,
            coalesce(policy.s -> 'adjacent_slots' = 'true', false) AS adjacent_slots,
            coalesce(policy.s -> 'empty_zone' = 'true', false) AS empty_zone,
            coalesce(policy.s -> 'empty_times' = 'true', false) AS empty_times,
            coalesce(policy.s -> 'lenient_12_hour' = 'true', false) AS lenient,
            coalesce(policy.s -> 'time_objects' = 'true', false) AS time_objects,
            policy.s -> 'zone_aliases' AS zone_aliases,
            -- Notations that are read by writing them in the usual one: 9.30, 9h30, 1970-01-01T09:30:00Z.
            CASE WHEN policy.s -> 'separators' ? '.' THEN '^([0-9]{1,2})[.]([0-5][0-9])$' END AS dotted,
            CASE WHEN policy.s -> 'separators' ? 'h' THEN '^([0-9]{1,2})h([0-5][0-9])?$' END AS with_h,
            CASE WHEN policy.s -> 'datetimes_1970' = 'true'
                THEN '^1970-01-01[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.][0-9]+)?)?)(?:Z|[+]00(?::00)?)?$'
            END AS from_1970,
            -- Names of several days, by their folded names.
            CASE WHEN policy.s -> 'day_groups' = 'true' THEN
                '{"weekdays": "monday tuesday wednesday thursday friday", "workweek": "monday tuesday wednesday thursday friday",
                  "weekend": "saturday sunday", "weekends": "saturday sunday",
                  "all": "monday tuesday wednesday thursday friday saturday sunday",
                  "daily": "monday tuesday wednesday thursday friday saturday sunday",
                  "alldays": "monday tuesday wednesday thursday friday saturday sunday",
                  "everyday": "monday tuesday wednesday thursday friday saturday sunday"}'::jsonb
            END AS groups,
            '{monday,tuesday,wednesday,thursday,friday,saturday,sunday}'::text[] AS week,
            -- Within JSON text: a quote that opens a text, a time or a range, a quote that closes it; it is no key.
            '(?:^|[ {[])"' || v.gap || '*(?:' || v.clock || '(?:' || v.dash || v.clock || ')?|' || n.closed || ')' || v.gap
                || '*"(?!:)' AS hours_text,
            '(?:^|[ {[])"' || v.gap || '*(?:' || v.clock || '(?:' || v.dash || v.clock || ')?|[ap](?:m|[.]m[.]?))' || v.gap
                || '*"(?!:)' AS times_text,
            '^"' || v.gap || '*(?:' || n.clock || '|(?:[01][0-9]|2[0-3])[0-5][0-9])' || v.gap || '*"$' AS clock_text,
            -- What joins the two times of a range; a time and its parts; a time with an offset or a zone behind.
            '[-\u2010\u2011\u2012\u2013\u2014\u2015\u2212]|' || v.space || '+to' || v.space || '+' AS joint,
            '^([0-9]{1,2})(?::([0-5][0-9])(?::([0-5][0-9])([.][0-9]{1,6}0*)?)?)?(?:' || v.space || '*([ap])(?:m|[.]m[.]?))?$'
                AS clock_parts,
            '^[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.][0-9]+)?)?(?:' || v.space || '*[ap](?:m|[.]m[.]?))?' || v.space
                || '*(?:[-+\u2212][0-9]{1,2}(?::?[0-9]{2})?|[a-z]{1,5}(?:[-+][0-9]+)?)$' AS offset_text
        FROM (
            SELECT
                -- English names of days, in lower case.
                '{"monday": "monday", "mon": "monday", "mo": "monday",
                  "tuesday": "tuesday", "tues": "tuesday", "tue": "tuesday", "tu": "tuesday",
                  "wednesday": "wednesday", "wed": "wednesday", "we": "wednesday",
                  "thursday": "thursday", "thurs": "thursday", "thur": "thursday", "thu": "thursday", "th": "thursday",
                  "friday": "friday", "fri": "friday", "fr": "friday",
                  "saturday": "saturday", "sat": "saturday", "sa": "saturday",
                  "sunday": "sunday", "sun": "sunday", "su": "sunday"}'::jsonb AS english,
                -- A key that speaks of a day without being its name: mondayClosed, sun_enabled.
                'monday|tuesday|wednesday|thursday|friday|saturday|sunday|'
                    '(?:^|[^a-z])(?:mon|tues?|wed|thu|thurs?|fri|sat|sun)(?:[^a-z]|$)' AS day_inside,
                -- What a key is for, by its name in lower case without _, - and spaces. Where the place decides, several words:
                -- "week" may wrap a week, "slots" may hold the hours of a day, "list" may list days beside one interval, "day" may
                -- name those of an entry or a slot, "group" stands for several days.
            '{"avail": "available", "isavail": "available", "isopened": "available", "checked": "available",
              "ischecked": "available", "ison": "available", "isworkday": "available", "dayenabled": "available",
              "on": "available", "active": "available", "isopen": "available", "enabled": "available", "working": "available",
              "isactive": "available", "selected": "available", "available": "available", "isenabled": "available",
              "isworking": "available", "isselected": "available", "isavailable": "available", "isworkingday": "available",
              "isoff": "closed", "notworking": "closed", "isnotworking": "closed",
              "off": "closed", "closed": "closed", "dayoff": "closed", "blocked": "closed", "holiday": "closed",
              "disabled": "closed", "isclosed": "closed", "isdayoff": "closed", "isblocked": "closed", "isholiday": "closed",
              "isdisabled": "closed", "unavailable": "closed", "closedallday": "closed", "isunavailable": "closed",
              "workstarttime": "start", "hoursopen": "start", "openat": "start", "startat": "start", "shiftstart": "start",
              "timefrom": "start", "availablefrom": "start", "starttimelocal": "start", "localstarttime": "start",
              "begins": "start", "startingtime": "start",
              "from": "start", "begin": "start", "opens": "start", "start": "start", "starts": "start", "opening": "start",
              "opensat": "start", "fromtime": "start", "opentime": "start", "startsat": "start", "begintime": "start",
              "starthour": "start", "starthours": "start", "openhour": "start", "openinghour": "start", "beginhour": "start",
              "beginhours": "start", "fromhour": "start", "fromhours": "start", "starttime": "start", "timestart": "start", "workstart": "start", "hoursstart": "start",
              "openingtime": "start", "startlocaltime": "start", "availablestarttime": "start",
              "workendtime": "end", "hoursclose": "end", "closeat": "end", "endat": "end", "shiftend": "end",
              "timeto": "end", "availableto": "end", "availableuntil": "end", "endtimelocal": "end", "localendtime": "end",
              "endingtime": "end",
              "to": "end", "end": "end", "ends": "end", "until": "end", "closes": "end", "endsat": "end", "finish": "end",
              "endhours": "end", "closehour": "end", "closinghour": "end", "tohour": "end", "tohours": "end", "finishhour": "end", "finishhours": "end", "totime": "end", "closing": "end", "endhour": "end", "endtime": "end", "timeend": "end", "workend": "end",
              "closesat": "end", "hoursend": "end", "closetime": "end", "finishtime": "end", "closingtime": "end",
              "endlocaltime": "end", "availableendtime": "end",
              "open": "either",
              "close": "close",
              "openingtimes": "week", "regularschedule": "week", "defaultschedule": "week", "defaulthours": "week",
              "weekhours": "week", "weekschedule": "week", "storehours": "week", "clinichours": "week",
              "providerschedule": "week", "availabilityschedule": "week", "dailyhours": "week",
              "week": "week", "rules": "week", "weekly": "week", "schedules": "week", "timetable": "week", "workhours": "week slots",
              "officehours": "week slots", "openhours": "week slots", "weeklyhours": "week", "availability": "week", "openinghours": "week slots",
              "regularhours": "week", "workschedule": "week", "availabletime": "week", "businesshours": "week slots",
              "availabilities": "week", "operatinghours": "week slots", "weeklyschedule": "week", "hoursofoperation": "week",
              "availabilityslots": "week", "weeklyavailability": "week", "availabilitywindows": "week",
              "hours": "week slots", "slots": "week slots", "entries": "week slots", "periods": "week slots",
              "windows": "week slots", "schedule": "week slots", "intervals": "week slots", "timeslots": "week slots",
              "workinghours": "week slots", "availablehours": "week slots",
              "timeslot": "slots", "slot": "slots", "window": "slots", "timerange": "slots", "timewindows": "slots",
              "time": "slots", "times": "slots", "blocks": "slots", "ranges": "slots", "shifts": "slots", "timing": "slots",
              "timings": "slots", "sessions": "slots", "timeranges": "slots", "timeperiods": "slots", "workingblocks": "slots",
              "weekdayname": "day", "dayoftheweek": "day", "nameofday": "day", "dow": "day",
              "day": "day", "wday": "day", "openday": "day", "closeday": "day", "dayname": "day", "dayofweekenum": "day",
              "weekday": "day group",
              "all": "group", "daily": "group", "workweek": "group", "alldays": "group", "weekend": "group", "everyday": "group", "weekends": "group",
              "daysavailable": "list", "activedays": "list", "opendays": "list", "selecteddays": "list",
              "businessdays": "list",
              "workdays": "list", "availabledays": "list",
              "daysoftheweek": "list day",
              "dayofweek": "list day", "daysofweek": "list day",
              "weekdays": "list group",
              "workingdays": "week list",
              "days": "week list day",
              "timezonestring": "zone", "ianatz": "zone", "localtimezone": "zone",
              "tz": "zone", "iana": "zone", "timezone": "zone", "timezoneid": "zone", "ianatimezone": "zone",
              "timezonename": "zone",
              "gmt": "offset", "utc": "offset", "tzid": "offset", "zone": "offset", "offset": "offset", "tzabbr": "offset",
              "tzname": "offset", "zoneid": "offset", "tzoffset": "offset", "zonename": "offset", "gmtoffset": "offset",
              "utcoffset": "offset", "timezoneabbr": "offset", "timezoneoffset": "offset",
              "alwaysopen": "always", "fullday": "always", "isfullday": "always", "wholeday": "always",
              "isallday": "always", "open24": "always", "is24hrs": "always", "roundtheclock": "always",
              "twentyfourhours": "always",
              "is24h": "always", "allday": "always", "allhours": "always", "is24hours": "always", "open24hours": "always",
              "booked": "booked", "isbooked": "booked",
              "skip": "gone", "draft": "gone", "paused": "gone", "deleted": "gone", "expired": "gone", "isdraft": "gone",
              "removed": "gone", "skipped": "gone", "archived": "gone", "canceled": "gone", "inactive": "gone",
              "ispaused": "gone", "cancelled": "gone", "isdeleted": "gone", "suspended": "gone", "isarchived": "gone",
              "iscanceled": "gone", "isinactive": "gone", "iscancelled": "gone", "issuspended": "gone", "isnotavailable": "gone",
              "kind": "status", "type": "status", "state": "status", "status": "status",
              "seats": "seats", "capacity": "seats",
              "isbreak": "switch", "hasbreak": "switch", "haslunch": "switch", "breakenabled": "switch",
              "lunchenabled": "switch", "haslunchbreak": "switch",
              "date": "date", "dates": "date", "ondate": "date", "todate": "date", "enddate": "date", "expires": "date",
              "validto": "date", "fromdate": "date", "expiresat": "date", "startdate": "date", "validfrom": "date",
              "expirydate": "date", "validuntil": "date", "effectiveto": "date", "effectiveend": "date", "specificdate": "date",
              "validthrough": "date", "effectivedate": "date", "effectivefrom": "date", "effectivestart": "date",
              "effectiveuntil": "date", "expirationdate": "date",
              "repeat": "recurs", "repeats": "recurs", "frequency": "recurs", "recurring": "recurs", "recurrence": "recurs",
              "repeattype": "recurs", "isrecurring": "recurs", "isrepeating": "recurs", "recurrencetype": "recurs",
              "biweekly": "fortnight", "isbiweekly": "fortnight",
              "daysoff": "exception", "timeoff": "exception", "datesoff": "exception", "holidays": "exception",
              "vacation": "exception", "overrides": "exception", "vacations": "exception", "exceptions": "exception",
              "customdates": "exception", "specialdays": "exception", "blockeddates": "exception", "notavailable": "exception",
              "specialdates": "exception", "blackoutdates": "exception", "dateoverrides": "exception",
              "unavailabledates": "exception",
              "id": "note", "meta": "note", "name": "note", "note": "note", "label": "note", "notes": "note",
              "title": "note", "reason": "note", "source": "note", "comment": "note", "version": "note", "comments": "note",
              "location": "note", "metadata": "note", "settings": "note", "createdat": "note", "locations": "note",
              "updatedat": "note", "description": "note", "lastupdated": "note", "isvirtual": "note", "isonline": "note",
              "slotduration": "note", "slotdurationminutes": "note", "slotminutes": "note", "buffer": "note", "bufferminutes": "note",
              "buffertime": "note", "maxdailyhours": "note", "advancebookingdays": "note", "scheduleid": "note", "userid": "note",
              "providerid": "note", "doctorid": "note", "objecttype": "note", "emails": "note", "@type": "note", "order": "note",
              "index": "note", "color": "note", "weekstart": "note", "weekstartson": "note", "firstdayofweek": "note",
              "daysperweek": "note", "hoursperweek": "note", "useweeklyschedule": "note", "useweekly": "note"}'::jsonb AS built_in,
                'timezone|utcoffset|gmtoffset' AS zone_stems,
                'break|lunch|pause|siesta' AS break_stems,
                -- Keys without a role whose names tell that they may change what the hours mean, and zones under such keys.
                'publish|valid|activ|enabl|visib|approv|confirm' AS validity,
                'rrule|recur|repeat|freq|fortnight|alternat|season|month|expir|until|effectiv|delet|remov|cancel|archiv|paus|suspend|'
                    'meridi|ampm|24|overnight|nextday|endday|startday|morning|noon|evening|night|'
                    '^(?:am|pm|isam|ispm|weeks?|weekno|weeknumber|weektype|weekparity|weekpattern|oddweeks?|evenweeks?|weeksofmonth|'
                    'weekofmonth|everyweeks|interval|every|parity|nth.*|occurrences?|onlyon|excepts?|excludes?|plusdays|byappointment.*|'
                    'oncall|tentative)$' AS suspect,
                -- Names that say from when until when, where a date stands.
                'from|since|start|begin|thru|through|till|end|to$|only|valid' AS periods,
                '^(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc|US|Canada|Brazil|Chile|Mexico)/'
                    AS zone_like,
                -- A second interval, or what changes the first: start2, openMinutes, startPeriod.
                '^(?:(?:start|end|open|close|begin|finish|from|to)(?:time|hours?|at)?[0-9]+|'
                    '(?:start|end|open|close|begin|finish|from|to|opening|closing)(?:mins?|minutes?|period|meridiem|ampm))$' AS numbered,
                -- Texts under a status key that say: not available.
                '{unavailable,closed,off,busy,blocked,block,break,lunch,booked,absent,absence,away,vacation,holiday,leave,timeoff,
                  inactive,disabled,cancelled,canceled,exception,override,date,draft,pending,tentative,onhold,paused,suspended,
                  archived,deleted,expired}'::text[] AS away,
                -- White space; with what else a name is compared without; and how JSON text writes it.
                E' \t\n\r\f\x0b' AS blank,
                -- Capital letters beyond ASCII (Latin-1, Greek, Cyrillic) and their small ones, whatever the database's locale.
                'ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЁ' AS capitals,
                'àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþαβγδεζηθικλμνξοπρστυφχψωабвгдежзийклмнопрстуфхцчшщъыьэюяё' AS smalls,
                'ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЁ'
                    || E'_- \t\n\r\f\x0b' AS fold,
                '[ \t\n\r\f\v]' AS space,
                '(?: |\\[tnrf]|\\u000b)' AS gap,
                -- A clock time, and what joins two, in JSON text.
                '(?:(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{1,6}0*)?)?|24:00(?::00(?:[.]0+)?)?|'
                    '(?:0?[1-9]|1[0-2])(?::[0-5][0-9]){0,2}(?: |\\[tnrf]|\\u000b)*[ap](?:m|[.]m[.]?))' AS clock,
                '(?:(?: |\\[tnrf]|\\u000b)*[-\u2010\u2011\u2012\u2013\u2014\u2015\u2212](?: |\\[tnrf]|\\u000b)*|'
                    '(?: |\\[tnrf]|\\u000b)+to(?: |\\[tnrf]|\\u000b)+)' AS dash,
                -- A key within JSON text, and an n where its value is null.
                '(?:^|[ {[])"((?:[^"\\]|\\.)*)": (n?)' AS keys_text,
                -- What would hide on a screen, or move its cursor.
                '[\u0001-\u001f\u007f-\u00a0\u00ad\u0300-\u036f\u061c\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000'
                    '\ufeff\ufff9-\ufffb]' AS unseen
        ) AS v
        CROSS JOIN (SELECT coalesce(settings, '{}') AS s) AS policy
        CROSS JOIN LATERAL (
            SELECT '(?:' || v.clock
                || CASE WHEN policy.s -> 'separators' ? '.' THEN '|(?:[01]?[0-9]|2[0-4])[.][0-5][0-9]' ELSE '' END
                || CASE WHEN policy.s -> 'separators' ? 'h' THEN '|(?:[01]?[0-9]|2[0-4])h(?:[0-5][0-9])?' ELSE '' END || ')' AS clock,
                (
                    SELECT string_agg(regexp_replace(c.word, '([^[:alnum:] ])', '\\\1', 'g'), '|')
                    FROM (
                        SELECT 'closed'
                        UNION ALL SELECT 'off'
                        UNION ALL SELECT btrim(w.word, v.blank) FROM jsonb_array_elements_text(policy.s -> 'closed_words') AS w (word)
                    ) AS c (word)
                    WHERE c.word <> ''
                ) AS closed
        ) AS n
    ),
    words AS MATERIALIZED (
        -- Mon-Fri; Mon, Wed & Fri; Mon-Wed, Fri: with the names that the policy adds, and no numbers.
        SELECT
            l.*,
            '^(?:' || g.item || ')(?:' || g.commas || '(?:' || g.item || '))*$' AS group_text,
            '^(' || g.names || ')(?:' || g.range || '(' || g.names || '))?$' AS group_item,
            g.commas AS group_commas,
            '^(?:' || g.names || ')(?:(?:' || g.range || '|' || g.commas || ')(?:' || g.names || '))+$' AS day_group
        FROM lexicon AS l
        CROSS JOIN LATERAL (
            SELECT n.names, n.range, n.commas, '(?:' || n.names || ')(?:' || n.range || '(?:' || n.names || '))?' AS item
            FROM (
                SELECT
                    (
                        SELECT string_agg(regexp_replace(d.name, '([^[:alnum:] ])', '\\\1', 'g'), '|' ORDER BY char_length(d.name) DESC, d.name)
                        FROM jsonb_object_keys(l.days) AS d (name)
                        WHERE d.name !~ '^[0-9]$'
                    ) AS names,
                    '(?:' || l.space || '*[-\u2010\u2011\u2012\u2013\u2014\u2015\u2212]' || l.space || '*|' || l.space || '+to' || l.space || '+)' AS range,
                    '(?:' || l.space || '*[,&/+]' || l.space || '*|' || l.space || '+and' || l.space || '+)' AS commas
            ) AS n
        ) AS g
    )
    SELECT
        verdict.outcome,
        verdict.reason,
        CASE WHEN verdict.outcome = 'rejected' THEN written.paths[1] END AS path,
        CASE WHEN char_length(missing.value) > 80 THEN left(missing.value, 79) || '…' ELSE missing.value END AS value,
        verdict.shape,
        CASE WHEN verdict.outcome = 'converted' THEN written.paths END AS ignored,
        CASE WHEN verdict.outcome = 'converted' THEN verdict.days END AS days,
        CASE WHEN verdict.outcome = 'converted' THEN verdict.available END AS available,
        CASE WHEN verdict.outcome = 'converted' THEN verdict.starts END AS starts,
        CASE WHEN verdict.outcome = 'converted' THEN verdict.ends END AS ends,
        CASE WHEN verdict.outcome = 'converted' THEN verdict.zones END AS zones,
        CASE WHEN verdict.outcome = 'converted' AND NOT given.prepared THEN verdict.places END AS places
    FROM
        -- The one mention of the document: PostgreSQL's Memoize keys on every mention.
        (
            -- The document as the policy wants it prepared: out of a text, without invisible characters, in one Unicode form.
            -- Two keys may become one by that, and one value would be lost: seen by the number of values.
            SELECT
                o.doc,
                o.doc IS DISTINCT FROM d.doc AS prepared,
                coalesce(t.doc <> o.doc AND (SELECT count(*) FROM jsonb_path_query(t.doc, 'strict $.**'))
                    <> (SELECT count(*) FROM jsonb_path_query(o.doc, 'strict $.**')), false) AS clashes
            FROM (SELECT document AS doc WHERE plain.outcome IS NULL OFFSET 0) AS d
            CROSS JOIN LATERAL (
                SELECT CASE WHEN settings -> 'double_encoded' = 'true' AND jsonb_typeof(d.doc) = 'string' AND (
                    -- Whether the text is JSON, which a cast would not say but fail on: texts and other scalars are written as one
                    -- character each, then, from the innermost, what holds nothing but those.
                    WITH RECURSIVE json AS (
                        SELECT 0 AS n, regexp_replace(
                            regexp_replace(
                                regexp_replace(
                                    d.doc #>> '{}',
                                    '"(?:[^"\\\u0001-\u001f]|\\["\\/bfnrt]|\\u(?!0000|[dD][89a-fA-F])[0-9a-fA-F]{4}|'
                                        '\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*"',
                                    E'\x01', 'g'
                                ),
                                'true|false|null|-?(?:0|[1-9][0-9]{0,99})(?:[.][0-9]{1,99})?(?:[eE][-+]?[0-9]{1,3})?', E'\x02', 'g'
                            ),
                            '[ \t\n\r]+', '', 'g'
                        ) AS text
                        WHERE d.doc #>> '{}' ~ '^[ \t\n\r]*[[{n]' AND d.doc #>> '{}' !~ E'[\x01\x02]'
                        UNION ALL
                        SELECT j.n + 1, regexp_replace(
                            j.text,
                            E'[{](?:\x01:[\x01\x02](?:,\x01:[\x01\x02])*)?[}]|[[](?:[\x01\x02](?:,[\x01\x02])*)?[]]',
                            E'\x02', 'g'
                        )
                        FROM json AS j
                        WHERE j.n < 8 AND j.text ~ '[[{]'
                    )
                    SELECT j.text = E'\x02' FROM json AS j ORDER BY j.n DESC LIMIT 1
                ) THEN (d.doc #>> '{}')::jsonb ELSE d.doc END AS doc
                OFFSET 0
            ) AS t
            CROSS JOIN LATERAL (
                SELECT CASE WHEN settings ?| '{unicode,zero_width}' THEN (
                    SELECT CASE
                        -- These would become quotes and backslashes of the JSON text itself.
                        -- And a letter that follows an escape would join it.
                        WHEN v.text ~ '[\uff02\uff3c\ufe68]|\\(?:[bfnrt]|u[0-9a-fA-F]{4})[^\u0001-\u007f]' THEN v.text
                        WHEN settings ->> 'unicode' = 'nfc' THEN normalize(v.text, NFC)
                        WHEN settings ->> 'unicode' = 'nfkc' THEN normalize(v.text, NFKC)
                        ELSE v.text
                    END::jsonb
                    FROM (
                        SELECT CASE WHEN settings -> 'zero_width' = 'true'
                            THEN regexp_replace(t.doc::text, '[\u200b\u200c\u200d\u2060\ufeff]', '', 'g')
                            ELSE t.doc::text
                        END AS text
                        OFFSET 0
                    ) AS v
                ) ELSE t.doc END AS doc
                OFFSET 0
            ) AS o
            OFFSET 0
        ) AS given
    CROSS JOIN words
    CROSS JOIN LATERAL (
        -- 1. The way to the week, one row per level: the document itself, then what wrapper keys hold, at most two deep.
        WITH RECURSIVE level AS (
            SELECT
                0 AS depth,
                given.doc AS next,
                ''::text COLLATE "C" AS next_at,
                '[]'::jsonb AS next_way,
                ''::text AS next_place,
                ''::text COLLATE "C" AS at,
                '[]'::jsonb AS way,
                ''::text AS place,
                NULL::jsonb AS node,
                NULL::text AS form,
                NULL::bigint AS taken,
                NULL::bigint AS wrapper,
                false AS given,
                false AS timed,
                false AS break_off,
                NULL::bigint[] AS ords,
                NULL::text[] AS keys,
                NULL::text[] COLLATE "C" AS roles,
                NULL::text[] COLLATE "C" AS days,
                NULL::boolean[] AS lists,
                NULL::jsonb[] AS members
            UNION ALL
            SELECT
                l.depth + 1,
                CASE WHEN f.form = 'wrapper' THEN l.next -> k.wrapper_key END,
                l.next_at || lpad(k.wrapper::text, 9, '0'),
                l.next_way || to_jsonb(k.wrapper_key),
                l.next_place || E'\x1f' || k.wrapper_key,
                l.next_at,
                l.next_way,
                l.next_place,
                l.next,
                f.form,
                CASE f.form WHEN 'wrapper' THEN k.wrapper WHEN 'days and an interval' THEN k.list END,
                k.wrapper,
                f.form = 'weekday' AND k.given
                    OR f.form = 'days and an interval' AND k.members[array_position(k.ords, k.list)] <> '[]',
                k.timed,
                k.break_off,
                k.ords,
                k.keys,
                k.roles,
                k.days,
                k.lists,
                k.members
            FROM level AS l
            CROSS JOIN LATERAL (
                SELECT
                    coalesce(bool_or(m.day IS NOT NULL), false) AS names_days,
                    coalesce(bool_or(m.day IS NOT NULL AND m.value = 'true'), false) AS given,
                    coalesce(bool_or(m.role IN ('start', 'end', 'slots', 'week slots')), false) AS timed,
                    coalesce(bool_or(m.switches_off), false) AS break_off,
                    min(m.i) FILTER (WHERE m.is_list) AS list,
                    count(*) FILTER (WHERE m.wraps) AS wrappers,
                    min(m.i) FILTER (WHERE m.wraps) AS wrapper,
                    min(m.key) FILTER (WHERE m.wraps) AS wrapper_key,
                    array_agg(m.i) AS ords,
                    array_agg(m.key) AS keys,
                    array_agg(m.role) AS roles,
                    array_agg(m.day) AS days,
                    array_agg(m.is_list) AS lists,
                    array_agg(m.value) AS members
                FROM (
                    SELECT
                        r.i,
                        r.key,
                        r.value,
                        r.day,
                        CASE r.role
                            -- "open" and "close" hold a flag in some documents and a time in others.
                            WHEN 'either' THEN CASE
                                WHEN jsonb_typeof(r.value) = 'boolean'
                                    OR jsonb_typeof(r.value) = 'string'
                                    AND translate(lower(btrim(r.value #>> '{}', words.blank) COLLATE "C"), words.capitals, words.smalls) IN ('true', 'yes', 'false', 'no')
                                    THEN 'available'
                                ELSE 'start'
                            END
                            WHEN 'close' THEN CASE jsonb_typeof(r.value) WHEN 'boolean' THEN 'unclear' ELSE 'end' END
                            WHEN 'shut' THEN CASE
                                WHEN jsonb_typeof(r.value) = 'boolean'
                                    OR jsonb_typeof(r.value) = 'string'
                                    AND translate(lower(btrim(r.value #>> '{}', words.blank) COLLATE "C"), words.capitals, words.smalls) IN ('true', 'yes', 'false', 'no')
                                    THEN 'closed'
                                ELSE 'end'
                            END
                            ELSE r.role
                        END AS role,
                        r.role LIKE 'week%' AND jsonb_typeof(r.value) IN ('object', 'array')
                            AND r.value NOT IN ('{}', '[]') AS wraps,
                        CASE WHEN r.role LIKE '%list%' THEN CASE jsonb_typeof(r.value)
                            WHEN 'array' THEN (r.value <> '[]' OR r.role <> 'list group') AND NOT EXISTS (
                                SELECT FROM jsonb_array_elements(r.value) AS e (value)
                                WHERE CASE
                                    WHEN r.role <> 'list group' THEN jsonb_typeof(e.value) IN ('object', 'array')
                                    WHEN jsonb_typeof(e.value) NOT IN ('string', 'number') THEN true
                                    ELSE NOT words.days ? translate(lower(btrim(regexp_replace(e.value #>> '{}', '^([0-9])[.]0+$', '\1'), words.blank) COLLATE "C"), words.capitals, words.smalls)
                                END
                            )
                            WHEN 'string' THEN r.role <> 'list group'
                            WHEN 'number' THEN r.role <> 'list group'
                        END END AS is_list,
                        r.role = 'switch' AND (
                            r.value IN ('false', '0')
                            OR jsonb_typeof(r.value) = 'string'
                            AND translate(lower(btrim(r.value #>> '{}', words.blank) COLLATE "C"), words.capitals, words.smalls) IN ('false', 'no')
                        ) AS switches_off
                    FROM (
                        SELECT
                            e.i,
                            e.key,
                            e.value,
                            coalesce(words.days ->> n.word, CASE
                                -- A group of days, unless its value is a list of days or of flags.
                                WHEN words.groups IS NULL OR e.value = 'null' THEN NULL
                                WHEN jsonb_typeof(e.value) = 'array' AND (
                                    SELECT bool_and(jsonb_typeof(g.value) = 'boolean')
                                        OR words.roles ->> n.name = 'list group'
                                        AND bool_and(words.days ? translate(lower(btrim(regexp_replace(g.value #>> '{}', '^([0-9])[.]0+$', '\1'), words.blank) COLLATE "C"), words.capitals, words.smalls))
                                    FROM jsonb_array_elements(e.value) AS g (value)
                                ) THEN NULL
                                WHEN words.groups ? n.name THEN words.groups ->> n.name
                                ELSE CASE WHEN n.word ~ words.group_text THEN (
                                    SELECT string_agg(w.day, ' ' ORDER BY i.i, w.n)
                                    FROM regexp_split_to_table(n.word, words.group_commas) WITH ORDINALITY AS i (item, i)
                                    CROSS JOIN LATERAL regexp_match(i.item, words.group_item) AS g (names)
                                    CROSS JOIN LATERAL (
                                        SELECT
                                            array_position(words.week, words.days ->> g.names[1]) AS first,
                                            array_position(words.week, words.days ->> coalesce(g.names[2], g.names[1])) AS last
                                    ) AS span
                                    CROSS JOIN LATERAL (
                                        SELECT n.n, words.week[1 + (span.first - 1 + n.n) % 7] AS day
                                        FROM generate_series(0, (span.last - span.first + 7) % 7) AS n (n)
                                    ) AS w
                                    HAVING count(*) = count(DISTINCT w.day) AND NOT bool_or(g.names[2] IS NOT NULL AND span.first = span.last)
                                ) END
                            END) AS day,
                            coalesce(words.roles ->> n.name, CASE
                                WHEN n.name ~ words.zone_stems THEN 'offset'
                                WHEN n.name ~ words.break_stems THEN 'break'
                                ELSE 'other'
                            END) AS role
                        FROM jsonb_each(CASE jsonb_typeof(l.next) WHEN 'object' THEN l.next END) WITH ORDINALITY AS e (key, value, i)
                        CROSS JOIN LATERAL (
                            SELECT
                                translate(lower(e.key COLLATE "C"), words.fold, words.smalls) AS name,
                                CASE WHEN char_length(e.key) <= 200 THEN translate(lower(btrim(e.key, words.blank) COLLATE "C"), words.capitals, words.smalls) ELSE e.key END AS word
                            OFFSET 0
                        ) AS n
                        OFFSET 0
                    ) AS r
                    OFFSET 0
                ) AS m
            ) AS k
            CROSS JOIN LATERAL (
                SELECT CASE
                    WHEN cardinality(k.ords) > 2000 OR jsonb_typeof(l.next) = 'array' AND jsonb_array_length(l.next) > 2000 THEN 'large'
                    WHEN k.names_days THEN 'weekday'
                    WHEN k.list IS NOT NULL THEN 'days and an interval'
                    WHEN jsonb_typeof(l.next) = 'array' THEN 'list'
                    WHEN k.wrappers = 1 AND l.depth < 2 THEN 'wrapper'
                    ELSE 'nothing'
                END AS form
                OFFSET 0
            ) AS f
            WHERE l.next IS NOT NULL
        )
        SELECT
            count(d.day) AS found,
            min(p.nothing) AS nothing,
            min(p.always) AS always,
            min(p.when_open) AS when_open,
            min(p.when_texts) FILTER (WHERE p.part = 'key') AS when_texts,
            min(p.when_flags) FILTER (WHERE p.part = 'key') AS when_flags,
            coalesce(bool_or(d.day IS NOT NULL AND p.state <> 'closed'), false) AS some_open,
            coalesce(bool_or(p.state IN ('open', 'four', 'bad')), false) AS some_times,
            coalesce(bool_or(p.part = 'day' AND jsonb_typeof(p.value) = 'string'), false) AS some_texts,
            coalesce(bool_or(p.part = 'day' AND jsonb_typeof(p.value) = 'boolean'), false) AS some_flags,
            -- Days, and what was found in them, with and without times of four digits being read.
            min(least(p.base, p.entry)) AS base,
            min(p.finding) FILTER (WHERE p.part <> 'interval') AS lenient,
            min(p.strict) FILTER (WHERE p.part <> 'interval') AS strict,
            coalesce(bool_or(p.pads) FILTER (WHERE p.part <> 'interval'), false) AS pads,
            min(p.at) FILTER (WHERE p.state = 'true') AS given,
            -- The interval of days that say no more than true.
            min(p.at) FILTER (WHERE p.part = 'interval') AS interval_at,
            max(p.at) FILTER (WHERE p.part = 'interval') AS last_interval_at,
            min(p.finding) FILTER (WHERE p.part = 'interval') AS interval_lenient,
            min(p.strict) FILTER (WHERE p.part = 'interval') AS interval_strict,
            coalesce(bool_or(p.pads) FILTER (WHERE p.part = 'interval'), false) AS interval_pads,
            min(p.start_time) FILTER (WHERE p.part = 'interval') AS interval_start,
            min(p.end_time) FILTER (WHERE p.part = 'interval') AS interval_end,
            -- Zones as "place name": beside the days, and the first of each day.
            array_agg(p.zone) FILTER (WHERE p.part IN ('key', 'interval') AND p.zone IS NOT NULL) AS outer_zones,
            count(p.zone) AS zoned,
            coalesce(min(p.form) FILTER (WHERE d.day IS NOT NULL), jsonb_typeof(given.doc))
                || coalesce(': ' || string_agg(DISTINCT p.shape, ', ') FILTER (WHERE d.day IS NOT NULL), '') AS shape,
            jsonb_agg(jsonb_build_array(p.steps, p.ignored)) FILTER (WHERE p.ignored IS NOT NULL) AS ignored,
            -- A sum of different bits is their union; not so where a day comes twice.
            sum(d.bit) <> bit_or(d.bit) AS repeats,
            array_agg(d.day) FILTER (WHERE d.day IS NOT NULL) AS days,
            array_agg(p.state) FILTER (WHERE d.day IS NOT NULL) AS states,
            array_agg(p.start_time) FILTER (WHERE d.day IS NOT NULL) AS starts,
            array_agg(p.end_time) FILTER (WHERE d.day IS NOT NULL) AS ends,
            array_agg(p.zone) FILTER (WHERE d.day IS NOT NULL) AS zones,
            array_agg(p.at) FILTER (WHERE d.day IS NOT NULL) AS ats,
            array_agg(p.slots_at) FILTER (WHERE d.day IS NOT NULL) AS slots_ats,
            array_agg(p.clocks) FILTER (WHERE d.day IS NOT NULL) AS clocks,
            min(p.at) FILTER (WHERE p.part = 'large') || ' 0too_large' AS large,
            array_agg(p.place) FILTER (WHERE d.day IS NOT NULL) AS places
        FROM (
            SELECT
                part.part,
                part.at,
                part.value,
                part.form,
                part.place,
                part.steps,
                r.shape,
                r.start_time,
                r.end_time,
                named.days,
                CASE
                    WHEN part.part IN ('key', 'interval', 'large') THEN NULL
                    WHEN part.part = 'names' THEN 'true'
                    WHEN part.part = 'entry' AND r.absence IS NOT NULL THEN 'bad'
                    WHEN part.part = 'entry' AND jsonb_typeof(part.value) <> 'object' THEN 'bad'
                    ELSE r.state
                END AS state,
                r.pads,
                r.clocks,
                CASE
                    WHEN part.part = 'key' THEN part.zone
                    WHEN part.part = 'interval' THEN part.level_at || part.places[left(r.zone, 9)::integer] || substr(r.zone, 10)
                    ELSE part.at || nth.zone
                END AS zone,
                CASE WHEN part.part = 'key' THEN part.ignored ELSE nth.ignored END AS ignored,
                part.at || part.slots_at AS slots_at,
                part.nothing,
                part.always,
                part.when_open,
                part.when_texts,
                part.when_flags,
                CASE part.part
                    WHEN 'interval' THEN NULL
                    WHEN 'large' THEN part.at || ' 0too_large'
                    ELSE part.at || named.finding
                END AS base,
                CASE WHEN part.part = 'entry' THEN CASE jsonb_typeof(part.value)
                    WHEN 'object' THEN part.at || nth.absence
                    WHEN 'string' THEN part.at || CASE
                        WHEN words.days ? translate(lower(btrim(part.value #>> '{}', words.blank) COLLATE "C"), words.capitals, words.smalls)
                            OR words.groups IS NOT NULL
                            AND (words.groups ? translate(translate(lower(btrim(part.value #>> '{}', words.blank) COLLATE "C"), words.capitals, words.smalls), words.fold, words.smalls) OR translate(lower(btrim(part.value #>> '{}', words.blank) COLLATE "C"), words.capitals, words.smalls) ~ words.group_text)
                            THEN ' 2days_without_times'
                        ELSE ' 2text'
                    END
                    ELSE part.at || ' 2no_day'
                END END AS entry,
                -- A place below a part is completed by the part's own; the keys of an interval are some of their level's.
                CASE WHEN part.part = 'interval' THEN part.level_at || CASE
                    WHEN i.finding ~ '^[0-9]' THEN part.places[left(i.finding, 9)::integer] || substr(i.finding, 10)
                    WHEN i.finding LIKE ' 2missing%' THEN left(i.finding, -9) || part.places[right(i.finding, 9)::integer]
                    ELSE i.finding
                END ELSE part.at || nth.finding END AS finding,
                CASE WHEN part.part = 'interval' THEN part.level_at || CASE
                    WHEN i.strict ~ '^[0-9]' THEN part.places[left(i.strict, 9)::integer] || substr(i.strict, 10)
                    WHEN i.strict LIKE ' 2missing%' THEN left(i.strict, -9) || part.places[right(i.strict, 9)::integer]
                    ELSE i.strict
                END ELSE part.at || nth.strict END AS strict
            FROM (
                SELECT
                    e.part,
                    e.key,
                    e.value,
                    e.role,
                    e.day,
                    e.places,
                    level.at AS level_at,
                    CASE WHEN e.part IN ('names', 'large') THEN level.at ELSE level.at || lpad(e.i::text, 9, '0') END AS at,
                    CASE
                        WHEN e.part IN ('names', 'interval', 'large') THEN level.way
                        WHEN e.part = 'entry' THEN level.way || 'null'
                        ELSE level.way || to_jsonb(e.key)
                    END AS steps,
                    -- Where one day can be said anew; nowhere if the place says several, or one of several slots.
                    CASE WHEN x.nth IS NULL THEN CASE
                        WHEN e.part = 'day' AND e.day NOT LIKE '% %' THEN level.place || E'\x1f' || e.key
                        WHEN e.part = 'entry' THEN level.place || E'\x1f' || (e.i - 1)
                    END END AS place,
                    x.nth,
                    x.slots_at,
                    level.form || CASE WHEN level.depth > 1 THEN ' in a wrapper' ELSE '' END AS form,
                    CASE
                        WHEN e.part IN ('day', 'interval') OR e.part = 'entry' AND jsonb_typeof(e.value) = 'object' THEN x.value
                    END AS hours,
                    e.part = 'entry' AND jsonb_typeof(e.value) = 'object' AS is_entry,
                    CASE
                        WHEN e.part = 'names' THEN jsonb_build_array(jsonb_build_array(lpad(e.i::text, 9, '0'), false, e.value))
                    END AS names,
                    j.zone,
                    j.always,
                    j.when_open,
                    j.nothing,
                    j.when_texts,
                    j.when_flags,
                    j.ignored
                FROM level
                CROSS JOIN LATERAL (
                    SELECT
                        CASE WHEN m.day IS NULL THEN 'key' ELSE 'day' END,
                        m.i, m.key, m.role, m.day, m.value, m.is_list, NULL::text[]
                    FROM unnest(level.ords, level.keys, level.roles, level.days, level.lists, level.members)
                        AS m (i, key, role, day, is_list, value)
                    WHERE m.i IS DISTINCT FROM level.taken AND level.form <> 'large'
                    UNION ALL
                    SELECT 'large', NULL, NULL, NULL, NULL, NULL, false, NULL
                    WHERE level.form = 'large'
                    UNION ALL
                    SELECT 'entry', n.i, NULL, NULL, NULL, n.value, false, NULL
                    FROM jsonb_array_elements(CASE WHEN level.form = 'list' THEN level.node END) WITH ORDINALITY AS n (value, i)
                    UNION ALL
                    SELECT 'names', m.i, NULL, NULL, NULL, m.value, true, NULL
                    FROM unnest(level.ords, level.members) AS m (i, value)
                    WHERE level.form = 'days and an interval' AND m.i = level.taken
                    UNION ALL
                    -- The keys that hold the interval of all days that say no more than true.
                    SELECT
                        'interval',
                        min(m.i) FILTER (
                            WHERE m.value NOT IN ('null', '[]', '{}')
                                AND (jsonb_typeof(m.value) <> 'string' OR btrim(m.value #>> '{}', words.blank) <> '')
                        ),
                        NULL, NULL, NULL,
                        jsonb_object_agg(m.key, m.value),
                        false,
                        array_agg(lpad(m.i::text, 9, '0') ORDER BY m.i)
                    FROM unnest(CASE WHEN level.timed THEN level.ords END, level.keys, level.roles, level.members)
                        AS m (i, key, role, value)
                    WHERE m.role IN ('start', 'end')
                        OR level.given AND m.role IN ('slots', 'week slots') AND m.value NOT IN ('null', '""', '[]', '{}')
                    HAVING bool_or(m.value <> 'null' AND (jsonb_typeof(m.value) <> 'string' OR btrim(m.value #>> '{}', words.blank) <> ''))
                ) AS e (part, i, key, role, day, value, is_list, places)
                -- Slots that may adjoin are read one by one.
                CROSS JOIN LATERAL (
                    SELECT s.list, s.key, s.slots_at, coalesce(s.list IS NOT NULL AND (
                        SELECT bool_and(jsonb_typeof(n.value) = 'object')
                            OR bool_and(jsonb_typeof(n.value) = 'string') AND NOT bool_and(n.value::text ~* words.clock_text)
                        FROM jsonb_array_elements(CASE jsonb_typeof(s.list) WHEN 'array' THEN s.list END) AS n (value)
                    ), false) AS apart
                    FROM (
                        SELECT list.*
                        FROM (
                            SELECT e.value AS list, NULL AS key, '' AS slots_at
                            WHERE jsonb_typeof(e.value) = 'array' AND e.part = 'day'
                            UNION ALL
                            SELECT o.value, o.key, lpad(o.i::text, 9, '0')
                            FROM jsonb_each(CASE jsonb_typeof(e.value) WHEN 'object' THEN e.value END) WITH ORDINALITY AS o (key, value, i)
                            WHERE e.part IN ('day', 'entry') AND jsonb_typeof(o.value) = 'array'
                                AND words.roles ->> translate(lower(o.key COLLATE "C"), words.fold, words.smalls) IN ('slots', 'week slots')
                                AND NOT EXISTS (
                                    SELECT
                                    FROM jsonb_each(CASE jsonb_typeof(e.value) WHEN 'object' THEN e.value END) AS f (key, value)
                                    CROSS JOIN LATERAL (
                                        SELECT
                                            words.roles ->> translate(lower(f.key COLLATE "C"), words.fold, words.smalls) AS role,
                                            CASE jsonb_typeof(f.value) WHEN 'string' THEN lower(btrim(f.value #>> '{}', words.blank) COLLATE "C") ELSE f.value::text END AS said
                                    ) AS r
                                    WHERE r.role IN ('available', 'either') AND r.said IN ('false', 'no', '0')
                                        OR r.role IN ('closed', 'shut') AND r.said IN ('true', 'yes', '1')
                                )
                        ) AS list
                        WHERE words.adjacent_slots
                            AND CASE jsonb_typeof(list.list) WHEN 'array' THEN jsonb_array_length(list.list) BETWEEN 2 AND 200 ELSE false END
                        LIMIT 1
                    ) AS s
                    UNION ALL
                    SELECT NULL, NULL, NULL, false
                    ORDER BY 1 NULLS LAST
                    LIMIT 1
                ) AS several
                CROSS JOIN LATERAL (
                    SELECT NULL::bigint AS nth, e.value, NULL AS slots_at
                    WHERE NOT several.apart
                    UNION ALL
                    SELECT
                        n.i,
                        CASE WHEN several.key IS NULL THEN jsonb_build_array(n.value)
                            ELSE e.value || jsonb_build_object(several.key, jsonb_build_array(n.value)) END,
                        several.slots_at
                    FROM jsonb_array_elements(CASE WHEN several.apart AND jsonb_typeof(several.list) = 'array' THEN several.list END)
                        WITH ORDINALITY AS n (value, i)
                ) AS x
                -- 2. What a key beside the days means for them.
                LEFT JOIN LATERAL (
                    SELECT
                        p.at || ' ' || c.zone AS zone,
                        p.at || CASE e.role
                            WHEN 'zone' THEN CASE WHEN c.says_zone AND c.zone IS NULL THEN ' 2zone_unknown' END
                            WHEN 'offset' THEN CASE WHEN c.says_zone AND c.zone IS NULL THEN ' 2zone_offset' END
                            WHEN 'date' THEN CASE WHEN e.value NOT IN ('null', 'false', '""', '[]', '{}') THEN ' 2date' END
                            WHEN 'recurs' THEN CASE
                                WHEN e.value <> 'null' AND c.is_on IS NOT TRUE AND c.word IS DISTINCT FROM 'weekly'
                                    THEN ' 2not_weekly'
                            END
                            WHEN 'fortnight' THEN CASE WHEN c.may_be_on THEN ' 2not_weekly' END
                            WHEN 'available' THEN CASE WHEN c.is_on IS NULL THEN ' 2unreadable_flag' END
                            WHEN 'closed' THEN CASE WHEN c.is_on IS NULL THEN ' 2unreadable_flag' END
                            WHEN 'unclear' THEN ' 2unreadable_flag'
                            WHEN 'always' THEN CASE WHEN c.may_be_on THEN ' 2all_day' END
                            WHEN 'booked' THEN CASE WHEN c.may_be_on THEN ' 2booked' END
                            WHEN 'switch' THEN CASE WHEN c.may_be_on THEN ' 2break' END
                            WHEN 'break' THEN CASE WHEN NOT level.break_off AND NOT c.no_break THEN ' 2break' END
                            ELSE CASE
                                WHEN c.is_lost THEN ' 2ambiguous_week'
                                WHEN c.names_days OR level.form = 'days and an interval' AND e.is_list AND e.role <> 'unread' AND NOT c.is_empty
                                    THEN ' 2ambiguous_week'
                                WHEN u.reason IS NOT NULL THEN u.reason
                                WHEN e.role NOT IN ('unread', 'exception') AND c.inside ~ 'zone|offset' THEN ' 2zone_unknown'
                            END
                        END AS always,
                        p.at || CASE e.role
                            WHEN 'available' THEN CASE WHEN NOT c.is_on THEN ' 2contradiction' END
                            WHEN 'closed' THEN CASE WHEN c.is_on THEN ' 2contradiction' END
                            WHEN 'gone' THEN CASE WHEN c.may_be_on THEN ' 2contradiction' END
                            WHEN 'status' THEN CASE
                                WHEN e.value IN ('false', '0') OR c.word = ANY (words.away) THEN ' 2contradiction'
                            END
                            WHEN 'seats' THEN CASE
                                WHEN jsonb_typeof(e.value) NOT IN ('null', 'number') OR jsonb_typeof(e.value) = 'number' AND e.value < '1'
                                    THEN ' 2contradiction'
                            END
                            WHEN 'other' THEN CASE WHEN NOT c.is_empty AND u.reason IS DISTINCT FROM ' 2day_number'
                                AND u.reason IS DISTINCT FROM ' 2date' AND u.reason IS DISTINCT FROM ' 2day_group' THEN CASE
                                WHEN c.name ~ words.validity THEN CASE WHEN c.is_on IS NOT TRUE THEN ' 1unknown_key' END
                                WHEN c.name ~ words.suspect THEN CASE WHEN c.is_on IS NOT FALSE THEN ' 1unknown_key' END
                                WHEN c.text ~ words.zone_like THEN ' 1zone_unknown'
                                WHEN c.name ~ words.periods AND c.text ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}' THEN ' 1date'
                                WHEN c.name ~ words.numbered AND e.value <> '0' THEN ' 2unknown_key'
                            END END
                            -- "week" may be which week it is: A or B.
                            WHEN 'day' THEN CASE
                                WHEN c.name IN ('openday', 'closeday') AND c.name <> ALL (words.given_keys) AND NOT c.is_empty AND c.is_on IS NOT FALSE THEN ' 1unknown_key'
                            END
                            WHEN 'week' THEN CASE WHEN c.name = 'week' AND c.name <> ALL (words.given_keys) AND NOT c.is_full AND NOT c.is_empty AND c.is_on IS NOT FALSE THEN ' 1unknown_key' END
                        END AS when_open,
                        -- Where no week was found, what may have been meant as one.
                        CASE
                            WHEN c.has_no_role AND NOT (c.wraps AND level.depth < 3) THEN p.at || u.reason
                            WHEN c.wraps AND level.depth < 3 AND e.i > level.wrapper THEN p.at || ' 2ambiguous_week'
                        END AS nothing,
                        CASE WHEN c.may_be_day AND c.word <> '' THEN p.at || ' 2unknown_day' END AS when_texts,
                        CASE WHEN c.may_be_day AND e.value = 'true' THEN p.at || ' 2unknown_day' END AS when_flags,
                        CASE WHEN c.has_no_role THEN '[[]]'::jsonb END AS ignored
                    FROM (SELECT level.at || lpad(e.i::text, 9, '0') AS at OFFSET 0) AS p
                    CROSS JOIN LATERAL (
                        SELECT
                            x.*,
                            e.value <> 'null' AND NOT coalesce(words.empty_zone AND x.text = '', false) AS says_zone,
                            CASE
                                WHEN e.role = 'zone' AND x.text IN (SELECT z.name FROM provider_availability_zones AS z) THEN x.text
                                WHEN e.role IN ('zone', 'offset')
                                    AND words.zone_aliases ->> x.text IN (SELECT z.name FROM provider_availability_zones AS z)
                                    THEN words.zone_aliases ->> x.text
                            END AS zone,
                            x.is_on IS NOT FALSE AND e.value <> 'null' AS may_be_on,
                            CASE WHEN e.role = 'break' THEN
                                e.value IN ('null', 'false', '""', '[]', '{}', '0')
                                OR EXISTS (
                                    SELECT
                                    FROM jsonb_each(CASE jsonb_typeof(e.value) WHEN 'object' THEN e.value END) AS b (key, value)
                                    WHERE words.roles ->> translate(lower(b.key COLLATE "C"), words.fold, words.smalls) IN ('available', 'either')
                                        AND (
                                            b.value IN ('false', '0')
                                            OR jsonb_typeof(b.value) = 'string'
                                            AND translate(lower(btrim(b.value #>> '{}', words.blank) COLLATE "C"), words.capitals, words.smalls) IN ('false', 'no')
                                        )
                                )
                            END AS no_break,
                            x.has_no_role AND (x.wraps OR e.role = 'slots' AND level.form <> 'wrapper' AND x.is_full) AS is_lost,
                            x.has_no_role AND e.role NOT IN ('note', 'unread', 'exception') AS may_be_day,
                            CASE WHEN x.has_no_role AND e.role <> 'unread' AND jsonb_typeof(e.value) = 'array' THEN EXISTS (
                                SELECT
                                FROM jsonb_array_elements(CASE jsonb_typeof(e.value) WHEN 'array' THEN e.value END) AS n (value)
                                WHERE jsonb_typeof(n.value) = 'string'
                                    AND words.named ? translate(lower(btrim(n.value #>> '{}', words.blank) COLLATE "C"), words.capitals, words.smalls)
                            ) END AS names_days,
                            -- What the keys below are for.
                            CASE WHEN x.has_no_role AND jsonb_typeof(e.value) IN ('object', 'array') THEN (
                                SELECT string_agg(DISTINCT CASE
                                    WHEN words.named ? translate(lower(btrim(i.key, words.blank) COLLATE "C"), words.capitals, words.smalls) THEN 'named'
                                    WHEN i.name ~ words.zone_stems OR words.roles ->> i.name IN ('zone', 'offset')
                                        THEN CASE WHEN i.first <> 'n' THEN 'zone' END
                                    ELSE words.roles ->> i.name
                                END, ' ')
                                FROM (
                                    SELECT s.key, s.first, translate(lower(s.key COLLATE "C"), words.fold, words.smalls) AS name
                                    FROM regexp_matches(e.value::text, words.keys_text, 'g') AS k (found)
                                    CROSS JOIN LATERAL (
                                        SELECT
                                            CASE
                                                WHEN position('\' IN k.found[1]) > 0 THEN ('"' || k.found[1] || '"')::jsonb #>> '{}'
                                                ELSE k.found[1]
                                            END AS key,
                                            k.found[2] AS first
                                        OFFSET 0
                                    ) AS s
                                    OFFSET 0
                                ) AS i
                            ) END AS inside
                        FROM (
                            SELECT
                                y.*,
                                translate(lower(e.key COLLATE "C"), words.fold, words.smalls) AS name,
                                CASE
                                    WHEN e.value IN ('true', '1') OR y.word IN ('true', 'yes') THEN true
                                    WHEN e.value IN ('false', '0') OR y.word IN ('false', 'no') THEN false
                                END AS is_on,
                                y.is_full AND e.role IN ('week', 'week slots', 'week list', 'week list day') AS wraps,
                                e.role IN (
                                    'other', 'note', 'unread', 'exception', 'week', 'week slots', 'slots', 'list', 'list day', 'list group',
                                    'week list', 'week list day', 'day', 'day group', 'group'
                                ) AND NOT (level.given AND e.role IN ('slots', 'week slots') AND NOT y.is_empty) AS has_no_role
                            FROM (
                                SELECT
                                    s.text,
                                    translate(lower(s.text COLLATE "C"), words.capitals, words.smalls) AS word,
                                    e.value IN ('null', '""', '[]', '{}') AS is_empty,
                                    jsonb_typeof(e.value) IN ('object', 'array') AND e.value NOT IN ('[]', '{}') AS is_full
                                FROM (
                                    SELECT CASE jsonb_typeof(e.value) WHEN 'string' THEN CASE WHEN char_length(e.value #>> '{}') <= 200 THEN btrim(e.value #>> '{}', words.blank) ELSE '…' END END AS text
                                    OFFSET 0
                                ) AS s
                                OFFSET 0
                            ) AS y
                            OFFSET 0
                        ) AS x
                        OFFSET 0
                    ) AS c
                    CROSS JOIN LATERAL (
                        SELECT CASE
                            WHEN NOT c.has_no_role OR e.role = 'unread' THEN NULL
                            WHEN e.role LIKE '%group' OR translate(lower(btrim(e.key, words.blank) COLLATE "C"), words.capitals, words.smalls) ~ words.day_group
                                THEN CASE WHEN e.value <> 'null' THEN ' 2day_group' END
                            WHEN btrim(e.key, words.blank) ~ '^[0-9]+$' THEN ' 2day_number'
                            WHEN btrim(e.key, words.blank) ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN ' 2date'
                            WHEN NOT c.may_be_day THEN NULL
                            WHEN e.value <> 'null' AND lower(e.key COLLATE "C") ~ words.day_inside
                                OR c.inside ~ 'start|end|available|closed|either|close|shut|slots|named'
                                OR e.value::text ~* words.hours_text THEN ' 2unknown_day'
                        END AS reason
                        OFFSET 0
                    ) AS u
                    WHERE e.part = 'key'
                    OFFSET 0
                ) AS j ON true
                WHERE level.depth > 0
                OFFSET 0
            ) AS part
            -- 3. One part read for itself. Its only reference to the outside is one.hours: equal hours are read once. (Memoize is
            -- only planned where the planner believes in few values, as it does of the rows of "one".)
            CROSS JOIN LATERAL (SELECT part.hours OFFSET 0) AS one
            CROSS JOIN LATERAL (
                SELECT
                    CASE
                        WHEN it.large THEN 'bad'
                        WHEN it.v = 'true' THEN 'true'
                        WHEN it.v = 'false' OR f.closing IS NOT NULL THEN 'closed'
                        WHEN f.failure IS NOT NULL OR c.finding IS NOT NULL THEN 'bad'
                        WHEN f.start_time IS NULL THEN 'closed'
                        WHEN f.has_four THEN 'four'
                        ELSE 'open'
                    END AS state,
                    CASE WHEN f.closing IS NULL THEN f.start_time END AS start_time,
                    CASE WHEN f.closing IS NULL THEN f.end_time END AS end_time,
                    CASE jsonb_typeof(it.hours)
                        WHEN 'array' THEN CASE jsonb_typeof(it.hours -> 0) WHEN 'string' THEN 'list of texts' ELSE 'list of objects' END
                        WHEN 'string' THEN 'text'
                        WHEN 'boolean' THEN 'flag'
                        WHEN 'object' THEN 'object'
                    END AS shape,
                    -- A finding is "place rank+reason"; a place is nine digits for each step. Strict: where four digits are no time.
                    CASE
                        WHEN it.large THEN ' 0too_large'
                        WHEN it.v NOT IN ('true', 'false') THEN least(f.found, c.zones_differ, f.failure, c.finding)
                    END AS finding,
                    CASE
                        WHEN it.large THEN ' 0too_large'
                        WHEN it.v IS NULL OR it.v IN ('true', 'false') THEN NULL
                        WHEN f.has_four THEN least(f.found, c.zones_differ, f.strict)
                        ELSE least(f.found, c.zones_differ, f.failure, c.finding)
                    END AS strict,
                    CASE WHEN f.timed THEN f.closing || ' 3absence' END AS absence,
                    f.slot_closed AS closed_at,
                    it.large,
                    f.clocks,
                    f.zone,
                    f.names,
                    f.ignored,
                    f.pads
                FROM (
                    SELECT
                        v.hours,
                        v.large,
                        CASE WHEN NOT v.large THEN v.hours END AS v
                    FROM (
                        SELECT h.hours, CASE jsonb_typeof(h.hours)
                            WHEN 'array' THEN jsonb_array_length(h.hours) > 200
                            WHEN 'object' THEN (SELECT count(*) > 200 FROM jsonb_object_keys(h.hours))
                            ELSE false
                        END AS large
                        FROM (SELECT one.hours OFFSET 0) AS h
                        OFFSET 0
                    ) AS v
                    OFFSET 0
                ) AS it
                CROSS JOIN words
                CROSS JOIN LATERAL (
                    SELECT
                        -- The flag of the day that closes it; whether a flag opens it; whether it says any times at all.
                        min(t.first_closing) FILTER (WHERE NOT t.in_slot) AS closing,
                        bool_or(t.opens) FILTER (WHERE NOT t.in_slot) AS says_open,
                        bool_or(t.timed AND NOT t.in_slot OR t.slots_hold) AS timed,
                        -- A slot that closes the day; a key for slots that holds none.
                        min(t.own_at) FILTER (
                            WHERE t.is_closed_word OR t.in_slot AND t.first_closing IS NOT NULL AND NOT t.timed
                        ) AS slot_closed,
                        min(t.at) FILTER (WHERE t.is_empty_slots) AS empty,
                        min(least(t.always, t.differs, t.when_open)) AS found,
                        min(least(t.failure, t.missing, t.absence)) AS failure,
                        min(least(t.strict, t.missing, t.absence)) AS strict,
                        bool_or(t.has_four) AS has_four,
                        bool_or(t.pads) AS pads,
                        min(t.start_time) AS start_time,
                        max(t.start_time) AS last_start,
                        bool_or(t.is_midnight) AS is_midnight,
                        bool_or(t.opens) AS is_opened,
                        bool_or(t.blank_start) AND bool_or(t.blank_end) AS blank,
                        min(t.end_time) AS end_time,
                        max(t.end_time) AS last_end,
                        bool_or(t.twelve) AND NOT bool_and(t.twelve) AND NOT bool_and(t.sure) AS mixed,
                        -- On which clocks, as bits: am/pm, the other one, and not to be told; all three are a mixture.
                        bit_or(CASE WHEN t.twelve THEN 1 ELSE 2 END | CASE WHEN t.sure THEN 0 ELSE 4 END) FILTER (WHERE t.twelve IS NOT NULL) AS clocks,
                        array_agg(t.at) FILTER (WHERE t.twelve IS NOT NULL) AS ats,
                        array_agg(t.start_time) FILTER (WHERE t.twelve IS NOT NULL) AS starts,
                        array_agg(t.end_time) FILTER (WHERE t.twelve IS NOT NULL) AS ends,
                        array_agg(t.twelve) FILTER (WHERE t.twelve IS NOT NULL) AS twelves,
                        min(t.at || ' ' || t.zone) AS zone,
                        array_agg(t.at || ' ' || t.zone) FILTER (WHERE t.zone IS NOT NULL) AS zones,
                        jsonb_agg(jsonb_build_array(t.at, t.in_slot, t.value)) FILTER (WHERE t.is_name) AS names,
                        jsonb_agg(t.steps) FILTER (WHERE t.is_ignored) AS ignored
                    FROM (
                        SELECT
                            s.at,
                            s.own_at,
                            s.in_slot,
                            s.value,
                            CASE WHEN s.is_alive THEN s.zone END AS zone,
                            s.opens,
                            CASE WHEN s.is_alive THEN s.first_closing END AS first_closing,
                            s.timed,
                            s.slots_hold,
                            s.is_closed_word,
                            s.is_empty_slots,
                            CASE WHEN s.is_read THEN s.start_time END AS start_time,
                            -- Around the clock, and until a minute before midnight, are one.
                            CASE
                                WHEN NOT s.is_read THEN NULL
                                WHEN s.all_day IS NOT NULL AND s.end_time IN ('00:00', '23:59', '23:59:59') THEN time '24:00'
                                ELSE s.end_time
                            END AS end_time,
                            s.is_read AND s.is_midnight AND s.all_day IS NULL AS is_midnight,
                            s.role = 'start' AND s.blank AS blank_start,
                            s.role = 'end' AND s.blank AS blank_end,
                            CASE WHEN s.is_read THEN s.twelve END AS twelve,
                            CASE WHEN s.is_read THEN s.sure END AS sure,
                            s.is_read AND s.pads AS pads,
                            s.is_read AND s.has_four AS has_four,
                            CASE WHEN s.is_read THEN s.at || s.failure END AS failure,
                            CASE WHEN s.is_read THEN s.at || s.strict END AS strict,
                            -- One of a pair is missing: its own key if that is there and empty, else the counterpart of the other.
                            CASE
                                WHEN NOT s.is_read OR s.role NOT IN ('start', 'end') OR s.starts > 0 AND s.ends > 0 THEN NULL
                                WHEN s.starts > 0 THEN s.object || ' 2missing_end '
                                    || CASE WHEN s.role = 'end' THEN '=' WHEN NOT s.blank THEN '~' END || right(s.at, 9)
                                WHEN s.ends > 0 THEN s.object || ' 2missing_start '
                                    || CASE WHEN s.role = 'start' THEN '=' WHEN NOT s.blank THEN '~' END || right(s.at, 9)
                            END AS missing,
                            CASE WHEN s.in_slot AND s.is_alive AND s.timed THEN s.first_closing || ' 3absence' END AS absence,
                            CASE
                                WHEN s.is_alive AND s.first_opening IS NOT NULL AND s.first_closing IS NOT NULL
                                    THEN greatest(s.first_opening, s.first_closing) || ' 2contradiction'
                                WHEN s.is_read AND s.not_all_day THEN s.all_day || ' 2contradiction'
                            END AS differs,
                            CASE WHEN s.is_alive THEN s.at || s.always END AS always,
                            CASE WHEN s.is_read AND NOT (s.role = 'break' AND s.break_off) THEN s.at || s.when_open END AS when_open,
                            s.is_alive AND s.is_name AS is_name,
                            s.is_alive AND (s.is_unread OR s.is_minute AND (s.is_lost_minute OR NOT s.is_read)) AS is_ignored,
                            s.steps
                        FROM (
                            SELECT
                                leaf.at,
                                leaf.own_at,
                                leaf.object,
                                leaf.in_slot,
                                leaf.role,
                                leaf.value,
                                leaf.blank,
                                clock.start_time,
                                clock.end_time,
                                clock.is_midnight,
                                min(leaf.at) FILTER (WHERE leaf.role = 'always' AND around.is_on) OVER () AS all_day,
                                bool_or(leaf.role = 'always' AND leaf.is_on IS FALSE AND words.around IS NOT NULL) OVER () AS not_all_day,
                                clock.twelve,
                                clock.sure,
                                clock.pads,
                                clock.has_four,
                                clock.failure,
                                CASE WHEN clock.has_four THEN clock.strict ELSE clock.failure END AS strict,
                                fact.*,
                                -- Closed decides first: what else a closed day or slot says is not read.
                                min(leaf.at) FILTER (WHERE fact.opens) OVER same AS first_opening,
                                min(leaf.at) FILTER (WHERE NOT fact.opens) OVER same AS first_closing,
                                coalesce(bool_or(fact.holds_time) OVER same, false) AS timed,
                                coalesce(bool_or(leaf.role = 'switch' AND NOT leaf.is_on) OVER same, false) AS break_off,
                                count(*) FILTER (WHERE leaf.role = 'start' AND NOT leaf.blank) OVER same AS starts,
                                count(*) FILTER (WHERE leaf.role = 'end' AND NOT leaf.blank) OVER same AS ends,
                                NOT leaf.in_slot OR bool_and(leaf.in_slot OR coalesce(fact.opens, true)) OVER () AS is_alive,
                                bool_and(leaf.in_slot OR coalesce(fact.opens, true)) OVER ()
                                    AND bool_and(coalesce(fact.opens, true)) OVER same AS is_read
                            FROM (
                                -- The keys of the day; any other value stands as if under a key for slots.
                                SELECT o.key, o.value, o.i, lpad(o.i::text, 9, '0') COLLATE "C" AS at
                                FROM jsonb_each(CASE jsonb_typeof(it.v) WHEN 'object' THEN it.v END)
                                    WITH ORDINALITY AS o (key, value, i)
                                UNION ALL
                                SELECT NULL, it.v, NULL, '' COLLATE "C"
                                WHERE jsonb_typeof(it.v) <> 'object'
                            ) AS own
                            CROSS JOIN LATERAL (
                                SELECT
                                    CASE WHEN own.key IS NULL THEN 'slots' ELSE coalesce(words.roles ->> n.name, CASE
                                        WHEN n.name ~ words.zone_stems THEN 'offset'
                                        WHEN n.name ~ words.break_stems THEN 'break'
                                        WHEN n.name ~ words.minute_keys THEN 'minute'
                                        ELSE 'other'
                                    END) END AS role,
                                    n.name
                                FROM (SELECT translate(lower(own.key COLLATE "C"), words.fold, words.smalls) AS name OFFSET 0) AS n
                                OFFSET 0
                            ) AS o
                            -- What a key for slots holds: itself, or the only element of its list.
                            CROSS JOIN LATERAL (
                                SELECT CASE WHEN o.role IN ('slots', 'week slots') THEN CASE
                                    WHEN jsonb_typeof(own.value) <> 'array' THEN own.value
                                    WHEN jsonb_array_length(own.value) = 1 THEN own.value -> 0
                                    WHEN words.pairs AND jsonb_array_length(own.value) = 2
                                        AND (own.value -> 0)::text ~* words.clock_text AND (own.value -> 1)::text ~* words.clock_text
                                        THEN to_jsonb((own.value ->> 0) || ' to ' || (own.value ->> 1))
                                END END AS value
                                OFFSET 0
                            ) AS slot
                            LEFT JOIN LATERAL jsonb_each(CASE jsonb_typeof(slot.value) WHEN 'object' THEN slot.value END)
                                WITH ORDINALITY AS deep (key, value, i) ON true
                            CROSS JOIN LATERAL (
                                SELECT
                                    CASE WHEN deep.key IS NULL THEN o.role ELSE coalesce(words.roles ->> n.name, CASE
                                        WHEN n.name ~ words.zone_stems THEN 'offset'
                                        WHEN n.name ~ words.break_stems THEN 'break'
                                        WHEN n.name ~ words.minute_keys THEN 'minute'
                                        ELSE 'other'
                                    END) END AS role,
                                    coalesce(n.name, o.name) AS name,
                                    deep.key IS NOT NULL AS in_slot,
                                    CASE
                                        WHEN deep.key IS NOT NULL THEN 'other'
                                        WHEN jsonb_typeof(slot.value) = 'string' THEN 'text'
                                        ELSE 'slots'
                                    END AS slots_role,
                                    coalesce(deep.key, own.key) AS key,
                                    CASE
                                        WHEN deep.key IS NOT NULL THEN deep.value
                                        WHEN jsonb_typeof(slot.value) = 'string' THEN slot.value
                                        ELSE own.value
                                    END AS value,
                                    CASE
                                        WHEN deep.key IS NULL THEN ''
                                        WHEN jsonb_typeof(own.value) = 'array' THEN own.at || '000000001'
                                        ELSE own.at
                                    END COLLATE "C" AS object
                                FROM (SELECT translate(lower(deep.key COLLATE "C"), words.fold, words.smalls) AS name OFFSET 0) AS n
                                OFFSET 0
                            ) AS d
                            CROSS JOIN LATERAL (
                                SELECT t.text, translate(lower(t.text COLLATE "C"), words.capitals, words.smalls) AS word
                                FROM (
                                    -- Nothing that is read is longer; nor does it take long to find that out.
                                    SELECT CASE jsonb_typeof(d.value) WHEN 'string' THEN CASE WHEN char_length(d.value #>> '{}') <= 200 THEN btrim(d.value #>> '{}', words.blank) ELSE '…' END END AS text
                                    OFFSET 0
                                ) AS t
                                OFFSET 0
                            ) AS w
                            CROSS JOIN LATERAL (
                                SELECT
                                    d.in_slot,
                                    d.role IN ('slots', 'week slots') AS is_slots,
                                    d.key,
                                    d.name,
                                    d.value,
                                    d.object,
                                    own.at AS own_at,
                                    CASE WHEN d.in_slot THEN d.object || lpad(deep.i::text, 9, '0') ELSE own.at END AS at,
                                    CASE d.role
                                        WHEN 'either' THEN CASE
                                            WHEN jsonb_typeof(d.value) = 'boolean' OR w.word IN ('true', 'yes', 'false', 'no')
                                                THEN 'available'
                                            ELSE 'start'
                                        END
                                        WHEN 'shut' THEN CASE
                                            WHEN jsonb_typeof(d.value) = 'boolean' OR w.word IN ('true', 'yes', 'false', 'no') THEN 'closed'
                                            ELSE 'end'
                                        END
                                        WHEN 'close' THEN CASE jsonb_typeof(d.value) WHEN 'boolean' THEN 'unclear' ELSE 'end' END
                                        WHEN 'slots' THEN d.slots_role
                                        WHEN 'week slots' THEN d.slots_role
                                        ELSE d.role
                                    END AS role,
                                    w.text,
                                    w.word,
                                    CASE
                                        WHEN d.value IN ('true', '1') OR w.word IN ('true', 'yes') THEN true
                                        WHEN d.value IN ('false', '0') OR w.word IN ('false', 'no') THEN false
                                    END AS is_on,
                                    d.value = 'null' OR coalesce(w.text = '', false) AS blank,
                                    d.value IN ('null', '""', '[]', '{}') AS is_empty
                                OFFSET 0
                            ) AS leaf
                            -- What is said around the clock; both sides of a range; a time that is no text, written as one.
                            CROSS JOIN LATERAL (
                                SELECT CASE leaf.role
                                    WHEN 'always' THEN words.around IS NOT NULL AND NOT leaf.in_slot AND coalesce(leaf.is_on, false)
                                    WHEN 'text' THEN coalesce(regexp_replace(leaf.word, words.space || '+', ' ', 'g') = ANY (words.around), false)
                                    ELSE false
                                END AS is_on
                                OFFSET 0
                            ) AS around
                            CROSS JOIN LATERAL (
                                SELECT
                                    CASE WHEN leaf.role = 'text' THEN regexp_split_to_array(leaf.text, words.joint, 'i') END AS sides,
                                    CASE
                                        WHEN leaf.role NOT IN ('start', 'end') THEN NULL
                                        WHEN jsonb_typeof(leaf.value) = 'number' AND words.unit IS NOT NULL THEN (
                                            SELECT CASE
                                                WHEN s.seconds IS NULL THEN '?'
                                                WHEN s.seconds = trunc(s.seconds) AND s.seconds <= 86400 THEN
                                                    lpad(div(s.seconds, 3600)::text, 2, '0') || ':' || lpad((div(s.seconds, 60) % 60)::text, 2, '0')
                                                    || ':' || lpad((s.seconds % 60)::integer::text, 2, '0')
                                                ELSE '?'
                                            END
                                            FROM (
                                                SELECT CASE
                                                    WHEN n.said NOT BETWEEN 0 AND 86400 THEN NULL
                                                    WHEN words.unit < 3600 AND n.said <> trunc(n.said) THEN NULL
                                                    WHEN minute.said IS NULL THEN n.said * words.unit
                                                    WHEN n.said = trunc(n.said) THEN n.said * words.unit + minute.said * 60
                                                END AS seconds
                                                FROM (SELECT (leaf.value #>> '{}')::numeric AS said OFFSET 0) AS n
                                                LEFT JOIN LATERAL (
                                                    SELECT min((m.value #>> '{}')::numeric) AS said
                                                    FROM jsonb_each(CASE WHEN leaf.in_slot THEN slot.value ELSE it.v END) AS m (key, value)
                                                    CROSS JOIN LATERAL (
                                                        SELECT translate(lower(m.key COLLATE "C"), words.fold, words.smalls) AS name OFFSET 0
                                                    ) AS f
                                                    WHERE leaf.name ~ words.hour_keys AND f.name ~ words.minute_keys
                                                        AND substring(f.name FROM words.minute_keys) = substring(leaf.name FROM words.hour_keys)
                                                        AND m.value::text ~ '^[1-5]?[0-9](?:[.]0+)?$'
                                                    HAVING count(*) = 1
                                                ) AS minute ON true
                                            ) AS s
                                        )
                                        WHEN jsonb_typeof(leaf.value) = 'object' AND leaf.value <> '{}' AND words.time_objects THEN CASE
                                            WHEN leaf.value - '{hours,minutes,seconds,nanos}'::text[] <> '{}' OR (leaf.value -> 'hours') = '24' AND leaf.value - 'hours' <> '{}' THEN '?'
                                            WHEN EXISTS (
                                                SELECT FROM jsonb_each(leaf.value) AS m (key, value)
                                                WHERE m.value::text !~ CASE m.key WHEN 'hours' THEN '^(?:1?[0-9]|2[0-4])$' WHEN 'nanos' THEN '^0$' ELSE '^[1-5]?[0-9]$' END
                                            ) THEN '?'
                                            ELSE lpad(coalesce(leaf.value ->> 'hours', '0'), 2, '0') || ':' || lpad(coalesce(leaf.value ->> 'minutes', '0'), 2, '0')
                                                || ':' || lpad(coalesce(leaf.value ->> 'seconds', '0'), 2, '0')
                                        END
                                    END AS plain
                                OFFSET 0
                            ) AS r
                            -- The times of a leaf: of a text both sides, of a start or an end one.
                            CROSS JOIN LATERAL (
                                SELECT
                                    CASE WHEN around.is_on THEN time '00:00' ELSE min(q.time) FILTER (WHERE q.side = 'start') END AS start_time,
                                    CASE WHEN around.is_on THEN time '24:00' ELSE min(q.time) FILTER (WHERE q.side = 'end') END AS end_time,
                                    CASE WHEN around.is_on THEN false ELSE bool_or(q.twelve) FILTER (WHERE q.time IS NOT NULL) END AS twelve,
                                    around.is_on OR bool_and(q.sure) FILTER (WHERE q.time IS NOT NULL) AS sure,
                                    coalesce(bool_or(q.is_midnight), false) AS is_midnight,
                                    coalesce(bool_or(q.four LIKE '0%'), false) AS pads,
                                    coalesce(bool_or(q.four IS NOT NULL), false) AS has_four,
                                    CASE leaf.role
                                        WHEN 'text' THEN CASE
                                            WHEN leaf.word = ANY (words.closed) OR around.is_on THEN NULL
                                            WHEN leaf.text = '' THEN ' 2empty_value'
                                            WHEN count(*) = 0 THEN
                                                CASE
                                                    WHEN leaf.value::text ~* words.clock_text THEN ' 2slot_starts'
                                                    ELSE ' 2not_a_range'
                                                END
                                            ELSE coalesce(
                                                min(q.reason) FILTER (WHERE q.side = 'start'),
                                                min(q.reason) FILTER (WHERE q.side = 'end'),
                                                CASE WHEN bool_or(q.twelve) <> bool_and(q.twelve) THEN ' 2mixed_clock' END
                                            )
                                        END
                                        WHEN 'slots' THEN CASE
                                            WHEN leaf.value IN ('null', '[]') OR jsonb_typeof(slot.value) = 'object' THEN NULL
                                            WHEN jsonb_typeof(leaf.value) = 'boolean' THEN ' 2not_a_range'
                                            WHEN jsonb_typeof(leaf.value) = 'number' THEN ' 2bare_number'
                                            WHEN slot.value IS NOT NULL THEN CASE jsonb_typeof(slot.value)
                                                WHEN 'number' THEN ' 2slot_starts'
                                                WHEN 'array' THEN ' 2not_a_range'
                                                ELSE ' 2no_times'
                                            END
                                            WHEN EXISTS (
                                                SELECT
                                                FROM jsonb_array_elements(CASE jsonb_typeof(leaf.value) WHEN 'array' THEN leaf.value END)
                                                    AS n (value)
                                                WHERE jsonb_typeof(n.value) <> 'number' AND n.value::text !~* words.clock_text
                                            ) THEN ' 2several_slots'
                                            WHEN leaf.value -> 2 IS NULL THEN ' 2pair_or_starts'
                                            ELSE ' 2slot_starts'
                                        END
                                        ELSE CASE
                                            WHEN leaf.blank OR leaf.role NOT IN ('start', 'end') THEN NULL
                                            WHEN jsonb_typeof(leaf.value) = 'string' OR r.plain IS NOT NULL THEN min(q.reason)
                                            WHEN jsonb_typeof(leaf.value) = 'number' THEN ' 2bare_number'
                                            ELSE ' 2not_a_time'
                                        END
                                    END AS failure,
                                    coalesce(
                                        min(q.strict) FILTER (WHERE q.side = 'start'),
                                        min(q.strict) FILTER (WHERE q.side = 'end')
                                    ) AS strict
                                FROM (
                                    SELECT
                                        y.side,
                                        y.four,
                                        z.time,
                                        z.reason,
                                        CASE WHEN y.four IS NULL THEN z.reason ELSE ' 2ambiguous_time' END AS strict,
                                        y.p[5] IS NOT NULL AS twelve,
                                        y.p[5] IS NOT NULL OR r.plain IS NOT NULL
                                            OR coalesce(y.p[1], y.four) ~ '^(0[0-9]|1[3-9]|2[0-9])' AS sure,
                                        z.is_midnight
                                    FROM (
                                        SELECT
                                            x.side,
                                            x.text,
                                            CASE WHEN x.text ~ '^([01][0-9]|2[0-3])[0-5][0-9]$' THEN x.text END AS four,
                                            regexp_match(x.text, words.clock_parts, 'i') AS p
                                        FROM (
                                            VALUES
                                                ('start', btrim(r.sides[1], words.blank), btrim(r.sides[2], words.blank)),
                                                ('end', btrim(r.sides[2], words.blank), btrim(r.sides[1], words.blank))
                                        ) AS v (side, text, other)
                                        CROSS JOIN LATERAL (
                                            SELECT
                                                w.side,
                                                -- The policy's notations, as they are usually written.
                                                CASE
                                                    WHEN w.text ~ words.dotted THEN regexp_replace(w.text, words.dotted, '\1:\2')
                                                    WHEN w.text ~ words.with_h
                                                        THEN regexp_replace(regexp_replace(w.text, words.with_h, '\1:\2'), ':$', ':00')
                                                    WHEN leaf.role <> 'text' AND w.text ~ words.from_1970 THEN substring(w.text FROM words.from_1970)
                                                    ELSE w.text
                                                END AS text
                                            FROM (
                                                SELECT v.side, CASE leaf.role
                                                    WHEN v.side THEN coalesce(leaf.text, r.plain)
                                                    WHEN 'text' THEN
                                                        CASE WHEN cardinality(r.sides) = 2 AND v.other <> '' THEN v.text END
                                                END AS text
                                                OFFSET 0
                                            ) AS w
                                            OFFSET 0
                                        ) AS x
                                        WHERE x.text <> ''
                                        OFFSET 0
                                    ) AS y
                                    CROSS JOIN LATERAL (
                                        -- Only a shape that is read as it is meant comes to a cast.
                                        SELECT CASE
                                            -- As many minutes as a day has.
                                            WHEN y.four = '1440' THEN NULL
                                            WHEN y.four IS NOT NULL
                                                THEN make_time(left(y.four, 2)::integer, right(y.four, 2)::integer, 0)
                                            WHEN y.p[5] IS NOT NULL THEN CASE
                                                WHEN (
                                                    y.p[1]::integer BETWEEN 1 AND 12
                                                    OR words.lenient AND (y.p[1]::integer = 0 OR y.p[1]::integer < 24 AND lower(y.p[5]) = 'p')
                                                ) AND y.p[4] IS NULL THEN make_time(
                                                    CASE WHEN y.p[1]::integer > 12 THEN y.p[1]::integer
                                                        ELSE y.p[1]::integer % 12 + CASE lower(y.p[5]) WHEN 'p' THEN 12 ELSE 0 END END,
                                                    coalesce(y.p[2], '0')::integer,
                                                    coalesce(y.p[3], '0')::integer
                                                )
                                            END
                                            WHEN y.p[2] IS NULL THEN NULL
                                            WHEN y.p[1]::integer < 24 OR y.p[1] = '24' AND y.side = 'end'
                                                AND y.p[2] || coalesce(y.p[3], '') || coalesce(y.p[4], '') !~ '[1-9]'
                                                THEN make_time(
                                                    y.p[1]::integer,
                                                    y.p[2]::integer,
                                                    (coalesce(y.p[3], '0') || coalesce(left(y.p[4], 7), ''))::double precision
                                                )
                                        END AS time
                                        OFFSET 0
                                    ) AS c
                                    CROSS JOIN LATERAL (
                                        SELECT
                                            CASE WHEN m.is_midnight THEN time '24:00' ELSE c.time END AS time,
                                            m.is_midnight,
                                            CASE
                                                WHEN c.time IS NOT NULL THEN NULL
                                                WHEN y.four IS NOT NULL THEN ' 2ambiguous_time'
                                                WHEN y.text ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}' THEN ' 2date'
                                                WHEN y.p IS NULL AND y.text ~* words.offset_text THEN ' 2offset_in_time'
                                                ELSE ' 2not_a_time'
                                            END AS reason
                                        FROM (
                                            SELECT y.side = 'end' AND c.time = '00:00' AND (words.midnight_end OR words.whole_day) AS is_midnight
                                            OFFSET 0
                                        ) AS m
                                        OFFSET 0
                                    ) AS z
                                ) AS q
                            ) AS clock
                            -- What else a leaf means: for the day whatever it says, or only if it is not closed.
                            CROSS JOIN LATERAL (
                                SELECT
                                    CASE leaf.role WHEN 'available' THEN leaf.is_on WHEN 'closed' THEN NOT leaf.is_on END AS opens,
                                    g.zone,
                                    CASE leaf.role
                                        WHEN 'zone' THEN CASE WHEN g.says_zone AND g.zone IS NULL THEN ' 2zone_unknown' END
                                        WHEN 'offset' THEN CASE WHEN g.says_zone AND g.zone IS NULL THEN ' 2zone_offset' END
                                        WHEN 'date' THEN CASE WHEN NOT leaf.is_empty AND leaf.value <> 'false' THEN ' 2date' END
                                        WHEN 'recurs' THEN CASE
                                            WHEN leaf.value <> 'null' AND leaf.is_on IS NOT TRUE AND leaf.word IS DISTINCT FROM 'weekly'
                                                THEN ' 2not_weekly'
                                        END
                                        WHEN 'fortnight' THEN CASE WHEN g.may_be_on THEN ' 2not_weekly' END
                                        WHEN 'available' THEN CASE WHEN leaf.is_on IS NULL THEN ' 2unreadable_flag' END
                                        WHEN 'closed' THEN CASE WHEN leaf.is_on IS NULL THEN ' 2unreadable_flag' END
                                        WHEN 'unclear' THEN ' 2unreadable_flag'
                                        ELSE CASE WHEN leaf.role NOT IN ('unread', 'exception') AND g.inside ~ 'zone' THEN ' 2zone_unknown' END
                                    END AS always,
                                    CASE leaf.role
                                        WHEN 'always' THEN CASE WHEN g.may_be_on AND NOT around.is_on THEN ' 2all_day' END
                                        WHEN 'booked' THEN CASE WHEN g.may_be_on THEN ' 2booked' END
                                        -- Minutes that go with no hour.
                                        WHEN 'minute' THEN CASE
                                            WHEN leaf.is_empty OR leaf.value = '0' OR g.goes_with_hour THEN NULL
                                            WHEN leaf.text ~ words.zone_like THEN ' 1zone_unknown'
                                            WHEN leaf.name ~ words.periods AND leaf.text ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}' THEN ' 1date'
                                            ELSE ' 2unknown_key'
                                        END
                                        WHEN 'gone' THEN CASE WHEN g.may_be_on THEN ' 2contradiction' END
                                        WHEN 'status' THEN CASE
                                            WHEN leaf.value IN ('false', '0') OR leaf.word = ANY (words.away) THEN ' 2contradiction'
                                        END
                                        WHEN 'seats' THEN CASE
                                            WHEN jsonb_typeof(leaf.value) NOT IN ('null', 'number')
                                                OR jsonb_typeof(leaf.value) = 'number' AND leaf.value < '1' THEN ' 2contradiction'
                                        END
                                        WHEN 'switch' THEN CASE WHEN g.may_be_on THEN ' 2break' END
                                        WHEN 'break' THEN CASE
                                            WHEN leaf.is_empty OR leaf.value IN ('false', '0') THEN NULL
                                            WHEN EXISTS (
                                                SELECT
                                                FROM jsonb_each(CASE jsonb_typeof(leaf.value) WHEN 'object' THEN leaf.value END)
                                                    AS b (key, value)
                                                WHERE words.roles ->> translate(lower(b.key COLLATE "C"), words.fold, words.smalls)
                                                        IN ('available', 'either')
                                                    AND (
                                                        b.value IN ('false', '0')
                                                        OR jsonb_typeof(b.value) = 'string'
                                                        AND translate(lower(btrim(b.value #>> '{}', words.blank) COLLATE "C"), words.capitals, words.smalls) IN ('false', 'no')
                                                    )
                                            ) THEN NULL
                                            ELSE ' 2break'
                                        END
                                        ELSE coalesce(
                                            CASE WHEN (leaf.role IN ('other', 'group') OR leaf.name = 'week' AND leaf.name <> ALL (words.given_keys))
                                                AND NOT leaf.is_empty THEN CASE
                                                WHEN leaf.name ~ words.validity THEN CASE WHEN leaf.is_on IS NOT TRUE THEN ' 1unknown_key' END
                                                WHEN leaf.name ~ words.suspect THEN CASE WHEN leaf.is_on IS NOT FALSE THEN ' 1unknown_key' END
                                                WHEN leaf.text ~ words.zone_like THEN ' 1zone_unknown'
                                                WHEN leaf.name ~ words.periods AND leaf.text ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}' THEN ' 1date'
                                            END END,
                                            CASE WHEN g.is_unread AND leaf.role <> 'unread' AND CASE
                                                WHEN words.named ? translate(lower(btrim(leaf.key, words.blank) COLLATE "C"), words.capitals, words.smalls) THEN leaf.value <> 'null'
                                                ELSE leaf.name ~ words.numbered AND NOT leaf.is_empty AND leaf.value <> '0'
                                                    OR leaf.value::text ~* words.times_text
                                                    OR coalesce(g.inside ~ '\m(start|end|either|close|shut)\M', false)
                                            END THEN ' 2unknown_key' END
                                        )
                                    END AS when_open,
                                    (leaf.role IN ('start', 'end') OR leaf.in_slot AND leaf.is_slots)
                                        AND NOT leaf.is_empty AS holds_time,
                                    own.key IS NOT NULL AND o.role IN ('slots', 'week slots')
                                        AND own.value NOT IN ('null', '""', '[]', '{}') AS slots_hold,
                                    leaf.role = 'text' AND leaf.word = ANY (words.closed) AS is_closed_word,
                                    leaf.role = 'slots' AND leaf.value IN ('null', '[]') AS is_empty_slots,
                                    leaf.role = 'minute' AND NOT g.goes_with_hour AS is_lost_minute,
                                    leaf.role = 'minute' AS is_minute,
                                    leaf.role IN ('day', 'day group', 'list day', 'week list day') AND leaf.value <> 'null' AS is_name,
                                    g.is_unread,
                                    CASE WHEN g.is_unread OR leaf.role = 'minute' THEN
                                        CASE WHEN own.key IS NULL THEN '[]' ELSE jsonb_build_array(own.key) END
                                        || CASE WHEN leaf.in_slot AND jsonb_typeof(own.value) = 'array' THEN '[0]'::jsonb ELSE '[]' END
                                        || CASE WHEN leaf.in_slot THEN jsonb_build_array(leaf.key) ELSE '[]' END
                                    END AS steps
                                FROM (
                                    SELECT
                                        u.is_unread,
                                        leaf.role = 'minute' AND leaf.value::text ~ '^[1-5]?[0-9](?:[.]0+)?$' AND (
                                            -- One minute key for one hour key that holds a number.
                                            SELECT
                                                bool_or(jsonb_typeof(m.value) = 'number' AND substring(f.name FROM words.hour_keys) = substring(leaf.name FROM words.minute_keys))
                                                    AND count(*) FILTER (
                                                        WHERE substring(f.name FROM words.minute_keys) = substring(leaf.name FROM words.minute_keys)
                                                            AND m.value::text ~ '^[1-5]?[0-9](?:[.]0+)?$'
                                                    ) = 1
                                            FROM jsonb_each(CASE WHEN leaf.in_slot THEN slot.value ELSE it.v END) AS m (key, value)
                                            CROSS JOIN LATERAL (
                                                SELECT translate(lower(m.key COLLATE "C"), words.fold, words.smalls) AS name OFFSET 0
                                            ) AS f
                                        ) AS goes_with_hour,
                                        leaf.is_on IS NOT FALSE AND leaf.value <> 'null' AS may_be_on,
                                        leaf.value <> 'null' AND NOT coalesce(words.empty_zone AND leaf.text = '', false) AS says_zone,
                                        CASE
                                            WHEN leaf.role = 'zone' AND leaf.text IN (SELECT z.name FROM provider_availability_zones AS z) THEN leaf.text
                                            WHEN leaf.role IN ('zone', 'offset')
                                                AND words.zone_aliases ->> leaf.text IN (SELECT z.name FROM provider_availability_zones AS z)
                                                THEN words.zone_aliases ->> leaf.text
                                        END AS zone,
                                        -- What the keys below an unread one are for.
                                        CASE WHEN u.is_unread AND jsonb_typeof(leaf.value) IN ('object', 'array') THEN (
                                            SELECT string_agg(DISTINCT CASE
                                                WHEN i.name ~ words.zone_stems OR words.roles ->> i.name IN ('zone', 'offset')
                                                    THEN CASE WHEN i.first <> 'n' THEN 'zone' END
                                                ELSE words.roles ->> i.name
                                            END, ' ')
                                            FROM (
                                                SELECT
                                                    k.found[2] AS first,
                                                    translate(lower(CASE
                                                        WHEN position('\' IN k.found[1]) > 0 THEN ('"' || k.found[1] || '"')::jsonb #>> '{}'
                                                        ELSE k.found[1]
                                                    END COLLATE "C"), words.fold, words.smalls) AS name
                                                FROM regexp_matches(leaf.value::text, words.keys_text, 'g') AS k (found)
                                                OFFSET 0
                                            ) AS i
                                        ) END AS inside
                                    FROM (
                                        SELECT leaf.role IN (
                                            'other', 'note', 'unread', 'exception', 'week', 'group', 'list', 'list group', 'week list'
                                        ) AS is_unread
                                        OFFSET 0
                                    ) AS u
                                    OFFSET 0
                                ) AS g
                                OFFSET 0
                            ) AS fact
                            WINDOW same AS (PARTITION BY leaf.object)
                        ) AS s
                        OFFSET 0
                    ) AS t
                    OFFSET 0
                ) AS f
                -- What the times of a day say together, if each can be read.
                CROSS JOIN LATERAL (
                    SELECT
                        CASE WHEN cardinality(f.zones) > 1 THEN (
                            SELECT min(split_part(z.zone, ' ', 1) COLLATE "C") || ' 2contradiction'
                            FROM unnest(f.zones) AS z (zone)
                            WHERE split_part(z.zone, ' ', 2) <> split_part(f.zone, ' ', 2)
                        ) END AS zones_differ,
                        CASE
                            WHEN f.failure IS NOT NULL OR f.closing IS NOT NULL THEN NULL
                            WHEN f.slot_closed IS NOT NULL THEN
                                CASE WHEN f.start_time IS NOT NULL OR f.says_open THEN f.slot_closed || ' 2contradiction' END
                            WHEN f.start_time IS NULL THEN CASE
                                WHEN f.empty IS NULL THEN
                                    CASE WHEN NOT coalesce(words.empty_times AND f.blank AND f.is_opened IS NOT TRUE, false) THEN ' 2no_times' END
                                WHEN f.says_open THEN f.empty || ' 2no_times'
                            END
                            WHEN f.start_time < f.end_time AND f.start_time = f.last_start AND f.end_time = f.last_end AND NOT f.mixed
                                AND NOT (f.is_midnight AND CASE WHEN f.start_time = '00:00' THEN NOT words.whole_day ELSE NOT words.midnight_end END)
                                THEN NULL
                            ELSE (
                                SELECT min(CASE
                                    WHEN s.first_start >= s.first_end OR f.is_midnight
                                        AND CASE WHEN s.first_start = '00:00' THEN NOT words.whole_day ELSE NOT words.midnight_end END
                                        THEN ' 2start_not_before_end'
                                    WHEN s.start_time <> s.first_start OR s.end_time <> s.first_end THEN s.at || ' 2contradiction'
                                    WHEN f.mixed AND s.twelve <> s.first_twelve THEN s.at || ' 2mixed_clock'
                                END COLLATE "C")
                                FROM (
                                    SELECT
                                        p.*,
                                        first_value(p.start_time) OVER (ORDER BY p.start_time IS NULL, p.at COLLATE "C") AS first_start,
                                        first_value(p.end_time) OVER (ORDER BY p.end_time IS NULL, p.at COLLATE "C") AS first_end,
                                        first_value(p.twelve) OVER (ORDER BY p.at COLLATE "C") AS first_twelve
                                    FROM unnest(f.ats, f.starts, f.ends, f.twelves) AS p (at, start_time, end_time, twelve)
                                ) AS s
                            )
                        END AS finding
                    OFFSET 0
                ) AS c
                OFFSET 0
            ) AS r
            -- The second slot stood alone when it was read: its place is the second.
            CROSS JOIN LATERAL (
                SELECT
                    f.moves,
                    f.wrong_at,
                    f.right_at,
                    CASE WHEN f.moves AND starts_with(r.zone, f.wrong_at) THEN overlay(r.zone PLACING f.right_at FROM 1) ELSE r.zone END AS zone,
                    CASE
                        WHEN f.moves AND starts_with(r.finding, f.wrong_at) THEN overlay(r.finding PLACING f.right_at FROM 1)
                        -- What one slot alone says of the list is said of all by several_slots.
                        WHEN part.nth IS NOT NULL AND (split_part(r.finding, ' ', 1) = part.slots_at OR r.finding IN (' 2no_times', ' 2start_not_before_end')) THEN NULL
                        ELSE r.finding
                    END AS finding,
                    CASE
                        WHEN f.moves AND starts_with(r.strict, f.wrong_at) THEN overlay(r.strict PLACING f.right_at FROM 1)
                        WHEN part.nth IS NOT NULL AND (split_part(r.strict, ' ', 1) = part.slots_at OR r.strict IN (' 2no_times', ' 2start_not_before_end')) THEN NULL
                        ELSE r.strict
                    END AS strict,
                    CASE WHEN f.moves AND starts_with(r.absence, f.wrong_at) THEN overlay(r.absence PLACING f.right_at FROM 1) ELSE r.absence END AS absence,
                    CASE WHEN f.moves AND r.ignored IS NOT NULL THEN (
                        SELECT jsonb_agg(CASE
                            WHEN jsonb_typeof(s.steps -> f.depth) = 'number' THEN jsonb_set(s.steps, ARRAY[f.depth::text], to_jsonb(part.nth - 1))
                            ELSE s.steps
                        END)
                        FROM jsonb_array_elements(r.ignored) AS s (steps)
                    ) ELSE r.ignored END AS ignored
                FROM (
                    SELECT
                        coalesce(part.nth > 1, false) AS moves,
                        part.slots_at || '000000001' AS wrong_at,
                        part.slots_at || lpad(part.nth::text, 9, '0') AS right_at,
                        CASE part.slots_at WHEN '' THEN 0 ELSE 1 END AS depth
                    OFFSET 0
                ) AS f
                OFFSET 0
            ) AS nth
            -- 4. The days that a list or an entry names; in a day or a slot, whether it names just this day: finding and days.
            CROSS JOIN LATERAL (
                SELECT
                    CASE WHEN r.large IS NOT TRUE THEN n.said[1] END AS finding,
                    CASE part.part
                        WHEN 'day' THEN string_to_array(part.day, ' ')
                        WHEN 'names' THEN string_to_array(n.said[2], ' ')
                        -- Two names that differ name no day.
                    WHEN 'entry' THEN CASE WHEN n.said[1] LIKE ' 0contradiction%' THEN '{?}' ELSE coalesce(string_to_array(n.said[2], ' '), '{?}') END
                    END AS days
                FROM (
                    SELECT CASE WHEN r.names IS NOT NULL OR part.names IS NOT NULL OR part.is_entry THEN (
                        SELECT ARRAY[
                            CASE part.part
                                WHEN 'day' THEN min(n.at || ' 2contradiction') FILTER (WHERE n.said IS DISTINCT FROM part.day)
                                WHEN 'names' THEN min(n.at || n.reason)
                                WHEN 'interval' THEN min(n.at || ' 2contradiction')
                                WHEN 'entry' THEN least(
                                    CASE WHEN part.is_entry AND count(n.said) FILTER (WHERE NOT n.in_slot) = 0 THEN ' 0no_day' END,
                                    CASE WHEN count(n.said) FILTER (WHERE NOT n.in_slot) > 1 AND (
                                        min(n.said) FILTER (WHERE NOT n.in_slot) <> max(n.said) FILTER (WHERE NOT n.in_slot)
                                        OR bool_or(n.said LIKE '%?%' AND NOT n.in_slot)
                                    ) THEN ' 0contradiction' END,
                                    min(n.at || n.reason) FILTER (WHERE NOT n.in_slot),
                                    min(n.at || ' 2contradiction') FILTER (WHERE n.in_slot)
                                )
                            END,
                            min(n.said) FILTER (WHERE NOT n.in_slot)
                        ]
                        FROM (
                            SELECT
                                CASE WHEN nth.moves AND starts_with(f.field ->> 0, nth.wrong_at)
                                    THEN overlay(f.field ->> 0 PLACING nth.right_at FROM 1)
                                    ELSE f.field ->> 0
                                END COLLATE "C" AS at,
                                f.field -> 1 = 'true' AS in_slot, o.said, o.reason
                            FROM jsonb_array_elements(coalesce(r.names, part.names)) AS f (field)
                            CROSS JOIN LATERAL (
                                SELECT
                                    string_agg(DISTINCT coalesce(t.day, '?'), ' ') AS said,
                                    (array_agg(t.reason ORDER BY t.i) FILTER (WHERE t.reason IS NOT NULL))[1] AS reason
                                FROM (
                                    SELECT
                                        s.i,
                                        s.day,
                                        CASE
                                            WHEN s.day IS NOT NULL THEN CASE
                                                WHEN NOT words.equal_duplicates AND row_number() OVER (PARTITION BY s.day ORDER BY s.i) > 1
                                                    THEN ' 2duplicate_day'
                                            END
                                            WHEN jsonb_typeof(s.value) = 'number' OR s.text ~ '^[0-9]+$' THEN ' 2day_number'
                                            WHEN words.roles ->> translate(s.text, words.fold, words.smalls) LIKE '%group'
                                                OR s.text ~ words.day_group THEN ' 2day_group'
                                            WHEN s.text ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' THEN ' 2date'
                                            ELSE ' 2unknown_day'
                                        END AS reason
                                    FROM (
                                        SELECT d.value, d.i, t.text, w.day
                                        FROM jsonb_array_elements(
                                            CASE jsonb_typeof(f.field -> 2)
                                                WHEN 'array' THEN f.field -> 2 ELSE jsonb_build_array(f.field -> 2)
                                            END
                                        ) WITH ORDINALITY AS d (value, i)
                                        CROSS JOIN LATERAL (
                                            SELECT CASE jsonb_typeof(d.value)
                                                WHEN 'string' THEN CASE WHEN char_length(d.value #>> '{}') <= 200 THEN translate(lower(btrim(d.value #>> '{}', words.blank) COLLATE "C"), words.capitals, words.smalls) ELSE d.value #>> '{}' END
                                                -- 1.0 is 1.
                                                WHEN 'number' THEN regexp_replace(left(d.value #>> '{}', 20), '^([0-9])[.]0+$', '\1')
                                            END AS text
                                            OFFSET 0
                                        ) AS t
                                        LEFT JOIN LATERAL regexp_split_to_table(coalesce(words.days ->> t.text, CASE
                                            WHEN words.groups IS NULL THEN NULL
                                            WHEN words.groups ? translate(t.text, words.fold, words.smalls) THEN words.groups ->> translate(t.text, words.fold, words.smalls)
                                            ELSE CASE WHEN t.text ~ words.group_text THEN (
                                                SELECT string_agg(w.day, ' ' ORDER BY i.i, w.n)
                                                FROM regexp_split_to_table(t.text, words.group_commas) WITH ORDINALITY AS i (item, i)
                                                CROSS JOIN LATERAL regexp_match(i.item, words.group_item) AS g (names)
                                                CROSS JOIN LATERAL (
                                                    SELECT
                                                        array_position(words.week, words.days ->> g.names[1]) AS first,
                                                        array_position(words.week, words.days ->> coalesce(g.names[2], g.names[1])) AS last
                                                ) AS span
                                                CROSS JOIN LATERAL (
                                                    SELECT n.n, words.week[1 + (span.first - 1 + n.n) % 7] AS day
                                                    FROM generate_series(0, (span.last - span.first + 7) % 7) AS n (n)
                                                ) AS w
                                                HAVING count(*) = count(DISTINCT w.day) AND NOT bool_or(g.names[2] IS NOT NULL AND span.first = span.last)
                                            ) END
                                        END), ' ') AS w (day) ON true
                                    ) AS s
                                ) AS t
                            ) AS o
                        ) AS n
                    ) END AS said
                    OFFSET 0
                ) AS n
                OFFSET 0
            ) AS named
            -- An interval that says closed is none.
            CROSS JOIN LATERAL (
                SELECT
                    least(r.finding, named.finding, c.finding) AS finding,
                    least(r.strict, named.finding, c.finding) AS strict
                FROM (SELECT CASE WHEN r.state = 'closed' THEN coalesce(r.closed_at || ' 2contradiction', ' 2no_times') END AS finding OFFSET 0) AS c
                OFFSET 0
            ) AS i
        ) AS p
        LEFT JOIN LATERAL (
            SELECT u.day, CASE u.day
                WHEN 'monday' THEN 1 WHEN 'tuesday' THEN 2 WHEN 'wednesday' THEN 4 WHEN 'thursday' THEN 8
                WHEN 'friday' THEN 16 WHEN 'saturday' THEN 32 WHEN 'sunday' THEN 64
            END AS bit
            FROM unnest(p.days) AS u (day)
        ) AS d ON true
    ) AS week
    CROSS JOIN LATERAL (
        -- 5. The verdict: what was found, first in the document's order.
        SELECT
            f.outcome,
            CASE WHEN f.outcome = 'rejected' THEN coalesce(
                substr(split_part(f.finding, ' ', 2), 2),
                CASE jsonb_typeof(given.doc) WHEN 'string' THEN 'text' ELSE 'no_week' END
            ) END AS reason,
            f.finding,
            week.shape,
            week.ignored,
            said.days,
            rows.available,
            rows.starts,
            rows.ends,
            rows.zones,
            said.places
        FROM (
            SELECT week.pads OR week.given IS NOT NULL AND week.interval_pads AS pads OFFSET 0
        ) AS digits
        -- Days said more than once: joined where the policy allows it, found where it does not. A chain is what may adjoin:
        -- the slots of one day, of all its entries in a list; equal are days under two keys, or in two entries.
        LEFT JOIN LATERAL (
            SELECT
                -- Of two at one place, that of the earlier day.
                (array_agg(d.finding ORDER BY
                    split_part(d.finding, ' ', 1) COLLATE "C", left(split_part(d.finding, ' ', 2), 1), array_position(words.week, d.day)
                ) FILTER (WHERE d.finding IS NOT NULL))[1] AS finding,
                array_agg(d.day ORDER BY d.at COLLATE "C") AS days,
                array_agg(d.state ORDER BY d.at COLLATE "C") AS states,
                array_agg(d.start_time ORDER BY d.at COLLATE "C") AS starts,
                array_agg(d.end_time ORDER BY d.at COLLATE "C") AS ends,
                array_agg(d.zone ORDER BY d.at COLLATE "C") AS zones,
                array_agg(d.place ORDER BY d.at COLLATE "C") AS places
            FROM (
                SELECT
                    e.day,
                    min(e.at COLLATE "C") AS at,
                    min(e.state) AS state,
                    min(e.start_time) AS start_time,
                    max(e.end_time) AS end_time,
                    min(e.zone) AS zone,
                    CASE WHEN sum(e.n) = 1 THEN min(e.place) END AS place,
                    CASE
                        WHEN bool_or(e.finding IS NOT NULL) THEN min(e.finding COLLATE "C")
                        WHEN count(*) = 1 THEN NULL
                        WHEN words.adjacent_slots AND bool_and(e.is_list AND e.is_open AND e.adjoins) AND min(e.zone_name) = max(e.zone_name)
                            AND bit_or(e.clocks) <> 7 THEN NULL
                        ELSE min(e.again COLLATE "C")
                    END AS finding
                FROM (
                    SELECT
                        p.*,
                        coalesce(
                            p.start_time = lag(p.end_time) OVER (PARTITION BY p.day ORDER BY p.start_time, p.end_time),
                            row_number() OVER (PARTITION BY p.day ORDER BY p.start_time, p.end_time) = 1
                        ) AS adjoins,
                        CASE
                            WHEN row_number() OVER twins = 1 THEN NULL
                            WHEN p.is_list AND p.is_open AND first_value(p.is_open) OVER twins
                                AND (p.start_time, p.end_time) <> (first_value(p.start_time) OVER twins, first_value(p.end_time) OVER twins)
                                THEN p.at || ' 1several_slots'
                            ELSE p.at || ' 1duplicate_day'
                        END AS again
                    FROM (
                        -- Equal ones count once.
                        SELECT
                            s.day, s.is_list, s.is_open, s.zone_name,
                            min(s.state) AS state,
                            min(s.at COLLATE "C") AS at,
                            min(s.start_time) AS start_time,
                            max(s.end_time) AS end_time,
                            min(s.zone) AS zone,
                            min(s.place) AS place,
                            sum(s.n) AS n,
                            bit_or(s.clocks) AS clocks,
                            min(s.finding COLLATE "C") AS finding
                        FROM (
                            SELECT
                                t.day, t.at, t.is_list,
                                min(t.zone_name) AS zone_name,
                                bool_and(t.is_open) AS is_open,
                                min(t.state) AS state,
                                min(t.start_time) AS start_time,
                                max(t.end_time) AS end_time,
                                min(t.zone) AS zone,
                                min(t.place) AS place,
                                count(*) AS n,
                                bit_or(t.clocks) AS clocks,
                                CASE WHEN count(*) > 1 AND NOT (
                                    bool_and(t.is_open AND t.adjoins) AND min(t.zone_name) = max(t.zone_name) AND bit_or(t.clocks) <> 7
                                ) THEN min(t.slots_at) || ' 2several_slots' END AS finding
                            FROM (
                                SELECT
                                    o.*,
                                    coalesce(
                                        o.start_time = lag(o.end_time) OVER (PARTITION BY o.day, o.at ORDER BY o.start_time, o.end_time),
                                        row_number() OVER (PARTITION BY o.day, o.at ORDER BY o.start_time, o.end_time) = 1
                                    ) AS adjoins
                                FROM (
                                    SELECT
                                        u.day, u.start_time, u.end_time, u.zone, u.at, u.slots_at, u.place, u.clocks,
                                        CASE WHEN u.state = 'four' THEN 'open' ELSE u.state END AS state,
                                        week.shape LIKE 'list%' AS is_list,
                                        u.state = 'open' OR u.state = 'four' AND digits.pads AS is_open,
                                        coalesce(
                                            split_part(u.zone, ' ', 2), split_part(week.outer_zones[1], ' ', 2), settings ->> 'default_timezone', ''
                                        ) AS zone_name
                                    FROM unnest(week.days, week.states, week.starts, week.ends, week.zones, week.ats, week.slots_ats, week.places, week.clocks)
                                        AS u (day, state, start_time, end_time, zone, at, slots_at, place, clocks)
                                    WHERE u.day <> '?'
                                ) AS o
                            ) AS t
                            GROUP BY t.day, t.at, t.is_list
                        ) AS s
                        GROUP BY s.day, s.is_list, s.is_open, s.zone_name,
                            CASE WHEN words.equal_duplicates AND s.finding IS NULL THEN concat_ws(' ', s.state, s.start_time, s.end_time) ELSE s.at END
                    ) AS p
                    WINDOW twins AS (PARTITION BY p.day ORDER BY p.at COLLATE "C")
                ) AS e
                GROUP BY e.day
            ) AS d
        ) AS joined ON week.repeats
        CROSS JOIN LATERAL (
            SELECT CASE WHEN given.clashes THEN ' 0duplicate_key' WHEN week.found = 0 THEN least(week.nothing, week.large) ELSE least(
                week.large,
                week.always,
                week.base,
                CASE WHEN digits.pads THEN week.lenient ELSE week.strict END,
                CASE WHEN week.some_open THEN week.when_open END,
                CASE WHEN week.some_texts THEN week.when_texts END,
                CASE WHEN week.some_flags THEN week.when_flags END,
                CASE WHEN week.some_times THEN week.interval_at || ' 1contradiction' END,
                CASE
                    WHEN week.given IS NULL THEN NULL
                    WHEN week.interval_at IS NULL THEN week.given || ' 2no_times'
                    ELSE least(
                        CASE WHEN digits.pads THEN week.interval_lenient ELSE week.interval_strict END,
                        -- Two levels say one.
                        CASE WHEN week.last_interval_at > week.interval_at THEN week.last_interval_at || ' 1contradiction' END
                    )
                END,
                -- The same day twice.
                joined.finding,
                -- Two zones for one day: the later of the two is found.
                CASE WHEN cardinality(week.outer_zones) > 0 AND week.zoned > 1 THEN (
                    SELECT min(greatest(split_part(z.zone, ' ', 1), split_part(o.zone, ' ', 1)) COLLATE "C") || ' 2contradiction'
                    FROM (SELECT min(z.zone COLLATE "C") FROM unnest(week.outer_zones) AS z (zone)) AS o (zone)
                    CROSS JOIN (SELECT unnest(week.outer_zones) UNION ALL SELECT unnest(week.zones)) AS z (zone)
                    WHERE split_part(z.zone, ' ', 2) <> split_part(o.zone, ' ', 2)
                ) END
            ) END AS finding
            OFFSET 0
        ) AS n
        CROSS JOIN LATERAL (
            SELECT
                CASE
                    WHEN given.doc IS NULL OR given.doc IN ('null', '{}', '[]', '""') THEN 'empty'
                    WHEN week.found > 0 AND n.finding IS NULL THEN 'converted'
                    ELSE 'rejected'
                END AS outcome,
                n.finding
            OFFSET 0
        ) AS f
        CROSS JOIN LATERAL (
            SELECT
                CASE WHEN week.repeats THEN joined.days ELSE week.days END AS days,
                CASE WHEN week.repeats THEN joined.states ELSE week.states END AS states,
                CASE WHEN week.repeats THEN joined.starts ELSE week.starts END AS starts,
                CASE WHEN week.repeats THEN joined.ends ELSE week.ends END AS ends,
                CASE WHEN week.repeats THEN joined.zones ELSE week.zones END AS zones,
                CASE WHEN week.repeats THEN joined.places ELSE week.places END AS places
            OFFSET 0
        ) AS said
        CROSS JOIN LATERAL (
            SELECT
                array_agg(s.state <> 'closed') AS available,
                array_agg(CASE s.state WHEN 'true' THEN week.interval_start WHEN 'closed' THEN NULL ELSE s.start_time END) AS starts,
                array_agg(CASE s.state WHEN 'true' THEN week.interval_end WHEN 'closed' THEN NULL ELSE s.end_time END) AS ends,
                array_agg(coalesce(
                    split_part(s.zone, ' ', 2), split_part(week.outer_zones[1], ' ', 2), settings ->> 'default_timezone'
                )) AS zones
            FROM unnest(said.states, said.starts, said.ends, said.zones) AS s (state, start_time, end_time, zone)
        ) AS rows
        OFFSET 0
    ) AS verdict
    CROSS JOIN LATERAL (
        -- 6. Where a finding is: the steps to it, and what stands there.
        SELECT CASE WHEN verdict.outcome = 'rejected' THEN (
            WITH RECURSIVE walk AS (
                SELECT 0 AS depth, given.doc AS node, '[]'::jsonb AS steps
                UNION ALL
                SELECT w.depth + 1, child.value, w.steps || child.step
                FROM walk AS w
                CROSS JOIN LATERAL (
                    SELECT nullif(substr(split_part(verdict.finding, ' ', 1), w.depth * 9 + 1, 9), '')::integer AS i
                    OFFSET 0
                ) AS n
                CROSS JOIN LATERAL (
                    SELECT to_jsonb(m.key) AS step, m.value
                    FROM jsonb_each(CASE jsonb_typeof(w.node) WHEN 'object' THEN w.node END) WITH ORDINALITY AS m (key, value, i)
                    WHERE m.i = n.i
                    UNION ALL
                    SELECT to_jsonb(n.i - 1), w.node -> (n.i - 1)
                    WHERE jsonb_typeof(w.node) = 'array'
                ) AS child
                WHERE n.i IS NOT NULL
            )
            SELECT jsonb_build_array(w.steps, w.node) FROM walk AS w ORDER BY w.depth DESC LIMIT 1
        ) END AS found
        OFFSET 0
    ) AS place
    CROSS JOIN LATERAL (
        -- A key that is not there is named as the counterpart of the one that is.
        SELECT CASE WHEN verdict.reason LIKE 'missing%' THEN (
            SELECT jsonb_build_array(CASE left(split_part(verdict.finding, ' ', 3), 1)
                WHEN '=' THEN m.key
                ELSE coalesce((
                    SELECT overlay(m.key PLACING c.other FROM position(c.said IN m.key) FOR char_length(c.said))
                    FROM (
                        VALUES
                            (1, 'missing_end', 'opening', 'closing'), (2, 'missing_end', 'Opening', 'Closing'),
                            (3, 'missing_end', 'opens', 'closes'), (4, 'missing_end', 'Opens', 'Closes'),
                            (5, 'missing_end', 'open', 'close'), (6, 'missing_end', 'Open', 'Close'),
                            (7, 'missing_end', 'start', 'end'), (8, 'missing_end', 'Start', 'End'),
                            (9, 'missing_end', 'begin', 'end'), (10, 'missing_end', 'Begin', 'End'),
                            (11, 'missing_end', 'from', 'to'), (12, 'missing_end', 'From', 'To'),
                            (1, 'missing_start', 'closing', 'opening'), (2, 'missing_start', 'Closing', 'Opening'),
                            (3, 'missing_start', 'closes', 'opens'), (4, 'missing_start', 'Closes', 'Opens'),
                            (5, 'missing_start', 'close', 'open'), (6, 'missing_start', 'Close', 'Open'),
                            (7, 'missing_start', 'end', 'start'), (8, 'missing_start', 'End', 'Start'),
                            (9, 'missing_start', 'to', 'from'), (10, 'missing_start', 'To', 'From')
                    ) AS c (n, reason, said, other)
                    WHERE c.reason = verdict.reason AND position(c.said IN m.key) > 0
                    ORDER BY c.n
                    LIMIT 1
                ), CASE verdict.reason WHEN 'missing_end' THEN 'end' ELSE 'start' END)
            END)
            FROM jsonb_object_keys(CASE jsonb_typeof(place.found -> 1) WHEN 'object' THEN place.found -> 1 END)
                WITH ORDINALITY AS m (key, i)
            WHERE m.i = right(verdict.finding, 9)::bigint
        ) END AS step,
        CASE WHEN verdict.outcome = 'rejected' AND verdict.reason NOT LIKE 'missing%' THEN (place.found -> 1)::text END AS value
        OFFSET 0
    ) AS missing
    CROSS JOIN LATERAL (
        -- 7. Paths as they are written. What would hide on a screen, or move its cursor, is written as an escape.
        SELECT CASE WHEN verdict.outcome = 'rejected' OR verdict.ignored IS NOT NULL THEN (
            SELECT array_agg(DISTINCT p.path ORDER BY p.path)
            FROM (
                SELECT '$' || coalesce(string_agg(CASE
                    WHEN s.i IS NULL THEN NULL
                    WHEN s.text IS NULL THEN '[*]'
                    WHEN s.is_index THEN '[' || s.text || ']'
                    WHEN s.text ~ '^[A-Za-z_][A-Za-z0-9_]*$' THEN '.' || s.text
                    ELSE '[''' || CASE WHEN s.text ~ words.unseen THEN (
                        SELECT string_agg(
                            CASE WHEN c.letter ~ words.unseen THEN '\u' || lpad(to_hex(ascii(c.letter)), 4, '0') ELSE c.letter END,
                            '' ORDER BY c.i
                        )
                        FROM regexp_split_to_table(s.escaped, '') WITH ORDINALITY AS c (letter, i)
                    ) ELSE s.escaped END || ''']'
                END, '' ORDER BY s.i), '') AS path
                FROM (
                    SELECT (place.found -> 0) || coalesce(missing.step, '[]') AS steps
                    WHERE verdict.outcome = 'rejected'
                    UNION
                    SELECT (g.item -> 0) || l.steps
                    FROM jsonb_array_elements(CASE WHEN verdict.outcome = 'converted' THEN verdict.ignored END) AS g (item)
                    CROSS JOIN LATERAL jsonb_array_elements(g.item -> 1) AS l (steps)
                ) AS w
                LEFT JOIN LATERAL (
                    SELECT
                        e.i,
                        e.step #>> '{}' AS text,
                        jsonb_typeof(e.step) = 'number' AS is_index,
                        replace(replace(e.step #>> '{}', '\', '\\'), '''', '\''') AS escaped
                    FROM jsonb_array_elements(w.steps) WITH ORDINALITY AS e (step, i)
                    OFFSET 0
                ) AS s ON true
                GROUP BY w.steps
            ) AS p
        ) END AS paths
        OFFSET 0
    ) AS written
    WHERE plain.outcome IS NULL
) AS whole ON true
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
            -- As provider_availability_agrees of 0002 says it, which a role with SELECT only may not call.
            AND a.is_available IS NOT DISTINCT FROM n.available
            AND coalesce(a.timezone, :'settings'::jsonb ->> 'default_timezone') IS NOT DISTINCT FROM n.zone
            AND (NOT n.available OR (a.start_time, a.end_time) = (n.start_time, n.end_time)) AS is_equal
    FROM documents AS d
    -- The range said again: the planner would not conclude it, and look at every row of a large table.
    JOIN provider_availability AS a ON a.provider_id = d.id AND a.provider_id BETWEEN :'first' AND :'last'
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
