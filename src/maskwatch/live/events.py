"""Reports of one camera -> events: the steady state of one face has changed.

An event stands for itself. It holds no picture and no number of a track, so nobody can be followed
from one event to the next, not even within a minute at one camera.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from maskwatch.live.counting import Clock, steady_states
from maskwatch.schema import FrameReport, MaskState, TrackedFace


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
    """What one track shows: which state, since when, when it was last seen, and its last event."""

    state: MaskState
    since_s: float
    seen_s: float
    event_id: str | None = None


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
                event = events[face.track_id] = self._event(held, face, now_s)
                held.state, held.since_s, held.event_id = face.state, now_s, event.event_id
        gone_s = self._clock.gone_s
        self._held = {i: h for i, h in self._held.items() if h.seen_s >= gone_s}
        return events

    def last_ids(self) -> dict[int, str]:
        """The number of the last event of each track that may still be in view."""
        return {i: held.event_id for i, held in self._held.items() if held.event_id is not None}

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


# When to warn that a mask is missing or worn incorrectly: seldom enough to be heeded.
#
# Only steady states count, so neither the verdict on a single frame nor UNSURE ever warns.

VIOLATIONS = (MaskState.NO_MASK, MaskState.INCORRECT_MASK)
"""What is warned of."""

STAY_S = 3.0
"""What was in view is told for so long after it has gone, so that it can be read."""

COOL_DOWN_S = 30.0
"""Between two rings pass at least so many seconds."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What a person is to be told now.

    Attributes:
        states: violations in view, in the order of VIOLATIONS.
        rings: how often it has rung so far; more than before means that it rings now.
        before: violations that were in view a moment ago, of people who are gone since.
    """

    states: tuple[MaskState, ...] = ()
    rings: int = 0
    before: tuple[MaskState, ...] = ()


class Alarmist:
    """Watches the reports of one camera.

    It rings for each person once, and again only after that person has shown another state, which
    UNSURE is none; who comes during a cool-down is rung for at its end, if the mask is still
    missing then.
    """

    def __init__(self) -> None:
        self._clock = Clock()
        self._seen: dict[int, tuple[MaskState, float]] = {}  # the violation of each, and when
        self._rung_for: dict[int, float] = {}  # when each person it has rung for was last in view
        self._rings = 0
        self._quiet_until_s = 0.0

    def update(self, report: FrameReport, time_s: float) -> Alarm:
        """Take in the next frame; a clock that goes back counts as no time passed."""
        self._clock.advance(time_s)
        now_s, states = self._clock.now_s, steady_states(report)
        violators = {track_id for track_id, state in states.items() if state in VIOLATIONS}
        self._remember(states, now_s)
        unsettled = {track_id for track_id, state in states.items() if state is not MaskState.MASK}
        self._rung_for = {
            track_id: now_s if track_id in unsettled else seen_s
            for track_id, seen_s in self._rung_for.items()
            if track_id in unsettled or (track_id not in states and now_s - seen_s < COOL_DOWN_S)
        }
        if violators - self._rung_for.keys() and now_s >= self._quiet_until_s:
            self._rings += 1
            self._quiet_until_s = now_s + COOL_DOWN_S
            self._rung_for |= dict.fromkeys(violators, now_s)
        now = tuple(state for state in VIOLATIONS if state in states.values())
        left = {state for state, _ in self._seen.values()}
        before = tuple(state for state in VIOLATIONS if state in left and state not in now)
        return Alarm(now, self._rings, before)

    def _remember(self, states: dict[int, MaskState], now_s: float) -> None:
        """Who violates, or did a moment ago and is gone; who shows something else is forgotten."""
        self._seen = {
            track_id: (state, seen_s)
            for track_id, (state, seen_s) in self._seen.items()
            if track_id not in states and now_s - seen_s < STAY_S
        } | {i: (state, now_s) for i, state in states.items() if state in VIOLATIONS}
