"""One of many cameras: its pictures offered for judging, and what becomes of each report."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event, Thread

from maskwatch.alarm import VIOLATIONS, Alarmist
from maskwatch.bookkeeping import Bookkeeper, Ledger
from maskwatch.errors import MaskWatchError
from maskwatch.events import EventFinder
from maskwatch.schema import Frame, FrameReport, ImageRGB
from maskwatch.stream import Stream
from maskwatch.tally import steady_states
from maskwatch.video import open_source
from maskwatch.video_live import Patience, pause_before
from maskwatch.video_source import VideoSource
from maskwatch.watch.alerts import Rule, RuleWatch
from maskwatch.watch.config import CameraConfig
from maskwatch.watch.evidence import EvidenceFolder
from maskwatch.watch.journal import Journal
from maskwatch.watch.queue import AlertQueue
from maskwatch.watch.turns import Turns
from maskwatch.watch.view import CameraView, Condition

_LOG = logging.getLogger(__name__)

SILENT_S = 5.0
"""A camera whose newest judged picture is older is no longer live."""

# a failure that comes with every frame fills no log
_LOG_EVERY_S = 30.0
_FAREWELL_S = 1.0


@dataclass(frozen=True, slots=True)
class Offered:
    """A frame that waits to be judged, and when it was at hand, on the monotonic clock."""

    frame: Frame
    arrived_s: float


@dataclass(frozen=True, slots=True)
class Books:
    """Where what is seen is written, shared by all cameras.

    Attributes:
        ledger: the counts.
        journal: the events.
        queue: the alerts.
        evidence: coarse pictures of violations, None where none are kept.
    """

    ledger: Ledger
    journal: Journal
    queue: AlertQueue
    evidence: EvidenceFolder | None = None


class Camera:
    """Reads one source in a thread of its own, and judges its frames when it is asked to.

    Whatever is wrong with the source or a frame stays here: it is logged, shows in the view, and is
    tried again after a pause, for ever; only a file is played once.

    Attributes:
        name: of the camera.
    """

    def __init__(
        self,
        config: CameraConfig,
        stream: Stream,
        rules: Sequence[Rule],
        books: Books,
        turns: Turns[Camera, Offered],
        patience: Patience | None = None,
        utc_s: Callable[[], float] = time.time,
    ) -> None:
        """Begin with nobody seen; nothing is opened before `start`.

        Args:
            config: which camera.
            stream: judges it.
            rules: of all cameras.
            books: where what is seen is written.
            turns: where its frames wait to be judged.
            patience: how long it waits for what.
            utc_s: UTC seconds since the epoch.
        """
        self.name = config.name
        self._config = config
        self._stream = stream
        self._books = books
        self._turns = turns
        self._patience = patience or Patience()
        self._utc_s = utc_s
        self._bookkeeper = Bookkeeper(config.name, books.ledger, utc_s)
        self._finder = EventFinder(config.name, utc_s)
        self._rules = [RuleWatch(rule, config.name) for rule in rules if rule.concerns(config.name)]
        self._alarmist = Alarmist()
        self._stopping = Event()
        self._source: VideoSource | None = None
        self._over: Condition | None = None
        self._trouble = ""
        self._quiet_until_s = 0.0
        self._frames = 0
        self._last: tuple[float, float, FrameReport, bool] | None = None
        # a daemon: a driver or server that never comes back must not keep the program alive
        self._thread = Thread(target=self._feed, name=f"camera {self.name}", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End soon; only notes it."""
        self._stopping.set()
        if source := self._source:
            source.stop()

    def close(self) -> None:
        """Wait for the end for a moment, and forget everybody."""
        self.stop()
        if self._thread.is_alive():
            self._thread.join(_FAREWELL_S)
        self._stream.close()

    def has_ended(self, timeout_s: float) -> bool:
        """Whether nothing of it is left running, or will not be in time; for after `close`."""
        return self._source is None or self._source.has_ended(timeout_s)

    @property
    def is_over(self) -> bool:
        """Whether it was a file that has been played, or failed, and judged to its end."""
        return self._over is not None and self._turns.is_idle(self)

    def judge(self, offered: Offered) -> None:
        """Judge a frame and write down what it shows; never raises. One thread at a time."""
        try:
            self._judge(offered)
        except Exception as error:  # whatever it is, the other cameras must go on, and this one
            self._complain(error)
            self._stream.close()  # what it remembers may be in disorder
            self._bookkeeper.forget_faces()
            self._finder.forget_faces()
            self._alarmist.forget_faces()
            for rule in self._rules:
                rule.forget_faces()

    def view(self) -> CameraView:
        """What there is to say of it now."""
        last, now_s = self._last, time.monotonic()
        condition = self._condition(now_s)
        live = condition is Condition.LIVE and last is not None
        return CameraView(
            name=self.name,
            condition=condition,
            in_view=Counter(steady_states(last[2]).values()) if live and last else {},
            violation=bool(live and last and last[3]),
            frames=self._frames,
            dropped=self._turns.dropped[self] + (self._source.dropped if self._source else 0),
            latency_s=last[1] if last else 0.0,
            trouble=self._trouble,
        )

    def _condition(self, now_s: float) -> Condition:
        if self.is_over and self._over:
            return self._over
        if self._last and now_s - self._last[0] <= SILENT_S:
            return Condition.LIVE
        if self._trouble:
            return Condition.LOST
        return Condition.SILENT if self._last else Condition.STARTING

    def _judge(self, offered: Offered) -> None:
        frame = offered.frame
        report = self._stream.update(frame.image_rgb, frame.time_s)
        self._bookkeeper.add(report, frame.time_s)
        self._note_events(report, frame.image_rgb, frame.time_s)
        for rule in self._rules:
            status = self._books.queue.status(rule.rule.name, self.name)
            if alert := rule.update(report, frame.time_s, status, self._utc_s()):
                self._books.queue.add(alert)
        alarm = self._alarmist.update(report, frame.time_s)
        now_s = time.monotonic()
        self._frames += 1
        self._last = now_s, now_s - offered.arrived_s, report, bool(alarm.states)

    def _note_events(self, report: FrameReport, image_rgb: ImageRGB, time_s: float) -> None:
        events = self._finder.add(report, time_s)
        self._books.journal.note(events.values())
        if self._books.evidence is None:
            return
        boxes = {getattr(face, "track_id", None): face.box_xyxy for face in report.faces}
        for track_id, event in events.items():
            if event.new_state in VIOLATIONS:
                self._books.evidence.keep(event, image_rgb, boxes[track_id])

    def _feed(self) -> None:
        """What the thread does: open the source again and again until stopped."""
        failures = 0
        while not self._stopping.is_set():
            before = self._frames
            reason = self._play()
            if self._over or self._stopping.is_set():
                return
            failures = failures + 1 if self._frames == before else 1
            if reason != self._trouble:
                _LOG.warning("%s: %s; tried again and again", self.name, reason)
            self._trouble = reason
            self._stopping.wait(pause_before(failures - 1, self._patience))

    def _play(self) -> str:
        """Offer the frames of the source until it ends; why it did."""
        try:
            with open_source(self._config.address, self._patience) as source:
                self._source = source
                began_s = time.monotonic()
                for frame in source:
                    if not source.live:
                        self._stopping.wait(began_s + frame.time_s - time.monotonic())
                    if self._stopping.is_set():
                        return "stopped"
                    if self._trouble:
                        _LOG.warning("%s: pictures come again", self.name)
                        self._trouble = ""
                    self._turns.put(self, Offered(frame, _arrival_s(source, frame)))
                reason, after = "the stream ended", Condition.ENDED
        except MaskWatchError as error:
            reason, after = str(error), Condition.FAILED
        except Exception as error:
            self._complain(error)
            reason, after = type(error).__name__, Condition.FAILED
        if self._source is not None and not self._source.live:
            self._end(after, reason)
        return reason

    def _end(self, after: Condition, reason: str) -> None:
        """A file is over."""
        if after is Condition.FAILED:
            _LOG.error("%s: %s", self.name, reason)
            self._trouble = reason
        self._over = after

    def _complain(self, error: Exception) -> None:
        now_s = time.monotonic()
        if now_s >= self._quiet_until_s:
            self._quiet_until_s = now_s + _LOG_EVERY_S
            _LOG.error("%s: fails (next word in 30 s)", self.name, exc_info=error)


def _arrival_s(source: VideoSource, frame: Frame) -> float:
    return frame.time_s if source.live else time.monotonic()
