"""What happens, in numbers that Prometheus collects; none is about a person."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

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
from maskwatch.pipeline import Analyzer
from maskwatch.report import Result
from maskwatch.schema import FaceVerdict, MaskState, TrackedFace

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
