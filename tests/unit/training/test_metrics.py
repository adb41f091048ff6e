"""Scores: against scikit-learn, with unsure, and intervals that know about groups."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from maskwatch.models.evaluation import UNDEFINED
from maskwatch.training.metrics import answers, score


def sure(labels) -> np.ndarray:
    """Probabilities that answer these labels."""
    return np.eye(3)[np.asarray(labels, int)] * 0.9 + 0.1 / 3


def test_nothing_scored_is_undefined_not_zero():
    scores = score(np.array([], int), np.empty((0, 3)), [])
    assert scores.n == 0 and scores.groups == 0
    assert scores.accuracy == UNDEFINED


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60))
def test_scores_are_those_of_scikit_learn(pairs):
    truth, answered = (np.array(column) for column in zip(*pairs, strict=True))
    scores = score(truth, sure(answered), range(len(truth)))
    present = sorted(set(truth))
    options = {"labels": present, "average": "macro", "zero_division": 0}
    assert scores.accuracy.value == pytest.approx(accuracy_score(truth, answered), abs=1e-4)
    assert scores.macro_f1.value == pytest.approx(f1_score(truth, answered, **options), abs=1e-4)
    for index, row in enumerate(scores.per_class.values()):
        if index not in present:
            assert row.recall.value is None
            continue
        one = {"labels": [index], "average": "macro", "zero_division": 0}
        assert row.recall.value == pytest.approx(recall_score(truth, answered, **one), abs=1e-4)
        if index in answered:
            assert row.precision.value == pytest.approx(
                precision_score(truth, answered, **one), abs=1e-4
            )


def test_unsure_is_an_answer_of_its_own():
    probabilities = np.array([[0.8, 0.1, 0.1], [0.4, 0.35, 0.25], [0.1, 0.8, 0.1]])
    assert answers(probabilities, 0.5).tolist() == [0, 3, 1]
    scores = score(np.array([0, 0, 1]), probabilities, "abc", unsure_below=0.5)
    assert scores.confusion == ((1, 0, 0, 1), (0, 1, 0, 0), (0, 0, 0, 0))
    assert scores.unsure_share.value == pytest.approx(1 / 3, abs=1e-4)
    assert scores.per_class["mask"].recall.value == 0.5
    assert scores.per_class["mask"].precision.value == 1.0


def test_copies_of_one_photo_do_not_narrow_the_interval():
    truth = np.zeros(400, int)
    answered = np.repeat([0, 0, 0, 1], 100)
    apart = score(truth, sure(answered), range(400)).accuracy
    copies = score(truth, sure(answered), np.repeat(range(8), 50)).accuracy
    assert apart.value == copies.value == 0.75
    assert copies.high - copies.low > 3 * (apart.high - apart.low)
