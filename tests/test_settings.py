"""A policy says only what the project's schema allows, and an error names the line that says otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from schedtool import settings
from schedtool.errors import UsageError
from schedtool.settings import Policy
from tests import small_project

if TYPE_CHECKING:
    from pathlib import Path

    from tests.small_project import Small


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return small_project.make_settled(tmp_path)


def effective(small: Small, text: str | None, **options: str) -> dict[str, object]:
    path = small.write("policy.toml", text) if text is not None else None
    policy = Policy(path, {name.replace("_", "-"): value for name, value in options.items()})
    return dict(settings.effective(small.load(), "0002", policy=policy, stored={"digits": True}))


def test_a_policy_file_says_everything_and_what_it_leaves_out_is_not_set(small: Small) -> None:
    assert effective(small, 'default_zone = "Europe/Paris"\n') == {"default_zone": "Europe/Paris"}
    assert effective(small, "") == {}


def test_without_a_file_the_stored_settings_hold_and_the_option_sets_its_one(small: Small) -> None:
    assert effective(small, None) == {"digits": True}
    assert effective(small, None, default_timezone="UTC") == {"digits": True, "default_zone": "UTC"}


def test_the_option_wins_over_the_file(small: Small) -> None:
    assert effective(small, 'default_zone = "UTC"\n', default_timezone="Asia/Tokyo") == {"default_zone": "Asia/Tokyo"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# hello\n\ndigit = true\n", r"policy\.toml:3: unknown key 'digit'; is 'digits' meant\?"),
        ("zzz = 1\n", r"policy\.toml:1: unknown key 'zzz'; known are default_zone, digits, names"),
        ('#\n\ndigits = "yes"\n', r"policy\.toml:3: digits: 'yes' is not of type 'boolean'"),
        ('[names]\nfirst = [\n  "a",\n  2,\n]\n', r"policy\.toml:2: first: 2 is not of type 'string'"),
        ("[names]\n\nlast = []\n", r"policy\.toml:3: unknown key 'last'"),
        ("digits = true\n[names]\n", r"policy\.toml:2: digits and names exclude each other"),
        ("digits = true\ndigits = false\n", r"policy\.toml:2: Cannot overwrite a value"),
        ("\ndefault_zone = 09:00:00\n", r"policy\.toml:1: default_zone: a date, a time, inf or nan"),
        ("names = {first = [nan]}\n", r"policy\.toml:1: names: a date, a time, inf or nan"),
        ("digits = tru\n", r"policy\.toml:1: "),
        ('default_zone = """\ndigits = 1\n', r"policy\.toml:"),
        ('default_zone = """\ndigits = 1\n"""\nnonsense = 1\n', r"policy\.toml:4: unknown key 'nonsense'"),
        ('digits = "' + "x" * 100_000 + '"\n', r"policy\.toml:1: digits: .{0,200}…$"),
    ],
)
def test_what_the_schema_forbids_is_an_error_that_names_the_line(small: Small, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        effective(small, text)


def test_a_wrong_option_is_an_error_that_names_the_option(small: Small) -> None:
    with pytest.raises(UsageError, match=r"^--default-timezone: default_zone: '' should be non-empty"):
        effective(small, None, default_timezone="")


def test_a_policy_that_is_not_there_or_no_text_is_an_error_that_names_it(small: Small) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.toml: No such file"):
        settings.effective(small.load(), "0002", policy=Policy(small.root / "nowhere.toml"), stored=None)
    (small.root / "latin1.toml").write_bytes(b'default_zone = "\xe9"\n')
    with pytest.raises(UsageError, match=r"latin1\.toml: not UTF-8"):
        settings.effective(small.load(), "0002", policy=Policy(small.root / "latin1.toml"), stored=None)


def test_an_option_that_nothing_in_the_project_takes_is_an_error(small: Small) -> None:
    small.write("sql/settings/0002.schema.json", '{"type": "object"}')
    with pytest.raises(UsageError, match="nothing that --default-timezone sets"):
        effective(small, None, default_timezone="UTC")
