"""What a browser gets back for its camera's frames: judged pictures or a notice, and no exception.

Run: pytest tests/test_watcher.py
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
import fakes
import numpy as np
import pytest
from waiting import until

from maskwatch.app import watcher as watcher_module
from maskwatch.app.catalogue import load_catalogue
from maskwatch.app.watcher import Judged, Watcher
from maskwatch.draw import annotate
from maskwatch.errors import ImageError, ImageFault
from maskwatch.notice import notice_picture
from maskwatch.report import count_states
from maskwatch.schema import FaceOrigin, FrameReport, ImageRGB, MaskState

BOX = (200.0, 150.0, 300.0, 270.0)
ENGLISH, INDONESIAN = load_catalogue("en"), load_catalogue("id")


def notice(name: str) -> str:
    """What stands on the video instead of a picture."""
    return ENGLISH.text(f"watcher.{name}")


class FakeStream:
    """Finds the same face in every frame; notes what it was given."""

    def __init__(self, *faces: fakes.FaceVerdict) -> None:
        self.faces = faces
        self.times_s: list[float] = []
        self.closed = 0

    def update(self, image_rgb: ImageRGB, time_s: float) -> FrameReport:
        self.times_s.append(time_s)
        height, width = image_rgb.shape[:2]
        return fakes.report(*self.faces, size_wh=(width, height), origin=FaceOrigin.DETECTED)

    def close(self) -> None:
        self.closed += 1


class FailingStream(FakeStream):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def update(self, image_rgb: ImageRGB, time_s: float) -> FrameReport:
        raise self.error


class HeldStream(FakeStream):
    """Judges nothing before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def update(self, image_rgb: ImageRGB, time_s: float) -> FrameReport:
        assert self.go_on.wait(60)
        return super().update(image_rgb, time_s)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Watcher]]:
    """Makes watchers whose threads end with the test."""
    # what was seen just now stays new on a machine that stands still for some seconds
    monkeypatch.setattr(watcher_module, "STALE_S", 600.0)
    made: list[Watcher] = []

    def new(*streams: FakeStream, steadiness: float = 0.5) -> Watcher:
        """The streams are opened in this order, the last again and again."""
        left = list(streams)
        made.append(
            Watcher(lambda _: left.pop(0) if len(left) > 1 else left[0], steadiness, ENGLISH)
        )
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
    assert watcher.words() == count_states(faces)
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
def test_a_failure_is_drawn_and_told_and_the_next_frame_gets_a_new_stream(
    watch: Callable[..., Watcher], error: Exception, words: str
) -> None:
    failing, sound = FailingStream(error), FakeStream()
    watcher = watch(failing, sound)
    given_back(watcher)
    until(lambda: watcher.last)
    failure = watcher.words()
    assert "was not judged" in failure and words in failure and "secret" not in failure
    assert failing.closed == 1
    assert shows(given_back(watcher), failure)
    until(lambda: isinstance(watcher.last, Judged))
    assert watcher.words() == "0 faces"


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
    assert record.levelno == logging.ERROR and record.exc_info


def test_a_stream_that_cannot_be_opened_or_closed_is_a_failure_as_well() -> None:
    class Clinging(FailingStream):
        def close(self) -> None:
            raise OSError("will not")

    def cannot(steadiness: float) -> FakeStream:
        raise ValueError

    for open_stream, name in ((cannot, "ValueError"), (lambda _: Clinging(KeyError()), "KeyError")):
        watcher = Watcher(open_stream, 0.5, ENGLISH)
        given_back(watcher)
        until(lambda watcher=watcher: watcher.last)
        assert name in watcher.words()
        watcher.on_ended()
    until(lambda: not watchers_alive())


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
    stuck = HeldStream()
    watcher = watch(FakeStream(), stuck)
    given_back(watcher)
    until(lambda: watcher.last)
    watcher.steadiness = 0.6  # so the stuck one is next
    monkeypatch.setattr(watcher_module, "STALE_S", 0.2)
    until(lambda: shows(given_back(watcher), notice("behind")))
    assert watcher.words() == notice("behind")
    until(lambda: watcher.words() == notice("silent"))  # nothing more comes from the camera either
    stuck.go_on.set()


