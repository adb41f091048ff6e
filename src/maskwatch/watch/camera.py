"""One of many cameras: its pictures offered for judging, and what becomes of each report."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Event, Thread

from maskwatch.errors import MaskWatchError, VideoError, VideoFault
from maskwatch.io.cameras import pause_before
from maskwatch.io.connections import RetryPolicy
from maskwatch.io.video import open_source
from maskwatch.io.video_source import VideoSource
from maskwatch.live.counting import Clock, steady_states
from maskwatch.live.events import VIOLATIONS, Alarmist, EventFinder
from maskwatch.live.loop import Arrived, FailureLog, Judge, Judged, Rate, from_source
from maskwatch.schema import ImageRGB, MaskState
from maskwatch.store.statistics import CameraCounter, StatisticsWriter
from maskwatch.stream import Stream
from maskwatch.vision.cadence import Cadence
from maskwatch.watch.config import CameraConfig
from maskwatch.watch.event_store import EventWriter
from maskwatch.watch.evidence import EvidenceFolder
from maskwatch.watch.fair_queue import FairQueue
from maskwatch.watch.outbox import AlertQueue
from maskwatch.watch.rules import Rule, RuleWatch
from maskwatch.watch.status import CameraView, Condition, LiveView
from maskwatch.watch.zones import covered, looked_at

_LOG = logging.getLogger(__name__)

SILENT_S = 5.0
"""A camera whose newest judged picture is older is no longer live, unless it sends few."""

_SILENT_INTERVALS = 2.5

_FAREWELL_S = 1.0


@dataclass(frozen=True, slots=True)
class _Newest:
    """What the newest frame that was judged shows.

    Attributes:
        judged_s: when it was, on the monotonic clock.
        latency_s: from its arrival to its report.
        in_view: people, by state.
        violation: whether a violation is, or was just, in view.
    """

    judged_s: float
    latency_s: float
    in_view: Mapping[MaskState, int]
    violation: bool


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Why there are no pictures, in words and by kind; None is of a kind that nobody foresaw."""

    reason: str
    fault: VideoFault | None = None


@dataclass(frozen=True, slots=True)
class Books:
    """Where what is seen is written, shared by all cameras.

    Attributes:
        statistics: the counts.
        events: the events.
        queue: the alerts.
        evidence: pictures of violations, None where none are kept.
    """

    statistics: StatisticsWriter
    events: EventWriter
    queue: AlertQueue
    evidence: EvidenceFolder | None = None


