"""The order of things that depend on each other."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from schedtool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def in_order(ids: Sequence[str], depends: Mapping[str, Sequence[str]]) -> list[str]:
    """The ids as given, but each behind what it depends on: the same order on every machine.

    Raises:
        UsageError: They depend on each other in a circle.
    """
    try:
        TopologicalSorter(depends).prepare()
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise UsageError(f"migrations depend on each other in a circle: {circle}", code="bad_depends") from error
    placed: list[str] = []

    def place(name: str) -> None:
        if name in placed:
            return
        for before in sorted(depends[name]):
            place(before)
        placed.append(name)

    for name in ids:
        place(name)
    return placed
