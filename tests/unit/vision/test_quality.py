"""What can be seen of a face is measured as a person would say it, and poor views count little.

Run: pytest tests/unit/vision/test_quality.py
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.drawn_faces import draw_face, landmarks

from maskwatch.schema import Face, FaceQuality, ImageRGB
from maskwatch.vision.quality import evidence_weight, measure_quality

GOOD = FaceQuality(side_px=120, sharpness=0.6, visible_ratio=1, roll_deg=5, yaw_deg=-5)
SIZE = 200


def turned(points: np.ndarray, roll_deg: float) -> np.ndarray:
    """Landmarks turned clockwise (y points down) about the middle of the drawn picture."""
    angle = np.deg2rad(roll_deg)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return (points - SIZE / 2) @ turn + SIZE / 2


def face(points: np.ndarray | None = None, box: tuple[float, ...] = (60, 50, 140, 150)) -> Face:
    marks = None if points is None else tuple((float(x), float(y)) for x, y in points)
    return Face(tuple(map(float, box)), 0.9, marks)


def drawn() -> tuple[ImageRGB, Face]:
    image, box = draw_face(3, masked=True)
    return image, face(landmarks((SIZE / 2, SIZE / 2), 34.0), box)


def measure(image: ImageRGB, one: Face) -> FaceQuality:
    (quality,) = measure_quality(image, [one])
    return quality


def test_no_faces_no_qualities() -> None:
    assert measure_quality(np.zeros((40, 60, 3), np.uint8), []) == ()


def test_each_face_is_measured_by_itself() -> None:
    image, one = drawn()
    other = replace(face(box=(20.0, 20.0, 60.0, 40.0)), landmarks_xy=None)
    assert measure_quality(image, [one, other]) == (measure(image, one), measure(image, other))


def test_the_longer_side_counts() -> None:
    image, _ = drawn()
    assert measure(image, face(box=(10, 20, 30, 70))).side_px == 50
    assert measure(image, face(box=(10.5, 20, 71, 70))).side_px == 60.5


def test_more_blur_is_less_sharp() -> None:
    image, one = drawn()
    sides = [measure(image, one).sharpness]
    for sigma_px in (1, 2, 3, 5, 8):
        sides.append(measure(cv2.GaussianBlur(image, (0, 0), sigma_px), one).sharpness)
    assert sides == sorted(sides, reverse=True)
    assert sides[0] > 2 * sides[2]
    assert sides[-1] < 0.1


def test_an_enlarged_small_face_is_not_sharp() -> None:
    image, one = drawn()
    small = cv2.resize(image, (SIZE // 6, SIZE // 6), interpolation=cv2.INTER_AREA)
    enlarged = cv2.resize(small, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    assert measure(enlarged, one).sharpness < 0.5 * measure(image, one).sharpness


@pytest.mark.parametrize("times", [2, 4, 6])
def test_a_small_face_is_no_blurred_one(times: int) -> None:
    """Enlarged to the size of others it would lose twice, by its size and by its blur."""
    image, one = drawn()
    sides = (SIZE // times, SIZE // times)
    small = cv2.resize(image, sides, interpolation=cv2.INTER_AREA)
    box = tuple(value / times for value in one.box_xyxy)
    assert measure(small, face(box=box)).sharpness > 0.8 * measure(image, one).sharpness


@pytest.mark.parametrize(("gain", "offset"), [(0.3, 0), (0.5, 100), (0.9, 20)])
@pytest.mark.parametrize("sigma_px", [0.5, 3.0])
def test_light_and_contrast_change_no_sharpness(
    gain: float, offset: float, sigma_px: float
) -> None:
    image, one = drawn()
    image = cv2.GaussianBlur(image, (0, 0), sigma_px)
    relit = (image * gain + offset).astype(np.uint8)
    assert measure(relit, one).sharpness == pytest.approx(measure(image, one).sharpness, abs=0.05)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_plain_picture_shows_no_detail(value: int) -> None:
    plain = np.full((SIZE, SIZE, 3), value, np.uint8)
    noise = np.random.default_rng(0).integers(0, 2, plain.shape).astype(np.uint8)
    assert measure(plain, face()).sharpness == 0
    assert measure(plain // 2 + noise, face()).sharpness < 0.2


def test_turns_of_a_face_without_landmarks_are_not_known() -> None:
    quality = measure(drawn()[0], face())
    assert (quality.roll_deg, quality.yaw_deg) == (None, None)


def test_landmarks_on_one_spot_say_nothing() -> None:
    quality = measure(drawn()[0], face(np.full((5, 2), 100.0)))
    assert (quality.roll_deg, quality.yaw_deg) == (None, None)


@pytest.mark.parametrize("yaw_deg", [-50, -30, -10, 0, 10, 30, 50])
def test_yaw_is_that_of_the_head(yaw_deg: float) -> None:
    # the drawn head turns the other way round: positive is the picture's right here
    points = landmarks((100, 100), 34.0, yaw_deg)
    assert measure(drawn()[0], face(points)).yaw_deg == pytest.approx(yaw_deg, abs=3)


@settings(deadline=None)
@given(yaw_deg=st.floats(-60, 60), roll_deg=st.floats(-170, 170), unit_px=st.floats(2, 60))
def test_a_mirror_flips_the_signs_of_both_turns(
    yaw_deg: float, roll_deg: float, unit_px: float
) -> None:
    image, _ = drawn()
    points = turned(landmarks((100, 100), unit_px, yaw_deg), roll_deg)
    mirrored = points[[1, 0, 2, 4, 3]] * (-1, 1) + (SIZE, 0)
    one, other = measure(image, face(points)), measure(image, face(mirrored))
    assert one.yaw_deg is not None and one.roll_deg is not None
    assert other.yaw_deg == pytest.approx(-one.yaw_deg, abs=1e-6)
    assert other.roll_deg == pytest.approx(-one.roll_deg, abs=1e-6)


@settings(deadline=None)
@given(yaw_deg=st.floats(-60, 60), roll_deg=st.floats(-90, 90), more_deg=st.floats(-80, 80))
def test_turning_the_picture_adds_to_roll_and_not_to_yaw(
    yaw_deg: float, roll_deg: float, more_deg: float
) -> None:
    image, _ = drawn()
    points = turned(landmarks((100, 100), 30.0, yaw_deg), roll_deg)
    one, other = measure(image, face(points)), measure(image, face(turned(points, more_deg)))
    assert one.yaw_deg is not None and one.roll_deg is not None
    assert one.roll_deg == pytest.approx(roll_deg, abs=1e-6)
    assert other.roll_deg == pytest.approx(one.roll_deg + more_deg, abs=1e-6)
    assert other.yaw_deg == pytest.approx(one.yaw_deg, abs=1e-6)


@pytest.mark.parametrize(
    ("box", "ratio"),
    [
        ((60, 60, 140, 140), 1.0),  # well inside
        ((0, 60, 100, 160), 1.15 / 1.3),  # touches one edge: its surroundings are cut
        ((0, 0, 200, 200), (1 / 1.3) ** 2),
        ((-50, 60, 50, 160), 0.5),  # half outside
    ],
)
def test_the_part_inside_the_picture(box: tuple[float, ...], ratio: float) -> None:
    assert measure(drawn()[0], face(box=box)).visible_ratio == pytest.approx(ratio)


def test_a_picture_that_is_the_face_is_seen_whole() -> None:
    image, _ = drawn()
    (quality,) = measure_quality(image, [face(box=(0, 0, SIZE, SIZE))], margin_ratio=0)
    assert quality.visible_ratio == 1


def test_landmarks_tell_how_much_of_a_clipped_face_is_outside() -> None:
    """A detector's box ends at the edge; that alone would look like a whole face there."""
    image, _ = drawn()
    box = (60, 150, 140, 200)
    middle_low = landmarks((100, 185), 34.0)
    clipped = measure(image, face(box=box)).visible_ratio
    assert measure(image, face(middle_low, box)).visible_ratio < clipped - 0.2


