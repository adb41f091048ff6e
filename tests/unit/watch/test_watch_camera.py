"""One camera of many: what it knows of itself, and that its troubles stay its own.

Run: pytest tests/unit/watch/test_watch_camera.py
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support import fakes
from support.alert_factory import NOON_S
from support.drawn_video import write_video
from support.waiting import until

from maskwatch.errors import VideoError, VideoFault
from maskwatch.io.connections import RetryPolicy
from maskwatch.live.loop import Arrived
from maskwatch.schema import Frame, FrameReport, ImageRGB, MaskState
from maskwatch.store.statistics import StatisticsStore, StatisticsWriter
from maskwatch.watch import camera as camera_module
from maskwatch.watch.camera import Books, Camera
from maskwatch.watch.config import CameraConfig
from maskwatch.watch.event_store import EventStore, EventWriter
from maskwatch.watch.evidence import EvidenceFolder
from maskwatch.watch.fair_queue import FairQueue
from maskwatch.watch.hours import Hours
from maskwatch.watch.outbox import AlertQueue
from maskwatch.watch.rules import Rule
from maskwatch.watch.status import Condition
from maskwatch.watch.zones import Zone

MASK, NO_MASK, INCORRECT, UNSURE = MaskState
EAGER = RetryPolicy(first_pause_s=0.01, longest_pause_s=0.02)


class ScriptedStream:
    """Sees what it is told, frame after frame, or fails."""

    def __init__(self, *seen: FrameReport | Exception) -> None:
        self.seen = list(seen)
        self.closed = 0

    def update(self, image_rgb: ImageRGB, time_s: float) -> FrameReport:
        report = self.seen.pop(0)
        if isinstance(report, Exception):
            raise report
        return report

    def close(self) -> None:
        self.closed += 1


class Setup:
    """A camera with all that belongs to it; nothing is written before it is told to."""

    def __init__(
        self,
        folder: Path,
        *seen: FrameReport | Exception,
        source: object = 0,
        zones: tuple[Zone, ...] = (),
    ) -> None:
        self.store = EventStore(folder / "s.sqlite3")
        self.queue = AlertQueue(["ops"])
        self.event_writer = EventWriter(self.store, self.queue)
        evidence = EvidenceFolder(folder / "evidence", 1)
        statistics = StatisticsWriter(StatisticsStore(folder / "s.sqlite3"))
        self.stream = ScriptedStream(*seen)
        self.fair_queue: FairQueue[Camera, Arrived[ImageRGB]] = FairQueue()
        self.camera = Camera(
            CameraConfig("door", str(source), zones=zones),
            self.stream,
            [Rule("bare", min_duration_s=0), Rule("elsewhere", cameras=("gate",))],
            Books(statistics, self.event_writer, self.queue, evidence),
            self.fair_queue,
            EAGER,
            lambda: NOON_S,
        )

    def judge(self, *times_s: float) -> None:
        for index, time_s in enumerate(times_s):
            image_rgb = np.zeros((40, 60, 3), np.uint8)
            self.camera.judge(Arrived(image_rgb, time_s, index, time.monotonic() - 0.25))


def test_who_is_in_no_zone_that_it_looks_at_is_nobody(tmp_path: Path) -> None:
    left = Zone("left", ((0, 0), (0.5, 0), (0.5, 1), (0, 1)))
    bare = fakes.tracked(NO_MASK, (40, 0, 60, 40), track_id=1)
    masked = fakes.tracked(MASK, (0, 0, 20, 40), track_id=2)
    setup = Setup(tmp_path, *[fakes.report(bare, masked)] * 3, zones=(left,))
    setup.judge(0.0, 1.0, 2.0)
    view = setup.camera.view()
    assert view.in_view == {MASK: 1} and not view.violation
    setup.event_writer.flush()
    assert [event.new_state for event in setup.store.events(0, 1e12)] == [MASK]
    assert setup.queue.lengths() == {"ops": 0}


def test_before_the_first_frame(tmp_path: Path) -> None:
    view = Setup(tmp_path).camera.view()
    assert (view.condition, view.in_view, view.frames) == (Condition.STARTING, {}, 0)


def test_what_it_sees_is_kept_and_told(tmp_path: Path) -> None:
    bare, masked = fakes.report(fakes.tracked(NO_MASK)), fakes.report(fakes.tracked(MASK))
    setup = Setup(tmp_path, masked, bare, bare)
    setup.judge(0.0, 1.0, 2.0)
    view = setup.camera.view()
    assert view.condition is Condition.LIVE and view.violation
    assert (view.frames, view.in_view) == (3, {NO_MASK: 1})
    assert view.latency_s >= 0.25
    setup.event_writer.flush()
    changes = [(e.old_state, e.new_state, e.time_s) for e in setup.store.events(0, 1e12)]
    assert sorted(changes) == [(MASK, NO_MASK, NOON_S), (UNSURE, MASK, NOON_S)]
    (waiting,) = setup.store.waiting()
    assert waiting.alert.rule == "bare"
    (event,) = [e for e in setup.store.events(0, 1e12) if e.new_state is NO_MASK]
    assert [event.event_id in path.name for path in (tmp_path / "evidence").iterdir()] == [True]


def test_who_was_just_in_view_is_a_violation_still(tmp_path: Path) -> None:
    """A face is missed now and then, and a lamp must not flicker for it."""
    bare, nobody = fakes.report(fakes.tracked(NO_MASK)), fakes.report()
    setup = Setup(tmp_path, bare, nobody, bare, nobody)
    for time_s, expected in ((0.0, True), (0.1, True), (0.2, True), (60.0, False)):
        setup.judge(time_s)
        assert setup.camera.view().violation is expected


def test_who_was_told_of_is_not_told_of_again_when_zones_or_hours_are_set(tmp_path: Path) -> None:
    mat = Zone("mat", ((0, 0), (1, 0), (1, 1), (0, 1)))
    rules = [Rule("bare", min_duration_s=0, cool_down_s=0, zones=("mat",))]
    setup = Setup(tmp_path, *[fakes.report(fakes.tracked(NO_MASK, (0, 0, 20, 20)))] * 40)
    setup.camera.reconfigure(CameraConfig("door", "0", zones=(mat,)), rules)
    setup.judge(0.0, 1.0)
    assert setup.queue.lengths() == {"ops": 1}
    night = replace(rules[0], hours=Hours(("mon-sun 00:00-24:00",)))
    elsewhere = replace(mat, polygon_xy=((0.9, 0.9), (1, 0.9), (1, 1)))
    larger = replace(mat, polygon_xy=((0, 0), (1, 0), (1, 0.9), (0, 0.9)))
    setup.camera.reconfigure(CameraConfig("door", "0", zones=(larger,)), [night])
    setup.judge(2.0, 3.0)
    assert setup.queue.lengths() == {"ops": 1}
    setup.camera.reconfigure(CameraConfig("door", "0", zones=(elsewhere,)), [night])
    setup.judge(*range(4, 30))  # nobody is there now, and is forgotten in time
    setup.camera.reconfigure(CameraConfig("door", "0", zones=(mat,)), [night])
    setup.judge(30.0, 31.0)
    assert setup.queue.lengths() == {"ops": 2}


class Reading:
    """A source that dropped a number of pictures with each that it gives."""

    live = True

    def __init__(self) -> None:
        self.dropped = 0

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __iter__(self) -> Iterator[Frame]:
        for index in range(3):
            self.dropped += 10
            yield Frame(np.zeros((4, 4, 3), np.uint8), float(index), index)
        raise VideoError("camera", "is gone", VideoFault.BROKEN)

    def stop(self) -> None:
        pass


def test_dropped_pictures_are_counted_on_when_a_source_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_module, "open_source", lambda address, policy: Reading())
    setup = Setup(tmp_path)
    for opened in (1, 2, 3):
        setup.camera._play()
        given_way = setup.fair_queue.dropped[setup.camera]
        assert setup.camera.view().dropped - given_way == 30 * opened


def test_a_frame_that_cannot_be_judged_is_forgotten_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before, after = (fakes.report(fakes.tracked(MASK, track_id=i)) for i in (1, 2))
    setup = Setup(tmp_path, before, *[RuntimeError("broken")] * 5, after)
    setup.judge(*range(7))
    assert setup.camera.view().frames == 2
    assert setup.stream.closed == 5
    assert len(caplog.messages) == 1 and caplog.messages[0].startswith("door: fails")
    setup.event_writer.flush()
    assert len(setup.store.events(0, 1e12)) == 2  # nobody knows whether it is the same person


def test_who_has_not_been_seen_for_long_is_not_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = Setup(tmp_path, fakes.report(fakes.tracked(NO_MASK)))
    setup.judge(0.0)
    monkeypatch.setattr(camera_module, "SILENT_S", -1.0)
    view = setup.camera.view()
    assert (view.condition, view.in_view, view.violation) == (Condition.SILENT, {}, False)


@pytest.mark.parametrize(("apart_s", "live_for_s"), [(0.5, 5.0), (5.0, 12.5), (3600.0, 60.0)])
def test_who_sends_few_pictures_is_live_between_them(
    tmp_path: Path, apart_s: float, live_for_s: float
) -> None:
    setup = Setup(tmp_path, *[fakes.report(fakes.tracked(NO_MASK))] * 3)
    setup.judge(0.0, apart_s, 2 * apart_s)
    view, last = setup.camera.view(), setup.camera._last
    assert view.is_slow is (apart_s > 1) and last
    assert setup.camera._condition(last.judged_s + 0.9 * live_for_s) is Condition.LIVE
    assert setup.camera._condition(last.judged_s + 1.1 * live_for_s) is Condition.SILENT


def test_a_file_is_played_once_and_is_over_when_its_last_frame_was_judged(tmp_path: Path) -> None:
    images = [np.full((32, 48, 3), 9, np.uint8)] * 3
    reports = [fakes.report()] * 3
    setup = Setup(tmp_path, *reports, source=write_video(tmp_path / "clip.mp4", images))
    setup.camera.start()
    until(lambda: setup.camera._over)
    assert not setup.camera.is_over  # one still waits
    taken = setup.fair_queue.take(0)
    assert taken
    taken[0].judge(taken[1])
    assert not setup.camera.is_over
    setup.fair_queue.done(taken[0])
    assert setup.camera.is_over and setup.camera.view().condition is Condition.ENDED
    setup.camera.close()
    assert setup.camera.has_ended(0)


def test_a_file_goes_on_at_its_own_speed_where_the_machine_stood_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s, pauses_s = [0.0], []

    def wait(timeout_s: float) -> None:
        pauses_s.append(timeout_s)
        now_s[0] += max(0.0, timeout_s)

    images = [np.full((32, 48, 3), 9, np.uint8)] * 7
    setup = Setup(tmp_path, source=write_video(tmp_path / "clip.mp4", images))
    put = setup.fair_queue.put

    def stands_still(camera: Camera, arrived: Arrived[ImageRGB]) -> None:
        put(camera, arrived)
        now_s[0] += 3.0 if arrived.index == 2 else 0.01

    clock = SimpleNamespace(monotonic=lambda: now_s[0])  # of this module, and no other's
    monkeypatch.setattr(camera_module, "time", clock)
    monkeypatch.setattr(setup.camera._stopping, "wait", wait)
    monkeypatch.setattr(setup.fair_queue, "put", stands_still)
    setup.camera._play()
    between_s = [*[0.03] * 2, 0.04 - 3.0, *[0.03] * 3]  # 25 frames a second
    assert pauses_s[1:] == pytest.approx(between_s)


def test_a_camera_that_is_not_there_is_tried_again_and_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = []
    kept = camera_module.pause_before

    def counted(failures: int, policy: RetryPolicy) -> float:
        pauses.append(failures)
        return kept(failures, policy)

    monkeypatch.setattr(camera_module, "pause_before", counted)
    setup = Setup(tmp_path, source="rtsp://user:secret@127.0.0.1:9/")
    setup.camera.start()
    until(lambda: len(pauses) > 4)
    view = setup.camera.view()
    setup.camera.close()
    assert pauses[:5] == [0, 1, 2, 3, 4]
    assert view.condition is Condition.LOST and "***@127.0.0.1" in view.trouble
    assert len(caplog.messages) == 1 and "secret" not in caplog.text


def test_it_can_be_closed_at_any_time_and_twice(tmp_path: Path) -> None:
    setup = Setup(tmp_path)
    setup.camera.close()
    setup.camera.close()
    assert setup.camera.has_ended(0)
