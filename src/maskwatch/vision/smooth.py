"""Verdicts on one face, moment after moment -> a state that stays put until it has really changed.

A forward filter over the three states, as for a hidden Markov model: people change state at a known
small rate, and each look at a face shifts the belief by what it says and how surely, by how well
the face was seen and by how much time it stands for. Neighbouring frames of a video show nearly the
same picture, so they are not as many witnesses as there are frames: evidence is counted by the
second, and 15 and 30 frames a second come to the same answer at the same time.

What is shown changes only when the belief in another state is high, never soon after the last
change, and is UNSURE until there was enough to see. A poor view (`quality.evidence_weight` near 0)
says nothing: the state is held and its age grows. An answer older than a moment (`hold_s`) is not
shown as if it were of now: the face has turned away, is covered or is none. It is UNSURE until it
is seen again, and then at once what it was, unless it shows something else.

The first look at a face counts for nothing, for it stands for no time. A slow camera may never take
another: there it stands for the time since the picture before, as all later ones do, and one view
that is clear gives an answer.

How long a clear change takes to show is in `SmoothSettings.from_steadiness`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass

from maskwatch.errors import SettingError
from maskwatch.schema import CLASSES, MaskState
from maskwatch.vision.cadence import Cadence

Probabilities = Mapping[MaskState, float]

# no network can rule a state out by one frame, whatever it says
_LEAST_PROBABILITY = 0.005
# An undecided verdict that is wrong stays so for as long as the view is the same, so its looks are
# hardly witnesses of their own: at 98 % a look counts .90, at 85 % .44, at 60 % .08 (docs/LOG.md).
_DECIDED_POWER = 5
# a look after a gap stands for no more time than this
_LONGEST_LOOK_S = 0.25
# between two pictures no more is forgotten than in so long, or those of slow cameras never add up
_LONGEST_FORGETTING_S = 5.0
# a view that counts less leaves the state as old as it was
_FRESH_WEIGHT = 0.25


@dataclass(frozen=True, slots=True)
class SmoothSettings:
    """How a state is kept steady; the values were chosen on drawn and real films.

    Attributes:
        looks_per_s: independent looks that a second of video is worth.
        changes_per_s: how often people change what their face shows.
        enter: belief from which another state is shown.
        leave: belief below which the shown state is in doubt ...
        doubt_s: ... and so long in doubt becomes UNSURE.
        stay_s: shortest time between two changes.
        hold_s: an answer that was last seen longer ago is UNSURE.
    """

    looks_per_s: float = 3.8
    changes_per_s: float = 0.1
    enter: float = 0.9
    leave: float = 0.5
    doubt_s: float = 0.8
    stay_s: float = 0.25
    hold_s: float = 1.0

    @classmethod
    def from_steadiness(cls, steadiness: float) -> SmoothSettings:
        """Settings for one dial.

        Args:
            steadiness: 0 follows at once and flickers most, 1 is calmest. A clear change (the
                network is 98 % sure) shows after 0.27 s at 0, 0.5 s at 0.5 and 0.9 s at 1; who
                has just come in is named in half the time.

        Raises:
            SettingError: the value is not between 0 and 1.
        """
        if not 0 <= steadiness <= 1:
            raise SettingError(f"steadiness: must lie between 0 and 1, not {steadiness}")
        middle, slower = cls(), 4 ** (steadiness - 0.5)
        return cls(
            looks_per_s=middle.looks_per_s / slower,
            stay_s=middle.stay_s * slower,
            doubt_s=middle.doubt_s * slower,
        )


@dataclass(frozen=True, slots=True)
class SteadyState:
    """What is shown of a face.

    Attributes:
        state: the steady verdict.
        probabilities: belief in each of the three states.
        age_s: since the face was last seen well enough to tell.
    """

    state: MaskState
    probabilities: Probabilities
    age_s: float


@dataclass(frozen=True, slots=True)
class Look:
    """One moment of one face: what the network says, and how much that counts (0 to 1)."""

    probabilities: Probabilities
    weight: float


class Smoother:
    """Keeps the states of all faces of one camera steady; not for several threads."""

    def __init__(self, settings: SmoothSettings) -> None:
        self._settings = settings
        self._cadence = Cadence()
        self._filters: dict[int, _StateFilter] = {}

    def update(
        self, looks: Mapping[int, Look], track_ids: Set[int], elapsed_s: float
    ) -> dict[int, SteadyState]:
        """Take in one frame.

        Args:
            looks: the faces seen in it, by identity.
            track_ids: all identities that may still be seen again; others are forgotten.
            elapsed_s: since the last frame, 0 or more.

        Returns:
            The steady state of each face in `looks`.
        """
        self._cadence.see(elapsed_s)
        self._filters = {key: f for key, f in self._filters.items() if key in track_ids}
        for known in self._filters.values():
            known.wait(elapsed_s)
        new_s = elapsed_s if self._cadence.is_slow else 0.0
        for track_id, look in looks.items():
            new = _StateFilter(self._settings, unlooked_s=new_s)
            self._filters.setdefault(track_id, new).look(look)
        return {track_id: self._filters[track_id].shown() for track_id in looks}


class _StateFilter:
    """The belief about one face, and what is shown of it."""

    def __init__(self, settings: SmoothSettings, unlooked_s: float) -> None:
        self._settings = settings
        self._belief = dict.fromkeys(CLASSES, 1 / len(CLASSES))
        self._state = MaskState.UNSURE
        self._unlooked_s = unlooked_s  # since any look
        self._age_s = 0.0
        self._shown_s = math.inf  # since the last change
        self._doubted_s = 0.0

    def wait(self, elapsed_s: float) -> None:
        """Time passes: the face may have changed meanwhile."""
        forgetting_s = min(elapsed_s, _LONGEST_FORGETTING_S)
        kept = math.exp(-1.5 * self._settings.changes_per_s * forgetting_s)
        self._belief = {s: b * kept + (1 - kept) / len(CLASSES) for s, b in self._belief.items()}
        self._unlooked_s += elapsed_s
        self._age_s += elapsed_s
        self._shown_s += elapsed_s
        self._doubted_s += elapsed_s

    def look(self, look: Look) -> None:
        """The face is seen."""
        looks = min(self._unlooked_s, _LONGEST_LOOK_S) * self._settings.looks_per_s * look.weight
        looks *= max(look.probabilities.values()) ** _DECIDED_POWER
        self._unlooked_s = 0.0
        raised = {
            state: belief * max(look.probabilities[state], _LEAST_PROBABILITY) ** looks
            for state, belief in self._belief.items()
        }
        total = sum(raised.values())
        self._belief = {state: value / total for state, value in raised.items()}
        if look.weight >= _FRESH_WEIGHT:
            self._age_s = 0.0
        self._decide()

    def shown(self) -> SteadyState:
        return SteadyState(self._state, dict(self._belief), self._age_s)

    def _decide(self) -> None:
        settings = self._settings
        if self._age_s > settings.hold_s:
            self._show(MaskState.UNSURE)
            return
        best = max(self._belief, key=self._belief.__getitem__)
        if self._belief.get(self._state, 1.0) >= settings.leave:
            self._doubted_s = 0.0
        if self._belief[best] >= settings.enter:
            wanted = best
        elif self._doubted_s >= settings.doubt_s:
            wanted = MaskState.UNSURE
        else:
            wanted = self._state
        if self._shown_s >= settings.stay_s:
            self._show(wanted)

    def _show(self, state: MaskState) -> None:
        if state is not self._state:
            self._state, self._shown_s, self._doubted_s = state, 0.0, 0.0
