"""Frames of a browser's camera in, the same with what was found in them out; without Streamlit.

streamlit-webrtc has a way of its own for slow callbacks, but it sends the camera's pictures back
untouched until the first one is done, and repeats the last one for ever when a callback is stuck.
Here no picture leaves that was not judged, and one that is too old gives way to a notice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Thread, main_thread

import av

from maskwatch.alarm import Alarm, Alarmist
from maskwatch.app.catalogue import Catalogue
from maskwatch.bookkeeping import Bookkeeper
from maskwatch.draw import annotate, write_status
from maskwatch.errors import MaskWatchError
from maskwatch.live import status_text
from maskwatch.meter import Meter
from maskwatch.notice import notice_picture
from maskwatch.schema import FrameReport, ImageRGB, MaskState
from maskwatch.stream import Stream
from maskwatch.tally import Session, Tally
from maskwatch.video_live import Latest
from maskwatch.video_source import upright_rgb

_LOG = logging.getLogger(__name__)

STALE_S = 2.0
"""What was seen longer ago is no longer shown as if it were now."""

SHOWN_PX = 375
"""How wide a telephone shows the video; what can be read there can be read anywhere."""

# how long the thread may take to see that it should end
_BEAT_S = 0.1
# a failure that comes with every frame fills no log
_LOG_EVERY_S = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A frame and what was found in it.

    Attributes:
        arrived_s: when it came from the camera, on the monotonic clock.
        latency_s: from then until this was ready.
        report: what was found.
        image_rgb: the picture with that drawn on it.
    """

    arrived_s: float
    latency_s: float
    report: FrameReport
    image_rgb: ImageRGB


@dataclass(frozen=True, slots=True)
class Failed:
    """A frame that could not be judged.

    Attributes:
        arrived_s: when it came from the camera, on the monotonic clock.
        words: what is wrong, for a person.
    """

    arrived_s: float
    words: str


