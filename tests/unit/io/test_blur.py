"""Heads become too coarse to tell who, whole and wherever they are; all else stays as it is.

Run: pytest tests/unit/io/test_blur.py
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fakes import report, verdict

from maskwatch.io.blur import BLOCKS, HEAD_RADIUS, HOLD_S, FilmBlur, blur_heads
from maskwatch.schema import FaceOrigin, MaskState

NOISE = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
BOX = (120.0, 80.0, 180.0, 160.0)


def of(*boxes: tuple[float, float, float, float], origin: FaceOrigin = FaceOrigin.GIVEN):
    faces = [verdict(MaskState.MASK, box) for box in boxes]
    return report(*faces, size_wh=(320, 240), origin=origin)


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before != after).any(axis=-1)


def colours_across(picture: np.ndarray) -> int:
    """How many different colours there are in the row with most of them."""
    return max(len(np.unique(row, axis=0)) for row in picture)


def test_without_a_face_nothing_changes() -> None:
    assert np.array_equal(blur_heads(NOISE, of()), NOISE)
    assert np.array_equal(blur_heads(NOISE, of(origin=FaceOrigin.WHOLE_IMAGE)), NOISE)


def test_a_head_has_few_blocks_and_what_is_beside_it_stays() -> None:
    before = NOISE.copy()
    after = blur_heads(NOISE, of(BOX))
    assert np.array_equal(NOISE, before)  # it is a copy
    left, top, right, bottom = map(int, BOX)
    assert colours_across(after[top:bottom, left:right]) <= BLOCKS + 2
    rows, columns = np.nonzero(changed(NOISE, after))
    away = np.hypot(rows - 120, columns - 150)
    assert away.max() <= HEAD_RADIUS * 80 + 1
    # hair, ears and chin: more than a third of the face's height above it, also of one lying down
    for y, x in ((50, 150), (190, 150), (120, 80), (120, 220)):
        assert changed(NOISE, after)[y - 2 : y + 2, x - 2 : x + 2].mean() > 0.8


@given(st.integers(0, 2**31), st.integers(4, 10))
def test_faces_that_differ_within_blocks_only_become_the_same(seed: int, block_px: int) -> None:
    side = BLOCKS * block_px
    one = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    blocks = one.reshape(BLOCKS, block_px, BLOCKS, block_px, 3).swapaxes(1, 2)
    other = np.ascontiguousarray(blocks[:, :, ::-1, ::-1].swapaxes(1, 2).reshape(one.shape))
    told = of((0.0, 0.0, side, side), origin=FaceOrigin.WHOLE_IMAGE)
    blurred, same = blur_heads(one, told).astype(int), blur_heads(other, told)
    assert np.abs(blurred - same).max() <= 1  # rounding


@pytest.mark.parametrize(
    "box",
    [
        (-30.0, -30.0, 20.0, 20.0),
        (300.0, 220.0, 400.0, 320.0),
        (0.0, 0.0, 320.0, 240.0),
        (10.0, 10.0, 11.0, 12.0),
        (-500.0, -500.0, -400.0, -400.0),
    ],
)
def test_faces_at_the_edge_and_of_any_size(box: tuple[float, float, float, float]) -> None:
    assert blur_heads(NOISE, of(box)).shape == NOISE.shape


def test_a_picture_that_is_one_face_becomes_coarse_as_a_whole() -> None:
    whole = of((0.0, 0.0, 320.0, 240.0), origin=FaceOrigin.WHOLE_IMAGE)
    assert colours_across(blur_heads(NOISE, whole)) <= BLOCKS


def test_in_a_film_a_head_that_is_missed_stays_covered_for_a_moment() -> None:
    blur = FilmBlur()
    blur.apply(NOISE, of(BOX), 0.0)
    first = changed(NOISE, blur_heads(NOISE, of(BOX)))
    for time_s in (0.1, HOLD_S):
        assert changed(NOISE, blur.apply(NOISE, of(), time_s))[first].mean() > 0.95
    assert np.array_equal(blur.apply(NOISE, of(), HOLD_S + 0.1), NOISE)


@pytest.mark.parametrize(("width", "height"), [(640, 480), (160, 120), (240, 320)])
def test_a_missed_head_stays_covered_where_the_size_of_the_film_changes(
    width: int, height: int
) -> None:
    blur = FilmBlur()
    blur.apply(NOISE, of(BOX), 0.0)
    across, down = width / 320, height / 240
    left, top, right, bottom = (round(v * r) for v, r in zip(BOX, (across, down) * 2, strict=True))
    picture = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
    missed = replace(of(), image_size_wh=(width, height))
    covered = changed(picture, blur.apply(picture, missed, 0.1))
    assert covered[top:bottom, left:right].mean() > 0.95
    assert covered.mean() < 0.7  # elsewhere all is to be seen


def test_a_small_step_back_counts_as_no_time_passed() -> None:
    blur = FilmBlur()
    blur.apply(NOISE, of(BOX), 5.0)
    first = changed(NOISE, blur_heads(NOISE, of(BOX)))
    for time_s in (4.99, 4.5, 4.5 + HOLD_S):
        assert changed(NOISE, blur.apply(NOISE, of(), time_s))[first].mean() > 0.95
    assert np.array_equal(blur.apply(NOISE, of(), 4.6 + HOLD_S), NOISE)


def test_a_clock_that_goes_back_begins_anew() -> None:
    blur = FilmBlur()
    blur.apply(NOISE, of(BOX), 50.0)
    assert np.array_equal(blur.apply(NOISE, of(), 0.0), NOISE)
