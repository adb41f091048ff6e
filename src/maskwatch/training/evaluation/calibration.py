"""Do 90 of 100 answers given with a confidence of 0.9 turn out right? Calibration in one number.

Expected calibration error with 15 bins of equal width, and its reliability diagram (Guo et al.
2017, "On Calibration of Modern Neural Networks").
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers whose confidence lies in (low, high].

    Attributes:
        low: its lower end.
        high: its upper end.
        n: how many answers.
        confidence: their mean confidence, None where there is none.
        accuracy: the share of right ones, None where there is none.
    """

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """How well confidence foretells being right.

    Attributes:
        n: number of answers.
        ece: mean distance of confidence from accuracy over the bins, by their number of answers;
            None without answers.
        confidence: mean over all answers.
        accuracy: share of right ones; the likeliest class counts, also where the verdict is UNSURE.
        bins: `BINS` of them.
    """

    n: int
    ece: float | None
    confidence: float | None
    accuracy: float | None
    bins: tuple[Bin, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self) | {"bins": [asdict(item) for item in self.bins]}


def calibration(labels: NDArray[np.integer], probabilities: NDArray[np.floating]) -> Calibration:
    """Calibration of answers.

    Args:
        labels: (n,) class indices.
        probabilities: (n, 3).
    """
    confidence = probabilities.max(axis=1, initial=0).astype(float)
    right = probabilities.argmax(axis=1) == labels
    edges = np.linspace(0, 1, BINS + 1)
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    bins = []
    for index in range(BINS):
        inside = place == index
        bins.append(
            Bin(
                round(float(edges[index]), 4),
                round(float(edges[index + 1]), 4),
                int(inside.sum()),
                _mean(confidence[inside]),
                _mean(right[inside]),
            )
        )
    # n times |mean confidence - accuracy| of a bin is the size of the sum of its differences
    gaps = np.abs(np.bincount(place, confidence - right, BINS))
    ece = round(float(gaps.sum()) / len(labels), 4) if len(labels) else None
    return Calibration(len(labels), ece, _mean(confidence), _mean(right), tuple(bins))


def _mean(values: NDArray[Any]) -> float | None:
    return round(float(values.mean()), 6) if len(values) else None
