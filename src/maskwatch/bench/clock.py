"""Times of calls that take turns, so that whatever else the machine does falls on all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

LEAST_ROUNDS = 5
"""However little time there is, each call is made so often after the warm-up."""

Call = Callable[[], object]
"""What is timed; one that returns a float has timed itself, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long one call took, again and again.

    Attributes:
        each_ms: (n,) in the order in which they were made.
    """

    each_ms: tuple[float, ...]

    @property
    def p50_ms(self) -> float:
        """Half of the calls took no longer."""
        return float(np.median(self.each_ms))

    @property
    def p95_ms(self) -> float:
        """Nineteen of twenty calls took no longer."""
        return float(np.quantile(self.each_ms, 0.95))

    def ratio_to(self, base: Times) -> float:
        """Median over the rounds of the time beside another call's in the same round."""
        rounds = zip(self.each_ms, base.each_ms, strict=True)
        return float(np.median([mine / theirs for mine, theirs in rounds]))

    def to_dict(self) -> dict[str, float]:
        """Median, 95th percentile, calls a second at the median, and how many were made."""
        return {
            "p50_ms": round(self.p50_ms, 3),
            "p95_ms": round(self.p95_ms, 3),
            "per_s": round(1000 / max(self.p50_ms, 1e-3), 1),
            "runs": len(self.each_ms),
        }


def take_turns(calls: Mapping[str, Call], seconds: float) -> dict[str, Times]:
    """Make all calls in turn until the time is over; the first round warms up.

    Args:
        calls: by name.
        seconds: about how long to go on, warm-up included.
    """
    end = time.perf_counter() + seconds

    def rounds() -> Iterator[Mapping[str, Call]]:
        number = 0
        while number <= LEAST_ROUNDS or time.perf_counter() < end:
            yield calls
            number += 1

    return time_rounds(rounds())


def time_rounds(rounds: Iterable[Mapping[str, Call]]) -> dict[str, Times]:
    """Make the calls of each round in turn; the first round warms up."""
    times_ms: dict[str, list[float]] = {}
    for number, calls in enumerate(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            told = call()
            took_ms = told if isinstance(told, float) else (time.perf_counter() - start) * 1e3
            if number:
                times_ms.setdefault(name, []).append(took_ms)
    return {name: Times(tuple(values)) for name, values in times_ms.items()}
