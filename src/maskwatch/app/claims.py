"""What visitors' browsers say they counted: kept apart, for nobody here saw it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

from maskwatch.live.counting import LEAST_S, Count
from maskwatch.schema import MaskState
from maskwatch.store.statistics import CLAIMED, StatisticsWriter, bucket_start

MOST_FACES = 50
"""More are in no view; a claim of more face time than that many faces could have had is no news."""

Sums = dict[MaskState, Count]


class ClaimCounter:
    """Takes in what one visitor's browser claims, as sums that grow."""

    def __init__(self, began_s: float) -> None:
        """Begin with nothing.

        Args:
            began_s: when, on the clock that `add` is told.
        """
        self._began_s = began_s
        self._visit = ""
        self._known: Sums = {}

    def add(self, claim: object, writer: StatisticsWriter, now_s: float) -> None:
        """Note what is new in a claim; one that cannot be true is passed over.

        Args:
            claim: what the browser sent: {"visit": str, "people": {...}, "face_s": {...}}, both by
                state and summed since the visit began; None before it sends any.
            writer: where the counts go.
            now_s: UTC seconds since the epoch.
        """
        sums = read_claim(claim)
        if sums is None or _face_s(sums) > MOST_FACES * (now_s - self._began_s):
            return
        visit = str(cast(Mapping[str, object], claim)["visit"])
        known = self._known if visit == self._visit else {}
        start_s = bucket_start(now_s)
        changes = {
            (start_s, state): count + _negative(known.get(state, Count()))
            for state, count in sums.items()
        }
        writer.note(CLAIMED, {key: count for key, count in changes.items() if count != Count()})
        self._visit, self._known = visit, sums


def read_claim(claim: object) -> Sums | None:
    """The sums of a claim; None where it is none, or says what cannot be."""
    if not isinstance(claim, Mapping) or not isinstance(claim.get("visit"), str):
        return None
    people, face_s = claim.get("people"), claim.get("face_s")
    if not isinstance(people, Mapping) or not isinstance(face_s, Mapping):
        return None
    sums = {}
    for state in MaskState:
        seen, held_s = people.get(state.value, 0), face_s.get(state.value, 0)
        if not (_is_number(seen) and _is_number(held_s)):
            return None
        sums[state] = Count(max(0, int(seen)), max(0.0, float(held_s)))
    # each person was seen for so long at least
    everybody = sum(count.people for count in sums.values())
    return sums if everybody * LEAST_S <= _face_s(sums) + LEAST_S else None


def _is_number(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(cast(float, value))


def _face_s(sums: Sums) -> float:
    return sum(count.face_s for count in sums.values())


def _negative(count: Count) -> Count:
    return Count(-count.people, -count.face_s)
