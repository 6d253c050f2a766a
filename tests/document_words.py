"""The words that made-up documents are made of."""

from __future__ import annotations

import json

from tests import reading_words as words
from tests.known import CORPUS

# Key names as applications write them; every folded name of the rules is tried as well, with strokes and capitals.
PAIRS = (
    ("start", "end"),
    ("startTime", "endTime"),
    ("start_time", "end_time"),
    ("open", "close"),
    ("openTime", "closeTime"),
    ("opens", "closes"),
    ("from", "to"),
    ("openingTime", "closingTime"),
    ("timeStart", "timeEnd"),
    ("begin", "finish"),
    ("start_local_time", "end_local_time"),
)
OPEN_FLAGS = ("available", "isAvailable", "is_available", "enabled", "active", "isOpen", "open", "is_selected")
CLOSED_FLAGS = ("closed", "isClosed", "is_closed", "unavailable", "closed_all_day", "dayOff")
SLOT_KEYS = ("slots", "timeSlots", "intervals", "periods", "hours", "working_blocks", "timing", "time_periods")
WRAPPERS = (
    "availability",
    "schedule",
    "weeklySchedule",
    "weekly",
    "days",
    "hours",
    "workingHours",
    "periods",
    "windows",
)
DAY_FIELDS = ("day", "dayOfWeek", "day_of_week", "dayName", "weekday", "wday", "daysOfWeek", "days")
LISTS = ("days", "workingDays", "daysOfWeek", "work_days", "availableDays", "weekdays")
ZONES = ("UTC", "America/New_York", "Europe/Paris", "Asia/Tokyo", "Etc/UTC", "Etc/GMT+5")
NOISE = (
    "notes",
    "note",
    "location",
    "slotDuration",
    "bufferMinutes",
    "exceptions",
    "overrides",
    "id",
    "updatedAt",
    "x",
)
# Strings that stand in no usual document: keys that are no day, times that are none, ranges, hostile ones, zones.
ODD: dict[str, tuple[str, ...]] = {
    kind: tuple(strings) for kind, strings in json.loads((CORPUS / "odd.json").read_text(encoding="utf-8")).items()
}
DASHES = (
    "-",
    " - ",
    "\u2013",
    " \u2013 ",
    "\u2014",
    "\u2212",
    "\u2011",
    "\u2010",
    "\u2012",
    "\u2015",
    " to ",
    " TO ",
    "\tto\n",
)
FLAG_VALUES: tuple[object, ...] = (
    True,
    False,
    "true",
    "False",
    "yes",
    " no ",
    1,
    0,
    1.0,
    None,
    "maybe",
    "1",
    2,
    [],
    "",
    {},
)
ALL_NAMES = tuple(
    sorted(
        words.WRAPPERS
        | words.DAYS_LISTS
        | words.DAY_FIELDS
        | words.STARTS
        | words.ENDS
        | words.POSITIVE
        | words.NEGATIVE
        | words.ALL_DAY
        | words.BOOKED
        | words.VOID
        | words.SEATS
        | words.SLOTS
        | words.BREAK_SWITCHES
        | words.ZONES
        | words.ZONE_OFFSETS
        | words.DATES
        | words.RECURRENCES
        | words.FORTNIGHTS
        | words.STATUSES
        | words.IGNORABLE
        | words.GROUPS
        | set(words.DAY_NAMES)
        | {
            "breaks",
            "lunchStart",
            "lunch_end",
            "pause",
            "siesta",
            "start2",
            "end_time_2",
            "openMinutes",
            "startPeriod",
            "provider_timezone",
            "utcOffsetMinutes",
            "afternoon",
            "morning",
            "am",
            "pm",
            "constructor",
        }
    )
)

# Keys that say that a week is not in force, or not every week, and what else no rule reads.
OTHERWISE = (
    "isPublished",
    "validity",
    "activated",
    "is_visible",
    "approved",
    "confirmed",
    "rrule",
    "recurs",
    "fortnightly",
    "season",
    "month",
    "expiry",
    "until_date",
    "removedAt",
    "is24",
    "24x7",
    "overnight",
    "endsNextDay",
    "endDay",
    "openDay",
    "closeDay",
    "morning",
    "evening_shift",
    "isPM",
    "am",
    "weekNo",
    "week",
    "week_parity",
    "interval",
    "every",
    "region",
    "useWeeklySchedule",
    "isVirtual",
    "@type",
)
HOURS_APART = (
    ("startHour", "startMin", "endHour", "endMin"),
    ("startHours", "startMins", "endHours", "endMins"),
    ("open_hour", "open_minutes", "close_hour", "close_minutes"),
    ("from_hour", "from_minute", "to_hour", "to_minute"),
    ("beginHours", "beginMinutes", "finishHour", "finishMin"),
)
ALL_DAY_FLAGS = ("allDay", "all_day", "is24Hours", "open24Hours", "is24h", "all_hours")
GROUP_KEYS = (
    ("weekdays", "weekend"),
    ("workweek", "Weekends"),
    ("daily",),
    ("every_day",),
    ("ALL",),
    ("all days",),
    ("Mon-Fri", "Sat - Sun"),
    ("Mon to Thu", "fri"),
    ("Mon, Wed & Fri", "tue / thu"),
    ("sat+sun", "Mo-We, Fr"),
    ("Sat-Mon",),
    ("mon-mon", "tue"),
    ("mon-wed, tue",),
    ("mon-wed-fri",),
    ("mon and tue", "wed  to\tthu"),
)
ZONE_KEYS = ("timezone", "timeZone", "time_zone", "tz", "iana")
OFFSET_KEYS = ("timezone_abbr", "tzName", "utc_offset", "zone", "timezoneOffset")
