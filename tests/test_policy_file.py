"""What the shipped schema allows in a policy: every setting, each contradiction named with its line, each language."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from schedtool import expansion, policyfile, settings
from schedtool.errors import UsageError
from schedtool.project import load, shipped
from schedtool.settings import Policy

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = policyfile.schema_of(shipped(), "0003")
FOLDER = shipped() / "sql" / "settings"
LANGUAGES = expansion.names(SCHEMA["properties"]["languages"], FOLDER)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
FORBIDDEN = [
    ('languages = ["es"]\n\nlanguage = ["es"]\n', 3, "unknown key 'language'; is 'languages' meant?"),
    ("pairs = 'yes'\n", 1, "pairs: 'yes' is not of type 'boolean'"),
    ('languages = "es"\n', 1, "languages: 'es' is not of type 'array'"),
    ('languages = [\n  "es",\n  "xx",\n]\n', 1, "languages: there is no 'xx'; known are de, es, fr, it, nl, pt"),
    ('languages = ["../languages/es"]\n', 1, "languages: there is no '../languages/es'; known are"),
    ('\nday_numbers = "0=sundy"\n', 2, "day_numbers: '0=sundy' is none of 0=sunday, 0=monday, 1=monday, 1=sunday; is"),
    ('day_numbers = "0=sunday"\n\nday_numbers = "1=monday"\n', 3, "Cannot overwrite a value"),
    ('\nday_numbers = ["0=sunday", "1=monday"]\n', 2, "day_numbers: ['0=sunday', '1=monday'] is none of"),
    ("#\nall_day_words = ['rund um die Uhr']\n", 2, "all_day_words wants all_day = true"),
    ("all_day = false\nall_day_words = ['x']\n", 2, "all_day_words wants all_day = true"),
    ('[day_names]\n"lunes" = "montag"\n', 2, "lunes: 'montag' is none of monday,"),
    ('[day_names]\n\n" Mon" = "tuesday"\n', 3, "day_names: ' Mon' is Monday in English, and cannot be another day"),
    ('day_names = {"7" = "sunday"}\n', 1, "day_names: '7' is a number; day_numbers says what numbers mean"),
    ('day_names = {"  " = "sunday"}\n', 1, "day_names: a name has from 1 to 200 characters"),
    ('[day_names]\n"mié" = "wednesday"\n"MIÉ " = "thursday"\n', 3, "day_names: 'mié' and 'MIÉ ' are one name, and say"),
    (
        '[key_names]\n"hora_inicio" = "start"\n"Hora inicio" = "end"\n',
        3,
        "key_names: 'hora_inicio' and 'Hora inicio' are",
    ),
    ('[key_names]\n"Tuesday" = "note"\n', 2, "key_names: 'Tuesday' is a day, and stands for nothing else"),
    ('[key_names]\n"x" = "stat"\n', 2, "x: 'stat' is none of start, end,"),
    ('[key_names]\n"_" = "start"\n', 2, "key_names: a name has from 1 to 200 characters"),
    ("closed_words = ['9-17']\n", 1, "closed_words: a text that says hours cannot mean closed"),
    ("closed_words = ['Open 24 hours']\n", 1, "closed_words: a text that says hours cannot mean closed"),
    ("closed_words = ['Open']\n", 1, "closed_words: a day's name, and what says open, cannot mean closed"),
    ("all_day = true\nall_day_words = ['X']\nclosed_words = [' x']\n", 2, "closed_words and all_day_words both name"),
    ('languages = ["es"]\nclosed_words = ["Lunes"]\n', 2, "closed_words and day_names both name 'Lunes'"),
    ('languages = ["fr"]\n\n[key_names]\n"lundi" = "note"\n', 4, "day_names and key_names both name 'lundi'"),
    ('zone_aliases = {"EST" = "GMT+5"}\n', 1, "EST: 'GMT+5' is no zone; UTC is one, or an IANA name with a slash"),
    ('zone_aliases = {"UTC" = "Europe/Paris"}\n', 1, "zone_aliases: UTC is a zone, and cannot be another"),
    (
        'zone_aliases = {"" = "Europe/Paris"}\n',
        1,
        "zone_aliases: a name has from 1 to 200 characters; for none there is",
    ),
    ('separators = [":"]\n', 1, "separators: ':' is none of ., h"),
    ('unicode = "NFC"\n', 1, "unicode: 'NFC' is none of nfc, nfkc; is"),
    ('default_timezone = "CET"\n', 1, "default_timezone: 'CET' is no zone; UTC is one"),
    ('closed_words = ["\\u0000"]\n', 1, "closed_words: the character U+0000 cannot be stored"),
    ("pairs = " + "[" * 2_000 + "]" * 2_000 + "\n", 1, "it is nested too deep"),
]


def effective(path: Path, text: str) -> dict[str, Any]:
    path.write_text(text, encoding="utf-8")
    return dict(settings.effective(load(None), "0003", policy=Policy(path), stored=None))


@pytest.mark.parametrize(("text", "line", "message"), FORBIDDEN, ids=[message[:40] for *_, message in FORBIDDEN])
def test_what_contradicts_itself_or_is_not_known_is_an_error_with_its_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    with pytest.raises(UsageError) as found:
        effective(tmp_path / "policy.toml", text)
    assert found.value.message.startswith(f"{tmp_path}/policy.toml:{line}: {message}"), found.value.message


@pytest.mark.parametrize("rule", ["day_names", "key_names", "x-apart", "closed_words", "zone_aliases"])
def test_without_its_rule_in_the_schema_a_contradiction_passes(rule: str) -> None:
    """The rules stand in the schema alone: each is taken out, and what it refuses is allowed."""
    texts = {
        "day_names": 'day_names = {"Mon" = "tuesday"}',
        "key_names": 'key_names = {"monday" = "note"}',
        "x-apart": 'closed_words = ["lunes"]\nday_names = {"lunes" = "monday"}',
        "closed_words": 'closed_words = ["open"]',
        "zone_aliases": 'zone_aliases = {"UTC" = "Europe/Paris"}',
    }
    said = policyfile.Said("policy.toml", texts[rule], tomllib.loads(texts[rule]))
    with pytest.raises(UsageError):
        policyfile.check(said, SCHEMA)
    loose = json.loads(json.dumps(SCHEMA))
    loose["properties"].get(rule, loose).pop("patternProperties", None)
    loose["properties"].get(rule, {}).get("items", {}).pop("allOf", None)
    if rule == "x-apart":
        loose.pop(rule)
    policyfile.check(said, loose)


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_language_has_every_day_with_and_without_its_accents(name: str) -> None:
    said = policyfile.read(FOLDER / "languages" / f"{name}.toml")
    policyfile.check(said, SCHEMA)
    assert set(said.value) == {"day_names", "closed_words", "key_names"}
    assert set(said.value["day_names"].values()) == set(DAYS)
    assert {"start", "end", "available", "closed", "day", "days", "slots", "week", "zone"} <= set(
        said.value["key_names"].values()
    )
    bare = str.maketrans("áàâãäéèêëíìîïóòôõöúùûüç", "aaaaaeeeeiiiiooooouuuuc")
    for setting in ("day_names", "closed_words", "key_names"):
        there = set(said.value[setting])
        for word in there:
            # German writes ä as ae where there is no ä.
            spelt = {
                word.translate(bare),
                word.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ß", "ss"),
            }
            assert word.isascii() or spelt & there or "ª" in word, word


def test_the_languages_that_teams_ask_for_are_there() -> None:
    assert {"es", "pt", "fr", "de", "it", "nl"} <= set(LANGUAGES)


def test_languages_that_agree_are_merged_and_ones_own_words_win(tmp_path: Path) -> None:
    policy = 'languages = ["es", "fr", "it"]\nclosed_words = ["-"]\n[key_names]\n"Apertura" = "note"\n'
    found = effective(tmp_path / "policy.toml", policy)
    assert found["languages"] == ["es", "fr", "it"]
    assert found["day_names"]["lunes"] == found["day_names"]["lundi"] == found["day_names"]["lunedì"] == "monday"
    assert found["closed_words"][0] == "-"
    assert {"cerrado", "fermé", "chiuso"} < set(found["closed_words"])
    # By its folded name: the language's own spelling of it is not there as well.
    assert found["key_names"]["Apertura"] == "note"
    assert "apertura" not in found["key_names"]


def test_two_languages_that_say_different_things_of_one_word_are_refused_by_name(tmp_path: Path) -> None:
    for name, day in (("one", "monday"), ("two", "tuesday"), ("three", "monday")):
        (tmp_path / f"{name}.toml").write_text(f'day_names = {{"Ma" = "{day}"}}\n', encoding="utf-8")
    schema = json.loads(json.dumps(SCHEMA))
    schema["properties"]["languages"]["x-files"] = tmp_path.name

    def expanded(*names: str) -> dict[str, Any]:
        text = f"pairs = true\nlanguages = {json.dumps(names)}\n"
        return expansion.expand(policyfile.Said("policy.toml", text, tomllib.loads(text)), schema, tmp_path.parent)

    assert expanded("one", "three")["day_names"] == {"Ma": "monday"}
    with pytest.raises(
        UsageError, match=r"^policy\.toml:2: languages: 'one' has day_names 'Ma' as monday, and 'two' as"
    ):
        expanded("one", "two")


def test_a_language_file_that_breaks_the_schema_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "xx.toml").write_text('\n[day_names]\n"x" = "someday"\n', encoding="utf-8")
    schema = json.loads(json.dumps(SCHEMA))
    schema["properties"]["languages"]["x-files"] = tmp_path.name
    with pytest.raises(UsageError, match=rf"^{re.escape(str(tmp_path))}/xx\.toml:3: x: 'someday' is none of"):
        expansion.expand(policyfile.Said("p.toml", "", {"languages": ["xx"]}), schema, tmp_path.parent)


def test_what_is_stored_reads_the_same_when_a_language_file_changes() -> None:
    """With an option on top of stored settings the files are not read again."""
    stored = {"languages": ["es", "gone"], "day_names": {"lunes": "monday"}}
    policy = Policy(options={"default-timezone": "Europe/Paris"})
    found = settings.effective(load(None), "0003", policy=policy, stored=stored)
    assert found == {**stored, "default_timezone": "Europe/Paris"}


def test_every_setting_and_the_schema_itself_are_described() -> None:
    assert all(
        part["description"].endswith(".") or "{" in part["description"] for part in SCHEMA["properties"].values()
    )
    pattern = SCHEMA["properties"]["day_names"]["patternProperties"]
    english = {part["const"] for part in pattern.values() if "const" in part}
    assert english == set(DAYS)
