"""Fits what makes a network's probabilities mean what they say, on answers it was not trained on.

A temperature alone (Guo et al. 2017) keeps every answer as it is. A network that was shown a rare
class more often than it is met also gives it too much probability everywhere; a shift of each
class's logit takes that back (bias-corrected temperature scaling, Alexandari et al. 2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskwatch.classify import calibrate

_TEMPERATURES = np.geomspace(0.25, 4, 161)
_CLOSE = 1e-4
"""Mean probabilities match the shares when no logarithm differs by more."""

TRUST_ROWS = 20.0
"""How many rows the network's own shares count for, so that few pictures shift it little."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a card says of it.

    Attributes:
        temperature: divides the logits.
        logit_shift: is added to them then, one value a class; their mean is 0.
    """

    temperature: float = 1.0
    logit_shift: tuple[float, ...] = (0.0, 0.0, 0.0)

    def apply(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """The calibrated probabilities (n, 3)."""
        return calibrate(probabilities, self.temperature, self.logit_shift)


def fit_calibration(
    labels: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    shares: Sequence[float] | None = None,
) -> Calibration:
    """The calibration with the least log loss on held-out answers.

    For each temperature of a fine grid the shift is the one that gives every class as much
    probability, on the mean, as it has rows: there the log loss is least. A scan cannot diverge.
    Where a class has no row nothing can be said of the shares, and the shift is 0.

    Args:
        labels: (n,) class indices.
        probabilities: (n, 3) uncalibrated.
        shares: how frequent the classes are to be taken for; None means as in the labels.
    """
    classes = probabilities.shape[1]
    counts = np.bincount(labels, minlength=classes)
    if len(labels) == 0:
        return Calibration()
    weights = np.ones(len(labels))
    if shares is not None and counts.all():
        weights = (np.array(shares) / sum(shares) * len(labels) / counts)[labels]
    log = np.log(np.maximum(probabilities.astype(np.float64), 1e-12))
    best, least, shift = Calibration(), np.inf, np.zeros(classes)
    for temperature in _TEMPERATURES:
        scaled = log / temperature
        if counts.all():
            shift = _shift(scaled, labels, weights, shift)  # it differs little from the last
        loss = -(weights * _log_softmax(scaled + shift)[np.arange(len(labels)), labels]).sum()
        if loss < least:
            least = loss
            values = tuple(round(float(value), 4) for value in shift - shift.mean())
            best = Calibration(round(float(temperature), 4), values)
    return best


def _shift(
    logits: NDArray[np.float64],
    labels: NDArray[np.integer],
    weights: NDArray[np.float64],
    start: NDArray[np.float64],
) -> NDArray[np.float64]:
    """What makes the mean probability of each class its share of the rows' weight."""
    classes = logits.shape[1]
    own = np.average(np.exp(_log_softmax(logits)), axis=0, weights=weights)
    rows = np.bincount(labels, weights, classes)
    target = (rows + TRUST_ROWS * own) / (rows.sum() + TRUST_ROWS)
    shift = start.copy()
    step = np.full(classes, np.inf)
    while np.abs(step).max() > _CLOSE:
        given = np.average(np.exp(_log_softmax(logits + shift)), axis=0, weights=weights)
        step = np.log(target / given)
        shift += step
    return shift


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
