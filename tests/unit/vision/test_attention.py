"""A frame is looked at whole in time and where something moves, and not at all where nothing does.

Run: pytest tests/unit/vision/test_attention.py
"""

from __future__ import annotations

import numpy as np
import pytest

import maskwatch
from maskwatch.bench.speed import draw_frame
from maskwatch.schema import BoxXYXY
from maskwatch.stream import Stream
from maskwatch.vision import attention
from maskwatch.vision.attention import EMPTY_S, NOWHERE, WHOLE_EVERY, WHOLE_EVERY_S, Attention
from maskwatch.vision.letter_box import is_within, letter_box, whole_cells

SIZE_WH = (640, 480)
STILL = np.zeros((9, 16))
FACE = np.array([[300.0, 200.0, 360.0, 280.0]])
NOBODY = np.empty((0, 4))
PART = (240.0, 140.0, 420.0, 340.0)
"""Round the face."""


@pytest.fixture(scope="module")
def analyzer() -> maskwatch.Analyzer:
    return maskwatch.Analyzer()


def moved(row: int, column: int, by: float = 20.0) -> np.ndarray:
    patches = STILL.copy()
    patches[row, column] += by
    return patches


def looked(
    attention: Attention, patches: np.ndarray = STILL, elapsed_s: float = 1 / 30
) -> BoxXYXY | None:
    """The part of the next frame that is looked at."""
    return attention.window(patches, SIZE_WH, elapsed_s)


def begun(boxes_xyxy: np.ndarray = FACE, doubts: bool = False) -> Attention:
    """After a first frame."""
    attention = Attention()
    assert looked(attention) is None
    attention.see(boxes_xyxy, doubts)
    return attention


def test_of_three_frames_one_is_looked_at_whole_the_others_as_far_as_faces_move():
    moving = begun()
    steps = [looked(moving, moved(4, 8, 20.0 * number)) for number in range(1, 7)]
    assert steps == [PART, PART, None] * 2
    still = begun()
    assert [looked(still) for _ in range(2 * WHOLE_EVERY)] == [NOWHERE, NOWHERE, None] * 2


@pytest.mark.parametrize(
    ("elapsed_s", "part"), [(WHOLE_EVERY_S * 0.9, NOWHERE), (WHOLE_EVERY_S, None)]
)
def test_slow_cameras_are_looked_at_whole_by_the_clock(elapsed_s, part):
    assert looked(begun(), elapsed_s=elapsed_s) == part


def test_where_nobody_is_and_nothing_moves_it_is_looked_at_twice_a_second():
    empty = begun(NOBODY)
    parts = [looked(empty, elapsed_s=EMPTY_S / 5) for _ in range(10)]
    assert parts == [*[NOWHERE] * 4, None] * 2
    assert looked(empty, moved(0, 0)) is None
    assert looked(empty, moved(0, 0)) == NOWHERE


@pytest.mark.parametrize("boxes_xyxy", [NOBODY, FACE])
def test_what_may_become_a_face_is_looked_at_in_every_frame(boxes_xyxy):
    doubtful = begun(boxes_xyxy, doubts=True)
    assert looked(doubtful) == (PART if len(boxes_xyxy) else None)


def test_many_that_move_or_one_that_is_lost_are_looked_for_everywhere():
    crowd = begun(np.repeat(FACE, 3, axis=0))
    assert looked(crowd) == NOWHERE
    assert looked(crowd, moved(4, 8)) is None
    lost = begun()
    lost.lose()
    assert looked(lost) is None
    assert looked(lost) == NOWHERE


@pytest.mark.parametrize(
    ("row", "column", "part"), [(0, 0, None), (8, 15, None), (4, 8, PART), (2, 6, PART)]
)
def test_what_moves_elsewhere_is_looked_at_at_once(row, column, part):
    assert looked(begun(), moved(row, column)) == part
    assert looked(begun(), moved(row, column, by=2.0)) == NOWHERE  # noise


def test_what_creeps_is_held_against_the_last_look():
    attention = begun()
    assert looked(attention, moved(4, 8, by=8.0), elapsed_s=0.0) == NOWHERE
    assert looked(attention, moved(4, 8, by=16.0), elapsed_s=0.0) == PART
    back = begun()
    assert looked(back, moved(4, 8, by=16.0), elapsed_s=0.0) == PART
    assert looked(back, STILL, elapsed_s=0.0) == PART  # it was elsewhere when last looked at


def test_a_window_holds_all_faces_and_one_that_is_nearly_the_frame_is_none():
    for boxes_xyxy, part in (
        (FACE, PART),
        (np.array([[0.0, 0.0, 60.0, 80.0], [10.0, 300.0, 50.0, 340.0]]), (0.0, 0.0, 120.0, 370.0)),
        (np.array([[0.0, 0.0, 60.0, 80.0], [500.0, 400.0, 560.0, 470.0]]), None),
    ):
        assert looked(begun(boxes_xyxy, doubts=True)) == part


@pytest.mark.parametrize(
    ("window_xyxy", "cells"),
    [
        (None, (0, 0, 384, 288)),
        ((0, 0, 640, 480), (0, 0, 384, 288)),
        ((300, 200, 360, 280), (160, 96, 224, 192)),
        ((0, 0, 1, 1), (0, 0, 32, 32)),
        ((639, 479, 640, 480), (352, 256, 384, 288)),
        ((-50, -50, 900, 900), (0, 0, 384, 288)),
    ],
)
def test_windows_are_whole_cells_of_the_network(window_xyxy, cells):
    padded, ratio_xy = letter_box(np.zeros((480, 640, 3), np.uint8), 384)
    assert whole_cells(window_xyxy, ratio_xy, padded.shape) == cells


