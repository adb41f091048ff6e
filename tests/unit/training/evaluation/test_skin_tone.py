"""The typology angle is that of the bridge of the nose, however the head is held."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from maskwatch.training.evaluation.slices import SMALLEST_EYES_PX, typology_angle_deg

# colours (RGB) of the tones that dermatology tells apart, and their angles from CIE L*a*b*
LIGHT, TAN, DARK = (240, 214, 190), (190, 140, 110), (80, 55, 45)


def eyes(roll_deg: float, apart_px: float = 40) -> np.ndarray:
    """Landmarks (5, 2) of a head tilted so far round the middle of a picture of 120 pixels."""
    turn = np.deg2rad(roll_deg)
    half = np.array([np.cos(turn), np.sin(turn)]) * apart_px / 2
    return np.array([60 - half, 60 + half, (60, 80), (50, 90), (70, 90)])


def face(skin: tuple[int, int, int], roll_deg: float = 0) -> np.ndarray:
    """A picture of this skin at the bridge and round it, black elsewhere."""
    image_rgb = np.zeros((120, 120, 3), np.uint8)
    box = ((60.0, 56.0), (26.0, 44.0), roll_deg)
    cv2.fillConvexPoly(image_rgb, cv2.boxPoints(box).astype(np.int32), skin)
    return image_rgb


@pytest.mark.parametrize("roll_deg", [0, 25, -25, 90])
@pytest.mark.parametrize(("skin", "low", "high"), [(LIGHT, 41, 90), (TAN, 10, 28), (DARK, -90, 0)])
def test_tones_are_told_apart(
    skin: tuple[int, int, int], low: float, high: float, roll_deg: float
) -> None:
    centre = np.array([60.0, 60.0])
    image_rgb = face(skin)
    turned = cv2.warpAffine(
        image_rgb, cv2.getRotationMatrix2D(tuple(centre), -roll_deg, 1), (120, 120)
    )
    assert low < typology_angle_deg(turned, eyes(roll_deg)) < high


def test_a_lamp_moves_it_as_the_note_says() -> None:
    dim = tuple(value // 2 for value in TAN)
    assert typology_angle_deg(face(dim), eyes(0)) < typology_angle_deg(face(TAN), eyes(0))


def test_small_faces_and_those_at_the_edge() -> None:
    assert math.isnan(typology_angle_deg(face(TAN), eyes(0, SMALLEST_EYES_PX - 0.1)))
    assert math.isnan(typology_angle_deg(face(TAN), np.zeros((5, 2))))
    assert not math.isnan(typology_angle_deg(face(TAN), eyes(0) - 80))  # outside: the edge repeats
