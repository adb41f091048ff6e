"""Tiles cover a photo, overlap by a face, and find what is too small for a look at the whole."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cartoon_face import cartoon

from maskwatch import SettingError
from maskwatch.vision.detect import FaceDetector
from maskwatch.vision.tiles import (
    OVERLAP_PX,
    TILE_PX,
    Tiles,
    is_part,
    is_whole,
    tile_corners,
)

SIZES = st.integers(1, 9000)


@given(SIZES, SIZES)
def test_every_small_face_is_whole_in_a_tile(width: int, height: int) -> None:
    for length, starts in (
        (width, sorted({left for left, _ in tile_corners(width, height)})),
        (height, sorted({top for _, top in tile_corners(width, height)})),
    ):
        assert starts[0] == 0 and starts[-1] + TILE_PX >= length
        gaps = np.diff(starts)
        assert (gaps <= TILE_PX - OVERLAP_PX).all()


@pytest.mark.parametrize(
    ("box", "corner", "whole"),
    [
        ((800, 10, 900, 110), (768, 0), True),
        ((768, 10, 868, 110), (768, 0), False),  # cut by the tile's left edge
        ((1700, 10, 1728, 40), (768, 0), False),  # and by its right one
        ((0, 0, 50, 50), (0, 0), True),  # at the photo's own edge
        ((2950, 10, 3000, 50), (2040, 0), True),
        ((800, 10, 1100, 110), (768, 0), False),  # too large for the overlap
    ],
)
def test_cut_faces_are_left_to_the_neighbour(
    box: tuple[float, ...], corner: tuple[int, int], whole: bool
) -> None:
    assert is_whole(np.array([box], float), corner, (3000, 960)).tolist() == [whole]
    assert is_whole(np.empty((0, 4)), corner, (3000, 960)).tolist() == []


def test_a_cheek_is_part_of_its_face_and_a_neighbour_is_not() -> None:
    boxes = np.array([[20, 20, 40, 40], [90, 20, 120, 50], [0, 0, 100, 90]], float)
    face = np.array([[0, 0, 100, 100]], float)
    assert is_part(boxes, face).tolist() == [True, False, False]
    assert is_part(boxes, np.empty((0, 4))).tolist() == [False, False, False]
    assert is_part(np.empty((0, 4)), face).tolist() == []


@pytest.fixture(scope="module")
def crowd() -> tuple[np.ndarray, np.ndarray]:
    """A photo of twelve megapixels with one large face and three of 26 pixels, and their places."""
    image_rgb = np.full((3000, 4000, 3), 128, np.uint8)
    places = []
    for left, top, width in ((2000, 900, 1600), (300, 300, 64), (940, 1500, 64), (3936, 2952, 64)):
        height = width * 3 // 4
        person_rgb = cv2.resize(cartoon(True), (width, height), interpolation=cv2.INTER_AREA)
        image_rgb[top : top + height, left : left + width] = person_rgb
        places.append((left, top, left + width, top + height))
    return image_rgb, np.array(places, float)


@pytest.mark.parametrize(("tiles", "expected"), [("off", [1, 0, 0, 0]), ("auto", [1, 1, 1, 1])])
def test_small_faces_of_a_large_photo_are_found_and_the_large_one_once(
    crowd: tuple[np.ndarray, np.ndarray], tiles: Tiles, expected: list[int]
) -> None:
    image_rgb, places = crowd
    boxes = np.array([face.box_xyxy for face in FaceDetector(tiles=tiles).detect(image_rgb)])
    middles = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
    inside = (middles > places[:, :2]) & (middles < places[:, 2:])
    assert inside.all(axis=2).sum(axis=0).tolist() == expected
    assert len(boxes) == sum(expected)


def test_smaller_photos_and_frames_are_searched_as_ever() -> None:
    image_rgb = np.full((960, 1280, 3), 150, np.uint8)
    image_rgb[200:680, 300:940] = cartoon(masked=True)
    plain, tiled = FaceDetector(), FaceDetector(tiles="auto")
    assert plain.detect(image_rgb) == tiled.detect(image_rgb)
    large_rgb = np.repeat(np.repeat(image_rgb, 2, axis=0), 2, axis=1)
    assert plain.detect_live(large_rgb) == tiled.detect_live(large_rgb)


def test_another_word_is_refused() -> None:
    with pytest.raises(SettingError, match=r"^tiles: must be one of off, auto, not all$"):
        FaceDetector(tiles="all")  # type: ignore[arg-type]
