"""The names and words that the independent reading knows. Written from the rules, never from the SQL."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

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
    availabilitywindows workhours openhours openingtimes regularschedule defaultschedule defaulthours weekhours
    weekschedule storehours clinichours availablehours providerschedule availabilityschedule dailyhours"""
)
DAYS_LISTS = _words(
    """days workingdays daysofweek dayofweek workdays availabledays daysavailable activedays opendays selecteddays
    businessdays daysoftheweek"""
)
OPEN_AND_CLOSE_DAYS = _words("openday closeday")
DAY_FIELDS = OPEN_AND_CLOSE_DAYS | _words(
    """day dayofweek dayofweekenum dayname weekday wday daysofweek days daysoftheweek weekdayname dayoftheweek nameofday
    dow"""
)
STARTS = _words(
    """start starttime from open opens opentime opening openingtime begin begintime timestart starthour starts fromtime
    workstart availablestarttime startlocaltime hoursstart startsat opensat starthours openhour beginhour
    beginhours fromhour fromhours workstarttime hoursopen openat startat shiftstart timefrom availablefrom
    starttimelocal localstarttime begins startingtime"""
)
ENDS = _words(
    """end endtime to close closes closetime closing closingtime finish finishtime timeend endhour ends totime workend
    availableendtime endlocaltime hoursend endsat closesat until endhours closehour tohour tohours finishhour
    finishhours workendtime hoursclose closeat endat shiftend timeto availableto availableuntil endtimelocal
    localendtime endingtime"""
)
POSITIVE = _words(
    """available isavailable enabled isenabled active isactive isopen isselected selected working isworking
    isworkingday on avail isavail isopened checked ischecked ison isworkday dayenabled"""
)
NEGATIVE = _words(
    """closed isclosed closedallday unavailable isunavailable dayoff isdayoff off blocked isblocked disabled isdisabled
    holiday isholiday isoff notworking isnotworking"""
)
ALL_DAY = _words(
    """allday is24hours open24hours is24h allhours alwaysopen fullday isfullday wholeday isallday open24 is24hrs
    roundtheclock twentyfourhours"""
)
BOOKED = _words("booked isbooked")
VOID = _words(
    """deleted isdeleted cancelled canceled iscancelled iscanceled archived isarchived suspended issuspended paused
    ispaused isnotavailable inactive isinactive skip skipped expired removed draft isdraft"""
)
SEATS = _words("seats capacity")
SLOTS = _words(
    """slots timeslots intervals periods windows workingblocks blocks timing timings timeperiods timeranges ranges hours
    times time schedule workinghours entries shifts sessions timeslot slot window timerange timewindows workhours
    openinghours businesshours officehours openhours operatinghours availablehours"""
)
BREAK_SWITCHES = _words("hasbreak haslunchbreak breakenabled lunchenabled haslunch isbreak")
BREAK_STEMS = ("break", "lunch", "pause", "siesta")
ZONES = _words("timezone tz timezoneid timezonename iana ianatimezone timezonestring ianatz localtimezone")
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
    inactive disabled cancelled canceled exception override date draft pending tentative onhold paused suspended
    archived deleted expired"""
)
# Dated exceptions: they may hold anything. The rest of the ignorable names may not hide a zone.
EXCEPTIONS = _words(
    """exceptions overrides dateoverrides specialdates specialdays holidays blockeddates blackoutdates unavailabledates
    datesoff daysoff vacations vacation timeoff notavailable customdates"""
)
IGNORABLE = EXCEPTIONS | _words(
    """notes note comment comments description reason location locations metadata meta settings title name label id
    version type source updatedat createdat lastupdated isvirtual isonline slotduration slotdurationminutes slotminutes
    buffer bufferminutes buffertime maxdailyhours advancebookingdays scheduleid userid providerid doctorid objecttype
    emails @type order index color weekstart weekstartson firstdayofweek daysperweek hoursperweek useweeklyschedule
    useweekly"""
)
WORKING_DAYS = WEEK[:5]
GROUP_DAYS = {
    **dict.fromkeys(("weekdays", "workweek"), WORKING_DAYS),
    **dict.fromkeys(("weekend", "weekends"), WEEK[5:]),
    **dict.fromkeys(("daily", "everyday", "alldays", "all"), WEEK),
}
GROUPS = frozenset(GROUP_DAYS) | {"weekday"}
CLOSED_WORDS = _words("closed off")
FLAG_WORDS = {"true": True, "yes": True, "false": False, "no": False}

# A second interval, or what changes the first: start2, openMinutes, startPeriod.
NUMBERED_TIME = re.compile(
    r"(start|end|open|close|begin|finish|from|to)(time|hour|hours|at)?[0-9]+"
    r"|(start|end|open|close|begin|finish|from|to)(min|mins|minute|minutes)"
    r"|(start|end|open|close|begin|finish|opening|closing)(min|mins|minute|minutes|period|meridiem|ampm)"
)
# Hours and minutes apart: openHour, openMinutes.
HOUR_APART = re.compile(r"(start|begin|from|end|to|finish)(?:hour|hours)|(open|close)hour")
MINUTE_APART = re.compile(r"(start|open|begin|from|end|close|to|finish)(?:min|mins|minute|minutes)")

# What unknown keys may not say: that the week is not in force, or not every week, or not of this day and half.
IN_FORCE = re.compile("publish|valid|activ|enabl|visib|approv|confirm")
OTHERWISE = re.compile(
    "rrule|recur|repeat|freq|fortnight|alternat|season|month|expir|until|effectiv|delet|remov|cancel|archiv|paus|suspend"
    "|meridi|ampm|24|overnight|nextday|endday|startday|closeday|openday|morning|noon|evening|night"
)
OTHERWISE_NAMES = _words(
    """am pm isam ispm week weeks weekno weeknumber weektype weekparity weekpattern oddweek evenweek oddweeks evenweeks
    weeksofmonth weekofmonth everyweeks interval every parity"""
)
OTHERWISE_NAMED = re.compile(
    "nth.*|occurrences?|onlyon|excepts?|excludes?|plusdays|byappointment.*|oncall|tentative", re.DOTALL
)
IN_TIME = re.compile("from|since|start|begin|thru|through|till|end|to$|only|valid")
ZONE_LIKE = re.compile(
    "(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc|US|Canada|Brazil|Chile"
    "|Mexico)/"
)
ALL_DAY_WORDS = frozenset({"24 hours", "24h", "24/7", "24 hrs", "open 24 hours", "open 24/7", "all day", "allday"})

# Bounds, so that no document takes long: longer texts are not read, greater days and documents not looked into.
LONGEST_TEXT = 200
MOST_IN_DAY = 200
MOST_IN_WEEK = 2_000

_CAPITALS = [
    *range(0x41, 0x5B),
    *(letter for letter in range(0xC0, 0xDF) if letter != 0xD7),
    *range(0x391, 0x3AA),
    *range(0x410, 0x430),
]
_LOWER = {letter: letter + 0x20 for letter in _CAPITALS} | {0x401: 0x451}
_RANGE_JOINT = f"[{SPACE}]*[{DASHES}][{SPACE}]*|[{SPACE}]+to[{SPACE}]+"
_LIST_JOINT = f"[{SPACE}]*[,&/+][{SPACE}]*|[{SPACE}]+and[{SPACE}]+"
_RANGE_JOINTS = re.compile(_RANGE_JOINT)
_LIST_JOINTS = re.compile(_LIST_JOINT)
_JOINTS = re.compile(f"{_RANGE_JOINT}|{_LIST_JOINT}")


def trimmed(text: str) -> str:
    return text.strip(SPACE)


@lru_cache(100_000)
def lowered(text: str) -> str:
    """Lower case of Latin, Greek and Cyrillic letters only: the KELVIN SIGN is no k, whatever a locale says."""
    return text.lower() if text.isascii() else text.translate(_LOWER)


@lru_cache(100_000)
def folded(key: str) -> str:
    """A key as it is compared with the names above."""
    return re.sub(r"[ \t\n\r\f\v_-]", "", lowered(key))


def too_long(text: str) -> bool:
    """A text that is not read at all where a time, a range, a zone, a flag or a name should stand."""
    return len(text) > LONGEST_TEXT


def name_of(text: str) -> str:
    """A text as names of days are compared; nothing if it is too long to be one."""
    return "" if too_long(text) else lowered(trimmed(text))


def is_group(text: str, names: Collection[str] = DAY_NAMES) -> bool:
    """Whether a text speaks of several days: by one word, or by names joined."""
    parts = parts_of_group(text)
    return not too_long(text) and (folded(text) in GROUPS or (bool(parts) and all(part in names for part in parts)))


def parts_of_group(text: str) -> list[str]:
    """The names that stand joined in a text; nothing if it is too long, or no names are joined."""
    parts = _JOINTS.split(name_of(text))
    return parts if len(parts) > 1 else []


def days_of_group(text: str, names: Mapping[str, str] = DAY_NAMES) -> tuple[str, ...]:
    """The days a group means, each once; nothing if it is no group, or not one that can be told."""
    if not is_group(text, names):
        return ()
    if folded(text) in GROUPS:
        return GROUP_DAYS.get(folded(text), ())
    days: list[str] = []
    for part in _LIST_JOINTS.split(name_of(text)):
        ends = [WEEK.index(names[name]) for name in _RANGE_JOINTS.split(part)]
        if len(ends) > 2 or (len(ends) == 2 and ends[0] == ends[1]):
            return ()
        count = (ends[-1] - ends[0]) % 7 + 1
        days.extend(WEEK[(ends[0] + each) % 7] for each in range(count))
    return tuple(days) if len(set(days)) == len(days) else ()


def is_digits(text: str) -> bool:
    return re.fullmatch("[0-9]+", trimmed(text)) is not None


def is_joined_in_order(text: str) -> bool:
    """Names joined to lists, of days and of ranges from one day to another."""
    return all(len(_RANGE_JOINTS.split(part)) <= 2 for part in _LIST_JOINTS.split(name_of(text)))


def is_date(text: str) -> bool:
    return re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", trimmed(text)) is not None


def begins_with_date(text: str) -> bool:
    return re.match("[0-9]{4}-[0-9]{2}-[0-9]{2}", trimmed(text)) is not None


def mentions_day(key: str) -> bool:
    """`mondayClosed`, `sun_enabled`: a key that speaks about a day without being its name."""
    text = lowered(key)
    return any(name in text for name in WEEK) or any(
        token in LONGER_DAY_NAMES for token in re.split("[^a-z]+", text) if token
    )


def flag_of(value: object) -> bool | None:
    """What a flag's value says; None if it says nothing readable."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return None if too_long(value) else FLAG_WORDS.get(lowered(trimmed(value)))
    if isinstance(value, int | float | Decimal) and value in (0, 1):
        return value == 1
    return None
