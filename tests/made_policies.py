"""Made-up policies: each setting alone, and several together, as the database holds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.policies import expanded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.dice import Dice

SWITCHES = (
    "pairs",
    "midnight_end",
    "whole_day",
    "equal_duplicates",
    "adjacent_slots",
    "day_groups",
    "empty_zone",
    "empty_times",
    "lenient_12_hour",
    "datetimes_1970",
    "time_objects",
    "zero_width",
    "double_encoded",
)
# Each setting with a value that says something, by a name that tells them apart.
ALONE: dict[str, dict[str, object]] = {
    **{name: {name: True} for name in SWITCHES},
    **{f"day_numbers {base}": {"day_numbers": base} for base in ("0=sunday", "0=monday", "1=monday", "1=sunday")},
    **{f"numbers {unit}": {"numbers": unit} for unit in ("hours", "minutes", "seconds")},
    "unicode nfkc": {"unicode": "nfkc"},
    "unicode nfc": {
        "unicode": "nfc",
        "day_names": {"mi\u00e9rcoles": "wednesday", "s\u00e1bado": "saturday", "ter\u00e7a": "tuesday"},
    },
    **{f"separators {mark}": {"separators": [mark]} for mark in (".", "h")},
    "all_day": {"all_day": True},
    "all_day_words": {
        "all_day": True,
        "all_day_words": ["Rund um die Uhr", "\u041a\u0440\u0443\u0433\u043b\u044b\u0439"],
    },
    "default_timezone": {"default_timezone": "Europe/Paris"},
    "closed_words": {"closed_words": ["N/A", "", "\u0417\u0430\u043a\u0440\u044b\u0442\u043e", "-"]},
    "day_names": {
        "day_names": {
            "\u5468\u4e8c": "tuesday",
            "D1": "monday",
            "\u0421\u0440\u0435\u0434\u0430": "wednesday",
            "fri.": "friday",
        }
    },
    "key_names": {
        "key_names": {
            "ab": "start",
            "bis": "end",
            "Auf_Zu": "available",
            "zu": "closed",
            "ouvre": "open_or_start",
            "ferme": "closed_or_end",
            "Tag": "day",
            "\u00d6ffnung": "slots",
            "plan": "week",
            "tage": "days",
            "gebiet": "zone",
            "lunch": "note",
            "timezoneOffset": "note",
            "openDay": "day",
        }
    },
    "zone_aliases": {"zone_aliases": {"EST": "America/New_York", "W. Europe": "Europe/Paris", "bad": "Mars/Base"}},
    **{f"languages {name}": {"languages": [name]} for name in ("de", "es", "fr", "it", "nl", "pt")},
}
# What a policy of these may read otherwise, because it gives words another meaning, or rewrites the document.
OTHERWISE = frozenset(
    {"default_timezone", "key_names", "closed_words", "day_names", "languages", "unicode", "zero_width"}
)


def alone() -> dict[str, Mapping[str, object]]:
    """The policies of one setting, by its name."""
    return {name: expanded(policy) for name, policy in ALONE.items()}


def made_policy(dice: Dice) -> dict[str, object]:
    """A policy: none, of one setting, or of several."""
    kind = dice.random.random()
    if kind < 0.2:
        return {}
    names = dice.random.sample(list(ALONE), 1 if kind < 0.55 else dice.random.randrange(2, 9))
    policy: dict[str, object] = {}
    for name in names:
        policy.update(ALONE[name])
    return expanded(policy)
