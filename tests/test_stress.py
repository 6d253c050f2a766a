"""The stress runs in short: a few seconds of the same code, and its promises hold. No figure of time is held here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.stress import kills, latency, mixed, waits

if TYPE_CHECKING:
    from collections.abc import Callable

MAIN: dict[str, tuple[Callable[[list[str]], int], list[str]]] = {
    "mixed": (mixed.main, ["--writes", "200", "--hot", "20"]),
    "kills": (kills.main, ["--kills", "2", "--terminates", "2", "--restarts", "1", "--providers", "700"]),
    "latency": (latency.main, ["--providers", "2000", "--seconds", "1", "--rate", "50"]),
    "waits": (waits.main, ["--providers", "300"]),
}
# What a loaded machine may break in seconds, and the long runs are there to show.
OF_TIME = ("waited", "p99", "the backfill had ended", "nobody ever waited")


@pytest.mark.parametrize("name", MAIN)
def test_what_a_stress_run_promises_holds_in_its_short_form(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main, arguments = MAIN[name]
    main([*arguments, "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["figures"]
    assert [broken for broken in said["broken"] if not any(word in broken for word in OF_TIME)] == []
