"""Fits what makes a network's probabilities mean what they say, on answers it was not trained on.

A temperature alone (Guo et al. 2017) keeps every answer as it is; models are exported with it. A
network that was shown a rare class more often than a camera meets it also gives it too much
probability there; a shift of each class's logit takes that back (bias-corrected temperature
scaling, Alexandari et al. 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskwatch.classify import calibrate

_TEMPERATURES = np.geomspace(0.25, 4, 161)
_CLOSE = 1e-4
"""Mean probabilities match the shares when no logarithm differs by more."""

_ROUNDS = 500
"""Of bringing them closer; a few do, unless nearly all answers are certain."""

TRUST_ROWS = 20.0
"""How many more rows it weighs that the network is right about itself, so that few pictures change
it little: sixty right answers would make it certain of everything."""


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


def fit_temperature(
    labels: NDArray[np.integer], probabilities: NDArray[np.floating]
) -> Calibration:
    """The temperature with the least log loss on held-out answers, see fit_calibration."""
    return _best(labels, probabilities, is_shifted=False)


def fit_calibration(
    labels: NDArray[np.integer], probabilities: NDArray[np.floating]
) -> Calibration:
    """The temperature and the shift with the least log loss on held-out answers.

    To them come TRUST_ROWS answers with the network's own probabilities, as it gives them. For each
    temperature of a fine grid the shift is the one that gives every class as much probability, on
    the mean, as it has rows: there the log loss is least. A scan cannot diverge.
    Where a class has no row nothing can be said of the shares, and the shift is 0.

    Args:
        labels: (n,) class indices.
        probabilities: (n, 3) uncalibrated.
    """
    has_all = bool(np.bincount(labels, minlength=probabilities.shape[1]).all())
    return _best(labels, probabilities, is_shifted=has_all)


def _best(
    labels: NDArray[np.integer], probabilities: NDArray[np.floating], is_shifted: bool
) -> Calibration:
    if len(labels) == 0:
        return Calibration()
    log = np.log(np.maximum(probabilities.astype(np.float64), 1e-12))
    own = np.exp(_log_softmax(log))
    rows = np.bincount(labels, minlength=own.shape[1])
    target = (rows + TRUST_ROWS * own.mean(axis=0)) / (len(labels) + TRUST_ROWS)
    best, least, shift = Calibration(), np.inf, np.zeros(own.shape[1])
    for temperature in _TEMPERATURES:
        scaled = log / temperature
        if is_shifted:
            shift = _shift(scaled, target, shift)  # it differs little from the last
        given = _log_softmax(scaled + shift)
        loss = -given[np.arange(len(labels)), labels].sum()
        loss -= TRUST_ROWS * (own * given).sum(axis=1).mean()
        if loss < least:
            least = loss
            values = tuple(round(float(value), 4) for value in shift - shift.mean())
            best = Calibration(round(float(temperature), 4), values)
    return best


def _shift(
    logits: NDArray[np.float64], target: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What makes the mean probability of each class that of the target."""
    shift = start.copy()
    for _ in range(_ROUNDS):
        given = np.exp(_log_softmax(logits + shift)).mean(axis=0)
        step = np.log(target / given)
        shift += step
        if np.abs(step).max() < _CLOSE:
            break
    return shift


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
