"""Chance by a seed: one seed gives one sequence of made-up things."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


class Dice:
    """What tests make documents and policies with. Not hypothesis' strategies, which need milliseconds for each."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 a test's documents, not a secret

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def pick(self, choices: Sequence[T]) -> T:
        return self.random.choice(choices)

    def weighted(self, choices: Sequence[T], weights: Sequence[int]) -> T:
        return self.random.choices(choices, weights)[0]

    def below(self, limit: int) -> int:
        return self.random.randrange(limit)
