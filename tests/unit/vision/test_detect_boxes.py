"""Boxes: decoding undoes encoding, overlaps are measured, and the best of many boxes stays.

Run: pytest tests/unit/vision/test_detect_boxes.py
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.vision import detect
from maskwatch.vision.detect import decode_faces, grid_points, iou_matrix, suppress_overlaps

WIDTH, HEIGHT = 96, 64
MIDDLES, SIDES = grid_points(WIDTH, HEIGHT)


def array(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def encode(point: int, score: float, box: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """What a network that sees this face from this point answers."""
    side, middle = SIDES[point], MIDDLES[point]
    centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    logit = math.log(score / (1 - score))
    offsets = ((landmarks - middle) / side).ravel()
    return np.array([logit, *(centre - middle) / side, *np.log(size / side), *offsets], np.float32)


def test_points_are_the_cells_row_by_row_from_fine_to_coarse() -> None:
    assert len(MIDDLES) == 12 * 8 + 6 * 4 + 3 * 2
    assert MIDDLES[:2].tolist() == [[4, 4], [12, 4]]
    assert MIDDLES[12].tolist() == [4, 12]
    assert MIDDLES[96].tolist() == [8, 8] and SIDES[96] == 16
    assert MIDDLES[-1].tolist() == [80, 48] and SIDES[-1] == 32


@pytest.mark.parametrize("logit", [-100.0, -2.0])
def test_where_nothing_is_seen_there_is_no_box(logit: float) -> None:
    output = np.full((len(MIDDLES), 15), logit, np.float32)
    found, scores, landmarks = decode_faces(output, WIDTH, HEIGHT, 0.5)
    assert (found.shape, scores.shape, landmarks.shape) == ((0, 4), (0,), (0, 5, 2))


def test_a_point_by_hand() -> None:
    output = np.full((len(MIDDLES), 15), -9.0, np.float32)
    # the second cell of the second row of 16 pixels: its middle is (24, 24)
    output[96 + 7] = [2.0, 0.5, -0.25, math.log(2), math.log(3), *[0] * 4, 1, 1, *[0] * 4]
    found, scores, landmarks = decode_faces(output, WIDTH, HEIGHT, 0.5)
    assert found.tolist() == [pytest.approx([16, -4, 48, 44], abs=1e-4)]
    assert scores.tolist() == [pytest.approx(1 / (1 + math.exp(-2)))]
    assert landmarks[0].tolist() == [[24, 24], [24, 24], [40, 40], [24, 24], [24, 24]]


@given(
    point=st.integers(0, len(MIDDLES) - 1),
    score=st.floats(0.31, 0.999),
    corner=st.tuples(st.floats(-50, 90), st.floats(-50, 60)),
    size=st.tuples(st.floats(1, 300), st.floats(1, 300)),
    marks=st.lists(st.floats(-200, 300), min_size=10, max_size=10),
)
def test_decoding_undoes_encoding(
    point: int,
    score: float,
    corner: tuple[float, float],
    size: tuple[float, float],
    marks: list[float],
) -> None:
    box = np.array([*corner, corner[0] + size[0], corner[1] + size[1]])
    landmarks = np.array(marks).reshape(5, 2)
    output = np.full((len(MIDDLES), 15), -9.0, np.float32)
    output[point] = encode(point, score, box, landmarks)
    found, scores, decoded = decode_faces(output, WIDTH, HEIGHT, 0.3)
    assert found[0] == pytest.approx(box, abs=1e-2)
    assert scores.tolist() == [pytest.approx(score, abs=1e-4)]
    assert decoded[0] == pytest.approx(landmarks, abs=1e-2)


def test_the_least_score_counts_and_less_does_not() -> None:
    output = np.full((len(MIDDLES), 15), -9.0, np.float32)
    output[:3, 0] = [math.log(0.69 / 0.31), math.log(0.71 / 0.29), 60.0]
    _, scores, _ = decode_faces(output, WIDTH, HEIGHT, 0.7)
    assert scores.tolist() == [pytest.approx(0.71), 1.0]


def test_a_size_beyond_reason_stays_a_number() -> None:
    output = np.full((len(MIDDLES), 15), 1e9, np.float32)
    assert np.isfinite(decode_faces(output, WIDTH, HEIGHT, 0.5)[0]).all()


IOU_TABLE = [
    ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
    ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3),
    ((0, 0, 10, 10), (2, 2, 7, 7), 0.25),  # inside
    ((0, 0, 10, 10), (10, 0, 20, 10), 0.0),  # side by side
    ((0, 0, 10, 10), (50, 50, 60, 60), 0.0),
    ((3, 3, 3, 3), (3, 3, 3, 3), 0.0),  # no area
]


@pytest.mark.parametrize(("one", "other", "iou"), IOU_TABLE)
def test_intersection_over_union(
    one: tuple[float, ...], other: tuple[float, ...], iou: float
) -> None:
    assert iou_matrix(array(one), array(other)).tolist() == [[pytest.approx(iou)]]
    assert iou_matrix(array(other), array(one)).tolist() == [[pytest.approx(iou)]]


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 3), (2, 0), (2, 3)])
def test_every_box_meets_every_other(n: int, m: int) -> None:
    assert iou_matrix(np.zeros((n, 4), np.float32), np.zeros((m, 4), np.float32)).shape == (n, m)


def stay(rows: np.ndarray, scores: np.ndarray, max_iou: float) -> np.ndarray:
    """Indices of the boxes that stay."""
    return np.array([voters[0] for voters in suppress_overlaps(rows, scores, max_iou)], int)


@pytest.mark.parametrize(
    ("other", "score", "votes"),
    [
        ((0, 0, 10, 7), 0.9, [0, 1]),  # IoU 0.7
        ((0, 0, 10, 7), 0.6, [0]),  # not as sure
        ((0, 0, 10, 5), 0.9, [0]),  # goes, but sees something else
        ((20, 0, 30, 10), 0.9, [0]),  # stays, and is another face
    ],
)
def test_who_votes_on_the_place_of_a_face(
    other: tuple[float, ...], score: float, votes: list[int]
) -> None:
    faces = suppress_overlaps(array((0, 0, 10, 10), other), np.array([0.95, score]), 0.4)
    assert faces[0].tolist() == votes


NMS_TABLE = [
    ([], [], []),
    ([(0, 0, 10, 10)], [0.9], [0]),
    ([(0, 0, 10, 10), (1, 0, 11, 10)], [0.8, 0.9], [1]),  # the better of two
    ([(0, 0, 10, 10), (1, 0, 11, 10)], [0.9, 0.9], [0]),  # equals: the first
    ([(0, 0, 10, 10), (50, 0, 60, 10)], [0.8, 0.9], [1, 0]),  # apart: both, best first
    # the middle one goes, and with it its claim on the third
    ([(0, 0, 10, 10), (4, 0, 14, 10), (8, 0, 18, 10)], [0.9, 0.8, 0.7], [0, 2]),
]


@pytest.mark.parametrize(("rows", "scores", "kept"), NMS_TABLE)
def test_which_boxes_stay(
    rows: list[tuple[float, ...]], scores: list[float], kept: list[int]
) -> None:
    assert stay(array(*rows), np.array(scores), 0.4).tolist() == kept


BOX = st.tuples(*[st.integers(0, 40)] * 4).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))


@given(
    candidates=st.lists(st.tuples(BOX, st.floats(0, 1, width=32)), max_size=40),
    max_iou=st.floats(0.05, 0.95),
)
def test_no_two_of_those_that_stay_overlap_and_a_second_time_changes_nothing(
    candidates: list[tuple[tuple[float, ...], float]], max_iou: float
) -> None:
    rows = array(*(box for box, _ in candidates))
    scores = np.array([score for _, score in candidates], np.float32)
    kept = stay(rows, scores, max_iou)
    among = iou_matrix(rows[kept], rows[kept])
    np.fill_diagonal(among, 0)
    assert (among <= max_iou).all()
    assert (np.diff(scores[kept]) <= 0).all()
    again = stay(rows[kept], scores[kept], max_iou)
    assert again.tolist() == list(range(len(kept)))
    # what went overlaps something that is at least as good
    gone = np.setdiff1d(np.arange(len(rows)), kept)
    for index in gone:
        rivals = kept[scores[kept] >= scores[index]]
        assert (iou_matrix(rows[[index]], rows[rivals]) > max_iou).any()


def test_only_the_best_candidates_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "MAX_CANDIDATES", 3)
    rows = array(*((20.0 * i, 0, 20.0 * i + 10, 10) for i in range(6)))
    kept = stay(rows, np.array([0.1, 0.6, 0.2, 0.5, 0.3, 0.4]), 0.4)
    assert kept.tolist() == [1, 3, 5]
