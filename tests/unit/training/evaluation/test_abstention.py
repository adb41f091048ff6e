"""What other thresholds for "unsure" would bring; empty case first.

Run: pytest tests/unit/training/evaluation/test_abstention.py
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.data_factory import table_of

from maskwatch.models.evaluation import UNDEFINED
from maskwatch.training.data.parts import Part, as_part, take_unclear
from maskwatch.training.evaluation.abstention import THRESHOLDS, risk_coverage
from maskwatch.training.evaluation.answers import Answers


def part_of(labels: list[str]) -> Part:
    return as_part(table_of([{"label": label, "group": str(n)} for n, label in enumerate(labels)]))


def unclear_of(count: int) -> Part:
    rows = [{"label": "unclear", "group": str(n), "split": "test"} for n in range(count)]
    return take_unclear(table_of(rows), "test")


def says(*masks: float, unsure_below: float = 0.5) -> Answers:
    """Such a probability of a mask; the others share the rest."""
    rows = [[p, (1 - p) / 2, (1 - p) / 2] for p in masks]
    return Answers(
        np.array(rows, np.float32).reshape(-1, 3), unsure_below, np.full(len(masks), 100.0)
    )


def test_of_nothing_there_is_nothing_to_tell() -> None:
    for row in risk_coverage(part_of([]), says(), unclear_of(0), says()):
        assert row.unsure_share == row.accuracy_of_answers == UNDEFINED
        assert row.unclear_unsure_share == UNDEFINED
        assert row.wrong_answers == row.withheld_right == row.withheld_wrong == 0


def test_each_threshold_tells_what_is_withheld_and_what_is_left() -> None:
    part = part_of(["mask", "mask", "no_mask", "mask"])
    rows = risk_coverage(part, says(0.99, 0.65, 0.75, 0.45), unclear_of(2), says(0.85, 0.55))
    told = {
        row.unsure_below: (
            row.unsure_share.value,
            row.accuracy_of_answers.value,
            row.wrong_answers,
            row.withheld_wrong,
            row.withheld_right,
            row.unclear_unsure_share.value,
        )
        for row in rows
    }
    assert told == {
        0.5: (0.25, 0.6667, 1, 0, 1, 0.0),
        0.6: (0.25, 0.6667, 1, 0, 1, 0.5),
        0.7: (0.5, 0.5, 1, 0, 2, 0.5),
        0.8: (0.75, 1.0, 0, 1, 2, 0.5),
        0.9: (0.75, 1.0, 0, 1, 2, 1.0),
        0.95: (0.75, 1.0, 0, 1, 2, 1.0),
    }


@pytest.mark.parametrize("own", [0.0, 0.5, 0.62, 0.95])
def test_the_threshold_of_the_card_is_among_them_and_marked(own: float) -> None:
    answers = says(0.98, 0.61, unsure_below=own)
    rows = risk_coverage(part_of(["mask", "mask"]), answers, unclear_of(0), says())
    thresholds = [row.unsure_below for row in rows]
    assert thresholds == sorted({own, *THRESHOLDS})
    assert [row.unsure_below for row in rows if row.is_own] == [own]
    marked = next(row for row in rows if row.is_own)
    # of both answers, 0.61 is unsure below 0.62 and below 0.95 only
    assert marked.unsure_share.value == np.mean(answers.states == 3) == 0.5 * (own > 0.61)


@given(st.lists(st.tuples(st.floats(1 / 3, 1), st.booleans()), min_size=1, max_size=30))
def test_stricter_never_answers_more_and_loses_no_row(faces: list[tuple[float, bool]]) -> None:
    part = part_of(["mask" if is_mask else "no_mask" for _, is_mask in faces])
    rows = risk_coverage(part, says(*(p for p, _ in faces)), unclear_of(0), says())
    unsure = [row.unsure_share.value for row in rows]
    wrong = [row.wrong_answers for row in rows]
    assert unsure == sorted(unsure) and wrong == sorted(wrong, reverse=True)
    for row in rows:
        withheld = row.withheld_right + row.withheld_wrong
        assert withheld == round(row.unsure_share.value * len(faces))
        assert row.wrong_answers + row.withheld_wrong == wrong[0] + rows[0].withheld_wrong
