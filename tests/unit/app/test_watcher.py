"""What a browser gets back for its camera's frames: judged pictures or a notice, and no exception.

Run: pytest tests/unit/app/test_watcher.py
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
import numpy as np
import pytest
from support import fakes
from support.waiting import LIMIT_S, until

from maskwatch.app import watcher as watcher_module
from maskwatch.app.i18n import load_catalogue
from maskwatch.app.watcher import Watcher
from maskwatch.errors import ImageError, ImageFault
from maskwatch.io.draw import annotate, notice_picture
from maskwatch.io.report import count_states
from maskwatch.live.loop import Judged
from maskwatch.schema import FaceOrigin, FrameReport, ImageRGB, MaskState

BOX = (200.0, 150.0, 300.0, 270.0)
ENGLISH, INDONESIAN = load_catalogue("en"), load_catalogue("id")


def notice(name: str) -> str:
    """What stands on the video instead of a picture."""
    return ENGLISH.text(f"watcher.{name}")


class FakeStream:
    """Finds the same face in every frame; notes what it was given, and how steady it was then."""

    def __init__(self, *faces: fakes.FaceVerdict) -> None:
        self.faces = faces
        self.steadiness = 0.5
        self.times_s: list[float] = []
        self.steady: list[float] = []
        self.closed = 0

    def update(self, image_rgb: ImageRGB, time_s: float) -> FrameReport:
        self.times_s.append(time_s)
        self.steady.append(self.steadiness)
        height, width = image_rgb.shape[:2]
        return fakes.report(*self.faces, size_wh=(width, height), origin=FaceOrigin.DETECTED)

    def close(self) -> None:
        self.closed += 1


class FailingStream(FakeStream):
    """Fails as long as there is an error."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error: Exception | None = error

    def update(self, image_rgb: ImageRGB, time_s: float) -> FrameReport:
        if self.error:
            raise self.error
        return super().update(image_rgb, time_s)


