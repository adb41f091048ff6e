"""Tiles cover a photo, overlap by a face, and find what is too small for a look at the whole."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cartoon_face import cartoon

from maskwatch import SettingError
from maskwatch.vision.detect import FaceDetector
from maskwatch.vision.tiles import (
    LEAST_PX,
    MARGIN_PX,
    OVERLAP_PX,
    TILE_PX,
    Tiles,
    is_part,
    is_whole,
    tile_corners,
    tile_scales,
)

SIZES = st.integers(1, 9000)
SCALES = st.sampled_from([1, 5, 25])
TAKEN_PX = OVERLAP_PX - 2 * MARGIN_PX
"""The largest face that is whole in a tile wherever it is."""


@given(SIZES, SIZES, SCALES)
def test_tiles_cover_a_photo_and_overlap(width: int, height: int, scale: int) -> None:
    for length, starts in (
        (width, sorted({left for left, _ in tile_corners(width, height, scale)})),
        (height, sorted({top for _, top in tile_corners(width, height, scale)})),
    ):
        assert starts[0] == 0 and starts[-1] + scale * TILE_PX >= length
        gaps = np.diff(starts)
        assert (gaps <= scale * (TILE_PX - OVERLAP_PX)).all()


@given(st.integers(1000, 40_000), SCALES, st.floats(0, 1), st.floats(0.1, 1))
def test_every_small_face_is_whole_in_a_tile(
    width: int, scale: int, place: float, share: float
) -> None:
    face_px = min(share * scale * TAKEN_PX, width)
    left = place * (width - face_px)
    box = np.array([[left, 0, left + face_px, face_px]])
    size = width, 900
    corners = tile_corners(*size, scale)
    assert any(is_whole(box, corner, size, scale).all() for corner in corners)


@pytest.mark.parametrize(
    ("shrunk", "scales"),
    [
        (0.5, [1]),
        (5, [1]),
        (5.1, [5, 1]),  # the photo has 4,896 pixels and is looked at with 960
        (25, [5, 1]),
        (25.1, [25, 5, 1]),
    ],
)
def test_a_photo_scaled_down_much_is_looked_at_with_larger_tiles_first(
    shrunk: float, scales: list[int]
) -> None:
    assert tile_scales(shrunk) == scales


@given(st.floats(1, 200))
def test_no_size_of_face_is_left_out_between_the_rounds(shrunk: float) -> None:
    rounds = [shrunk, *tile_scales(shrunk)]
    for rougher, finer in itertools.pairwise(rounds):
        assert LEAST_PX * rougher < TAKEN_PX * finer


@pytest.mark.parametrize(
    ("box", "corner", "whole"),
    [
        ((800, 10, 900, 110), (768, 0), True),
        ((768, 10, 868, 110), (768, 0), False),  # cut by the tile's left edge
        ((776, 10, 876, 110), (768, 0), False),  # perhaps half a face, with its border inside
        ((1620, 10, 1720, 110), (768, 0), False),
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


def panorama(person_rgb: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A photo of one row of people, wherever tiles have their borders, and their left and right."""
    height, person_px = person_rgb.shape[:2]
    image_rgb = np.full((height, width, 3), (120, 130, 140), np.uint8)
    lefts = np.arange(0, width - person_px, max(560, person_px))
    for left in lefts:
        image_rgb[:, left : left + person_px] = person_rgb
    return image_rgb, np.stack([lefts, lefts + person_px], axis=1)


@pytest.mark.parametrize(
    ("face_px", "contrast"),
    [
        (144, 1),  # a rough look at the whole photo shows a second one beside it
        (222, 0.35),  # too large for a tile, and too faint where it has 13 pixels
    ],
)
def test_every_face_of_a_wide_panorama_is_found_once(face_px: int, contrast: float) -> None:
    pale_rgb = (128 + contrast * (cartoon(True) - 128.0)).astype(np.uint8)
    zoom = face_px / 238
    person_rgb = cv2.resize(pale_rgb, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    image_rgb, places = panorama(person_rgb, 16_000)
    faces = FaceDetector(tiles="auto").detect(image_rgb)
    boxes = np.array([face.box_xyxy for face in faces]).reshape(-1, 4)
    middles = boxes[:, [0, 2]].mean(axis=1, keepdims=True)
    inside = (middles > places[:, 0]) & (middles < places[:, 1])
    assert inside.sum(axis=0).tolist() == [1] * len(places)
    assert len(boxes) == len(places)
    assert np.ptp(boxes[:, 3]) < face_px / 4  # none of them by a half


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