def test_what_the_border_of_a_window_cuts_is_left_out():
    boxes = np.array(
        [[40, 40, 60, 60], [32, 40, 60, 60], [40, 40, 64, 60], [-5, -5, 20, 20]], float
    )
    assert is_within(boxes, (32, 32, 64, 64), (96, 96, 3)).tolist() == [True, False, False, False]
    assert is_within(boxes, (0, 0, 96, 96), (96, 96, 3)).tolist() == [True] * 4


@pytest.mark.parametrize("faces", [1, 2, 5])
def test_a_window_shows_the_faces_that_the_frame_shows(analyzer, faces):
    frame = draw_frame(SIZE_WH, faces)
    found, sure = analyzer.find_live(frame)
    whole = [face for face, certain in zip(found, sure, strict=True) if certain]
    for face in whole:
        left, top, right, bottom = face.box_xyxy
        side = right - left
        window = (left - side, top - side, right + side, bottom + side)
        seen, _ = analyzer.find_live(frame, window)
        boxes = [np.abs(np.subtract(twin.box_xyxy, face.box_xyxy)).max() for twin in seen]
        assert min(boxes) < 0.05 * side
        twin = seen[int(np.argmin(boxes))]
        assert twin.detection_score == pytest.approx(face.detection_score, abs=0.1)


def test_a_stream_shows_the_same_people_and_who_comes_in(analyzer, monkeypatch):
    """One person moves, a second comes in; nobody is ever lost, and nobody waits."""
    shown = {}
    for way in ("windows", "whole"):
        if way == "whole":
            monkeypatch.setattr(attention, "WHOLE_EVERY", 1)
        stream, shown[way] = Stream(analyzer), []
        for number in range(20):
            frame = np.full((480, 640, 3), 150, np.uint8)
            person = draw_frame((200, 260), 1)
            frame[100:360, 20 + 2 * number : 220 + 2 * number] = person
            if number >= 11:
                frame[150:410, 420:620] = person
            report = stream.update(frame, number / 30)
            shown[way].append([(face.track_id, face.state) for face in report.faces])
    assert shown["windows"] == shown["whole"]
    assert [len(faces) for faces in shown["windows"]] == [1] * 11 + [2] * 9


def calm_person(monkeypatch):
    """A stream, a frame with one face, and the windows through which frames were looked at."""
    analyzer = maskwatch.Analyzer()
    windows, find_live = [], analyzer.find_live

    def find(image_rgb, window_xyxy=None):
        windows.append(window_xyxy)
        return find_live(image_rgb, window_xyxy)

    monkeypatch.setattr(analyzer, "find_live", find)
    stream, frame = Stream(analyzer), np.full((480, 640, 3), 150, np.uint8)
    frame[100:360, 200:400] = draw_frame((200, 260), 1)
    return stream, frame, windows


def breathing(frame, number):
    """The same frame, in which the person moves a little."""
    frame = frame.copy()
    frame[200:235, 220:270] += np.uint8(40 * (number % 2))
    return frame


def test_who_is_not_in_the_window_is_looked_for_everywhere_at_once(monkeypatch):
    stream, frame, windows = calm_person(monkeypatch)
    number = 0
    while not any(windows):  # until there is an answer, every frame is looked at whole
        stream.update(breathing(frame, number), number / 30)
        number += 1
        assert number < 60
    calm = len(windows)
    for empty in (np.full_like(frame, 150), np.full_like(frame, 150)):
        stream.update(empty, number / 30)
        number += 1
    gone, again, still_gone = windows[calm:]
    assert gone is not None
    assert (again, still_gone) == (None, None)


def test_while_an_answer_may_change_every_frame_is_looked_at_whole(monkeypatch):
    stream, frame, windows = calm_person(monkeypatch)
    for number in range(30):
        asked = len(windows)
        before = stream._steady
        (face,) = stream.update(breathing(frame, number), number / 30).faces
        last = stream._last[face.track_id].verdict
        if not before or before[face.track_id].state is not last.state:
            assert windows[asked:] == [None]
    assert any(windows)


def test_where_nothing_moves_faces_stay_without_a_look_and_are_gone_once_it_does(monkeypatch):
    stream, frame, windows = calm_person(monkeypatch)
    shown = [stream.update(frame, number / 30).faces for number in range(60)]
    assert len(windows) < 40
    assert {len(faces) for faces in shown} == {1}
    assert len({(face.track_id, face.box_xyxy) for (face,) in shown}) == 1
    empty = np.full_like(frame, 150)
    assert stream.update(empty, 60 / 30).faces == ()
    seen = len(windows)
    shown = [stream.update(empty, 2 + number / 30).faces for number in range(1, 91)]
    assert set(shown) == {()}
    assert (
        len(windows) - seen < 60
    )  # as long as who is gone is remembered, every frame is looked at
    seen = len(windows)
    assert [len(stream.update(frame, 5.1 + number / 30).faces) for number in range(3)] == [1, 1, 1]
    assert windows[seen] is None


def test_a_detector_of_ones_own_sees_frames_only(analyzer):
    class Whole(maskwatch.WholeImage):
        def detect(self, image_rgb):
            assert image_rgb.shape == (480, 640, 3)
            return super().detect(image_rgb)

    stream = Stream(maskwatch.Analyzer(detector=Whole()))
    for number in range(4):
        assert len(stream.update(draw_frame(SIZE_WH, 1), number / 30).faces) == 1
