"""The names and words that the independent reading knows. Written from the rules, never from the SQL."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

SPACE = " \t\n\r\f\v"
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"

WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_NAMES = {
    **{name: name for name in WEEK},
    **{name[:3]: name for name in WEEK},
    **{name[:2]: name for name in WEEK},
    "tues": "tuesday",
    "thur": "thursday",
    "thurs": "thursday",
}
LONGER_DAY_NAMES = frozenset(name for name in DAY_NAMES if len(name) > 2)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


WRAPPERS = _words(
    """availability availabilities schedule schedules weeklyschedule weekly week weeklyavailability days hours
    workinghours businesshours openinghours officehours operatinghours hoursofoperation weeklyhours regularhours periods
    windows rules entries slots timeslots intervals workingdays workschedule availabletime timetable availabilityslots
    availabilitywindows workhours"""
)
DAYS_LISTS = _words("days workingdays daysofweek dayofweek workdays availabledays")
DAY_FIELDS = _words("day dayofweek dayofweekenum dayname weekday wday daysofweek days")
STARTS = _words(
    """start starttime from open opens opentime opening openingtime begin begintime timestart starthour starts fromtime
    workstart availablestarttime startlocaltime hoursstart startsat opensat"""
)
ENDS = _words(
    """end endtime to close closes closetime closing closingtime finish finishtime timeend endhour ends totime workend
    availableendtime endlocaltime hoursend endsat closesat until"""
)
POSITIVE = _words(
    """available isavailable enabled isenabled active isactive isopen isselected selected working isworking
    isworkingday on"""
)
NEGATIVE = _words(
    """closed isclosed closedallday unavailable isunavailable dayoff isdayoff off blocked isblocked disabled isdisabled
    holiday isholiday"""
)
ALL_DAY = _words("allday is24hours open24hours is24h allhours")
BOOKED = _words("booked isbooked")
VOID = _words(
    """deleted isdeleted cancelled canceled iscancelled iscanceled archived isarchived suspended issuspended paused
    ispaused isnotavailable inactive isinactive skip skipped expired removed draft isdraft"""
)
SEATS = _words("seats capacity")
SLOTS = _words(
    """slots timeslots intervals periods windows workingblocks blocks timing timings timeperiods timeranges ranges hours
    times time schedule workinghours entries shifts sessions"""
)
BREAK_SWITCHES = _words("hasbreak haslunchbreak breakenabled lunchenabled haslunch isbreak")
BREAK_STEMS = ("break", "lunch", "pause", "siesta")
ZONES = _words("timezone tz timezoneid timezonename iana ianatimezone")
ZONE_OFFSETS = _words(
    """timezoneoffset utcoffset offset gmtoffset tzoffset timezoneabbr tzabbr zone zoneid zonename tzname tzid gmt
    utc"""
)
ZONE_STEMS = ("timezone", "utcoffset", "gmtoffset")
DATES = _words(
    """date specificdate startdate enddate ondate validfrom validto validuntil validthrough effectivefrom effectiveto
    effectiveuntil effectivedate effectivestart effectiveend expires expiresat expirydate expirationdate fromdate todate
    dates"""
)
RECURRENCES = _words("recurring isrecurring isrepeating repeats repeat frequency recurrence recurrencetype repeattype")
FORTNIGHTS = _words("biweekly isbiweekly")
STATUSES = _words("status type kind state")
AWAY_WORDS = _words(
    """unavailable closed off busy blocked block break lunch booked absent absence away vacation holiday leave timeoff
    inactive disabled cancelled canceled exception override date"""
)
# Dated exceptions: they may hold anything. The rest of the ignorable names may not hide a zone.
EXCEPTIONS = _words(
    """exceptions overrides dateoverrides specialdates specialdays holidays blockeddates blackoutdates unavailabledates
    datesoff daysoff vacations vacation timeoff notavailable customdates"""
)
IGNORABLE = EXCEPTIONS | _words(
    """notes note comment comments description reason location locations metadata meta settings title name label id
    version type source updatedat createdat lastupdated"""
)
GROUPS = _words("weekdays weekday weekend weekends everyday daily alldays all")
CLOSED_WORDS = _words("closed off")
FLAG_WORDS = {"true": True, "yes": True, "false": False, "no": False}

# A second interval, or what changes the first: start2, openMinutes, startPeriod.
NUMBERED_TIME = re.compile(
    r"(start|end|open|close|begin|finish|from|to)(time|hour|hours|at)?[0-9]+"
    r"|(start|end|open|close|begin|finish|opening|closing)(min|mins|minute|minutes|period|meridiem|ampm)"
)
_JOINED = re.compile(f"[{SPACE}]*[{DASHES},&/+][{SPACE}]*|[{SPACE}]+(?:to|and)[{SPACE}]+")


def trimmed(text: str) -> str:
    return text.strip(SPACE)


@lru_cache(100_000)
def lowered(text: str) -> str:
    """Lower case of ASCII letters only: the KELVIN SIGN is no k, whatever the server's locale says."""
    return text.lower() if text.isascii() else re.sub("[A-Z]+", lambda found: found[0].lower(), text)


@lru_cache(100_000)
def folded(key: str) -> str:
    """A key as it is compared with the names above."""
    return re.sub(r"[ \t\n\r\f\v_-]", "", lowered(key))


def day_named(text: str) -> str | None:
    return DAY_NAMES.get(lowered(trimmed(text)))


def is_group(text: str) -> bool:
    parts = _JOINED.split(lowered(trimmed(text)))
    return folded(text) in GROUPS or (len(parts) > 1 and all(part in DAY_NAMES for part in parts))


def is_digits(text: str) -> bool:
    return re.fullmatch("[0-9]+", trimmed(text)) is not None


def is_date(text: str) -> bool:
    return re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", trimmed(text)) is not None


def mentions_day(key: str) -> bool:
    """`mondayClosed`, `sun_enabled`: a key that speaks about a day without being its name."""
    text = lowered(key)
    return any(name in text for name in WEEK) or any(
        token in LONGER_DAY_NAMES for token in re.split("[^a-z]+", text) if token
    )


def is_closed_word(text: str) -> bool:
    return lowered(trimmed(text)) in CLOSED_WORDS


def flag_of(value: object) -> bool | None:
    """What a flag's value says; None if it says nothing readable."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return FLAG_WORDS.get(lowered(trimmed(value)))
    if isinstance(value, int | float | Decimal) and value in (0, 1):
        return value == 1
    return None
