"""Reports of a video -> how many people show what, and for how long.

Only steady states count. A person is a track: counted once, by the state it has held longest so
far. What was counted is corrected when another state becomes the longest, so that the numbers are
right at any moment and nobody has to wait until a person is gone.

A frame stands for the time since the frame before it, but after a gap for no more than a second.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from maskwatch.schema import CLASSES, FrameReport, MaskState, TrackedFace
from maskwatch.vision.cadence import Cadence
from maskwatch.vision.track import lost_after_s

LEAST_S = 0.5
"""A face that was seen for less is not counted: a detector errs now and then for a frame."""

STEP_S = 5.0
"""Compliance over time is told in steps of so many seconds ..."""

RECENT_S = 300.0
"""... as far back as this."""

_LONGEST_FRAME_S = 1.0


@dataclass(frozen=True, slots=True)
class Count:
    """How many people, and how long their faces were seen together; a correction may be negative.

    Attributes:
        people: each counted once, by the state it held longest.
        face_s: seconds in which a face was seen in this state, summed over faces.
    """

    people: int = 0
    face_s: float = 0.0

    def __add__(self, other: Count) -> Count:
        return Count(self.people + other.people, self.face_s + other.face_s)


Changes = Mapping[tuple[int, MaskState], Count]
"""What to add to the counts of a period and state."""


def worn_ratio(face_s: Mapping[MaskState, float]) -> float | None:
    """Share of the face time with the mask worn; None where no verdict was sure.

    UNSURE is no violation and no compliance: it is left out.
    """
    told_s = sum(face_s.get(state, 0.0) for state in CLASSES)
    return face_s.get(MaskState.MASK, 0.0) / told_s if told_s > 0 else None


class Clock:
    """Time that never goes back, from one that may.

    Attributes:
        now_s: since the first moment.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self._last_s: float | None = None
        self._cadence = Cadence()

    @property
    def gone_s(self) -> float:
        """Who was last seen before this moment has no track any more, and no number comes back.

        A track ends by a sum of seconds that may be rounded otherwise, so it gets twice the time.
        """
        return self.now_s - 2 * lost_after_s(self._cadence.usual_s)

    def advance(self, time_s: float) -> float:
        """Go on to this moment of the other clock; returns how many seconds have passed."""
        elapsed_s = 0.0 if self._last_s is None else max(0.0, time_s - self._last_s)
        self._last_s = time_s
        self.now_s += elapsed_s
        self._cadence.see(elapsed_s)
        return elapsed_s


@dataclass(slots=True)
class _Person:
    """One track.

    Attributes:
        period: in which it came; there it is counted.
        held_s: how long it showed each state.
        counted_as: the state under which it is counted, None as long as it is not.
        seen_s: when it was last seen.
    """

    period: int
    held_s: defaultdict[MaskState, float] = field(default_factory=lambda: defaultdict(float))
    counted_as: MaskState | None = None
    seen_s: float = 0.0


class PeopleCounter:
    """Tells for each report what it adds to the counts. Remembers only who may still be in view."""

    def __init__(self) -> None:
        self.clock = Clock()
        self._people: dict[int, _Person] = {}

    def add(self, report: FrameReport, time_s: float, period: int = 0) -> Changes:
        """Take in the next frame.

        Args:
            report: what was found; faces without a track have no part in it.
            time_s: when the frame was taken, on any clock.
            period: under which new people and the time since the last frame are counted.

        Returns:
            Corrections of people may be negative and concern an earlier period.
        """
        frame_s = min(self.clock.advance(time_s), _LONGEST_FRAME_S)
        changes: defaultdict[tuple[int, MaskState], Count] = defaultdict(Count)
        for track_id, state in steady_states(report).items():
            person = self._people.setdefault(track_id, _Person(period))
            person.held_s[state] += frame_s
            person.seen_s = self.clock.now_s
            changes[period, state] += Count(face_s=frame_s)
            longest = max(person.held_s, key=person.held_s.__getitem__)
            if longest is person.counted_as or sum(person.held_s.values()) < LEAST_S:
                continue
            if person.counted_as is not None:
                changes[person.period, person.counted_as] += Count(people=-1)
            changes[person.period, longest] += Count(people=1)
            person.counted_as = longest
        gone_s = self.clock.gone_s
        self._people = {i: person for i, person in self._people.items() if person.seen_s >= gone_s}
        return {key: count for key, count in changes.items() if count != Count()}


def steady_states(report: FrameReport) -> dict[int, MaskState]:
    """What each track in a report steadily shows."""
    return {face.track_id: face.state for face in report.faces if isinstance(face, TrackedFace)}


@dataclass(frozen=True, slots=True)
class Step:
    """Some seconds of a session in which faces were told.

    Attributes:
        index: counts steps of STEP_S from the first frame on.
        ratio: share of the face time with the mask worn, of that which could be told.
    """

    index: int
    ratio: float


@dataclass(frozen=True, slots=True)
class SessionCounts:
    """What one session has seen so far.

    Attributes:
        in_view: people in the newest frame, by state.
        people: people of the session, by the state each held longest.
        face_s: seconds of faces, by state.
        steps: compliance of the last minutes, oldest first; steps in which nothing could be told
            are left out, and so is the one that is still going on.
        step_index: the step that is going on.
    """

    in_view: Mapping[MaskState, int] = field(default_factory=dict)
    people: Mapping[MaskState, int] = field(default_factory=dict)
    face_s: Mapping[MaskState, float] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    step_index: int = 0


class Session:
    """Keeps the counts of one session; its size does not grow with time or people."""

    def __init__(self) -> None:
        self._counter = PeopleCounter()
        self._total = dict.fromkeys(MaskState, Count())
        self._steps: deque[Step] = deque()
        self._step_index = 0
        self._step_s: defaultdict[MaskState, float] = defaultdict(float)

    def add(self, report: FrameReport, time_s: float) -> SessionCounts:
        """Take in the next frame; see PeopleCounter.add."""
        changes = self._counter.add(report, time_s)
        self._begin_step(int(self._counter.clock.now_s // STEP_S))
        for (_, state), count in changes.items():
            self._total[state] += count
            self._step_s[state] += count.face_s
        return SessionCounts(
            in_view=Counter(steady_states(report).values()),
            people={state: count.people for state, count in self._total.items()},
            face_s={state: count.face_s for state, count in self._total.items()},
            steps=tuple(self._steps),
            step_index=self._step_index,
        )

    def _begin_step(self, index: int) -> None:
        if index == self._step_index:
            return
        ratio = worn_ratio(self._step_s)
        if ratio is not None:
            self._steps.append(Step(self._step_index, ratio))
        while self._steps and self._steps[0].index < index - RECENT_S / STEP_S:
            self._steps.popleft()
        self._step_index = index
        self._step_s.clear()
