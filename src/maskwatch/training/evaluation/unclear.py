"""Hard negatives: real faces whose mouth and nose are behind a hand, a scarf or a phone.

Nobody can tell what they show, so only UNSURE is right of the four answers. They are in none of the
other scores.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from maskwatch.training.evaluation.answers import Answers
from maskwatch.training.evaluation.mistakes import STATES, Case, surest
from maskwatch.training.parts import Part
from maskwatch.training.scores import mean_with_interval

SHOWN = 24
"""Unclear faces on the page."""

NONE_THERE = (
    "This part of the manifest has no faces labelled unclear, so nothing here says what the model "
    "makes of a face behind a hand or a scarf."
)
"""Said in place of a score."""


def score_unclear(part: Part, answers: Answers) -> dict[str, Any]:
    """What a model says of unclear faces.

    Returns:
        n, groups, "unsure_share" with its 95 % interval over groups, "answers" (how often each of
        the four was given), and "confidence", the mean probability of the likeliest class; shares
        and means of nothing are null.
    """
    states, confidence = answers.states, answers.confidence
    return {
        "n": len(states),
        "groups": len(np.unique(part.groups)),
        "unsure_share": mean_with_interval(states == len(STATES) - 1, part.groups),
        "answers": {s.value: int((states == index).sum()) for index, s in enumerate(STATES)},
        "confidence": round(float(confidence.mean()), 4) if len(confidence) else None,
    }


def shown_unclear(part: Part, answers: Answers) -> tuple[Case, ...]:
    """Those to look at: the surest answers, all of them wrong, first; few of a group."""
    return surest(part, answers, np.arange(len(part.labels)), SHOWN)