class HeldStream(FakeStream):
    """Judges nothing before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def update(self, image_rgb: ImageRGB, time_s: float) -> FrameReport:
        assert self.go_on.wait(LIMIT_S)
        return super().update(image_rgb, time_s)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Watcher]]:
    """Makes watchers whose threads end with the test."""
    # what was seen just now stays new on a machine that stands still for some seconds
    monkeypatch.setattr(watcher_module, "STALE_S", 600.0)
    made: list[Watcher] = []

    def new(stream: FakeStream) -> Watcher:
        made.append(Watcher(stream, ENGLISH))
        return made[-1]

    yield new
    for watcher in made:
        watcher.on_ended()
    until(lambda: not watchers_alive())


def watchers_alive() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "watcher"]


def camera(width: int = 640, height: int = 480, pts: int | None = 0) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(fakes.picture(width, height), format="rgb24")
    frame.pts, frame.time_base = pts, Fraction(1, 90_000)
    return frame


def given_back(watcher: Watcher, frame: av.VideoFrame | None = None) -> ImageRGB:
    return watcher.recv(frame or camera()).to_ndarray(format="rgb24")


def shows(picture: ImageRGB, text: str) -> bool:
    height, width = picture.shape[:2]
    return np.array_equal(picture, notice_picture(text, (width, height)))


def test_what_was_not_judged_yet_is_not_shown(watch: Callable[..., Watcher]) -> None:
    stream = HeldStream()
    watcher = watch(stream)
    for _ in range(3):
        assert shows(given_back(watcher), notice("starting"))
    assert watcher.last is None
    stream.go_on.set()
    until(lambda: watcher.last)
    assert not shows(given_back(watcher), notice("starting"))


@pytest.mark.parametrize("state", [None, *MaskState])
def test_the_report_is_drawn_and_kept(watch: Callable[..., Watcher], state: MaskState) -> None:
    faces = [fakes.verdict(state, BOX)] if state else []
    watcher = watch(FakeStream(*faces))
    given_back(watcher)
    until(lambda: watcher.last)
    assert watcher.last.report.faces == tuple(faces)
    assert watcher.told().words == count_states(faces)
    picture = given_back(watcher)
    marked = annotate(fakes.picture(640, 480), watcher.last.report, watcher_module.SHOWN_PX)
    # above the line about the video itself
    assert np.array_equal(picture[:400], marked[:400])
    assert not np.array_equal(picture[400:], marked[400:])


def test_time_is_that_of_arrival_whatever_the_frames_say(watch: Callable[..., Watcher]) -> None:
    stream = FakeStream()
    watcher = watch(stream)
    began_s = time.monotonic()
    for count, pts in enumerate((9_000, 90_000, 0, None, -5, 2**40), start=1):
        given_back(watcher, camera(pts=pts))
        until(lambda count=count: len(stream.times_s) == count)
    assert stream.times_s == sorted(stream.times_s)
    assert began_s <= stream.times_s[0] and stream.times_s[-1] <= time.monotonic()
    assert isinstance(watcher.last, Judged)


@pytest.mark.parametrize("size_wh", [(640, 480), (480, 640), (321, 241), (1280, 720), (16, 16)])
def test_the_size_may_change_at_any_time(
    watch: Callable[..., Watcher], size_wh: tuple[int, int]
) -> None:
    watcher = watch(FakeStream(fakes.verdict(box_xyxy=(2, 2, 12, 12))))
    given_back(watcher)
    until(lambda: watcher.last)
    given_back(watcher, camera(*size_wh))
    until(lambda: watcher.last and watcher.last.report.image_size_wh == size_wh)
    assert given_back(watcher, camera(*size_wh)).shape == (size_wh[1], size_wh[0], 3)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("/secret/path"), "(RuntimeError)"),
        (ImageError("frame", "no RGB picture", ImageFault.PIXELS), "(frame: no RGB picture)"),
    ],
)
def test_a_failure_is_drawn_and_told_and_the_next_frame_begins_anew(
    watch: Callable[..., Watcher], error: Exception, words: str
) -> None:
    stream = FailingStream(error)
    watcher = watch(stream)
    given_back(watcher)
    until(lambda: watcher.last)
    failure = watcher.told().words
    assert "was not analysed" in failure and words in failure and "secret" not in failure
    assert stream.closed == 1
    assert shows(given_back(watcher), failure)
    stream.error = None
    given_back(watcher)
    until(lambda: isinstance(watcher.last, Judged))
    assert watcher.told().words == "0 faces"


def test_a_failure_with_every_frame_is_shown_always_and_logged_once(
    watch: Callable[..., Watcher], caplog: pytest.LogCaptureFixture
) -> None:
    watcher = watch(FailingStream(RuntimeError("broken")))
    given_back(watcher)
    until(lambda: watcher.last)
    for _ in range(20):
        before = watcher.last
        assert shows(given_back(watcher), before.words)
        until(lambda before=before: watcher.last is not before)
    (record,) = caplog.records
    first, *trace = record.getMessage().splitlines()
    assert record.levelno == logging.ERROR
    assert first == "live video: the analysis fails (next word in 30 s)"
    assert trace[-1] == "RuntimeError: broken"


def test_what_fails_after_the_analysis_is_a_failure_as_well(watch: Callable[..., Watcher]) -> None:
    class Full:
        def add(self, report: FrameReport, time_s: float) -> None:
            raise OSError("/secret/path")

    stream = FakeStream()
    watcher = watch(stream)
    watcher.counter = Full()
    given_back(watcher)
    until(lambda: watcher.last)
    assert "OSError" in watcher.told().words and "secret" not in watcher.told().words
    assert stream.closed == 1


def test_without_a_thread_there_is_a_notice(
    watch: Callable[..., Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    watcher = watch(FakeStream())
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_more)
        assert not shows(given_back(watcher), notice("starting"))
    given_back(watcher)
    until(lambda: watcher.last)


def test_only_the_newest_frame_is_judged_and_the_others_are_counted(
    watch: Callable[..., Watcher],
) -> None:
    stream = HeldStream()
    watcher = watch(stream)
    given_back(watcher)
    until(lambda: watcher._waiting._value is None)  # the first is being judged
    for width in (100, 200, 300, 400):
        given_back(watcher, camera(width))
    stream.go_on.set()
    until(lambda: watcher.last and watcher.last.report.image_size_wh[0] == 400)
    assert len(stream.times_s) == 2
    assert (watcher.received, watcher.dropped) == (5, 3)


def test_a_picture_too_old_gives_way_to_a_notice(
    watch: Callable[..., Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = HeldStream()
    stream.go_on.set()
    watcher = watch(stream)
    given_back(watcher)
    until(lambda: watcher.last)
    stream.go_on.clear()  # from now on it is stuck
    monkeypatch.setattr(watcher_module, "STALE_S", 0.2)
    # told with the same breath, for a moment later the camera is silent as well
    until(
        lambda: (
            shows(given_back(watcher), notice("behind"))
            and watcher.told().words == notice("behind")
        )
    )
    until(
        lambda: watcher.told().words == notice("silent")
    )  # nothing more comes from the camera either
    stream.go_on.set()


def test_the_steadiness_may_be_set_at_any_time(watch: Callable[..., Watcher]) -> None:
    stream = FakeStream()
    watcher = watch(stream)
    for steadiness in (0.5, 0.9, 0.9):
        watcher.steadiness = steadiness
        before = watcher.last
        given_back(watcher)
        until(lambda before=before: watcher.last is not before)
    assert stream.steady == [0.5, 0.9, 0.9]
    assert not stream.closed


def test_the_end_may_come_at_any_time_and_twice(watch: Callable[..., Watcher]) -> None:
    never_started = watch(FakeStream())
    never_started.on_ended()
    never_started.on_ended()
    assert shows(given_back(never_started), notice("stopped"))
    assert not watchers_alive()

    stream = FakeStream()
    watcher = watch(stream)
    given_back(watcher)
    until(lambda: watcher.last)
    watcher.on_ended()
    watcher.on_ended()
    until(lambda: stream.closed)
    until(lambda: not watchers_alive())
    assert shows(given_back(watcher), notice("stopped"))


def test_what_is_judged_after_the_end_is_not_counted(watch: Callable[..., Watcher]) -> None:
    class HeldLater(FakeStream):
        """Judges a picture at once, and the one that is to come after the end when told to."""

        held = False
        go_on = threading.Event()

        def update(self, image_rgb: ImageRGB, time_s: float) -> FrameReport:
            if self.held:
                reached.set()
                assert self.go_on.wait(LIMIT_S)
            return super().update(image_rgb, time_s)

    reached = threading.Event()
    stream = HeldLater(fakes.tracked(MaskState.MASK, BOX))
    watcher = shown_until_counted(watch(stream), MaskState.MASK)
    stream.held = True
    given_back(watcher)
    assert reached.wait(LIMIT_S)
    watcher.on_ended()
    at_the_end = watcher.counts()
    stream.go_on.set()
    until(lambda: stream.closed)
    assert watcher.counts() == at_the_end


def shown_until_counted(watcher: Watcher, state: MaskState) -> Watcher:
    """A face has to be seen for a while before it counts."""

    def counted() -> bool:
        given_back(watcher)
        return watcher.counts().people.get(state) == 1

    until(counted, pause_s=0.1)
    return watcher


def test_people_are_counted_and_violations_told(watch: Callable[..., Watcher]) -> None:
    face = fakes.tracked(MaskState.NO_MASK, BOX)
    watcher = shown_until_counted(watch(FakeStream(face)), MaskState.NO_MASK)
    assert watcher.counts().in_view == {MaskState.NO_MASK: 1}
    until(lambda: watcher.told().warned == (MaskState.NO_MASK,))
    assert watcher.alarm.rings == 1


def test_what_is_not_seen_now_is_not_in_view_and_not_warned_of(
    watch: Callable[..., Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = FakeStream(fakes.tracked(MaskState.NO_MASK, BOX))
    watcher = shown_until_counted(watch(stream), MaskState.NO_MASK)
    monkeypatch.setattr(watcher_module, "STALE_S", 0.1)
    until(lambda: not watcher.counts().in_view)
    assert watcher.told().warned == ()
    assert watcher.counts().people[MaskState.NO_MASK] == 1


def test_the_statistics_get_what_is_seen_while_they_are_wanted(
    watch: Callable[..., Watcher],
) -> None:
    class Notebook:
        def __init__(self) -> None:
            self.notes: list[FrameReport] = []

        def add(self, report: FrameReport, time_s: float) -> None:
            self.notes.append(report)

    notebook = Notebook()
    watcher = watch(FakeStream())
    for counter in (None, notebook, None):
        watcher.counter = counter
        before = watcher.last
        given_back(watcher)
        until(lambda before=before: watcher.last is not before)
    assert len(notebook.notes) == 1


def test_it_knows_nothing_of_streamlit() -> None:
    code = "import sys, maskwatch.app.watcher; sys.exit(any('streamlit' in m for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_program_can_end_while_a_camera_is_watched() -> None:
    code = """
import time, av, numpy as np
from maskwatch import Analyzer, Stream
from maskwatch.app.i18n import load_catalogue
from maskwatch.app.watcher import Watcher

analyzer = Analyzer()
watcher = Watcher(Stream(analyzer), load_catalogue("en"))
frame = av.VideoFrame.from_ndarray(np.zeros((480, 640, 3), np.uint8), format="rgb24")
while watcher.last is None:
    watcher.recv(frame)
    time.sleep(0.01)
watcher.recv(frame)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
