"""What a stricter threshold for "unsure" brings: fewer answers, and more of them right.

Risk against coverage (El-Yaniv and Wiener 2010, "On the Foundations of Noise-free Selective
Classification"). The threshold stays that of the model card, since all other scores are true with
it only; who needs fewer wrong answers reads here what they cost.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskwatch.models.evaluation import Bin, Calibration
from maskwatch.models.evaluation_document import FullUnclear, Threshold
from maskwatch.training.data.parts import Part
from maskwatch.training.evaluation.answers import Answers
from maskwatch.training.evaluation.mistakes import STATES, Case, surest
from maskwatch.training.metrics import mean_with_interval

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Beside that of the model card."""


def risk_coverage(
    part: Part, answers: Answers, unclear_part: Part, unclear_answers: Answers
) -> tuple[Threshold, ...]:
    """What would be, with each threshold from the loosest to the strictest.

    Args:
        part: rows with one of the three labels.
        answers: what a model says of them.
        unclear_part: faces that nobody can judge.
        unclear_answers: what it says of those.
    """
    right = answers.probabilities.argmax(axis=1) == part.labels
    rows = []
    for threshold in sorted({answers.unsure_below, *THRESHOLDS}):
        unsure = answers.confidence < threshold
        unclear_unsure = unclear_answers.confidence < threshold
        rows.append(
            Threshold(
                unsure_below=threshold,
                is_own=threshold == answers.unsure_below,
                unsure_share=mean_with_interval(unsure, part.groups),
                accuracy_of_answers=mean_with_interval(right[~unsure], part.groups[~unsure]),
                unclear_unsure_share=mean_with_interval(unclear_unsure, unclear_part.groups),
                wrong_answers=int(np.sum(~right & ~unsure)),
                withheld_right=int(np.sum(right & unsure)),
                withheld_wrong=int(np.sum(~right & unsure)),
            )
        )
    return tuple(rows)


# Hard negatives: real faces whose mouth and nose are behind a hand, a scarf or a phone.
#
# Nobody can tell what they show, so only UNSURE is right of the four answers. They are in none of
# the other scores.

SHOWN = 24
"""Unclear faces on the page."""

NONE_THERE = (
    "This part of the manifest has no faces labelled unclear, so nothing here says what the model "
    "makes of a face behind a hand or a scarf."
)
"""Said in place of a score."""


def score_unclear(part: Part, answers: Answers) -> FullUnclear:
    """What a model says of unclear faces; shares and means of none are None."""
    states, confidence = answers.states, answers.confidence
    return FullUnclear(
        n=len(states),
        groups=len(np.unique(part.groups)),
        unsure_share=mean_with_interval(states == len(STATES) - 1, part.groups),
        answers={s.value: int((states == index).sum()) for index, s in enumerate(STATES)},
        confidence=round(float(confidence.mean()), 4) if len(confidence) else None,
    )


def shown_unclear(part: Part, answers: Answers) -> tuple[Case, ...]:
    """Those to look at: the surest answers, all of them wrong, first; few of a group."""
    return surest(part, answers, np.arange(len(part.labels)), SHOWN)


# Do 90 of 100 answers given with a confidence of 0.9 turn out right? Calibration in one number.
#
# Expected calibration error with 15 bins of equal width, and its reliability diagram (Guo et al.
# 2017, "On Calibration of Modern Neural Networks").

BINS = 15


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