@pytest.mark.parametrize(
    ("changes", "low", "high"),
    [
        ({}, 1, 1),
        ({"roll_deg": None, "yaw_deg": None}, 1, 1),
        ({"roll_deg": 40}, 1, 1),  # a tilted head is no poor view
        ({"roll_deg": -95}, 0, 0),
        ({"yaw_deg": 65}, 1, 1),  # a profile
        ({"yaw_deg": 80}, 0.3, 0.7),
        ({"yaw_deg": -90}, 0, 0),
        ({"side_px": 6}, 0, 0),
        ({"side_px": 9}, 0.3, 0.7),
        ({"side_px": 15}, 1, 1),
        ({"sharpness": 0.0}, 0, 0),
        ({"sharpness": 0.05}, 0.3, 0.7),
        ({"visible_ratio": 1.15 / 1.3}, 1, 1),  # whole, though at the edge
        ({"visible_ratio": 0.5}, 0, 0),
    ],
)
def test_poor_views_count_little(changes: dict[str, float], low: float, high: float) -> None:
    assert low <= evidence_weight(replace(GOOD, **changes), 0.9) <= high


@pytest.mark.parametrize(
    ("score", "low", "high"),
    [(0.0, 0, 0), (0.45, 0, 0), (0.59, 0.3, 0.7), (0.75, 1, 1), (1.0, 1, 1)],
)
def test_what_is_hardly_a_face_to_the_detector_counts_little(
    score: float, low: float, high: float
) -> None:
    """A hand before the mouth, or half a face behind another."""
    assert low <= evidence_weight(GOOD, score) <= high


@settings(deadline=None)
@given(
    st.builds(
        FaceQuality,
        st.floats(0, 1000),
        st.floats(0, 1),
        st.floats(0, 1),
        st.none() | st.floats(-180, 180),
        st.none() | st.floats(-90, 90),
    ),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_a_better_view_never_counts_less(quality: FaceQuality, score: float, better: float) -> None:
    weight = evidence_weight(quality, score)
    assert 0 <= weight <= 1
    assert evidence_weight(quality, score + better) >= weight
    for name in ("side_px", "sharpness", "visible_ratio"):
        raised = replace(quality, **{name: getattr(quality, name) + better})
        assert evidence_weight(raised, score) >= weight
    if quality.yaw_deg is not None:
        turned_back = replace(quality, yaw_deg=quality.yaw_deg * better)
        assert evidence_weight(turned_back, score) >= weight


def test_quality_as_plain_values() -> None:
    assert replace(GOOD, roll_deg=None, sharpness=0.123456).to_dict() == {
        "side_px": 120,
        "sharpness": 0.1235,
        "visible_ratio": 1,
        "roll_deg": None,
        "yaw_deg": -5,
    }
