"""Boxes land on the face they were drawn around, or are refused: sizes, EXIF turns, edges.

Run: pytest tests/unit/training/data/test_placing.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image
from support.label_factory import voc_text, write

from maskwatch.io.images import load_image
from maskwatch.training.data.labels import SHARES, Annotation, LabelledFace, Mark, Problem
from maskwatch.training.data.placing import (
    SCALED,
    TURNED,
    UNTOLD,
    Fit,
    Picture,
    fit_to,
    open_picture,
    place,
    upright,
)
from maskwatch.training.data.readers import read_set

STORED_WH = (60, 40)
BOX = (8, 4, 24, 12)


def turned_picture(path: Path, orientation: int) -> Path:
    """A black picture of 60 x 40 pixels with a white BOX, to be turned by EXIF."""
    pixels = np.zeros((STORED_WH[1], STORED_WH[0], 3), np.uint8)
    pixels[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 255
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, exif=exif)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_is_turned_as_the_picture_is(tmp_path, orientation):
    image = load_image(turned_picture(tmp_path / "a.png", orientation))
    rows, columns = np.nonzero(image[:, :, 0])
    seen = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert upright(BOX, STORED_WH, orientation) == seen


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_tells_its_turn(tmp_path, orientation):
    picture = open_picture(turned_picture(tmp_path / "a.png", orientation))
    assert (picture.orientation, picture.stored_wh) == (orientation, STORED_WH)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("factor", [1, 2])
def test_boxes_drawn_before_the_turn_are_turned(tmp_path, orientation, factor):
    image = load_image(turned_picture(tmp_path / "a.png", orientation))
    size, box = [side * factor for side in STORED_WH], [side * factor for side in BOX]
    write(tmp_path / "a.xml", voc_text("a.png", [("with_mask", box)], size))
    reading = read_set(tmp_path)
    left, top, right, bottom = map(int, reading.faces[0].box_xyxy)
    assert image[top:bottom, left:right].min() == 255
    assert (right - left) * (bottom - top) == (image > 0).sum() / 3
    told = [SCALED, TURNED] if factor > 1 else [TURNED]
    assert reading.notes == tuple(f"{note} (pictures: 1, first: a.png)" for note in told)


UPRIGHT, SIDEWAYS = Picture(Path("a"), (60, 40), 1), Picture(Path("a"), (40, 60), 6)
OVERHEAD, SQUARE = Picture(Path("a"), (60, 40), 3), Picture(Path("a"), (50, 50), 6)


@pytest.mark.parametrize(
    ("size_wh", "picture", "fit"),
    [
        (None, UPRIGHT, Fit()),
        (SHARES, UPRIGHT, Fit((60, 40))),
        ((60, 40), UPRIGHT, Fit()),
        ((120, 80), UPRIGHT, Fit((0.5, 0.5), notes=(SCALED,))),
        ((59, 39), UPRIGHT, Fit((60 / 59, 40 / 39), notes=(SCALED,))),  # rounded sides
        ((40, 60), UPRIGHT, None),
        ((60, 60), UPRIGHT, None),
        ((640, 480), UPRIGHT, None),
        (None, SIDEWAYS, Fit(notes=(UNTOLD,))),
        (SHARES, SIDEWAYS, Fit((40, 60), notes=(UNTOLD,))),
        ((40, 60), SIDEWAYS, Fit()),
        ((60, 40), SIDEWAYS, Fit(turns=True, notes=(TURNED,))),
        ((20, 30), SIDEWAYS, Fit((2, 2), notes=(SCALED,))),
        ((30, 20), SIDEWAYS, Fit((2, 2), turns=True, notes=(SCALED, TURNED))),
        ((60, 40), OVERHEAD, Fit(notes=(UNTOLD,))),
        ((30, 20), OVERHEAD, Fit((2, 2), notes=(SCALED, UNTOLD))),
        ((50, 50), SQUARE, Fit(notes=(UNTOLD,))),
        ((25, 25), SQUARE, Fit((2, 2), notes=(SCALED, UNTOLD))),
    ],
)
def test_how_boxes_of_a_size_come_onto_a_picture(size_wh, picture, fit):
    assert fit_to(size_wh, picture) == fit


def test_boxes_of_a_picture_of_another_shape_are_refused():
    annotation = Annotation(Path("a.xml"), "a", (Mark("object 1", "x", (1, 2, 3, 4)),), (60, 60))
    notes, faces = place(annotation, UPRIGHT)
    assert notes == ()
    assert [item.reason for item in faces] == [
        "drawn on a picture of 60 x 60, but a has 60 x 40 pixels, another shape; label it anew or "
        "take the picture meant"
    ]


@given(
    box=st.tuples(*[st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1e308, -1e308])] * 4),
    size_wh=st.none() | st.just(SHARES) | st.tuples(st.integers(1, 200), st.integers(1, 200)),
    picture=st.sampled_from([UPRIGHT, SIDEWAYS, OVERHEAD, SQUARE]),
)
def test_whatever_is_taken_lies_inside_of_its_picture(box, size_wh, picture):
    annotation = Annotation(Path("a.xml"), "a", (Mark("line 1", "x", box),), size_wh)
    (item,) = place(annotation, picture)[1]
    if isinstance(item, Problem):
        assert "\n" not in item.reason
        return
    assert isinstance(item, LabelledFace)
    left, top, right, bottom = item.box_xyxy
    assert 0 <= left < right <= picture.size_wh[0]
    assert 0 <= top < bottom <= picture.size_wh[1]


@given(
    corner=st.tuples(st.floats(0, 50), st.floats(0, 30)),
    size=st.tuples(st.floats(1, 10), st.floats(1, 10)),
    factor=st.sampled_from([0.5, 1, 2, 3]),
    orientation=st.integers(1, 8),
)
def test_a_box_is_the_same_from_any_size_and_side(corner, size, factor, orientation):
    box = (*corner, corner[0] + size[0], corner[1] + size[1])
    sideways = orientation >= 5
    picture = Picture(Path("a"), STORED_WH[::-1] if sideways else STORED_WH, orientation)
    drawn_wh = tuple(side * factor for side in STORED_WH)
    mark = Mark("line 1", "x", tuple(side * factor for side in box))
    (face,) = place(Annotation(Path("a.xml"), "a", (mark,), drawn_wh), picture)[1]
    # where width and height are not exchanged, nobody can know: taken for the upright picture
    expected = upright(box, STORED_WH, orientation) if sideways else box
    assert face.box_xyxy == pytest.approx(expected, abs=1e-6)
