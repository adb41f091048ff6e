"""The one Analyzer of the service and the threads it works in; the event loop never computes.

Files are opened by processes, which can be ended, whatever is in them; see `decoder_pool`.
"""

from __future__ import annotations

import asyncio
import logging
import logging.config
import time
import traceback
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)

from maskwatch._version import __version__
from maskwatch.errors import ImageError
from maskwatch.io.decoder_pool import PATIENT_FAULTS, DecoderPool, Lane
from maskwatch.io.report import Result, to_document
from maskwatch.models.runtime import available_cpus
from maskwatch.pipeline import Analyzer
from maskwatch.schema import FaceVerdict, FrameReport, ImageRGB, MaskState, TrackedFace
from maskwatch.service.limits import Limits, Slots, one_line

T = TypeVar("T")

_MOST_DECODERS = 8
"""A thread needs one for a tenth of its time."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An image as a client sent it.

    Attributes:
        content: the bytes of an image file.
        source: what the client calls it, None where it has no name.
    """

    content: bytes
    source: str | None = None


class Engine:
    """Judges what clients send, a thread a core, and knows how the service fares.

    Each thread judges one image after the other; one more judges those that are large or slow to
    open, so that the others never wait for them. Putting the faces of several callers into one
    batch was measured and is no faster: benchmarks/service_batching.py.

    Attributes:
        analyzer: what judges.
        limits: how much is accepted.
        metrics: what happened.
        calls: those under way.
        sessions: the streams that are open.
        warm: whether every thread has judged a picture.
        ending: whether the service was told to end.
        failure: why it ends by itself; None where it does not.
        on_failure: called when it does.
    """

    def __init__(self, analyzer: Analyzer, limits: Limits) -> None:
        self.analyzer = analyzer
        self.limits = limits
        self.metrics = Metrics(analyzer)
        self.calls = Slots(limits.calls, "calls")
        self.sessions = Slots(limits.sessions, "streams")
        self.metrics.watch("calls", "Calls under way.", lambda: self.calls.taken)
        self.metrics.watch("sessions", "Streams that are open.", lambda: self.sessions.taken)
        self.warm = False
        self.ending = False
        self.failure: Exception | None = None
        self.on_failure: Callable[[], None] = lambda: None
        self._threads = available_cpus()
        self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="judge")
        self._patient = ThreadPoolExecutor(1, thread_name_prefix="judge-patiently")
        decoders = min(self._threads, _MOST_DECODERS)
        self._decoders = DecoderPool(limits.image_pixels, decoders, limits.open_s)

    async def warm_up(self) -> None:
        """Judge a grey picture in every thread: the first one of each is slow."""
        self._decoders.start()
        grey = np.full((480, 640, 3), 128, np.uint8)
        await asyncio.gather(
            *(self.run("warm-up", self.analyzer.analyze, grey) for _ in range(self._threads))
        )
        self.warm = True

    async def warm_up_or_end(self) -> None:
        """The same for a service that runs: one that can judge nothing would never be ready."""
        try:
            await self.warm_up()
        except Exception as error:  # whatever the networks, or the machine, lack
            logger.error("the networks judge nothing here", exc_info=error)
            self.failure = error
            self.end()
            self.on_failure()

    def end(self) -> None:
        """No longer be ready; what is under way goes on."""
        self.ending = True

    def close(self) -> None:
        """Let go of threads and processes; what they are at is not waited for."""
        for executor in (self._executor, self._patient):
            executor.shutdown(wait=False, cancel_futures=True)
        self._decoders.close()

    async def judge_all(self, uploads: Sequence[Upload]) -> list[Result]:
        """Judge the images of one call; others get their turn between them."""
        turns = asyncio.Semaphore(self._threads)

        async def judge(upload: Upload) -> Result:
            async with turns:
                result = await self.judge("analyze", upload.content, self.analyzer.analyze)
            self.metrics.count("analyze", result)
            return result

        return await asyncio.gather(*map(judge, uploads))

    async def judge(
        self, door: str, content: bytes, see: Callable[[ImageRGB], FrameReport]
    ) -> Result:
        """What is seen in an image, or why it cannot be read."""
        result = await self.run(door, _open_and_see, self._decoders.quick, content, see)
        if isinstance(result, ImageError) and result.fault in PATIENT_FAULTS:
            lane = self._decoders.patient
            return await self.run(door, _open_and_see, lane, content, see, executor=self._patient)
        return result

    async def run(
        self,
        door: str,
        function: Callable[..., T],
        *arguments: object,
        executor: ThreadPoolExecutor | None = None,
    ) -> T:
        """Call a function in a thread as soon as one is free; what waits can be cancelled."""
        asked_s = time.perf_counter()

        def timed() -> T:
            began_s = time.perf_counter()
            self.metrics.wait_seconds.labels(door).observe(began_s - asked_s)
            try:
                return function(*arguments)
            finally:
                took_s = time.perf_counter() - began_s
                self.metrics.analysis_seconds.labels(door).observe(took_s)

        return await asyncio.get_running_loop().run_in_executor(executor or self._executor, timed)


def _open_and_see(lane: Lane, content: bytes, see: Callable[[ImageRGB], FrameReport]) -> Result:
    try:
        with lane.open(content) as image_rgb:
            pass  # its process is free for others while this thread looks at the picture
    except ImageError as error:
        return error
    return see(image_rgb)


