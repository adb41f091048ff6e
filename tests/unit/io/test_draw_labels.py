"""Labels stand beside faces, say as much as fits, and never cover a face that is not theirs.

Run: pytest tests/unit/io/test_draw_labels.py
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fakes import verdict

from maskwatch.io.draw import SMALLEST_TEXT_PX, Label, face_labels, picture_label
from maskwatch.schema import BoxXYXY, FaceVerdict, MaskState

WH = (400, 300)


def boxes(labels: list[Label]) -> list[BoxXYXY]:
    return [(x, y, x + plate.width, y + plate.height) for plate, (x, y) in labels]


def overlap(one: BoxXYXY, other: BoxXYXY) -> bool:
    return (
        max(one[0], other[0]) < min(one[2], other[2])
        and max(one[1], other[1]) < min(one[3], other[3])
    )  # fmt: skip


def at(x: float, y: float, side: float = 100.0) -> FaceVerdict:
    return verdict(MaskState.NO_MASK, (x, y, x + side, y + side))


def test_no_faces_no_labels() -> None:
    assert list(face_labels((), WH)) == list(picture_label((), WH)) == []


@pytest.mark.parametrize(
    ("face", "where"),
    [
        (at(50, 100), "above"),
        (at(50, 2), "below"),
        (at(150, 0, 300), "left"),
        (at(0, 0, 300), "right"),
    ],
)
def test_a_label_stands_where_there_is_room(face: FaceVerdict, where: str) -> None:
    (label,) = boxes(list(face_labels([face], WH)))
    left, top, right, bottom = face.box_xyxy
    gap = {
        "above": top - label[3],
        "below": label[1] - bottom,
        "left": left - label[2],
        "right": label[0] - right,
    }
    assert gap[where] == 0


def test_a_face_that_fills_the_picture_has_its_label_at_its_chin() -> None:
    (label,) = boxes(list(face_labels([verdict(box_xyxy=(0, 0, *WH))], WH)))
    assert label[3] == WH[1] and label[1] >= WH[1] * 0.75


def test_small_faces_among_others_get_less_text() -> None:
    widths = []
    for side in (60.0, 24.0, 10.0):
        faces = [at(x, 150, side) for x in (20.0, 320.0)]
        first, second = (plate for plate, _ in face_labels(faces, WH))
        assert first.size == second.size
        widths.append(first.width)
    full, confidence, symbol = widths
    assert full > 2 * confidence > 4 * symbol
    (alone,) = face_labels([at(20, 150, 10.0)], WH)
    assert alone[0].width == full


def test_the_largest_face_chooses_first() -> None:
    small, large = at(100, 100, 20), at(100, 139, 60)  # between them, one label fits
    labels = boxes(list(face_labels([small, large], WH)))
    assert labels[0][1:4:2] == (120, 139)


FACE = st.tuples(*[st.floats(0, 380)] * 2, *[st.floats(1, 120)] * 2)


@settings(deadline=None)
@given(st.lists(FACE, max_size=30))
def test_no_label_covers_another_face_or_another_label_or_leaves_the_picture(
    places: list[tuple[float, float, float, float]],
) -> None:
    faces = [
        verdict(box_xyxy=(x, y * 0.7, min(x + w, 400.0), min(y * 0.7 + h, 300.0)))
        for x, y, w, h in places
    ]
    labels = boxes(list(face_labels(faces, WH)))
    assert len(labels) <= len(faces)
    for index, label in enumerate(labels):
        assert label[0] >= 0 and label[1] >= 0 and label[2] <= 400 and label[3] <= 300
        assert not any(overlap(label, other) for other in labels[:index])
        assert sum(overlap(label, face.box_xyxy) for face in faces) <= 1


def test_the_label_of_a_whole_picture_is_at_its_bottom_and_grows_with_it() -> None:
    heights = []
    for size in (100, 1000):
        (label,) = boxes(list(picture_label([verdict()], (size, size))))
        assert label[0] == 0 and label[3] == size and label[2] <= size
        heights.append(label[3] - label[1])
    assert heights[1] > 2 * heights[0] >= 2 * SMALLEST_TEXT_PX


@pytest.mark.parametrize("side_px", [20, 60, 200])
def test_text_is_larger_where_the_picture_is_shown_small(side_px: float) -> None:
    face, image_wh = at(300, 200, side_px), (640, 480)
    heights = {
        shown_px: next(face_labels([face], image_wh, shown_px))[0].height for shown_px in (800, 375)
    }
    assert heights[375] * 375 / 640 >= 15  # as shown, symbol and text
    assert heights[375] > heights[800]
