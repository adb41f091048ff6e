"""A value with its interval in words.

Run: pytest tests/unit/models/test_evaluation.py
"""

from __future__ import annotations

import pytest

from maskwatch.models.evaluation import POINTS, SCORE, UNDEFINED, Estimate


@pytest.mark.parametrize(
    ("estimate", "form", "words"),
    [
        (UNDEFINED, SCORE, "-"),
        (UNDEFINED, POINTS, "-"),
        (Estimate(0.0, 0.0, 0.0), SCORE, "0.000 (0.000-0.000)"),
        (Estimate(0.97312, 0.965, 1.0), SCORE, "0.973 (0.965-1.000)"),
        (Estimate(4.88, -1.04, 6.07), POINTS, "4.9 (-1.0 to 6.1)"),
    ],
)
def test_an_estimate_is_written_with_its_interval(
    estimate: Estimate, form: str, words: str
) -> None:
    assert estimate.text(form) == words