def to_entry(result: Result, source: str | None = None) -> dict[str, Any]:
    """What a client is told of an image: its report, or why there is none."""
    document = to_document(result) | {"source": source}
    if isinstance(result, ImageError):
        document |= {"error": one_line(result.reason), "fault": result.fault.value}
    return document


# What happens, in numbers that Prometheus collects; none is about a person.

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10, 30)
# the share of unsure faces is that of so many of the last ones
_RECENT = 1000


class Metrics:
    """All counters of one service.

    Attributes:
        registry: where they are, and no others.
    """

    def __init__(self, analyzer: Analyzer) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        about = Info("maskwatch_build", "What judges.", registry=self.registry)
        detector = analyzer.detector_card
        about.info(
            {
                "version": __version__,
                "model": analyzer.card.name,
                "model_sha256": analyzer.card.sha256,
                "detector": detector.name if detector else "",
                "detector_sha256": detector.sha256 if detector else "",
            }
        )
        self.requests = self._counter(
            "requests", "Answers, by route and status; 101 is a stream.", "route", "status"
        )
        self.request_seconds = self._histogram(
            "request_seconds", "From the headers of a call to its answer.", "route"
        )
        self.wait_seconds = self._histogram(
            "wait_seconds", "How long an image or frame waited for a core.", "door"
        )
        self.analysis_seconds = self._histogram(
            "analysis_seconds", "How long it then took to decode and judge.", "door"
        )
        self.frame_age_seconds = self._histogram(
            "frame_age_seconds", "From the arrival of a frame of a stream to its answer."
        )
        self._images = self._counter("images", "Images and frames.", "door", "outcome")
        self._faces = self._counter("faces", "Faces that were judged.", "door", "state")
        self.label_switches = self._counter(
            "label_switches", "How often the steady state of a face in a stream changed."
        )
        self.dropped_frames = self._counter(
            "dropped_frames", "Frames of streams that a newer one replaced before they were judged."
        )
        self._recent: deque[bool] = deque(maxlen=_RECENT)
        unsure = self._gauge("unsure_ratio", f"Share of unsure among the last {_RECENT} faces.")
        unsure.set_function(lambda: sum(self._recent) / len(self._recent) if self._recent else 0.0)
        for door in ("analyze", "stream"):  # a rate can be taken from the first one on
            for state in MaskState:
                self._faces.labels(door, state)
            for outcome in ("judged", "unreadable"):
                self._images.labels(door, outcome)

    def watch(self, name: str, about: str, value: Callable[[], float]) -> None:
        """Add a number that is read when it is asked for."""
        self._gauge(name, about).set_function(value)

    def count(self, door: str, result: Result) -> None:
        """Count an image or frame and its faces."""
        if isinstance(result, ImageError):
            self._images.labels(door, "unreadable").inc()
            return
        self._images.labels(door, "judged").inc()
        for face in result.faces:
            self._faces.labels(door, face.state).inc()
            self._recent.append(face.state is MaskState.UNSURE)

    def to_text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"maskwatch_{name}", about, labels, registry=self.registry)

    def _gauge(self, name: str, about: str) -> Gauge:
        return Gauge(f"maskwatch_{name}", about, registry=self.registry)

    def _histogram(self, name: str, about: str, *labels: str) -> Histogram:
        return Histogram(
            f"maskwatch_{name}", about, labels, registry=self.registry, buckets=_SECONDS
        )


class SwitchCounter:
    """Notices when the steady state of a face changes, in one stream."""

    # far more people than stand before a camera; those long gone are forgotten
    _MOST_FACES = 256

    def __init__(self) -> None:
        self._states: OrderedDict[int, MaskState] = OrderedDict()

    def count(self, faces: Sequence[FaceVerdict]) -> int:
        """How many faces of the next frame show another state than when they were last seen."""
        switches = 0
        for face in faces:
            if not isinstance(face, TrackedFace):
                continue
            before = self._states.pop(face.track_id, face.state)
            switches += before is not face.state
            self._states[face.track_id] = face.state
            if len(self._states) > self._MOST_FACES:
                self._states.popitem(last=False)
        return switches


# What the service writes to its log: one line an event, without tracebacks, paths or clients.

logger = logging.getLogger("maskwatch.service")


class OneLine(logging.Formatter):
    """Time, level and the first line of a message; of an exception only what and where.

    Later lines and tracebacks, also those that other packages log, name files of this machine and
    may quote what a client sent.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        lines = record.getMessage().splitlines() or [""]
        error = record.exc_info and record.exc_info[1]
        what = f" ({where(error)})" if error else ""
        return f"{self.formatTime(record)} {record.levelname} {lines[0].rstrip(':')}{what}"


def where(error: BaseException) -> str:
    """The type of an exception and the line that raised it, such as "KeyError in pipeline:88".

    Its message may hold anything and is left out.
    """
    frames = [
        (frame.f_globals.get("__name__", "?"), line)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    ours = [(name, line) for name, line in frames if name.startswith("maskwatch.")] or frames
    place = f" in {ours[-1][0].removeprefix('maskwatch.')}:{ours[-1][1]}" if ours else ""
    return f"{type(error).__name__}{place}"


def configure_log() -> None:
    """All that the service and what it stands on say goes to standard error, a line an event."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"()": OneLine}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"level": "WARNING", "handlers": ["stderr"]},
            "loggers": {
                "maskwatch.service": {"level": "INFO"},
                # what it tells below a warning holds addresses and what was asked for
                "uvicorn": {"level": "WARNING"},
                # warns of every form that is not as it should be; the client is told
                "python_multipart": {"level": "ERROR"},
            },
        }
    )
