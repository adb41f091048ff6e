"""Reports of one camera -> events: the steady state of one face has changed.

An event stands for itself. It holds no picture and no number of a track, so nobody can be followed
from one event to the next, not even within a minute at one camera.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from maskwatch.schema import FrameReport, MaskState, TrackedFace
from maskwatch.tally import Clock
from maskwatch.track import LOST_S


@dataclass(frozen=True, slots=True)
class Event:
    """The steady state of one face at one camera has changed.

    Attributes:
        event_id: random.
        camera: its name.
        time_s: when, in UTC seconds since the epoch.
        old_state: before; UNSURE for a face that had just come into view.
        new_state: after.
        confidence: that of the new state; of the likeliest one where that is UNSURE.
        old_duration_s: how long the old state had lasted.
    """

    event_id: str
    camera: str
    time_s: float
    old_state: MaskState
    new_state: MaskState
    confidence: float
    old_duration_s: float


def random_id() -> str:
    """A number that nobody else has, and that says nothing."""
    return uuid.uuid4().hex


@dataclass(slots=True)
class _Held:
    """What one track shows: which state, since when, and when it was last seen."""

    state: MaskState
    since_s: float
    seen_s: float


class EventFinder:
    """Finds the events of one camera; not for several threads."""

    def __init__(self, camera: str, now_s: Callable[[], float] = time.time) -> None:
        """Begin with nobody seen.

        Args:
            camera: its name.
            now_s: UTC seconds since the epoch.
        """
        self._camera = camera
        self._now_s = now_s
        self._clock = Clock()
        self._held: dict[int, _Held] = {}

    def forget_faces(self) -> None:
        """From now on the numbers of tracks begin anew."""
        self._held = {}

    def add(self, report: FrameReport, time_s: float) -> dict[int, Event]:
        """Take in the next frame.

        Args:
            report: what was found; faces without a track have no part in it.
            time_s: when the frame was taken, on any clock.

        Returns:
            The tracks whose state has changed, and the events.
        """
        self._clock.advance(time_s)
        now_s = self._clock.now_s
        events = {}
        for face in report.faces:
            if not isinstance(face, TrackedFace):
                continue
            held = self._held.setdefault(face.track_id, _Held(MaskState.UNSURE, now_s, now_s))
            held.seen_s = now_s
            if face.state is not held.state:
                events[face.track_id] = self._event(held, face, now_s)
                held.state, held.since_s = face.state, now_s
        # a track ends by a sum of seconds that may be rounded otherwise
        self._held = {i: h for i, h in self._held.items() if h.seen_s >= now_s - 2 * LOST_S}
        return events

    def _event(self, held: _Held, face: TrackedFace, now_s: float) -> Event:
        return Event(
            event_id=random_id(),
            camera=self._camera,
            time_s=round(self._now_s(), 3),
            old_state=held.state,
            new_state=face.state,
            confidence=round(face.confidence, 4),
            old_duration_s=round(now_s - held.since_s, 3),
        )