class Camera:
    """Reads one source in a thread of its own, and judges its frames when it is asked to.

    Whatever is wrong with the source or a frame stays here: it is logged, shows in the view, and is
    tried again after a pause, for ever; only a file is played once.

    Attributes:
        name: of the camera.
        live_view: what it sees just now, for those who ask.
    """

    def __init__(
        self,
        config: CameraConfig,
        stream: Stream,
        rules: Sequence[Rule],
        books: Books,
        fair_queue: FairQueue[Camera, Arrived[ImageRGB]],
        policy: RetryPolicy | None = None,
        utc_s: Callable[[], float] = time.time,
        page_url: str | None = None,
    ) -> None:
        """Begin with nobody seen; nothing is opened before `start`.

        Args:
            config: which camera.
            stream: judges it.
            rules: of all cameras.
            books: where what is seen is written.
            fair_queue: where its frames wait to be judged.
            policy: how long it waits for what.
            utc_s: UTC seconds since the epoch.
            page_url: where people find the page of the cameras, for links in alerts.
        """
        self.name = config.name
        self.live_view = LiveView()
        self._stream = stream
        self._judge = Judge(stream, [self._take_in])
        self._failures = FailureLog(_LOG, f"{self.name}:")
        self._books = books
        self._fair_queue = fair_queue
        self._policy = policy or RetryPolicy()
        self._utc_s = utc_s
        self._counter = CameraCounter(config.name, books.statistics, utc_s)
        self._finder = EventFinder(config.name, utc_s)
        self._page_url = page_url
        self._rules: list[RuleWatch] = []
        self.reconfigure(config, rules)
        self._rate = Rate()
        self._cadence, self._clock = Cadence(), Clock()
        self._alarmist = Alarmist()
        self._stopping = Event()
        self._source: VideoSource | None = None
        self._dropped_by_sources = 0  # of all that were opened so far
        self._over: Condition | None = None
        self._trouble: _Trouble | None = None
        self._frames = 0
        self._last: _Newest | None = None
        # a daemon: a driver or server that never comes back must not keep the program alive
        self._thread = Thread(target=self._feed, name=f"camera {self.name}", daemon=True)

    def reconfigure(self, config: CameraConfig, rules: Sequence[Rule]) -> None:
        """Go on with other zones and rules; the source stays what it was.

        Nobody is told of again for that: a rule of the same name goes on at a place of the same.
        """
        self._config = config
        before = {(watch.rule.name, watch.place): watch for watch in self._rules}
        after = []
        for rule in (rule for rule in rules if rule.concerns(self.name)):
            for zone in rule.places(config.zones):
                watch = RuleWatch(rule, self.name, zone, self._page_url)
                watch = before.get((rule.name, watch.place), watch)
                watch.go_on_with(rule, zone)
                after.append(watch)
        self._rules = after

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
        return self._over is not None and self._fair_queue.is_idle(self)

    def judge(self, arrived: Arrived[ImageRGB]) -> None:
        """Judge a frame and write down what it shows; never raises. One thread at a time."""
        try:
            self._judge.see(arrived, self._dropped, arrived.content)
        except Exception as error:  # whatever it is, the other cameras must go on, and this one
            self._failures.add(error)

    def view(self) -> CameraView:
        """What there is to say of it now."""
        last, now_s = self._last, time.monotonic()
        condition = self._condition(now_s)
        live = condition is Condition.LIVE and last is not None
        return CameraView(
            name=self.name,
            condition=condition,
            in_view=last.in_view if live and last else {},
            violation=bool(live and last and last.violation),
            frames=self._frames,
            dropped=self._dropped,
            latency_s=last.latency_s if last else 0.0,
            trouble=self._trouble.reason if self._trouble else "",
            fault=self._trouble.fault if self._trouble else None,
            rate_fps=self._rate.rate_fps if live else 0.0,
            is_slow=live and self._cadence.is_slow,
        )

    @property
    def _dropped(self) -> int:
        return self._fair_queue.dropped[self] + self._dropped_by_sources

    def _condition(self, now_s: float) -> Condition:
        if self.is_over and self._over:
            return self._over
        if self._last and now_s - self._last.judged_s <= self._silent_s:
            return Condition.LIVE
        if self._trouble:
            return Condition.LOST
        return Condition.SILENT if self._last else Condition.STARTING

    @property
    def _silent_s(self) -> float:
        """How old its newest picture may be while it is live."""
        usual_s = _SILENT_INTERVALS * self._cadence.usual_s
        return max(SILENT_S, min(usual_s, self._policy.give_up_s))

    def _take_in(self, judged: Judged) -> None:
        """What becomes of a frame that was judged; faces that it is not to look at are nobody."""
        seen = replace(judged, report=looked_at(self._config.zones, judged.report))
        for step in (self._count, self._note_events, self._apply_rules, self._remember):
            step(seen)
        self._rate(seen)
        self.live_view.offer(seen, self._config.zones)

    def _count(self, judged: Judged) -> None:
        self._counter.add(judged.report, judged.frame.time_s)

    def _note_events(self, judged: Judged) -> None:
        report, frame = judged.report, judged.frame
        events = self._finder.add(report, frame.time_s)
        self._books.events.note(events.values())
        if self._books.evidence is None:
            return
        faces = {getattr(face, "track_id", None): face for face in report.faces}
        image_rgb = covered(self._config.zones, frame.image_rgb)
        for track_id, event in events.items():
            if event.new_state in VIOLATIONS:
                self._books.evidence.keep(event, image_rgb, report, faces[track_id])

    def _apply_rules(self, judged: Judged) -> None:
        report, time_s, event_ids = judged.report, judged.frame.time_s, self._finder.last_ids()
        for rule in self._rules:
            status = self._books.queue.status(rule.rule.name, rule.place)
            alert = rule.update(report, time_s, status, self._utc_s(), event_ids)
            if alert:
                self._books.queue.add(alert)

    def _remember(self, judged: Judged) -> None:
        alarm = self._alarmist.update(judged.report, judged.frame.time_s)
        self._frames += 1
        self._cadence.see(self._clock.advance(judged.frame.time_s))
        self._last = _Newest(
            judged_s=time.monotonic(),
            latency_s=judged.latency_s,
            in_view=Counter(steady_states(judged.report).values()),
            violation=bool(alarm.states or alarm.before),
        )

    def _feed(self) -> None:
        """What the thread does: open the source again and again until stopped."""
        failures = 0
        while not self._stopping.is_set():
            before = self._frames
            trouble = self._play()
            if self._over or self._stopping.is_set():
                return
            failures = failures + 1 if self._frames == before else 1
            if trouble != self._trouble:
                _LOG.warning("%s: %s; tried again and again", self.name, trouble.reason)
            self._trouble = trouble
            self.live_view.clear()
            self._stopping.wait(pause_before(failures - 1, self._policy))

    def _play(self) -> _Trouble:
        """Offer the frames of the source until it ends; why it did."""
        try:
            with open_source(self._config.address, self._policy) as source:
                self._source = source
                began_s, dropped_before = time.monotonic(), self._dropped_by_sources
                for frame in source:
                    self._dropped_by_sources = dropped_before + source.dropped
                    if not source.live:
                        late_s = time.monotonic() - began_s - frame.time_s
                        self._stopping.wait(-late_s)
                        # made up for, a delay would have all frames since then but one give way
                        began_s += max(0.0, late_s)
                    if self._stopping.is_set():
                        return _Trouble("stopped")
                    if self._trouble:
                        _LOG.warning("%s: pictures come again", self.name)
                        self._trouble = None
                    self._fair_queue.put(self, from_source(source, frame))
                trouble = _Trouble("the stream ended", VideoFault.ENDED)
                after = Condition.ENDED
        except VideoError as error:
            trouble, after = _Trouble(str(error), error.fault), Condition.FAILED
        except MaskWatchError as error:
            trouble, after = _Trouble(str(error)), Condition.FAILED
        except Exception as error:
            trouble, after = _Trouble(self._failures.add(error)), Condition.FAILED
        if self._source is not None and not self._source.live:
            self._end(after, trouble)
        return trouble

    def _end(self, after: Condition, trouble: _Trouble) -> None:
        """A file is over."""
        if after is Condition.FAILED:
            _LOG.error("%s: %s", self.name, trouble.reason)
            self._trouble = trouble
        self._over = after
