"""A frame is looked at whole in time and where something moves; windows show what frames show.

Run: pytest tests/unit/vision/test_attention.py
"""

from __future__ import annotations

import numpy as np
import pytest

import maskwatch
from maskwatch.bench.speed import draw_frame
from maskwatch.stream import Stream
from maskwatch.vision import attention
from maskwatch.vision.attention import WHOLE_EVERY, WHOLE_EVERY_S, Attention
from maskwatch.vision.letter_box import is_within, letter_box, whole_cells

SIZE_WH = (640, 480)
CALM = np.zeros((9, 16))
FACE = np.array([[300.0, 200.0, 360.0, 280.0]])


@pytest.fixture(scope="module")
def analyzer() -> maskwatch.Analyzer:
    return maskwatch.Analyzer()


def looked(attention: Attention, patches: np.ndarray = CALM, elapsed_s: float = 1 / 30) -> bool:
    """Whether a frame is looked at through a window."""
    return attention.window(patches, SIZE_WH, elapsed_s) is not None


def begun() -> Attention:
    """After a first frame with a face."""
    calm = Attention()
    assert not looked(calm)
    calm.see(FACE)
    return calm


def test_one_frame_in_three_is_looked_at_whole():
    calm = begun()
    assert [looked(calm) for _ in range(2 * WHOLE_EVERY)] == [True, True, False] * 2


@pytest.mark.parametrize(("elapsed_s", "through"), [(WHOLE_EVERY_S * 0.9, True), (0.2, False)])
def test_slow_cameras_are_looked_at_whole_by_the_clock(elapsed_s, through):
    assert looked(begun(), elapsed_s=elapsed_s) is through


def test_without_faces_with_many_or_once_one_is_lost_all_is_looked_at():
    nobody = begun()
    nobody.see(np.empty((0, 4)))
    assert not looked(nobody)
    crowd = begun()
    crowd.see(np.repeat(FACE, 3, axis=0))
    assert not looked(crowd)
    lost = begun()
    lost.lose()
    assert not looked(lost)
    assert looked(lost)


@pytest.mark.parametrize(
    ("row", "column", "through"), [(0, 0, False), (8, 15, False), (4, 8, True), (2, 6, True)]
)
def test_what_moves_elsewhere_is_looked_at_at_once(row, column, through):
    patches = CALM.copy()
    patches[row, column] += 20.0
    assert looked(begun(), patches) is through
    assert looked(begun(), patches * 0.1)  # noise


def test_a_window_holds_all_faces_and_one_that_is_nearly_the_frame_is_none():
    calm = begun()
    assert calm.window(CALM, SIZE_WH, 0.0) == (240.0, 140.0, 420.0, 340.0)
    calm = begun()
    calm.see(np.array([[0.0, 0.0, 60.0, 80.0], [10.0, 300.0, 50.0, 340.0]]))
    assert calm.window(CALM, SIZE_WH, 0.0) == (0.0, 0.0, 120.0, 370.0)
    calm = begun()
    calm.see(np.array([[0.0, 0.0, 60.0, 80.0], [500.0, 400.0, 560.0, 470.0]]))
    assert calm.window(CALM, SIZE_WH, 0.0) is None


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


def test_who_is_not_in_the_window_is_looked_for_everywhere_at_once(monkeypatch):
    stream, frame, windows = calm_person(monkeypatch)
    number = 0
    while not any(windows):  # until there is an answer, every frame is looked at whole
        stream.update(frame, number / 30)
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
        (face,) = stream.update(frame, number / 30).faces
        last = stream._last[face.track_id].verdict
        if not before or before[face.track_id].state is not last.state:
            assert windows[asked:] == [None]
    assert any(windows)


def test_a_detector_of_ones_own_sees_frames_only(analyzer):
    class Whole(maskwatch.WholeImage):
        def detect(self, image_rgb):
            assert image_rgb.shape == (480, 640, 3)
            return super().detect(image_rgb)

    stream = Stream(maskwatch.Analyzer(detector=Whole()))
    for number in range(4):
        assert len(stream.update(draw_frame(SIZE_WH, 1), number / 30).faces) == 1
