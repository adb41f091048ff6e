"""Frames of a browser's camera in, the same with what was found in them out; without Streamlit.

streamlit-webrtc has a way of its own for slow callbacks, but it sends the camera's pictures back
untouched until the first one is done, and repeats the last one for ever when a callback is stuck.
Here no picture leaves that was not judged, and one that is too old gives way to a notice.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from threading import Lock, Thread, main_thread

import av

from maskwatch.app.i18n import Catalogue
from maskwatch.app.quality_hints import ViewCheck
from maskwatch.io.cameras import Latest
from maskwatch.io.draw import annotate, notice_picture, write_status
from maskwatch.io.video_source import upright_rgb
from maskwatch.live.counting import Session, SessionCounts
from maskwatch.live.events import Alarm, Alarmist
from maskwatch.live.loop import Arrived, FailureLog, Judge, Judged, Rate, status_text
from maskwatch.schema import ImageRGB, MaskState
from maskwatch.store.statistics import CameraCounter
from maskwatch.stream import Stream

_LOG = logging.getLogger(__name__)

STALE_S = 2.0
"""What was seen longer ago is no longer shown as if it were now."""

SHOWN_PX = 375
"""How wide a telephone shows the video; what can be read there can be read anywhere."""

# how long the thread may take to see that it should end
_BEAT_S = 0.1


@dataclass(frozen=True, slots=True)
class Failed:
    """A frame that could not be judged.

    Attributes:
        arrived_s: when it came from the camera, on the monotonic clock.
        words: what is wrong, for a person.
    """

    arrived_s: float
    words: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a person is told of one moment, all of it from one frame.

    Attributes:
        words: how many faces show what, or why nobody knows.
        warned: violations in view.
        before: violations of people who left a moment ago.
        hints: what to change about the camera, see ViewCheck.
    """

    words: str
    warned: tuple[MaskState, ...] = ()
    before: tuple[MaskState, ...] = ()
    hints: tuple[str, ...] = ()


class Watcher:
    """Judges the newest frame of one camera in a thread of its own.

    `recv` and `on_ended` are what streamlit-webrtc calls, from the loop that serves all browsers:
    they never wait for a picture and never raise.

    Attributes:
        steadiness: of the labels, from 0 to 1; may be set at any time, and the labels then begin
            anew.
        say: the language of what is written on the video; may be set at any time.
        counter: counts what is seen into the statistics, None where they are not kept; may be
            set at any time.
        received: how many frames came from the camera.
        last: what became of the newest frame that was looked at, with what was found drawn on it;
            None before the first.
        alarm: what there was to warn of in that frame.
    """

    def __init__(
        self, stream: Stream, say: Catalogue, counter: CameraCounter | None = None
    ) -> None:
        """Begin; the thread starts with the first frame.

        Args:
            stream: judges the frames; from now on the watcher's own.
            say: see above.
            counter: see above; here from the first frame on.
        """
        self.steadiness = stream.steadiness
        self.say = say
        self.counter = counter
        self.received = 0
        self.last: Judged | Failed | None = None
        self.alarm = Alarm()
        self._check = ViewCheck()
        self._counts = SessionCounts()
        self._session = Session()
        self._alarmist = Alarmist()
        self._stream = stream
        self._rate = Rate()
        self._judge = Judge(stream, [self._count, self._rate, self._draw])
        self._waiting: Latest[Arrived[av.VideoFrame]] = Latest()
        self._heard_s = 0.0
        self._working = self._ended = False
        self._counting = Lock()
        self._failures = FailureLog(_LOG, "live video: the analysis")

    @property
    def rate_fps(self) -> float:
        """How many frames a second are judged."""
        return self._rate.rate_fps

    @property
    def dropped(self) -> int:
        """How many frames gave way to newer ones."""
        return self._waiting.dropped

    def recv(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Take the camera's newest frame and give back the newest that was judged, or a notice."""
        now_s = time.monotonic()
        size_wh = frame.width, frame.height
        try:
            # the camera's own clock may jump or go backwards, this one does not
            self._waiting.put(Arrived(frame, now_s, self.received, now_s))
            self.received += 1
            self._heard_s = now_s
            if not (self._working or self._ended):
                Thread(target=self._work, name="watcher").start()
                self._working = True
            image_rgb = self._picture(now_s, size_wh)
        except Exception as error:  # whatever it is, the video must go on and say so
            image_rgb = notice_picture(self._complain(error), size_wh)
        return av.VideoFrame.from_ndarray(image_rgb, format="rgb24")

    def on_ended(self) -> None:
        """Let the thread end; it closes the stream. May be called at any time, and again.

        A picture that is still being judged then is not counted any more, so that what is told of
        the session at its end stays true.
        """
        with self._counting:
            self._ended = True

    def told(self) -> Told:
        """What there is to say now; it stays the same as long as there is no news."""
        shown, alarm = self._heard(time.monotonic()), self.alarm
        if not isinstance(shown, Judged):
            return Told(shown)
        # the alarm may be of the frame after the one that is shown
        faces = shown.report.faces
        in_view = {face.state for face in faces}
        warned = tuple(state for state in alarm.states if state in in_view)
        before = tuple(state for state in alarm.before if state not in in_view)
        return Told(self.say.counts(faces), warned, before, self._check.hints)

    def snapshot(self) -> ImageRGB | None:
        """What is shown now, with its labels; None where nothing is."""
        shown = self._heard(time.monotonic())
        return shown.frame.image_rgb if isinstance(shown, Judged) else None

    def counts(self) -> SessionCounts:
        """Who was seen so far; nobody is in view where it is not known what is seen now."""
        known = isinstance(self._heard(time.monotonic()), Judged)
        return self._counts if known else replace(self._counts, in_view={})

    def _picture(self, now_s: float, size_wh: tuple[int, int]) -> ImageRGB:
        """What the browser is to see now."""
        shown = self._shown(now_s)
        if not isinstance(shown, Judged):
            return notice_picture(shown, size_wh)
        age_s, words = now_s - shown.arrived_s, self.say.picture_words()
        text = status_text(self._rate.rate_fps, shown.latency_s, age_s, words)
        return write_status(shown.frame.image_rgb, text, SHOWN_PX)

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
            if arrived := self._waiting.take(_BEAT_S):
                try:
                    self._see(arrived)
                except Exception as error:
                    self.last = Failed(arrived.arrived_s, self._complain(error))
        self._stream.close()

    def _see(self, arrived: Arrived[av.VideoFrame]) -> None:
        if self._stream.steadiness != self.steadiness:
            self._stream.steadiness = self.steadiness
        self._judge.see(arrived, self.dropped, upright_rgb(arrived.content))

    def _count(self, judged: Judged) -> None:
        report, time_s = judged.report, judged.frame.time_s
        self._check.update(judged.frame.image_rgb, report, time_s)
        with self._counting:
            if self._ended:
                return
            self._counts = self._session.add(report, time_s)
            self.alarm = self._alarmist.update(report, time_s)
            if counter := self.counter:  # it may be taken away at any moment
                counter.add(report, time_s)

    def _draw(self, judged: Judged) -> None:
        frame, words = judged.frame, self.say.picture_words()
        marked_rgb = annotate(frame.image_rgb, judged.report, SHOWN_PX, words)
        self.last = replace(judged, frame=replace(frame, image_rgb=marked_rgb))

    def _complain(self, error: Exception) -> str:
        """Log a failure, not too often, and say it in words that give nothing away."""
        return self.say.text("watcher.failed", why=self._failures.add(error))
