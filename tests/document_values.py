"""The values of made-up documents: names of days, times, ranges, zones, flags, and whatever else stands in one."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from tests import document_words as known
from tests import reading_words as words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.dice import Dice

_BASES = {"0=sunday": (0, 6), "0=monday": (0, 0), "1=monday": (1, 0), "1=sunday": (1, 6)}
_UNITS = {"hours": 60, "minutes": 1, "seconds": 1 / 60}
# Notations that only a policy reads, by its setting.
_TOLD = {
    "numbers": ("number",),
    "time_objects": ("object",),
    "datetimes_1970": ("1970",),
    "separators": (".", "h"),
    "lenient_12_hour": ("lenient",),
}
_IN_TEXT = ("24", "9", "24s", "12", "hhmm", "mixed", ".", "h", "lenient")


class Values:
    """Makes values that the default reading reads, those that a policy reads, and near misses of both."""

    def __init__(self, dice: Dice, policy: Mapping[str, object]) -> None:
        self.dice = dice
        self.policy = policy

    def told(self, setting: str, share: float) -> bool:
        """Chance of a thing that a setting is about: small where the policy does not say it."""
        return self.dice.chance(share if self.policy.get(setting) else 0.004)

    # -- days

    def some_days(self) -> list[str]:
        return self.dice.random.sample(words.WEEK, self.dice.weighted((1, 2, 3, 5, 7), (25, 25, 20, 15, 15)))

    def day_text(self, day: str) -> str:
        """A day's name, in one of its spellings."""
        if self.told("day_names", 0.6):
            given = self.map_of("day_names") or {"lunes": "monday"}
            names = [name for name, meant in given.items() if meant == day] or list(given)
            return self.dice.pick((self.dice.pick(names), self.dice.pick(names).capitalize()))
        if self.told("day_numbers", 0.6):
            return str(self._number_of(day))
        short = self.dice.weighted((day, day[:3], day[:2]), (70, 22, 8))
        text = self.dice.pick((short, short, short.capitalize(), short.upper()))
        return f" {text}\t" if self.dice.chance(0.02) else text

    def day_value(self, day: str) -> object:
        """A day's name as a value, which may be a number."""
        if self.told("day_numbers", 0.5):
            number = self._number_of(day)
            return self.dice.pick((number, number, float(number), str(number)))
        return self.day_text(day)

    def _number_of(self, day: str) -> int:
        number, place = _BASES[str(self.policy.get("day_numbers", "1=monday"))]
        return number + (words.WEEK.index(day) - place) % 7 + self.dice.weighted((0, 1, -1), (96, 2, 2))

    # -- times

    def style(self) -> str:
        styles, weights = ["24", "9", "24s", "12", "hhmm", "mixed"], [50, 12, 10, 15, 6, 7]
        for setting, told in _TOLD.items():
            styles.extend(told)
            weights.extend([40 if self.policy.get(setting) else 1] * len(told))
        return self.dice.weighted(styles, weights)

    def hours(self) -> tuple[int, int]:
        """Two minutes of the day, mostly in order."""
        first, last = sorted(self.dice.random.sample(range(0, 1441, 15), 2))
        if self.told("midnight_end", 0.3):
            return first, 0
        if self.told("whole_day", 0.3):
            return 0, 0
        return (last, first) if self.dice.chance(0.03) else (first, last)

    def time(self, minute: int, style: str) -> object:
        """A time as a value: a text, or a number or an object where the style is one."""
        if style == "number":
            unit = str(self.policy.get("numbers", "hours"))
            number = minute / 60 if unit == "hours" else minute * (1 if unit == "minutes" else 60)
            shifted = number + self.dice.weighted((0, 0.5, -30, 0.001, 2000), (94, 2, 1, 2, 1))
            return int(shifted) if shifted == int(shifted) and self.dice.chance(0.9) else shifted
        if style == "object":
            parts: dict[str, object] = {"hours": minute // 60, "minutes": minute % 60}
            if minute % 60 == 0 and self.dice.chance(0.6):
                del parts["minutes"]
            if self.dice.chance(0.05):
                parts[self.dice.pick(("seconds", "nanos", "Hours", "hour"))] = self.dice.pick((0, 1, 60, "0", None))
            return parts
        return self.time_text(minute, style)

    def time_text(self, minute: int, style: str) -> str:
        hour, minute = divmod(minute, 60)
        if style in {"mixed", "number", "object"}:
            style = self.dice.pick(_IN_TEXT)
        if style == "12":
            half = self.dice.pick((("am", "pm"), ("AM", "PM"), ("a.m.", "p.m."), ("Am", "pM")))[hour % 24 >= 12]
            bare = minute == 0 and self.dice.chance(0.3)
            return (
                (f"{hour % 12 or 12}" if bare else f"{hour % 12 or 12}:{minute:02}") + self.dice.pick(("", " ")) + half
            )
        if style == "lenient":
            return f"{hour % 24}:{minute:02} {'am' if hour % 24 < 12 or self.dice.chance(0.05) else 'pm'}"
        if style == "1970":
            return (
                "1970-01-01"
                + self.dice.pick(("T", " "))
                + f"{hour:02}:{minute:02}"
                + self.dice.weighted(
                    (":00.000Z", ":00Z", "", ":00.5+00:00", "+00", "Z", "+01:00"), (30, 20, 15, 10, 10, 10, 5)
                )
            )
        if style == ".":
            return self.dice.pick((f"{hour:02}.{minute:02}", f"{hour}.{minute:02}"))
        if style == "h":
            return self.dice.pick((f"{hour}h{minute:02}", f"{hour:02}h{minute:02}", f"{hour}h"))
        if style == "hhmm":
            return f"{hour:02}{minute:02}"
        if style == "9":
            return f"{hour}:{minute:02}"
        return f"{hour:02}:{minute:02}" + (self.dice.pick((":00", ":30", ":00.000")) if style == "24s" else "")

    def range_text(self, style: str) -> str:
        if self.told("all_day", 0.2):
            own = self._listed("all_day_words")
            text = self.dice.pick(own if own and self.dice.chance(0.5) else sorted(words.ALL_DAY_WORDS))
            return self.dice.pick((text, text.upper(), text.replace(" ", " \t ")))
        first, last = self.hours()
        return self.time_text(first, style) + self.dice.pick(known.DASHES) + self.time_text(last, style)

    def closed(self) -> object:
        """What says that a day is closed."""
        if self.told("closed_words", 0.5):
            return self.dice.pick(self._listed("closed_words") or ["n/a"])
        if self.told("empty_times", 0.5):
            return {"start": self.dice.pick(("", None, " ")), "end": self.dice.pick(("", None))}
        return self.dice.pick(("closed", "Closed", "OFF", None, False, [], {"closed": True}, {"isOpen": "no"}))

    # -- other values

    def zone(self) -> object:
        if self.told("zone_aliases", 0.5):
            return self.dice.pick(list(self.map_of("zone_aliases")) or ["EST"])
        if self.told("empty_zone", 0.4):
            return self.dice.pick(("", " "))
        return self.dice.weighted(
            (self.dice.pick(known.ZONES), self.dice.pick(known.ODD["zones"]), None, 5), (85, 9, 4, 2)
        )

    def plain(self) -> object:
        return self.dice.pick(
            ("x", "", None, 30, 0, True, False, [], {}, ["a"], {"a": 1}, {"timezone": "UTC"}, "12:00")
        )

    def name(self, name: str) -> str:
        """The same folded name, written otherwise."""
        if self.told("key_names", 0.4):
            given = self.map_of("key_names")
            names = [each for each, role in given.items() if role == name] or list(given)
            name = self.dice.pick(names) if names else name
        if self.dice.chance(0.6):
            return name
        place = self.dice.below(len(name) + 1)
        return self.dice.pick(
            (name.upper(), name.capitalize(), name[:place] + self.dice.pick("_- ") + name[place:], f"{name}_")
        )

    def map_of(self, setting: str) -> dict[str, str]:
        value = self.policy.get(setting)
        return value if isinstance(value, dict) else {}

    def _listed(self, setting: str) -> list[str]:
        value = self.policy.get(setting)
        return value if isinstance(value, list) else []

    def string(self) -> str:
        pool = self.dice.weighted(
            tuple(known.ODD[kind] for kind in ("times", "ranges", "strings", "keys", "zones")), (40, 25, 8, 12, 5)
        )
        return self.dice.weighted(
            (self.dice.pick(pool), self.time_text(self.hours()[0], self.style()), self.range_text(self.style())),
            (50, 30, 20),
        )

    def value(self, depth: int) -> object:
        """Anything."""
        scalar = self.dice.weighted(
            (
                self.string(),
                self.dice.pick(known.FLAG_VALUES),
                self.dice.random.randrange(-2, 1500),
                self.day_value(self.dice.pick(words.WEEK)),
            ),
            (55, 25, 10, 10),
        )
        if depth == 0 or self.dice.chance(0.6):
            return scalar
        if self.dice.chance(0.5):
            return [self.value(depth - 1) for _ in range(self.dice.weighted((0, 1, 2, 3), (10, 55, 25, 10)))]
        return self.salad(depth - 1)

    def key(self) -> str:
        """Any key: mostly one that means something somewhere."""
        kind = self.dice.random.random()
        if kind < 0.5:
            return self.name(self.dice.pick(known.ALL_NAMES))
        if kind < 0.58:
            return self.name(self.dice.pick(known.OTHERWISE))
        if kind < 0.62:
            return self.dice.pick(self.dice.pick(known.HOURS_APART + known.GROUP_KEYS))
        if kind < 0.8:
            return self.day_text(self.dice.pick(words.WEEK))
        return self.dice.pick(self.dice.weighted((known.ODD["keys"], known.ODD["strings"], known.NOISE), (70, 15, 15)))

    def salad(self, depth: int) -> dict[str, object]:
        return {self.key(): self.value(depth) for _ in range(self.dice.weighted((1, 2, 3, 5), (30, 35, 25, 10)))}

    def marred(self, text: str) -> str:
        """A text with one thing wrong, or written in other characters."""
        place = self.dice.below(len(text) + 1)
        mark = self.dice.pick(
            ("\u200b", "\u00a0", "0", "9", ":", "-", " ", ".", "Z", "\t", "m", "x", "\u0660", "\u0301", "\uff02", "\n")
        )
        if self.dice.chance(0.1):
            mark = self.dice.pick((" " * 19, " " * 25, " " * 300, "9" * 201))
        marred = [text[:place] + mark + text[place:], text[:place] + text[place + 1 :], text[:place] + mark]
        return self.dice.pick(marred)

    def written_otherwise(self, text: str) -> str:
        """The same text in characters that a policy takes for it."""
        if self.told("zero_width", 0.6):
            place = self.dice.below(len(text) + 1)
            return text[:place] + self.dice.pick("\u200b\u200c\u200d\u2060\ufeff") + text[place:]
        if self.policy.get("unicode") == "nfc" or self.dice.chance(0.5):
            return unicodedata.normalize("NFD", text)
        full = {ord(c): ord(c) + 0xFEE0 for c in self.dice.pick(("0123456789", "0123456789:", "abcdehmoprtuy", ":-"))}
        return text.translate(full)
