"""Values with 95 % intervals from a bootstrap over near-identical groups.

A cluster bootstrap (Field and Welsh 2007): forty copies of one photo are one observation, not
forty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskwatch.models.evaluation import UNDEFINED, Estimate

_ROUNDS = 1000
_LEVEL = 0.95


def places_of(groups: Sequence[Any] | NDArray[Any]) -> tuple[NDArray[np.intp], int]:
    """The place (n,) of each row's group among the different ones, and how many those are."""
    names, places = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    return places, len(names)


def draw_weights(count: int, seed: int = 0) -> NDArray[np.int64]:
    """How often (rounds, count) each group is among as many, drawn with replacement."""
    if count == 0:
        return np.zeros((1, 0), np.int64)
    random = np.random.default_rng(seed)
    return random.multinomial(count, np.full(count, 1 / count), size=_ROUNDS)


def resample(per_group: NDArray[np.floating], seed: int = 0) -> NDArray[np.float64]:
    """Sums (rounds, ...) over groups that are drawn with replacement.

    Args:
        per_group: (g, ...) what is summed; without groups the only sums are zeros.
        seed: of the draws.
    """
    return np.tensordot(draw_weights(len(per_group), seed), per_group, axes=1)


def estimate(value: float, draws: ArrayLike, digits: int = 4) -> Estimate:
    """A value, rounded, with the interval of its draws (rounds,); NaN is undefined."""
    known = np.asarray(draws, float)
    known = known[np.isfinite(known)]
    if not np.isfinite(value) or known.size == 0:
        return UNDEFINED
    low, high = np.quantile(known, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Estimate(*(round(float(number), digits) for number in (value, low, high)))


def mean_with_interval(values: NDArray[Any], groups: NDArray[Any], seed: int = 0) -> Estimate:
    """Mean of values (n,), such as the share of True, with its interval over groups (n,)."""
    places, count = places_of(groups)
    sums_sizes = np.zeros((count, 2))
    np.add.at(sums_sizes, places, np.stack([values, np.ones(len(values))], axis=1))
    with np.errstate(invalid="ignore"):
        (value,) = _ratios(sums_sizes.sum(axis=0)[None])
        return estimate(value, _ratios(resample(sums_sizes, seed)))


def _ratios(sums_sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(sums_sizes[:, 0] / sums_sizes[:, 1])