def test_another_steadiness_takes_another_stream(watch: Callable[..., Watcher]) -> None:
    wanted: list[float] = []
    streams = [FakeStream(), FakeStream()]

    def open_stream(steadiness: float) -> FakeStream:
        wanted.append(steadiness)
        return streams[len(wanted) - 1]

    watcher = Watcher(open_stream, 0.5, ENGLISH)
    for steadiness in (0.5, 0.5, 0.9, 0.9):
        watcher.steadiness = steadiness
        before = watcher.last
        given_back(watcher)
        until(lambda before=before: watcher.last is not before)
    assert wanted == [0.5, 0.9]
    assert [stream.closed for stream in streams] == [1, 0]
    watcher.on_ended()
    until(lambda: streams[1].closed)


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


def shown_twice(watch: Callable[..., Watcher], stream: FakeStream) -> Watcher:
    """What two frames, some time apart, have left behind."""
    watcher = watch(stream)
    for count in (1, 2):
        given_back(watcher)
        until(lambda count=count: len(stream.times_s) == count and watcher.alarm)
        time.sleep(0.6)  # so long a face has to be seen to be counted
    return watcher


def test_people_are_counted_and_violations_told(watch: Callable[..., Watcher]) -> None:
    face = fakes.tracked(MaskState.NO_MASK, BOX)
    watcher = shown_twice(watch, FakeStream(face))
    until(lambda: watcher.tally().people.get(MaskState.NO_MASK))
    assert watcher.tally().in_view == {MaskState.NO_MASK: 1}
    assert watcher.violations() == (MaskState.NO_MASK,)
    assert watcher.alarm.rings == 1


def test_what_is_not_seen_now_is_not_in_view_and_not_warned_of(
    watch: Callable[..., Watcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = shown_twice(watch, FakeStream(fakes.tracked(MaskState.NO_MASK, BOX)))
    monkeypatch.setattr(watcher_module, "STALE_S", 0.1)
    until(lambda: not watcher.tally().in_view)
    assert watcher.violations() == ()
    assert watcher.tally().people[MaskState.NO_MASK] == 1


def test_another_steadiness_makes_everybody_somebody_else(watch: Callable[..., Watcher]) -> None:
    stream = FakeStream(fakes.tracked(box_xyxy=BOX))
    watcher = shown_twice(watch, stream)
    until(lambda: watcher.tally().people.get(MaskState.MASK) == 1)
    watcher.steadiness = 0.9
    given_back(watcher)
    until(lambda: watcher.tally().people[MaskState.MASK] == 2)


def test_the_statistics_get_what_is_seen_while_they_are_wanted(
    watch: Callable[..., Watcher],
) -> None:
    class Notebook:
        def __init__(self) -> None:
            self.notes: list[FrameReport | str] = []

        def add(self, report: FrameReport, time_s: float) -> None:
            self.notes.append(report)

        def forget_faces(self) -> None:
            self.notes.append("others")

    stream, notebook = FakeStream(), Notebook()
    watcher = watch(stream)
    for bookkeeper in (None, notebook, None):
        watcher.bookkeeper = bookkeeper
        before = watcher.last
        given_back(watcher)
        until(lambda before=before: watcher.last is not before)
    assert len(notebook.notes) == 1
    watcher.bookkeeper = notebook
    watcher.on_ended()
    until(lambda: stream.closed)
    assert notebook.notes[1:] == ["others"]


def test_it_knows_nothing_of_streamlit() -> None:
    code = "import sys, maskwatch.app.watcher; sys.exit(any('streamlit' in m for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_the_program_can_end_while_a_camera_is_watched() -> None:
    code = """
import time, av, numpy as np
from maskwatch import Analyzer, Stream
from maskwatch.app.catalogue import load_catalogue
from maskwatch.app.watcher import Watcher

analyzer = Analyzer()
watcher = Watcher(lambda steadiness: Stream(analyzer, steadiness), 0.5, load_catalogue("en"))
frame = av.VideoFrame.from_ndarray(np.zeros((480, 640, 3), np.uint8), format="rgb24")
while watcher.last is None:
    watcher.recv(frame)
    time.sleep(0.01)
watcher.recv(frame)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