class Watcher:
    """Judges the newest frame of one camera in a thread of its own.

    `recv` and `on_ended` are what streamlit-webrtc calls, from the loop that serves all browsers:
    they never wait and never raise.

    Attributes:
        steadiness: of the labels, from 0 to 1; may be set at any time, and the faces are then
            looked at afresh.
        say: the language of what is written on the video; may be set at any time.
        bookkeeper: counts what is seen into the statistics, None where they are not kept; may be
            set at any time.
        received: how many frames came from the camera.
        last: what became of the newest frame that was looked at, None before the first.
        alarm: what there was to warn of in that frame.
    """

    def __init__(
        self, open_stream: Callable[[float], Stream], steadiness: float, say: Catalogue
    ) -> None:
        """Begin; the thread starts with the first frame.

        Args:
            open_stream: makes a stream of this steadiness.
            steadiness: see above.
            say: see above.
        """
        self.steadiness = steadiness
        self.say = say
        self.bookkeeper: Bookkeeper | None = None
        self.received = 0
        self.last: Judged | Failed | None = None
        self.alarm = Alarm()
        self._tally = Tally()
        self._session = Session()
        self._alarmist = Alarmist()
        self._open_stream = open_stream
        self._waiting: Latest[tuple[av.VideoFrame, float]] = Latest()
        self._heard_s = 0.0
        self._meter = Meter()
        self._working = self._ended = False
        self._open: tuple[float, Stream] | None = None  # the thread's own, with its steadiness
        self._quiet_until_s = 0.0

    @property
    def rate_fps(self) -> float:
        """How many frames a second are judged."""
        return self._meter.rate_fps

    @property
    def dropped(self) -> int:
        """How many frames gave way to newer ones."""
        return self._waiting.dropped

    def recv(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Take the camera's newest frame and give back the newest that was judged, or a notice."""
        now_s = time.monotonic()
        size_wh = frame.width, frame.height
        try:
            self.received += 1
            self._heard_s = now_s
            self._waiting.put((frame, now_s))
            if not (self._working or self._ended):
                Thread(target=self._work, name="watcher").start()
                self._working = True
            image_rgb = self._picture(now_s, size_wh)
        except Exception as error:  # whatever it is, the video must go on and say so
            image_rgb = notice_picture(self._complain(error), size_wh)
        return av.VideoFrame.from_ndarray(image_rgb, format="rgb24")

    def on_ended(self) -> None:
        """Let the thread end; it closes the stream. May be called at any time, and again."""
        self._ended = True

    def words(self) -> str:
        """What is seen now, in words that stay the same as long as there is no news."""
        shown = self._heard(time.monotonic())
        return self.say.counts(shown.report.faces) if isinstance(shown, Judged) else shown

    def violations(self) -> tuple[MaskState, ...]:
        """What there is to warn of now; nothing where it is not known what is seen now."""
        return self.alarm.states if isinstance(self._heard(time.monotonic()), Judged) else ()

    def tally(self) -> Tally:
        """Who was seen so far; nobody is in view where it is not known what is seen now."""
        known = isinstance(self._heard(time.monotonic()), Judged)
        return self._tally if known else replace(self._tally, in_view={})

    def _picture(self, now_s: float, size_wh: tuple[int, int]) -> ImageRGB:
        """What the browser is to see now."""
        shown = self._shown(now_s)
        if not isinstance(shown, Judged):
            return notice_picture(shown, size_wh)
        age_s, words = now_s - shown.arrived_s, self.say.picture_words()
        text = status_text(self._meter.rate_fps, shown.latency_s, age_s, words)
        return write_status(shown.image_rgb, text, SHOWN_PX)

    def _heard(self, now_s: float) -> Judged | str:
        """What is shown, or that nothing comes from the camera to be shown."""
        if now_s - self._heard_s > STALE_S:
            return self.say.text("watcher.silent")
        return self._shown(now_s)

    def _shown(self, now_s: float) -> Judged | str:
        """The newest judged frame, or why it cannot be shown."""
        last = self.last
        if self._ended:
            return self.say.text("watcher.stopped")
        if last is None:
            return self.say.text("watcher.starting")
        if now_s - last.arrived_s > STALE_S:
            return self.say.text("watcher.behind")
        return last if isinstance(last, Judged) else last.words

    def _work(self) -> None:
        """What the thread does, until the end; also until that of the program, which waits for it.

        A daemon would be torn out of the network's code, and the program would end with a crash.
        """
        while not self._ended and main_thread().is_alive():
            if waiting := self._waiting.take(_BEAT_S):
                frame, arrived_s = waiting
                try:
                    self.last = self._judge(frame, arrived_s)
                except Exception as error:
                    self._close_stream()  # what it remembers may be in disorder
                    self.last = Failed(arrived_s, self._complain(error))
        self._close_stream()

    def _judge(self, frame: av.VideoFrame, arrived_s: float) -> Judged:
        image_rgb = upright_rgb(frame)
        # the camera's own clock may jump or go backwards, this one does not
        report = self._stream().update(image_rgb, arrived_s)
        self._count(report, arrived_s)
        marked_rgb = annotate(image_rgb, report, SHOWN_PX, self.say.picture_words())
        now_s = time.monotonic()
        self._meter.add(now_s, now_s - arrived_s)
        return Judged(arrived_s, now_s - arrived_s, report, marked_rgb)

    def _count(self, report: FrameReport, time_s: float) -> None:
        self._tally = self._session.add(report, time_s)
        self.alarm = self._alarmist.update(report, time_s)
        if bookkeeper := self.bookkeeper:  # it may be taken away at any moment
            bookkeeper.add(report, time_s)

    def _stream(self) -> Stream:
        """The stream; another one where there is none or another steadiness is wanted."""
        wanted = self.steadiness
        if self._open is None or self._open[0] != wanted:
            self._close_stream()
            self._open = wanted, self._open_stream(wanted)
        return self._open[1]

    def _close_stream(self) -> None:
        if self._open is None:
            return
        stream, self._open = self._open[1], None
        for counter in (self._session, self._alarmist, self.bookkeeper):
            if counter:
                counter.forget_faces()
        try:
            stream.close()
        except Exception as error:
            self._complain(error)

    def _complain(self, error: Exception) -> str:
        """Log a failure, not too often, and say it in words that give nothing away."""
        now_s = time.monotonic()
        if now_s >= self._quiet_until_s:
            self._quiet_until_s = now_s + _LOG_EVERY_S
            _LOG.error("live video: the analysis fails (next word in 30 s)", exc_info=error)
        reason = str(error) if isinstance(error, MaskWatchError) else type(error).__name__
        return self.say.text("watcher.failed", why=reason)
