"""All sets' boxes become one kind: what both saw, what only a person saw, and what is unknown."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.training.data.holdout import TruthPhoto
from maskwatch.training.data.machine_faces import found_boxes
from maskwatch.training.detector.convention import (
    FEWEST_PAIRS,
    FOUND_CHANGE,
    change_found,
    convention_boxes,
    fit_boxes,
    in_convention,
    same_faces,
)


def machine(*boxes, score=0.9):
    """Found faces (n, 15) from left, top, width, height."""
    return np.array([[*box, *range(10), score] for box in boxes], float).reshape(-1, 15)


def drawn(*boxes):
    return np.array(boxes, float).reshape(-1, 4)


def loose(found):
    """The same faces drawn with hair and neck: 1.4 times as wide, 1.5 times as high, higher up."""
    left, top, width, height = found[:, :4].T
    x, y = left + width / 2, top + height * 0.4
    half_x, half_y = 0.7 * width, 0.75 * height
    return np.column_stack([x - half_x, y - half_y, x + half_x, y + half_y])


def crowd(count, seed=0):
    """Found faces far from each other."""
    random = np.random.default_rng(seed)
    width = random.uniform(20, 60, count)
    height = width * random.uniform(1.0, 1.5, count)
    left = np.arange(count) * 300.0 + 100
    return machine(*np.column_stack([left, np.full(count, 100.0), width, height]))


def test_a_found_box_becomes_lower_and_a_little_larger():
    changed = change_found(machine((0, 0, 100, 200)), 0.08, 0.09, 0.06)
    assert np.allclose(found_boxes(changed), [[-4.5, 10, 104.5, 222]])
    assert changed[0, 4:].tolist() == [*range(10), 0.9]
    assert change_found(machine(), 0.08, 0.09, 0.06).shape == (0, 15)


@pytest.mark.parametrize(
    ("drawn_xyxy", "found", "same"),
    [
        ([], [], []),
        ([], [(0, 0, 10, 10)], []),
        ([(0, 0, 10, 10)], [], [-1]),
        ([(0, 0, 10, 10)], [(0, 0, 10, 9)], [0]),
        ([(0, 0, 10, 10)], [(0, 0, 10, 2.9)], [-1]),  # too little overlap
        ([(0, 0, 10, 10), (0, 0, 10, 8)], [(0, 0, 10, 8)], [-1, 0]),  # each face once
        ([(0, 0, 10, 10)], [(50, 0, 10, 10), (0, 0, 10, 9)], [1]),
    ],
)
def test_which_found_face_is_the_drawn_one(drawn_xyxy, found, same):
    assert same_faces(drawn(*drawn_xyxy), machine(*found)).tolist() == same


def test_a_doubtful_found_face_is_nobody():
    assert same_faces(drawn((0, 0, 10, 10)), machine((0, 0, 10, 10), score=0.49)).tolist() == [-1]


def test_a_sets_way_of_drawing_is_learnt_from_what_both_saw():
    found = crowd(60)
    fit = fit_boxes([(loose(found)[:40], found[:40]), (loose(found)[40:], found[40:])])
    unseen = crowd(20, seed=1)
    assert np.allclose(fit.apply(loose(unseen)), found_boxes(unseen), atol=0.1)


def test_a_few_wrong_pairs_do_not_bend_the_fit():
    found = crowd(60)
    boxes = loose(found)
    boxes[:3, 3] += 60  # three that take in the chest
    fit = fit_boxes([(boxes, found)])
    assert np.allclose(fit.apply(loose(found)[3:]), found_boxes(found)[3:], atol=0.5)


def test_boxes_too_large_to_be_paired_at_first_are_fitted_all_the_same():
    found = crowd(120)
    boxes = loose(found)
    boxes[60:] += np.array([-12, -25, 12, 5])  # heads with hair and collar
    before = (same_faces(boxes, found) >= 0).sum()
    fit = fit_boxes([(boxes, found)])
    taught, is_placed = convention_boxes(boxes, found, fit)
    assert before < 120 and is_placed.all()
    assert (same_faces(fit.apply(boxes), found) >= 0).sum() > before
    assert (same_faces(taught, found) >= 0).all()


def test_photos_of_a_set_that_draws_heads_are_scored_by_their_faces():
    found = crowd(60)
    photos = [
        TruthPhoto(Path("none.jpg"), f"heads/{index}.jpg", loose(found[index : index + 1]))
        for index in range(60)
    ]
    other = TruthPhoto(Path("none.jpg"), "faces/0.jpg", drawn((5, 5, 50, 60)), np.array([1]))
    by_name = {photo.name: found[index : index + 1] for index, photo in enumerate(photos)}
    by_name["heads/0.jpg"] = found[[0, 7]]  # the second is nobody's box
    alike = in_convention([other, *photos], by_name)
    assert [photo.name for photo in alike] == ["faces/0.jpg", *by_name]
    assert np.array_equal(alike[0].boxes_xyxy, other.boxes_xyxy)  # nothing is known of its set
    assert alike[0].labels is other.labels and len(alike[0].undrawn_xyxy) == 0
    wanted = found_boxes(change_found(found, *FOUND_CHANGE))
    got = np.concatenate([photo.boxes_xyxy for photo in alike[1:]])
    assert np.allclose(got, wanted, atol=0.2)
    assert np.allclose(alike[1].undrawn_xyxy, wanted[7:8])
    assert in_convention([], {}) == []


def test_too_few_pairs_tell_nothing():
    found = crowd(FEWEST_PAIRS - 1)
    assert fit_boxes([(loose(found), found)]) is None
    assert fit_boxes([]) is None
    assert fit_boxes([(loose(crowd(50)), machine())]) is None


def test_agreed_boxes_are_the_mean_of_both_and_the_rest_is_fitted():
    found = crowd(60)
    boxes = loose(found)
    fit = fit_boxes([(boxes, found)])
    noisy = boxes[:2] + np.array([10, 0, 10, 0])
    taught, is_placed = convention_boxes(noisy, found[:1], fit)
    assert is_placed.tolist() == [True, True]
    assert np.allclose(taught[0], found_boxes(found)[0] + (5, 0, 5, 0), atol=0.1)
    assert np.allclose(taught[1], found_boxes(found)[1] + (10, 0, 10, 0), atol=0.1)


def test_without_a_fit_only_what_both_saw_is_placed():
    found = crowd(2)
    boxes = loose(found)
    taught, is_placed = convention_boxes(boxes, found[:1], None)
    assert is_placed.tolist() == [True, False]
    assert np.allclose(taught[0], found_boxes(found)[0]) and np.allclose(taught[1], boxes[1])
    empty, nothing = convention_boxes(drawn(), machine(), None)
    assert empty.shape == (0, 4) and nothing.shape == (0,)


@given(
    scale=st.floats(0.1, 20),
    shift=st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
)
def test_where_and_how_large_a_face_is_does_not_matter(scale, shift):
    found = crowd(40)
    fit = fit_boxes([(loose(found), found)])
    move = np.tile(shift, 2)
    moved = fit.apply(loose(found) * scale + move)
    assert np.allclose(moved, fit.apply(loose(found)) * scale + move, atol=1e-6 * scale + 1e-6)
