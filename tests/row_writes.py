"""Writes to the rows of a document, and what the document then says: a case per form of document and kind of write."""

from __future__ import annotations

SET = "UPDATE provider_availability SET {} WHERE day_of_week = 'monday'"
LATER = SET.format("start_time = '10:15'")
CLOSE = SET.format("is_available = false")
BERLIN = SET.format("timezone = 'Europe/Berlin'")
TAKE = "DELETE FROM provider_availability WHERE day_of_week = 'monday'"
OPEN = "is_available = true, start_time = '10:00', end_time = '12:00'"
NEW = (
    "INSERT INTO provider_availability (provider_id, day_of_week, is_available, start_time, end_time, timezone)"
    " VALUES (1, 'sunday', true, '10:00', '24:00', {})"
)

# What it is, the document, the write to its rows, the document afterwards.
PATCHED = [
    (
        "a time keeps the other time, its key, and every other day's spelling",
        """{"Mon ": {"from": "9:00 AM", "to": "5 p.m.", "room": 3}, "TUE": {"opens": " 9:00", "closes": "17:00"}}""",
        SET.format("end_time = '18:30'"),
        """{"Mon ": {"from": "9:00 AM", "to": "18:30", "room": 3}, "TUE": {"opens": " 9:00", "closes": "17:00"}}""",
    ),
    (
        "a time with seconds and parts of them",
        """{"monday": {"start": "09:00", "end": "17:00"}}""",
        SET.format("start_time = '09:30:15.25'"),
        """{"monday": {"start": "09:30:15.25", "end": "17:00"}}""",
    ),
    (
        "both times of a slot below a wrapper keep flag, wrapper and unknown keys",
        """{"v": 2, "schedule": {"monday": {"enabled": true, "slots": [{"start": "9am", "end": "5pm", "id": 7}]}}}""",
        SET.format("start_time = '10:00', end_time = '18:00'"),
        """{"v": 2, "schedule": {"monday": {"enabled": true, "slots": [{"start": "10:00", "end": "18:00", "id": 7}]
            }}}""",
    ),
    (
        "a day closed by the flag it has keeps its times",
        """{"monday": {"isClosed": false, "open": "09:00", "close": "17:00", "room": 3}}""",
        CLOSE,
        """{"monday": {"isClosed": true, "open": "09:00", "close": "17:00", "room": 3}}""",
    ),
    (
        "a day without a flag is closed by one, and keeps its unknown keys",
        """{"monday": {"start": "09:00", "end": "17:00", "room": 3}}""",
        CLOSE,
        """{"monday": {"start": "09:00", "end": "17:00", "room": 3, "available": false}}""",
    ),
    (
        "a closed day is opened",
        """{"monday": null, "tuesday": [], "note": "kept"}""",
        SET.format(OPEN),
        """{"monday": {"available": true, "start": "10:00", "end": "12:00"}, "tuesday": [], "note": "kept"}""",
    ),
    (
        "a day that was not spoken of comes in beside the others",
        """{"schedule": {"Mon": {"start": "09:00", "end": "17:00"}}, "note": "kept"}""",
        NEW.format("NULL"),
        """{"schedule": {"Mon": {"start": "09:00", "end": "17:00"},
            "sunday": {"available": true, "start": "10:00", "end": "24:00"}}, "note": "kept"}""",
    ),
    (
        "a day taken away leaves the others",
        """{"monday": {"start": "09:00", "end": "17:00"}, "tue": "off", "note": "kept"}""",
        TAKE,
        """{"tue": "off", "note": "kept"}""",
    ),
    ("the last day taken away leaves nothing", """{"monday": "closed"}""", TAKE, "{}"),
    (
        "an entry of a list",
        """[{"day": "Mon", "open": "09:00", "close": "17:00", "room": 3}, {"day": "Fri", "hours": "9am-1pm"}]""",
        LATER,
        """[{"day": "Mon", "open": "10:15", "close": "17:00", "room": 3}, {"day": "Fri", "hours": "9am-1pm"}]""",
    ),
    (
        "an entry taken out of a list",
        """[{"day": "Mon", "open": "09:00", "close": "17:00"}, {"day": "Fri", "open": "9am", "close": "1pm"}]""",
        TAKE,
        """[{"day": "Fri", "open": "9am", "close": "1pm"}]""",
    ),
    (
        "a new entry behind the others of a list",
        """[{"day": "Mon", "open": "09:00", "close": "17:00"}]""",
        NEW.format("'UTC'"),
        """[{"day": "Mon", "open": "09:00", "close": "17:00"},
            {"day": "sunday", "available": true, "start": "10:00", "end": "24:00", "timezone": "UTC"}]""",
    ),
    (
        "a range in a text",
        """{"mon": "9:00 - 17:00", "tue": "Closed", "lunch": null}""",
        LATER,
        """{"mon": "10:15-17:00", "tue": "Closed", "lunch": null}""",
    ),
    ("a text that is closed", """{"mon": "9:00-17:00", "tue": "off"}""", CLOSE, """{"mon": "closed", "tue": "off"}"""),
    ("a text that is opened", """{"mon": "off"}""", SET.format(OPEN), """{"mon": "10:00-12:00"}"""),
    ("a text in a list", """{"mon": ["9am-5pm"]}""", LATER, """{"mon": ["10:15-17:00"]}"""),
    (
        "a zone of one day",
        """{"monday": {"start": "09:00", "end": "17:00"}, "tue": {"from": "9am", "to": "5pm"}}""",
        BERLIN,
        """{"monday": {"start": "09:00", "end": "17:00", "timezone": "Europe/Berlin"},
            "tue": {"from": "9am", "to": "5pm"}}""",
    ),
    (
        "a zone that the document has for all its days is said of each",
        """{"timezone": "Europe/Paris", "monday": {"start": "09:00", "end": "17:00"}, "tuesday": "off", "note": 1}""",
        BERLIN,
        """{"monday": {"available": true, "start": "09:00", "end": "17:00", "timezone": "Europe/Berlin"},
            "tuesday": {"available": false, "timezone": "Europe/Paris"}, "note": 1}""",
    ),
    (
        "days with one interval have no place for one of them: the canonical form, unknown keys kept",
        """{"days": ["monday", "tuesday"], "start": "9:00", "end": "17:00", "timezone": "UTC", "exceptions": [1]}""",
        LATER,
        """{"monday": {"available": true, "start": "10:15", "end": "17:00", "timezone": "UTC"},
            "tuesday": {"available": true, "start": "09:00", "end": "17:00", "timezone": "UTC"}, "exceptions": [1]}""",
    ),
    (
        "a day more beside days with one interval",
        """{"weekdays": ["mon"], "start": "09:00", "end": "17:00", "note": "kept"}""",
        NEW.format("NULL"),
        """{"monday": {"available": true, "start": "09:00", "end": "17:00"},
            "sunday": {"available": true, "start": "10:00", "end": "24:00"}, "note": "kept"}""",
    ),
    (
        "a document that was not there",
        None,
        NEW.format("NULL"),
        """{"sunday": {"available": true, "start": "10:00", "end": "24:00"}}""",
    ),
    (
        "a document that said nothing",
        '""',
        NEW.format("NULL"),
        """{"sunday": {"available": true, "start": "10:00", "end": "24:00"}}""",
    ),
    (
        "another day of the same row",
        """{"monday": {"start": "09:00", "end": "17:00"}, "tuesday": "closed"}""",
        SET.format("day_of_week = 'friday'"),
        """{"friday": {"available": true, "start": "09:00", "end": "17:00"}, "tuesday": "closed"}""",
    ),
    (
        "an entry that is closed keeps its unknown keys",
        """[{"day": "Mon", "open": "09:00", "close": "17:00", "room": 3}]""",
        CLOSE,
        """[{"day": "Mon", "room": 3, "available": false}]""",
    ),
    (
        "an entry that gets a zone keeps its unknown keys",
        """[{"day": "Mon", "open": "09:00", "close": "17:00", "room": 3}]""",
        BERLIN,
        """[{"day": "Mon", "open": "09:00", "close": "17:00", "room": 3, "timezone": "Europe/Berlin"}]""",
    ),
    (
        "a day of slots that gets a zone keeps its unknown keys",
        """{"monday": {"available": true, "slots": [{"start": "09:00", "end": "17:00", "room": 3}]}}""",
        BERLIN,
        """{"monday": {"available": true, "slots": [{"start": "09:00", "end": "17:00", "room": 3}],
            "timezone": "Europe/Berlin"}}""",
    ),
]
