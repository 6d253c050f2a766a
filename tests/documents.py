"""Made-up documents for the two readings: usual ones, near misses of them, salads of known words, and hostile ones.

One seed gives one sequence of documents. With a policy, the documents are written in the ways that it reads.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING

from tests import document_words as known
from tests import reading_words as words
from tests.dice import Dice
from tests.document_changes import mutated, said_twice, spelled_otherwise
from tests.document_values import Values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Documents:
    """A stream of documents."""

    def __init__(self, seed: int, policy: Mapping[str, object] | None = None) -> None:
        self.dice = Dice(seed)
        self.values = Values(self.dice, policy or {})

    def take(self, number: int) -> list[object]:
        return [self.document() for _ in range(number)]

    def document(self) -> object:
        """One document: usual, or near to usual, or a salad, or hostile."""
        kind = self.dice.random.random()
        if kind < 0.02:
            return self.dice.pick((None, {}, [], "", " ", "text", 0, 1.5, True, False, "null", "[]", "Mon-Fri 9-5"))
        if kind < 0.03:
            return self._hostile()
        if kind < 0.11:
            return self.values.salad(3)
        document = self._wrapped(self._week())
        for _ in range(self.dice.weighted((0, 1, 2, 3), (35, 42, 14, 9))):
            document = mutated(self.values, document)
        if self.values.told("unicode", 0.4) or self.values.told("zero_width", 0.4):
            document = spelled_otherwise(self.values, document, self.dice.pick((0.1, 0.5, 1)))
        return self._encoded(document) if self.values.told("double_encoded", 0.5) else document

    def _encoded(self, document: object) -> str:
        text = json.dumps(document, ensure_ascii=self.dice.chance(0.5))
        kind = self.dice.below(12)
        if kind == 0:
            text = json.dumps(text)
        elif kind == 1:
            text = self.values.marred(text)
        elif kind == 2:
            text = self.dice.pick((" ", "\n", "\ufeff", "\v", "x")) + text + self.dice.pick(("", "\t", ","))
        elif kind == 3:
            text = text.replace('"', "'")
        elif kind == 4:
            text = text.replace("09", self.dice.pick(("\\u0000", "\\ud83d", "\\ude00\\ud83d", "\\ud83d\\ude00", "\\x")))
        return text

    # -- usual documents

    def _week(self) -> object:
        family: Callable[[], object] = self.dice.weighted(
            (self._keyed, self._list, self._days_list, self._true_days), (60, 22, 10, 8)
        )
        return family()

    def _keys_of_days(self) -> list[str]:
        if self.values.told("day_groups", 0.6):
            keys = list(self.dice.pick(known.GROUP_KEYS))
            return keys + [self.values.day_text(day) for day in words.WEEK if self.dice.chance(0.05)]
        return [self.values.day_text(day) for day in self.values.some_days()]

    def _keyed(self) -> dict[str, object]:
        mixed = self.dice.chance(0.2)
        make = self._day_maker()
        week: dict[str, object] = {}
        for key in self._keys_of_days():
            make = self._day_maker() if mixed else make
            week[key] = make()
        if self.values.told("equal_duplicates", 0.6):
            said_twice(self.values, week)
        return self._furnished(week)

    def _true_days(self) -> dict[str, object]:
        week: dict[str, object] = {key: self.dice.chance(0.7) for key in self._keys_of_days()}
        week.update(self._interval())
        return self._furnished(week)

    def _list(self) -> object:
        field = self.dice.pick(known.DAY_FIELDS)
        make = self._object_maker()
        entries: list[object] = []
        days = list(self.values.some_days())
        while days:
            day = days.pop()
            name = self._entry_name(day, days)
            entry = make()
            entries.append({field: name, **entry} if self.dice.chance(0.9) else {**entry, field: name})
            if self.values.told("equal_duplicates", 0.3):
                entries.append({field: self.values.day_value(day), **entry})
            if self.values.told("adjacent_slots", 0.4):
                slots = self._chain(self.dice.pick(known.PAIRS), "24")
                entries[-1:] = [{field: self.values.day_value(day), **slot} for slot in slots]
        return entries

    def _entry_name(self, day: str, days: list[str]) -> object:
        if self.values.told("day_groups", 0.4):
            return self.dice.pick(self.dice.pick(known.GROUP_KEYS))
        if self.dice.chance(0.15):
            others = [days.pop() for _ in range(min(len(days), self.dice.below(3)))]
            return [self.values.day_value(each) for each in (day, *others)]
        return self.values.day_value(day)

    def _days_list(self) -> dict[str, object]:
        names: object = [self.values.day_value(day) for day in self.values.some_days()]
        if self.values.told("day_groups", 0.4):
            names = list(self.dice.pick(known.GROUP_KEYS))
        if self.dice.chance(0.1):
            names = self.values.day_value(self.dice.pick(words.WEEK))
        document: dict[str, object] = {self.values.name(self.dice.pick(known.LISTS)): names}
        document.update(self._interval())
        return self._furnished(document)

    def _wrapped(self, week: object) -> object:
        for _ in range(self.dice.weighted((0, 1, 2, 3), (55, 33, 10, 2))):
            week = self._furnished({self.values.name(self.dice.pick(known.WRAPPERS)): week})
        return week

    def _furnished(self, container: dict[str, object]) -> dict[str, object]:
        """Put some of the keys beside the days that real documents have."""
        dice = self.dice
        if dice.chance(0.25):
            container[dice.pick(known.ZONE_KEYS)] = self.values.zone()
        if self.values.told("zone_aliases", 0.2):
            container[dice.pick(known.OFFSET_KEYS)] = self.values.zone()
        if dice.chance(0.12):
            container[dice.pick(known.OPEN_FLAGS)] = True
        if dice.chance(0.15):
            container[dice.pick(known.NOISE)] = self.values.plain()
        if dice.chance(0.05):
            container[self.values.name(dice.pick(known.ALL_NAMES))] = self.values.value(2)
        if dice.chance(0.05):
            container[self.values.name(dice.pick(known.OTHERWISE))] = dice.pick(known.FLAG_VALUES)
        return container

    def _day_maker(self) -> Callable[[], object]:
        style = self.values.style()
        make = self._object_maker()
        pair = self.dice.pick(known.PAIRS)

        def times() -> str:
            return self.values.range_text(style)

        def two_times() -> object:
            return [self.values.time(minute, style) for minute in self.values.hours()]

        makers: list[Callable[[], object]] = [
            make,
            lambda: [make()] if self.dice.chance(0.8) else [],
            times,
            lambda: [times()] if self.dice.chance(0.85) else [],
            self.values.closed,
            two_times,
            lambda: self._chain(pair, style),
        ]
        weights = [50, 14, 14, 10, 5]
        weights += [60 if self.values.policy.get("pairs") else 2, 60 if self.values.policy.get("adjacent_slots") else 2]
        maker = self.dice.weighted(makers, weights)
        return lambda: self.values.closed() if self.dice.chance(0.12) else maker()

    def _chain(self, pair: tuple[str, str], style: str) -> list[dict[str, object]]:
        """Slots that follow one another, mostly without a gap, mostly in order."""
        marks = sorted(self.dice.random.sample(range(0, 1441, 15), self.dice.weighted((2, 3, 4, 6), (10, 50, 30, 10))))
        slots: list[dict[str, object]] = [
            {pair[0]: self.values.time(first, style), pair[1]: self.values.time(last, style)}
            for first, last in pairwise(marks)
        ]
        if self.dice.chance(0.15):
            slots[0][pair[1]] = self.values.time(marks[0] + 5, style)
        if self.dice.chance(0.1):
            self.dice.random.shuffle(slots)
        if self.dice.chance(0.05):
            self.dice.pick(slots)[self.dice.pick((*known.OPEN_FLAGS, "breaks", "tz", "notes"))] = self.values.plain()
        return slots

    def _object_maker(self) -> Callable[[], dict[str, object]]:
        start_key, end_key = (self.values.name(key) for key in self.dice.pick(known.PAIRS))
        flag = self.dice.pick((None, None, *known.OPEN_FLAGS, *known.CLOSED_FLAGS))
        flag = None if flag == "open" and start_key == "open" else flag
        slots = self.values.name(self.dice.pick(known.SLOT_KEYS)) if self.dice.chance(0.2) else None
        style = self.values.style()
        noise = self.dice.pick(known.NOISE) if self.dice.chance(0.15) else None
        apart = self.dice.pick(known.HOURS_APART) if self.values.told("numbers", 0.3) else None

        def make() -> dict[str, object]:
            first, last = self.values.hours()
            times: dict[str, object] = {
                start_key: self.values.time(first, style),
                end_key: self.values.time(last, style),
            }
            if apart is not None:
                times = dict(zip(apart, (*divmod(first, 60), *divmod(last, 60)), strict=True))
            if self.values.told("empty_times", 0.2):
                times = dict.fromkeys(times, self.dice.pick(("", None)))
            texts = self.values.range_text(style)
            chain = self._chain((start_key, end_key), style) if self.values.told("adjacent_slots", 0.5) else [times]
            pair = [self.values.time(minute, style) for minute in (first, last)]
            shaped: object = self.dice.pick(
                (chain, times, [texts], texts, [], pair if self.values.told("pairs", 0.9) else chain)
            )
            day: dict[str, object] = times if slots is None else {slots: shaped}
            if flag is not None:
                is_open = self.dice.chance(0.85)
                day[flag] = is_open != (flag in known.CLOSED_FLAGS)
                if not is_open and self.dice.chance(0.5):
                    day = {flag: day[flag]}
            if self.values.told("all_day", 0.3):
                if self.dice.chance(0.6):
                    day = {key: value for key, value in day.items() if key == flag}
                elif self.dice.chance(0.6):
                    day.update({start_key: "00:00", end_key: self.dice.pick(("24:00", "23:59", "23:59:59", "0:00"))})
                day[self.dice.pick(known.ALL_DAY_FLAGS)] = self.dice.pick((True, True, "yes", 1, False, None, "x"))
            self._spice(day, noise)
            return day

        return make

    def _spice(self, day: dict[str, object], noise: str | None) -> None:
        if noise is not None:
            day[noise] = self.values.plain()
        if self.dice.chance(0.04):
            key = self.dice.pick(("breaks", "lunch", "hasBreak", "status", "seats", "allDay", "tz", "date", "booked"))
            day[key] = self.values.value(1)
        if self.dice.chance(0.02):
            day[self.dice.pick(known.ZONE_KEYS)] = self.values.zone()

    def _interval(self) -> dict[str, object]:
        style = self.values.style()
        if self.dice.chance(0.25):
            shaped = (self.values.range_text(style), [self.values.range_text(style)], self._object_maker()())
            two = [self.values.time(minute, style) for minute in self.values.hours()]
            return {self.dice.pick(known.SLOT_KEYS): two if self.values.told("pairs", 0.5) else self.dice.pick(shaped)}
        first, last = self.values.hours()
        if self.values.told("numbers", 0.2):
            keys = self.dice.pick(known.HOURS_APART)
            return dict(zip(keys, (*divmod(first, 60), *divmod(last, 60)), strict=True))
        start_key, end_key = self.dice.pick(known.PAIRS)
        return {start_key: self.values.time(first, style), end_key: self.values.time(last, style)}

    # -- hostile documents

    def _hostile(self) -> object:
        dice, values = self.dice, self.values
        kind = dice.below(9)
        if kind == 0:
            nested: object = values.string()
            for _ in range(dice.random.randrange(2, 150)):
                nested = [nested] if dice.chance(0.5) else {values.key(): nested}
            return nested
        if kind == 1:
            strings = known.ODD["strings"]
            return {f"{dice.pick(strings)}{number}": values.plain() for number in range(dice.random.randrange(1, 400))}
        if kind == 2:
            return {"monday": {"start": "9" * dice.random.randrange(1, 20_000), "end": " " * 5_000 + "17:00"}}
        if kind == 3:
            return [dice.pick((values.value(2), values.salad(1))) for _ in range(dice.random.randrange(1, 40))]
        if kind == 4:
            week = self._keyed()
            week[dice.pick(known.ODD["strings"])] = {"start": "09:00", "end": values.string()}
            return week
        if kind == 5:
            return self._large()
        return {"".join(dice.random.choices("monday \u200b\ufeff_-'\\\"\u0301\u00e9\U0001f600", k=6)): values.value(2)}

    def _large(self) -> object:
        """About as much as is looked into, or a little more."""
        number = self.dice.pick((199, 200, 201))
        many: dict[str, object] = {f"x{each}": self.dice.pick((1, "", None)) for each in range(number - 2)}
        many.update({"start": "09:00", "end": "17:00"})
        day: object = self.dice.pick((many, ["9:00"] * number, [{}] * number))
        if self.dice.chance(0.9):
            return self._furnished({"tuesday": day, "monday": self.dice.pick(("9:00-17:00", {"start": "9"}, "closed"))})
        week: dict[str, object] = {f"y{each}": 1 for each in range(self.dice.pick((1_999, 2_000)))}
        week["monday"] = "9:00-17:00"
        return self.dice.pick((week, {"schedule": week, "1": "x"}, [{"day": "mon"}] * self.dice.pick((2_000, 2_001))))
