"""When to warn that a mask is missing or worn incorrectly: seldom enough to be heeded.

Only steady states count, so neither the verdict on a single frame nor UNSURE ever warns.
"""

from __future__ import annotations

from dataclasses import dataclass

from maskwatch.schema import FrameReport, MaskState
from maskwatch.tally import Clock, steady_states

VIOLATIONS = (MaskState.NO_MASK, MaskState.INCORRECT_MASK)
"""What is warned of."""

STAY_S = 3.0
"""A warning stays so long after its cause was last seen, so that it can be read."""

COOL_DOWN_S = 30.0
"""Between two rings pass at least so many seconds."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """What a person is to be told now.

    Attributes:
        states: violations that are or were just in view, in the order of VIOLATIONS.
        rings: how often it has rung so far; more than before means that it rings now.
    """

    states: tuple[MaskState, ...] = ()
    rings: int = 0


class Alarmist:
    """Watches the reports of one camera.

    It rings for each person once, and again only after that person has shown something else; who
    comes during a cool-down is rung for at its end, if the mask is still missing then.
    """

    def __init__(self) -> None:
        self._clock = Clock()
        self._seen_s: dict[MaskState, float] = {}  # when each violation was last in view
        self._rung_for: dict[int, float] = {}  # when each person it has rung for was last in view
        self._rings = 0
        self._quiet_until_s = 0.0

    def forget_faces(self) -> None:
        """From now on the numbers of tracks begin anew."""
        self._rung_for = {}

    def update(self, report: FrameReport, time_s: float) -> Alarm:
        """Take in the next frame; a clock that goes back counts as no time passed."""
        self._clock.advance(time_s)
        now_s, states = self._clock.now_s, steady_states(report)
        violators = {track_id for track_id, state in states.items() if state in VIOLATIONS}
        self._seen_s.update((states[track_id], now_s) for track_id in violators)
        self._rung_for = {
            track_id: now_s if track_id in violators else seen_s
            for track_id, seen_s in self._rung_for.items()
            if track_id in violators or (track_id not in states and now_s - seen_s < COOL_DOWN_S)
        }
        if violators - self._rung_for.keys() and now_s >= self._quiet_until_s:
            self._rings += 1
            self._quiet_until_s = now_s + COOL_DOWN_S
            self._rung_for |= dict.fromkeys(violators, now_s)
        shown = (s for s in VIOLATIONS if now_s - self._seen_s.get(s, -STAY_S) < STAY_S)
        return Alarm(tuple(shown), self._rings)
