"""Live video over real WebRTC connections, both ends in this process, judged by the shipped models.

Run: pytest tests/process/test_loopback.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from support.cartoon_face import cartoon
from support.loopback import Browser, Camera, Loop, Server, Session, Soak
from support.waiting import until

from maskwatch import Analyzer, Stream
from maskwatch.app.i18n import load_catalogue
from maskwatch.app.watcher import Watcher
from maskwatch.io.style import STYLES
from maskwatch.schema import FrameReport, ImageRGB, MaskState


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer()


@pytest.fixture
def connect(analyzer: Analyzer) -> Iterator[Callable[..., Session]]:
    """Connects a browser whose camera shows a picture; closed with the test."""
    server, browsers = Server(), Loop("browsers")
    sessions: list[Session] = []

    def new(image_rgb: ImageRGB, stream: Stream | None = None) -> Session:
        watcher = Watcher(stream or Stream(analyzer), load_catalogue("en"))
        sessions.append(Session(server, browsers, watcher, Camera(image_rgb, 15)))
        return sessions[-1]

    yield new
    for session in sessions:
        session.close()
    server.close()
    browsers.close()


def pixels_like(browser: Browser, state: MaskState) -> int:
    """How much of what the browser shows has the colour of a state; compression shifts it."""
    if browser.shown_rgb is None:
        return 0
    far = np.abs(browser.shown_rgb.astype(int) - STYLES[state].colour).max(axis=2)
    return int((far < 40).sum())


def test_labels_come_back_and_follow_what_the_camera_sees(
    connect: Callable[..., Session],
) -> None:
    session = connect(cartoon(masked=True))
    for masked, state in ((True, MaskState.MASK), (False, MaskState.NO_MASK)):
        session.browser.camera.image_rgb = cartoon(masked)
        words = f"1 face: 1 {STYLES[state].label.lower()}"
        until(lambda words=words: session.watcher.told().words == words, words)
        until(lambda state=state: pixels_like(session.browser, state) > 500, "the border shows")
    assert session.browser.delays_s


def test_a_camera_may_be_turned_and_see_nobody(connect: Callable[..., Session]) -> None:
    session = connect(cartoon(masked=True))
    for width, height in ((640, 480), (480, 640), (320, 240)):
        shape = (height, width, 3)
        session.browser.camera.image_rgb = np.full(shape, 128, np.uint8)
        until(
            lambda shape=shape: np.shape(session.browser.shown_rgb) == shape,
            f"the browser shows {shape}",
        )
        until(lambda: session.watcher.told().words == "0 faces", "nobody is seen")


def test_a_failure_shows_in_the_browser_until_it_is_over(
    connect: Callable[..., Session], analyzer: Analyzer
) -> None:
    broken = True

    class Sometimes(Stream):
        def update(self, image_rgb: ImageRGB, time_s: float) -> FrameReport:
            if broken:
                raise RuntimeError("broken")
            return super().update(image_rgb, time_s)

    session = connect(cartoon(masked=True), Sometimes(analyzer))
    until(lambda: "RuntimeError" in session.watcher.told().words, "the words say so")
    until(lambda: session.browser.frames > 10, "the video goes on")
    assert session.browser.shown_rgb.mean() < 60  # a dark notice, and not the camera's picture
    assert not session.browser.delays_s
    broken = False
    until(lambda: pixels_like(session.browser, MaskState.MASK) > 500, "the border shows")


@pytest.mark.skipif(sys.platform != "linux", reason="counts by way of /proc")
def test_sessions_leave_nothing_behind(analyzer: Analyzer) -> None:
    soak = Soak(analyzer, cartoon(masked=True))
    try:
        soak.round(at_once=1, frames=3)
        before = soak.count()
        for _ in range(2):
            soak.round(at_once=2, frames=3)
        after = soak.count()
    finally:
        soak.close()
    assert after["opened"] == 5
    assert after["alive"] == 0
    assert after["threads"] <= before["threads"]
    assert after["files"] <= before["files"]
