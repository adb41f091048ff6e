"""A face keeps its number while it moves, hides, crosses another and comes back; boxes are enough.

Run: pytest tests/unit/vision/test_track.py
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwatch.vision.track import LOST_S, Tracker

NONE = np.empty((0, 4))


def box(x: float, y: float = 200, side: float = 80) -> tuple[float, float, float, float]:
    return (x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def see(tracker: Tracker, *boxes: tuple[float, ...], elapsed_s: float = 1 / 15) -> list[int | None]:
    array = np.array(boxes, float).reshape(-1, 4)
    return list(tracker.update(array, np.ones(len(array), bool), elapsed_s))


def test_nobody_there() -> None:
    tracker = Tracker()
    assert see(tracker) == see(tracker) == []
    assert tracker.track_ids == frozenset()


def test_a_face_keeps_its_number_and_a_second_gets_its_own() -> None:
    tracker = Tracker()
    assert see(tracker, box(100)) == [1]
    assert see(tracker, box(104), box(400)) == [1, 2]
    assert see(tracker, box(398), box(108)) == [2, 1]  # whatever order the detector names them in
    assert tracker.track_ids == {1, 2}


@pytest.mark.parametrize("per_second", [5, 15, 30, 60])
@pytest.mark.parametrize("speed_px", [0, 60, 160])
def test_a_walk_at_any_frame_rate(per_second: int, speed_px: float) -> None:
    tracker = Tracker()
    random = np.random.default_rng(0)
    seen = set()
    for frame in range(4 * per_second):
        x = 60 + speed_px * frame / per_second
        jittered = np.array(box(x)) + random.normal(0, 3, 4)
        seen.update(see(tracker, tuple(jittered), elapsed_s=1 / per_second))
    assert seen == {1}


def test_irregular_moments_are_one_walk() -> None:
    tracker = Tracker()
    random = np.random.default_rng(0)
    x, seen = 60.0, set()
    for elapsed_s in random.choice([0.0, 0.02, 0.05, 0.2, 0.4], 60):
        x += 100 * elapsed_s
        seen.update(see(tracker, box(x), elapsed_s=float(elapsed_s)))
    assert seen == {1}


def test_coming_back_soon_is_the_same_person_and_late_is_another() -> None:
    tracker = Tracker()
    see(tracker, box(100))
    assert see(tracker, elapsed_s=0.8 * LOST_S) == []
    assert tracker.track_ids == {1}
    assert see(tracker, box(102), elapsed_s=0.1 * LOST_S) == [1]
    see(tracker, elapsed_s=1.1 * LOST_S)
    assert tracker.track_ids == frozenset()
    assert see(tracker, box(102)) == [2]


def test_a_pause_of_the_whole_camera_starts_afresh() -> None:
    tracker = Tracker()
    see(tracker, box(100))
    assert see(tracker, box(100), elapsed_s=60) == [2]


@pytest.mark.parametrize("pause_s", [1.1, 3.0, 3.9])
def test_nobody_is_missed_while_no_frame_comes(pause_s: float) -> None:
    """A stream that stops now and then, also twice in a row."""
    tracker = Tracker()
    random = np.random.default_rng(0)
    for elapsed_s in [*([1 / 15] * 20), pause_s, *([1 / 15] * 9), pause_s, pause_s] * 3:
        faces = [tuple(np.array(box(x)) + random.normal(0, 3, 4)) for x in (100, 400)]
        assert see(tracker, *faces, elapsed_s=elapsed_s) == [1, 2]


def test_moments_that_are_now_near_now_far_are_one_person() -> None:
    tracker = Tracker()
    random = np.random.default_rng(0)
    ids = [see(tracker, box(100), elapsed_s=float(s)) for s in random.uniform(0.3, 2.5, 200)]
    assert ids == [[1]] * 200


def test_whoever_a_frame_before_or_after_a_pause_misses_is_somebody_else() -> None:
    tracker = Tracker()
    see(tracker, box(100), box(400))
    assert see(tracker, box(100)) == [1]
    assert see(tracker, box(100), box(400), elapsed_s=3) == [1, 3]
    for _ in range(2):  # pauses alone would be a camera that sends few
        assert see(tracker, box(100), box(400)) == [1, 3]
    assert see(tracker, box(400), elapsed_s=3) == [3]
    assert tracker.track_ids == {3}
    assert see(tracker, box(100), box(400)) == [4, 3]


@pytest.mark.parametrize("apart_s", [0.3, 0.7, 1.0, 1.1, 2.0, 5.0, 10.0])
def test_who_stays_is_known_from_picture_to_picture_however_few_there_are(apart_s: float) -> None:
    tracker = Tracker()
    random = np.random.default_rng(0)
    see(tracker)
    ids = []
    for jitter_s in random.uniform(0.9, 1.1, 40) * apart_s:
        ids += see(tracker, box(100 + random.normal(0, 5)), box(400), elapsed_s=float(jitter_s))
    assert set(ids[4:]) == set(ids[-2:])  # how seldom they come shows with the third one


def test_whoever_misses_a_picture_of_few_is_somebody_else() -> None:
    tracker = Tracker()
    for _ in range(4):
        last = see(tracker, box(100), elapsed_s=5)
    see(tracker, elapsed_s=5)
    assert see(tracker, box(100), elapsed_s=5) != last


def test_pictures_so_far_apart_that_anybody_may_stand_there_are_each_by_itself() -> None:
    tracker = Tracker()
    ids = [see(tracker, box(100), elapsed_s=30) for _ in range(6)]
    assert len({track_id for (track_id,) in ids}) == 6


def test_pictures_that_are_sent_twice_are_few_all_the_same() -> None:
    """As some cameras do with MJPEG."""
    tracker = Tracker()
    ids = [see(tracker, box(100), elapsed_s=s) for s in (5.0, 0.01) * 6]
    assert len({track_id for (track_id,) in ids[4:]}) == 1


def test_who_is_let_go_comes_back_as_somebody_else() -> None:
    tracker = Tracker()
    tracker.forget()
    assert see(tracker, box(100), box(400)) == [1, 2]
    tracker.forget()
    assert tracker.track_ids == frozenset()
    assert see(tracker, box(100), box(400), elapsed_s=0) == [3, 4]


@pytest.mark.parametrize("ratio_xy", [(0.5, 0.5), (3.0, 3.0), (0.667, 0.65)])
def test_the_same_view_in_other_pixels_shows_the_same_people(ratio_xy: tuple[float, float]) -> None:
    tracker = Tracker()
    for frame in range(15):
        near, far = 300 + 16 * frame, 380 + 16 * frame
        see(tracker, box(near, 200, 70), box(far, 260, 60))
    tracker.scale(ratio_xy)
    for frame in range(15, 20):
        near, far = 300 + 16 * frame, 380 + 16 * frame
        faces = np.array([box(near, 200, 70), box(far, 260, 60)]) * np.tile(ratio_xy, 2)
        assert see(tracker, *faces, elapsed_s=0.2) == [1, 2]


def test_one_leaves_and_another_enters_elsewhere() -> None:
    tracker = Tracker()
    for x in range(500, 640, 20):
        assert see(tracker, box(x)) == [1]
    assert see(tracker, box(40)) == [2]
    assert see(tracker, box(55)) == [2]


@pytest.mark.parametrize("hides", [False, True])
def test_two_faces_cross(hides: bool) -> None:
    """The one behind may be hidden while they pass."""
    tracker = Tracker()
    for frame in range(60):
        near, far = 60 + 9 * frame, 580 - 9 * frame
        hidden = hides and abs(near - far) < 45
        faces = [box(near, 200, 90)] + ([] if hidden else [box(far, 205, 75)])
        assert see(tracker, *faces) == [1, 2][: len(faces)], frame


@pytest.mark.parametrize("per_second", [15, 30])
def test_faces_that_hide_each_other_for_a_while_go_on_as_they_came(per_second: int) -> None:
    """The one behind is hidden for half a second, and boxes wander; nobody changes places."""
    for seed in range(20):
        tracker = Tracker()
        random = np.random.default_rng(seed)
        for frame in range(4 * per_second):
            way = 130 * frame / per_second
            wander = random.normal(0, 3, (2, 4))
            boxes = np.array([box(60 + way, 200, 100), box(580 - way, 205, 90)]) + wander
            hidden = abs(520 - 2 * way) < 65
            ids = see(tracker, *boxes[: 1 if hidden else 2], elapsed_s=1 / per_second)
            assert ids == [1, 2][: len(ids)], (seed, frame)


def test_a_hundred_faces() -> None:
    tracker = Tracker()
    random = np.random.default_rng(0)
    middles = np.stack(np.divmod(np.arange(100), 10), axis=1) * 60.0 + 40
    for _ in range(20):
        wander = middles + random.normal(0, 3, middles.shape)
        faces = np.concatenate([wander - 18, wander + 18], axis=1)
        assert tracker.update(faces, np.ones(100, bool), 1 / 15) == tuple(range(1, 101))


def test_a_faint_box_goes_on_a_track_but_starts_none() -> None:
    tracker = Tracker()
    faint = np.array([False])
    assert tracker.update(np.array([box(100)]), faint, 0.1) == (None,)
    assert tracker.track_ids == frozenset()
    assert see(tracker, box(100)) == [1]
    for step in range(1, 40):  # much longer than a face may be lost
        assert tracker.update(np.array([box(100 + 3 * step)]), faint, 0.1) == (1,)


@pytest.mark.parametrize(
    ("sure", "away", "same"), [(True, 0.5, True), (False, 0.5, False), (False, 0.25, True)]
)
def test_a_faint_box_must_be_nearer_than_a_sure_one(sure: bool, away: float, same: bool) -> None:
    """Half of a face, or one behind it, is found faintly now and then and takes no number away."""
    tracker = Tracker()
    see(tracker, box(100, side=40))
    (track_id,) = tracker.update(np.array([box(100 + 40 * away, side=40)]), np.array([sure]), 0.03)
    assert (track_id == 1) is same


def test_a_sure_box_has_the_first_choice() -> None:
    tracker = Tracker()
    see(tracker, box(100))
    boxes = np.array([box(101), box(106)])
    assert tracker.update(boxes, np.array([False, True]), 0.05) == (None, 1)


def test_a_face_of_another_size_in_the_same_place_is_another() -> None:
    tracker = Tracker()
    see(tracker, box(100, side=40))
    assert see(tracker, box(100, side=160)) == [2]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(
                st.tuples(st.floats(-50, 700), st.floats(-50, 500), st.floats(0.5, 300)), max_size=6
            ),
            st.floats(0, 5),
        ),
        max_size=12,
    )
)
def test_whatever_comes_each_face_has_one_number_and_none_is_used_again(moments) -> None:
    tracker = Tracker()
    gone: set[int] = set()
    for faces, elapsed_s in moments:
        ids = see(tracker, *(box(x, y, side) for x, y, side in faces), elapsed_s=elapsed_s)
        assert len(ids) == len(set(ids)) == len(faces)
        assert not gone & set(ids)
        assert set(ids) <= tracker.track_ids
        gone |= set(range(1, max(tracker.track_ids, default=0) + 1)) - tracker.track_ids


def test_numbers_and_memory_stay_bounded() -> None:
    """Faces that left are forgotten (peers kept theirs for ever)."""
    tracker = Tracker()
    for frame in range(300):
        see(tracker, box(50 + 200 * (frame % 3), 100 + 150 * (frame % 2)), elapsed_s=0.4)
    assert len(tracker.track_ids) <= 6
