"""Which faces scenes are drawn for more often: turned, nodding, tilted, dark, or not known."""

from pathlib import Path

import numpy as np
import pytest

from maskwatch.training.detector.hard_places import is_hard
from maskwatch.training.detector.photos import Photo

BOX = (100.0, 100.0, 200.0, 220.0)
FRONTAL = [(130, 150), (170, 150), (150, 175), (135, 195), (165, 195)]
"""Right eye, left eye, nose, corners of the mouth."""


def photo(*faces):
    landmarks = np.array(faces, float).reshape(-1, 5, 2)
    boxes = np.array([BOX] * len(faces), float).reshape(-1, 4)
    nothing = np.empty((0, 4))
    return Photo(Path("a.jpg"), "a", True, boxes, np.ones(len(faces), bool), landmarks, nothing)


def picture(grey):
    return np.full((300, 300, 3), grey, np.uint8)


@pytest.mark.parametrize(
    ("landmarks", "grey", "hard"),
    [
        (FRONTAL, 120, False),
        (FRONTAL, 30, True),
        ([(150, 150), (190, 150), (110, 175), *FRONTAL[3:]], 120, True),  # half profile
        ([(140, 150), (160, 150), *FRONTAL[2:]], 120, True),  # eyes near each other: profile
        ([(130, 150), (170, 150), (150, 155), *FRONTAL[3:]], 120, True),  # looks down
        ([(132, 140), (168, 160), *FRONTAL[2:]], 120, True),  # tilted by some 30 degrees
        ([(np.nan, np.nan)] * 5, 120, True),
    ],
    ids=["frontal", "dark", "half profile", "profile", "down", "tilted", "unknown"],
)
def test_what_is_hard(landmarks, grey, hard):
    assert is_hard(picture(grey), photo(landmarks)).tolist() == [hard]


def test_without_faces_nothing_is_hard():
    assert is_hard(picture(120), photo()).tolist() == []


def test_a_box_outside_the_picture_is_not_dark():
    assert is_hard(np.full((50, 50, 3), 0, np.uint8), photo(FRONTAL)).tolist() == [False]
