"""Crops are judged in their order, however many cores share them.

Run: pytest tests/unit/vision/test_classify.py
"""

from __future__ import annotations

import numpy as np
import pytest
from support.toy_model import write_toy_model

from maskwatch.vision import classify
from maskwatch.vision.classify import Classifier


@pytest.mark.parametrize("count", [0, 1, 2, 7, 32, 33, 150])
@pytest.mark.parametrize("cores", [1, 2, 5])
def test_any_number_of_crops_on_any_number_of_cores(tmp_path, monkeypatch, count, cores):
    path = write_toy_model(tmp_path)
    monkeypatch.setattr(classify, "available_cpus", lambda: cores)
    classifier = Classifier(path)
    side = classifier.card.input_side_px
    shades = np.random.default_rng(0).integers(0, 256, (count, 1, 1, 3), dtype=np.uint8)
    crops = np.broadcast_to(shades, (count, side, side, 3))
    alone = [classifier.probabilities(crop[None])[0] for crop in crops]
    answers = classifier.probabilities(crops)
    assert answers.shape == (count, 3)
    assert np.allclose(answers, np.reshape(alone, (count, 3)), atol=1e-6)


def test_a_failure_on_another_core_is_raised(tmp_path, monkeypatch):
    monkeypatch.setattr(classify, "available_cpus", lambda: 2)
    classifier = Classifier(write_toy_model(tmp_path))
    with pytest.raises(Exception, match="dimension"):
        classifier.probabilities(np.zeros((4, 5, 5, 3), np.uint8))
