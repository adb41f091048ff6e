"""What was shown of people -> how much it flickered, and how soon a true change was seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from maskwatch.schema import CLASSES, MaskState
from maskwatch.training.flicker.recording import Moment, Timeline

LONGEST_DELAY_S = 2.0
"""A true change that is not shown by then counts as not shown, and what comes after as flicker."""

VOTE_S = 1.0

Shown = Sequence[MaskState]
"""What is shown of one person in each moment."""


@dataclass(frozen=True, slots=True)
class FlickerScores:
    """How steady and how prompt labels are.

    Attributes:
        track_minutes: how long people could be seen, in all.
        false_switches: changes of the label a track-minute that nothing in the picture asked for;
            to UNSURE and back counts twice.
        switching_tracks: share of people with at least one.
        wrong_ratio: share of the time in which a false state is shown, delays included.
        unsure_ratio: ... in which UNSURE is shown.
        held_ratio: ... in which the state is held from earlier because the view is poor.
        missed_ratio: share of the frames in which a face that can be seen is not shown.
        changes: true changes.
        shown_ratio: share of them that were shown within LONGEST_DELAY_S.
        delay_median_s: of those; None where there are none.
        delay_p95_s: the same.
        identity_switches: changes of a person's number, a track-minute.
    """

    track_minutes: float
    false_switches: float
    switching_tracks: float
    wrong_ratio: float
    unsure_ratio: float
    held_ratio: float
    missed_ratio: float
    changes: int
    shown_ratio: float | None
    delay_median_s: float | None
    delay_p95_s: float | None
    identity_switches: float

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}


def likeliest(moments: Sequence[Moment]) -> Shown:
    """Frame by frame as in the student report: the likeliest state, never UNSURE."""
    return [_best(moment) for moment in moments]


def frame_by_frame(moments: Sequence[Moment]) -> Shown:
    """Each frame's own verdict."""
    return [moment.alone.state for moment in moments]


def majority(moments: Sequence[Moment]) -> Shown:
    """The commonest likeliest state of the last second of the same track."""
    shown = []
    for index, now in enumerate(moments):
        votes: Counter[MaskState] = Counter()
        for past in moments[: index + 1]:
            fresh = now.time_s - past.time_s < VOTE_S - 1e-6
            if fresh and past.face.track_id == now.face.track_id:
                votes[_best(past)] += 1
        shown.append(votes.most_common(1)[0][0])
    return shown


def steady(moments: Sequence[Moment]) -> Shown:
    """What a Stream shows."""
    return [moment.face.state for moment in moments]


METHODS: dict[str, Callable[[Sequence[Moment]], Shown]] = {
    "frame by frame, as in the report": likeliest,
    "frame by frame, our verdict": frame_by_frame,
    "majority of the last second": majority,
    "MaskWatch": steady,
}


def score(
    timelines: Iterable[Timeline], method: Callable[[Sequence[Moment]], Shown]
) -> FlickerScores:
    """Score one way of showing over many people."""
    people = [(line, method(line.moments)) for line in timelines]
    minutes = sum(line.seconds for line, _ in people) / 60
    moments = [m for line, _ in people for m in line.moments]
    shown = [state for _, states in people for state in states]
    counts, delays = [], []
    for line, states in people:
        switches, late = _switches(line.moments, states)
        counts.append(switches)
        delays += late
    in_time = [delay for delay in delays if delay is not None]
    wrong = [s not in (m.truth, MaskState.UNSURE) for m, s in zip(moments, shown, strict=True)]
    held = [m.face.state_age_s > 0 for m in moments] if method is steady else [False]
    seconds = np.array([line.seconds for line, _ in people])
    missed = np.array([line.missed for line, _ in people])
    identities = sum(
        before.face.track_id != after.face.track_id
        for line, _ in people
        for before, after in pairwise(line.moments)
    )
    return FlickerScores(
        track_minutes=minutes,
        false_switches=sum(counts) / minutes,
        switching_tracks=float(np.mean([count > 0 for count in counts])),
        wrong_ratio=float(np.mean(wrong)),
        unsure_ratio=float(np.mean([state is MaskState.UNSURE for state in shown])),
        held_ratio=float(np.mean(held)),
        missed_ratio=float((missed * seconds).sum() / seconds.sum()),
        changes=len(delays),
        shown_ratio=len(in_time) / len(delays) if delays else None,
        delay_median_s=float(np.median(in_time)) if in_time else None,
        delay_p95_s=float(np.percentile(in_time, 95)) if in_time else None,
        identity_switches=identities / minutes,
    )


def _switches(moments: Sequence[Moment], shown: Shown) -> tuple[int, list[float | None]]:
    """False switches of one person, and the delay of each true change (None: not shown in time).

    The first state after UNSURE at the start is no switch. From a true change until its state is
    shown, or the time is up, whatever happens to the label belongs to the delay.
    """
    switches, delays = 0, list[float | None]()
    changed_s: float | None = None
    begun = False
    for index, (moment, state) in enumerate(zip(moments, shown, strict=True)):
        if index and moment.truth is not moments[index - 1].truth:
            if changed_s is not None:
                delays.append(None)
            changed_s = moment.time_s
        differs = bool(index) and state is not shown[index - 1]
        if changed_s is not None:
            delay_s = moment.time_s - changed_s
            if state is moment.truth:
                delays.append(delay_s)
                changed_s = None
            elif delay_s > LONGEST_DELAY_S:
                delays.append(None)
                changed_s = None
        elif differs and begun:
            switches += 1
        begun = begun or state is not MaskState.UNSURE
    return switches, delays + ([None] if changed_s is not None else [])


def _best(moment: Moment) -> MaskState:
    return max(CLASSES, key=moment.alone.probabilities.__getitem__)
