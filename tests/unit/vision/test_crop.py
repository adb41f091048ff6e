"""crop_faces: what is cut, how it is padded, and that odd boxes cost no memory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.vision.crop import crop_faces


def gradient(width: int, height: int) -> np.ndarray:
    """Red grows to the right, green downwards."""
    x = np.linspace(0, 255, width, dtype=np.uint8)
    y = np.linspace(0, 255, height, dtype=np.uint8)
    red, green = np.meshgrid(x, y)
    return np.dstack([red, green, np.zeros_like(red)])


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, float).reshape(-1, 4)


def test_no_box_gives_an_empty_batch():
    assert crop_faces(gradient(50, 40), boxes(), 32, 0.1).shape == (0, 32, 32, 3)


def test_a_crop_at_its_own_size_is_the_picture():
    image = gradient(64, 64)
    crop = crop_faces(image, boxes((0, 0, 64, 64)), 64, 0.0)[0]
    assert np.array_equal(crop, image)


def test_several_boxes_are_cut_in_order():
    image = np.zeros((40, 80, 3), np.uint8)
    image[:, 40:] = 200
    crops = crop_faces(image, boxes((40, 0, 80, 40), (0, 0, 40, 40)), 16, 0.0)
    assert crops[0].min() == 200 and crops[1].max() == 0


def test_the_square_has_the_longer_side_and_keeps_the_shape_of_the_face():
    image = np.zeros((100, 100, 3), np.uint8)
    image[30:70, 40:60] = 255  # a face twice as high as wide
    crop = crop_faces(image, boxes((40, 30, 60, 70)), 80, 0.0)[0]
    white = crop[..., 0] > 127
    assert white.any(axis=1).sum() == 80  # full height
    assert white.any(axis=0).sum() == pytest.approx(40, abs=1)  # half the width


@pytest.mark.parametrize(("margin", "share"), [(0.0, 1.0), (0.25, 1 / 1.5), (0.5, 0.5)])
def test_the_margin_widens_the_square_on_each_side(margin, share):
    image = np.zeros((200, 200, 3), np.uint8)
    image[80:120, 80:120] = 255
    crop = crop_faces(image, boxes((80, 80, 120, 120)), 120, margin)[0]
    assert (crop[60, :, 0] > 127).sum() == pytest.approx(120 * share, abs=1)


def test_what_lies_outside_the_picture_repeats_its_edge():
    image = np.full((40, 40, 3), 90, np.uint8)
    assert (crop_faces(image, boxes((0, 0, 10, 10)), 32, 0.5) == 90).all()


def test_a_wide_picture_is_not_padded_before_it_is_shrunk():
    image = np.full((10, 30_000, 3), 7, np.uint8)  # a padded square would take 2.7 GB
    assert (crop_faces(image, boxes((0, 0, 30_000, 10)), 64, 0.0) == 7).all()


@given(
    width=st.integers(1, 60),
    height=st.integers(1, 60),
    corners=st.tuples(*[st.floats(0.01, 0.99)] * 4),
    margin=st.floats(0, 2),
)
def test_any_box_in_any_picture_gives_colours_of_the_picture(width, height, corners, margin):
    image = np.random.default_rng(0).integers(50, 100, (height, width, 3), dtype=np.uint8)
    left, right = sorted((corners[0] * width, corners[1] * width))
    top, bottom = sorted((corners[2] * height, corners[3] * height))
    box = boxes((left, top, right + 0.01, bottom + 0.01))
    crop = crop_faces(image, box, 32, margin)
    assert crop.shape == (1, 32, 32, 3)
    assert crop.min() >= 50 and crop.max() < 100
