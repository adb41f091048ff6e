"""Whatever happens to a camera's stream, nobody is counted twice, and no two people become one.

Run: pytest tests/unit/live/test_judge.py
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from support import fakes
from support.toy_detector import MAGENTA, crowd, write_toy_detector
from support.toy_model import GREEN, RED, write_toy_model

from maskwatch import Analyzer, Stream
from maskwatch.errors import ImageError, ImageFault
from maskwatch.live.counting import Session, SessionCounts
from maskwatch.live.events import COOL_DOWN_S, Alarm, Alarmist, EventFinder
from maskwatch.live.loop import LOG_EVERY_S, Arrived, FailureLog, Judge, Judged
from maskwatch.schema import FrameReport, ImageRGB, MaskState
from maskwatch.service.engine import SwitchCounter
from maskwatch.store.statistics import CameraCounter, StatisticsStore, StatisticsWriter
from maskwatch.watch.rules import Rule, RuleStatus, RuleWatch

MASK, NO_MASK, INCORRECT, UNSURE = MaskState
FPS = 8  # so that moments are exact in binary
STAY_S = 3.0


def textured(picture: ImageRGB) -> ImageRGB:
    """Fine stripes, for a plain face counts as blurred."""
    stripes = np.where(np.arange(picture.shape[1]) // 2 % 2, 6, -6)[None, :, None]
    changed = np.clip(picture.astype(int) + stripes, 0, 255).astype(np.uint8)
    return np.where((picture == MAGENTA).all(axis=2, keepdims=True), picture, changed)


MASKED, BARE = (textured(crowd((3, 2, colour))) for colour in (RED, GREEN))
BOTH = textured(crowd((3, 2, GREEN), (12, 7, RED)))
NOBODY = crowd()


class Failing(Stream):
    """A Stream that may fail when it has seen a frame but not told of it."""

    fails = False

    def update(self, image_rgb: ImageRGB, time_s: float) -> FrameReport:
        report = super().update(image_rgb, time_s)
        if self.fails:
            raise RuntimeError("in the middle")
        return report


class Scene:
    """One camera, and all who count what it shows, over real networks."""

    def __init__(self, analyzer: Analyzer, folder: Path) -> None:
        self.stream = Failing(analyzer)
        self.time_s = 100.0
        self.counts = SessionCounts()
        self.alarm = Alarm()
        self.numbers: list[int] = []
        self.changes: list[tuple[MaskState, MaskState, float]] = []
        self.told: list[tuple[str, float]] = []
        self.switches = 0
        self.sink_fails = False
        self._session, self._alarmist = Session(), Alarmist()
        self._finder = EventFinder("door")
        self._rule = RuleWatch(Rule("bare", min_duration_s=1.0), "door")
        self._switches = SwitchCounter()
        self._store = StatisticsStore(folder / "statistics.sqlite3")
        self._writer = StatisticsWriter(self._store)
        self._counter = CameraCounter("door", self._writer, lambda: 0.0)
        self._judge = Judge(self.stream, [self._note, self._fail])

    def show(self, picture: ImageRGB, seconds: float = STAY_S, fps: float = FPS) -> None:
        """The camera sees this for a while."""
        for _ in range(round(seconds * fps)):
            self.time_s += 1 / fps
            self._judge.see(Arrived(picture, self.time_s, 0, 0.0), 0, picture)

    def kept(self) -> dict[MaskState, int]:
        """People in the statistics."""
        self._writer.flush()
        entries = self._store.entries(0, 1e12)
        return {entry.state: entry.count.people for entry in entries if entry.count.people}

    def people(self) -> dict[MaskState, int]:
        """People of the session."""
        return {state: count for state, count in self.counts.people.items() if count}

    def _note(self, judged: Judged) -> None:
        report, time_s = judged.report, judged.frame.time_s
        self.numbers += [face.track_id for face in report.faces]
        self.counts = self._session.add(report, time_s)
        self.alarm = self._alarmist.update(report, time_s)
        self._counter.add(report, time_s)
        self.switches += self._switches.count(report.faces)
        for event in self._finder.add(report, time_s).values():
            self.changes.append((event.old_state, event.new_state, event.old_duration_s))
        if alert := self._rule.update(report, time_s, RuleStatus(), 0.0):
            body = json.loads(alert.body)
            self.told.append((body["state"], body["lasted_s"]))

    def _fail(self, judged: Judged) -> None:
        if self.sink_fails:
            raise OSError("no room")


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory: pytest.TempPathFactory) -> Analyzer:
    folder = tmp_path_factory.mktemp("models")
    return Analyzer(write_toy_model(folder), write_toy_detector(folder), 320)


@pytest.fixture
def scene(analyzer: Analyzer, tmp_path: Path) -> Scene:
    return Scene(analyzer, tmp_path)


def stream_fails(scene: Scene) -> None:
    scene.stream.fails = True
    with pytest.raises(RuntimeError, match="in the middle"):
        scene.show(MASKED)
    scene.stream.fails = False


def sink_fails(scene: Scene) -> None:
    scene.sink_fails = True
    with pytest.raises(OSError, match="no room"):
        scene.show(MASKED)
    scene.sink_fails = False


def fails_again_and_again(scene: Scene) -> None:
    for fail in (stream_fails, sink_fails, stream_fails):
        fail(scene)


def closes(scene: Scene) -> None:
    scene.stream.close()
    scene.stream.close()


def connects_again(scene: Scene) -> None:
    """Another run of a source begins some seconds later."""
    scene.time_s += 5


@pytest.mark.parametrize(
    "happens", [stream_fails, sink_fails, fails_again_and_again, closes, connects_again]
)
def test_who_comes_afterwards_is_somebody_else_to_all_who_count(
    scene: Scene, happens: Callable[[Scene], None]
) -> None:
    """Somebody without a mask takes the very place of somebody with one."""
    scene.show(MASKED)
    before = set(scene.numbers)
    scene.numbers.clear()
    happens(scene)
    scene.numbers.clear()
    scene.show(BARE)
    assert len(before) == len(set(scene.numbers)) == 1
    assert not before & set(scene.numbers)
    assert scene.people() == scene.kept() == {MASK: 1, NO_MASK: 1}
    assert [(old, new) for old, new, _ in scene.changes] == [(UNSURE, MASK), (UNSURE, NO_MASK)]
    # that of the other person would be three seconds
    assert max(lasted_s for *_, lasted_s in scene.changes) < 1.5
    assert scene.told == [("no_mask", 1.0)]
    assert scene.alarm.rings == 1
    assert scene.switches == 2


def test_a_violation_that_was_told_is_told_of_who_comes_afterwards_too(scene: Scene) -> None:
    scene.show(BARE, 6, fps=2)
    stream_fails(scene)
    scene.show(BARE, COOL_DOWN_S + 1, fps=2)  # nobody knows whether it is the same person
    assert [state for state, _ in scene.told] == ["no_mask", "no_mask"]
    assert scene.alarm.rings == 2
    assert scene.people() == {NO_MASK: 2}


@pytest.mark.parametrize("pause_s", [1.5, 3.0, 3.8])
def test_a_stream_that_stops_for_a_while_makes_nobody_somebody_else(
    scene: Scene, pause_s: float
) -> None:
    for _ in range(3):
        scene.show(BOTH)
        scene.time_s += pause_s
    assert set(scene.numbers) == {1, 2}
    assert scene.people() == scene.kept() == {MASK: 1, NO_MASK: 1}
    assert [(old, new) for old, new, _ in scene.changes] == [(UNSURE, NO_MASK), (UNSURE, MASK)]
    assert scene.told == [("no_mask", 1.0)]
    assert scene.alarm.rings == 1
    assert scene.switches == 2


def test_another_steadiness_makes_nobody_somebody_else(scene: Scene) -> None:
    scene.show(BOTH)
    for steadiness in (0.9, 0.1, 0.5):
        scene.stream.steadiness = steadiness
        scene.show(BOTH)
    assert set(scene.numbers) == {1, 2}
    assert scene.people() == scene.kept() == {MASK: 1, NO_MASK: 1}
    # the labels begin anew each time, and each state lasted no longer than the dial stood still
    assert scene.switches == 2 * (1 + 2 * 3)
    assert {(old, new) for old, new, _ in scene.changes} == {
        (UNSURE, MASK),
        (MASK, UNSURE),
        (UNSURE, NO_MASK),
        (NO_MASK, UNSURE),
    }
    assert max(lasted_s for *_, lasted_s in scene.changes) <= STAY_S
    assert scene.alarm.rings == 1


def test_numbers_go_on_whatever_happens_and_however_often(scene: Scene) -> None:
    highest = 0
    for happens in (stream_fails, closes, connects_again, fails_again_and_again, sink_fails):
        scene.numbers.clear()
        scene.show(BOTH, 0.3)
        assert len(set(scene.numbers)) == 2
        assert min(scene.numbers) > highest
        happens(scene)
        highest = max(scene.numbers)


def test_where_nobody_is_seen_nothing_is_counted(scene: Scene) -> None:
    scene.show(NOBODY)
    stream_fails(scene)
    scene.show(NOBODY)
    assert (scene.people(), scene.changes, scene.told) == ({}, [], [])


@dataclass
class Scripted:
    """A stream that sees the same always."""

    closed: int = 0

    def update(self, image_rgb: ImageRGB, time_s: float) -> FrameReport:
        return fakes.report(fakes.tracked())

    def close(self) -> None:
        self.closed += 1


def test_each_sink_gets_the_same_record_in_order_and_none_after_one_that_fails() -> None:
    stream, calls = Scripted(), []

    def fail(judged: Judged) -> None:
        calls.append(("b", judged))
        raise OSError

    def note(name: str) -> Callable[[Judged], None]:
        return lambda judged: calls.append((name, judged))

    picture = fakes.picture()
    frame = Arrived(b"as it came", 3.5, 7, 0.25)
    report = Judge(stream, [note("a"), note("b")], "door").see(frame, 2, picture)
    assert [name for name, _ in calls] == ["a", "b"]
    judged = calls[0][1]
    assert judged is calls[1][1] and judged.report is report
    assert report.source == "door"
    assert (judged.frame.time_s, judged.frame.index, judged.dropped) == (3.5, 7, 2)
    assert judged.frame.image_rgb is picture
    assert judged.arrived_s == 0.25 and judged.latency_s > 0
    assert not stream.closed

    calls.clear()
    with pytest.raises(OSError):
        Judge(stream, [note("a"), fail, note("c")]).see(frame, 2, picture)
    assert [name for name, _ in calls] == ["a", "b"]
    assert stream.closed == 1


def test_failures_are_logged_once_in_a_while_and_always_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now_s = [1000.0]
    log = FailureLog(logging.getLogger("test"), "door:", lambda: now_s[0])
    address = "rtsp://user:secret@10.0.0.1/"
    errors = [
        ImageError("frame", "no RGB picture", ImageFault.PIXELS),
        RuntimeError(f"cannot open {address}"),
        KeyError("x"),
    ]
    words = []
    for error in errors:
        words.append(log.add(error))
        now_s[0] += LOG_EVERY_S / 2
    assert words == ["frame: no RGB picture", "RuntimeError", "KeyError"]
    assert len(caplog.messages) == 2
    assert caplog.messages[0].startswith("door: fails (next word in 30 s)\n")
    assert "no RGB picture" in caplog.messages[0] and "KeyError" in caplog.messages[1]
    now_s[0] += LOG_EVERY_S
    log.add(errors[1])
    assert "cannot open" in caplog.messages[-1] and "secret" not in caplog.text
