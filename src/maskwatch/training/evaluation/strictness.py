"""What a stricter threshold for "unsure" brings: fewer answers, and more of them right.

Risk against coverage (El-Yaniv and Wiener 2010, "On the Foundations of Noise-free Selective
Classification"). The threshold stays that of the model card, since all other scores are true with
it only; who needs fewer wrong answers reads here what they cost.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from maskwatch.training.evaluation.answers import Answers
from maskwatch.training.parts import Part
from maskwatch.training.scores import mean_with_interval

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Beside that of the model card."""


def strictness(
    part: Part, answers: Answers, unclear_part: Part, unclear_answers: Answers
) -> list[dict[str, Any]]:
    """What would be, with each threshold from the loosest to the strictest.

    Args:
        part: rows with one of the three labels.
        answers: what a model says of them.
        unclear_part: faces that nobody can judge.
        unclear_answers: what it says of those.

    Returns:
        For each threshold "unsure_below", "is_own" (it is that of the card), "unsure_share",
        "accuracy_of_answers" (of those not unsure) and "unclear_unsure_share" with 95 % intervals
        over groups, and the counts "wrong_answers", "withheld_right" and "withheld_wrong".
    """
    right = answers.probabilities.argmax(axis=1) == part.labels
    rows = []
    for threshold in sorted({answers.unsure_below, *THRESHOLDS}):
        unsure = answers.confidence < threshold
        unclear_unsure = unclear_answers.confidence < threshold
        rows.append(
            {
                "unsure_below": threshold,
                "is_own": threshold == answers.unsure_below,
                "unsure_share": mean_with_interval(unsure, part.groups),
                "accuracy_of_answers": mean_with_interval(right[~unsure], part.groups[~unsure]),
                "unclear_unsure_share": mean_with_interval(unclear_unsure, unclear_part.groups),
                "wrong_answers": int(np.sum(~right & ~unsure)),
                "withheld_right": int(np.sum(right & unsure)),
                "withheld_wrong": int(np.sum(~right & unsure)),
            }
        )
    return rows
