"""Another scene is a cut; people who move, light that changes and dark rooms are none.

Run: pytest tests/unit/vision/test_cut.py
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwatch.schema import ImageRGB
from maskwatch.vision.cut import CutFinder

STEP_S = 1 / 30


def scene(seed: int, width: int = 320, height: int = 180) -> ImageRGB:
    """Patches of light and dark that have nothing in common with those of another seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 8, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))


def is_cut(before: ImageRGB, after: ImageRGB, elapsed_s: float = STEP_S) -> bool:
    finder = CutFinder()
    assert not finder.is_cut(before, 0.0)  # the first frame follows nothing
    return finder.is_cut(after, elapsed_s)


def with_a_person(image: ImageRGB, left: int) -> ImageRGB:
    return cv2.ellipse(image.copy(), (left, 90), (30, 60), 0, 0, 360, (200, 160, 140), -1)


SCENE = scene(0)
NOISE = np.random.default_rng(0).integers(-4, 5, SCENE.shape)


@pytest.mark.parametrize(
    ("before", "after", "cut"),
    [
        (SCENE, SCENE, False),
        (SCENE, scene(1), True),
        (SCENE, scene(1, 640, 480), True),
        (SCENE, scene(0, 640, 360), False),  # only the size of the frames has changed
        (SCENE, with_a_person(SCENE, 100), False),  # somebody steps into the picture
        (with_a_person(SCENE, 100), with_a_person(SCENE, 160), False),
        (SCENE, np.roll(SCENE, 12, axis=1), False),  # the camera is turned
        (SCENE, SCENE // 3, False),  # the light goes down
        (SCENE, (SCENE // 2 + 127).astype(np.uint8), False),
        (SCENE // 40, (SCENE // 40 + NOISE).clip(0, 255).astype(np.uint8), False),  # a dark room
        (np.full_like(SCENE, 90), np.full_like(SCENE, 95), False),
        (np.zeros_like(SCENE), SCENE, False),  # black, then the film: nobody was seen in the dark
    ],
)
def test_what_is_a_cut(before: ImageRGB, after: ImageRGB, cut: bool) -> None:
    assert is_cut(before, after) is cut


@pytest.mark.parametrize(("after", "cut"), [(SCENE, False), (scene(1), True)])
def test_a_frame_that_is_lost_is_no_cut_and_hides_none(after: ImageRGB, cut: bool) -> None:
    finder = CutFinder()
    shown = (SCENE, np.zeros_like(SCENE), np.full_like(SCENE, 128), after)
    assert [finder.is_cut(image, STEP_S) for image in shown] == [False, False, False, cut]


def test_after_a_long_pause_nothing_is_a_cut() -> None:
    """Frames that come seldom differ because people move; the tracker has its own limits."""
    assert not any(is_cut(SCENE, scene(seed), 5.0) for seed in range(1, 20))


@settings(deadline=None, max_examples=30)
@given(st.tuples(st.integers(1, 70), st.integers(1, 70)), st.floats(0, 10))
def test_any_size_of_frame_can_be_looked_at(size: tuple[int, int], elapsed_s: float) -> None:
    assert not is_cut(scene(0, *size), scene(0, *size), elapsed_s)
