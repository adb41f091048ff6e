"""Each corruption changes a picture, more with strength, and the same way every time.

Run: pytest tests/unit/training/evaluation/test_corruptions.py
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from support.data_factory import draw

from maskwatch.training.evaluation.corruptions import FAMILIES, SIDE_PX, STRENGTHS, corrupt


def textured(number: int) -> np.ndarray:
    """Coarse blocks under soft grain, so that blur and noise both have something to corrupt."""
    grain = np.random.default_rng(number).normal(0, 90, (SIDE_PX, SIDE_PX, 3))
    values = draw(number, SIDE_PX, SIDE_PX) + cv2.GaussianBlur(grain, (0, 0), 1.2)
    return np.clip(values, 0, 255).astype(np.uint8)


PICTURES = [textured(number) for number in range(6)]


def difference(clean: np.ndarray, corrupted: np.ndarray) -> float:
    """Mean difference of a value."""
    return float(np.abs(clean.astype(int) - corrupted).mean())


def unlikeness(clean: np.ndarray, corrupted: np.ndarray) -> float:
    """One minus the structural similarity (Wang et al. 2004): detail that is gone, whatever light.

    The published weights of fog and frost make the picture darker again at strength 4, while more
    of what it shows is lost.
    """
    a, b = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(float) for image in (clean, corrupted))
    mean_a, mean_b, aa, bb, ab = (
        cv2.GaussianBlur(values, (0, 0), 1.5) for values in (a, b, a * a, b * b, a * b)
    )
    var_a, var_b, both = aa - mean_a**2, bb - mean_b**2, ab - mean_a * mean_b
    alike = (2 * mean_a * mean_b + 6.5) * (2 * both + 58.5)
    alike /= (mean_a**2 + mean_b**2 + 6.5) * (var_a + var_b + 58.5)
    return float(1 - alike.mean())


@pytest.mark.parametrize("family", FAMILIES)
def test_more_strength_changes_more(family):
    measure = unlikeness if family in ("fog", "frost") else difference
    changes = [
        np.mean(
            [measure(image, corrupt(image, family, s, (1, k))) for k, image in enumerate(PICTURES)]
        )
        for s in STRENGTHS
    ]
    assert changes[0] > 0.005
    assert (np.diff(changes) > 0).all(), changes


@pytest.mark.parametrize("family", FAMILIES)
def test_shape_and_type_stay_and_a_seed_decides(family):
    picture = PICTURES[0][:200, :160]
    for strength in STRENGTHS:
        corrupted = corrupt(picture, family, strength, (3, 4))
        assert corrupted.shape == picture.shape and corrupted.dtype == np.uint8
        assert (corrupted == corrupt(picture, family, strength, (3, 4))).all()


@pytest.mark.parametrize("family", ["gaussian noise", "snow", "frost", "fog", "motion blur"])
def test_another_seed_corrupts_otherwise(family):
    corrupted = corrupt(PICTURES[0], family, 3, (1,))
    assert (corrupted != corrupt(PICTURES[0], family, 3, (2,))).any()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("value", [0, 255])
def test_a_picture_of_one_colour_does_not_break(family, value):
    blank = np.full((SIDE_PX, SIDE_PX, 3), value, np.uint8)
    assert corrupt(blank, family, 5, (0,)).shape == blank.shape


def test_there_are_the_fifteen():
    assert len(FAMILIES) == 15 and len(STRENGTHS) == 5
