"""What a Stream shows on real films -> how often it answers, how rightly, soon and steadily.

A face-frame is one face that is shown in one frame and is in the truth. It is tellable where a
person who looked could tell what the face shows. An answer is any state but UNSURE.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, pairwise
from typing import Any

import numpy as np

from maskwatch.schema import CLASSES, MaskState, TrackedFace
from maskwatch.training.flicker.recording import RecordedFrame, pairs
from maskwatch.training.flicker.street import Sight, StreetTruth

LONGEST_DELAY_S = 2.0
"""What is shown so soon after a true change has a cause."""

OBVIOUS_S = 0.5
"""A face that anybody can tell should be named by then."""

_PAUSE_S = 1.0  # who is not shown for longer may come back as somebody else


@dataclass(frozen=True, slots=True)
class Glance:
    """One person in one frame.

    Attributes:
        time_s: when.
        truth: what is there; UNSURE where nobody could tell.
        shown: what the stream shows.
        track_id: as whom.
        alone: the likeliest state of this frame alone.
    """

    time_s: float
    truth: MaskState
    shown: MaskState
    track_id: int
    alone: MaskState


@dataclass(frozen=True, slots=True)
class _Change:
    """A true change of one person.

    Attributes:
        left_s: when the state before could last be told. Until `told_s` nobody can tell which of
            the two it is (a mask is being put on), so either may be shown.
        told_s: when the new state can first be told.
        state: the new state.
    """

    left_s: float
    told_s: float
    state: MaskState


@dataclass(frozen=True, slots=True)
class FilmGlances:
    """What was shown of one film.

    Attributes:
        people: the glances of each person, in time.
        seconds: between two frames.
        answers_on_nothing: answers shown where there is no face.
        frames_on_nothing: boxes shown there, whatever they said.
    """

    people: tuple[tuple[Glance, ...], ...]
    seconds: float
    answers_on_nothing: int
    frames_on_nothing: int


@dataclass(frozen=True, slots=True)
class StreetScores:
    """How live answers are on real films.

    Attributes:
        face_minutes: how long faces were shown, in all.
        unsure: share of all face-frames that say UNSURE.
        unsure_tellable: share of the tellable ones.
        right: share of the answers on tellable faces that are right, delays included.
        right_alone: the same of single frames, each with its likeliest state.
        on_nothing: share of all answers that stand where there is no face.
        switches: changes from one answer to another without cause, a face-minute.
        lapses: changes from an answer to UNSURE on a face that is tellable, a face-minute.
        named_in_time: share of the tellable stretches of at least OBVIOUS_S that had an answer by
            then; None without any.
        delays_s: of each true change until it was shown; None where it was not.
        identity_switches: changes of a person's number while he is in sight, a face-minute.
        fragments: numbers a person.
    """

    face_minutes: float
    unsure: float
    unsure_tellable: float
    right: float
    right_alone: float
    on_nothing: float
    switches: float
    lapses: float
    named_in_time: float | None
    delays_s: tuple[float | None, ...]
    identity_switches: float
    fragments: float

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        values = {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}
        return {**values, "delays_s": [d if d is None else round(d, 3) for d in self.delays_s]}


def film_glances(
    shown: Iterable[tuple[RecordedFrame, tuple[TrackedFace, ...]]], truth: StreetTruth
) -> FilmGlances:
    """Say of everybody in a film what was shown of him."""
    people: dict[str, list[Glance]] = {}
    on_nothing, times_s = [], []
    for frame, faces in shown:
        times_s.append(frame.time_s)
        sights = truth.at(frame.time_s)
        matched = pairs(sights, faces)
        for sight, face in matched:
            if sight.state is None:
                on_nothing.append(face.state)
            else:
                alone = max(CLASSES, key=_alone(frame, face).__getitem__)
                glance = Glance(frame.time_s, sight.state, face.state, face.track_id, alone)
                people.setdefault(sight.person, []).append(glance)
        if truth.whole:
            known = {face.track_id for _, face in matched}
            strange = [face for face in faces if face.track_id not in known]
            on_nothing += [face.state for face in strange if not _touches(face, sights)]
    step_s = float(np.median(np.diff(times_s)))
    answers = sum(state is not MaskState.UNSURE for state in on_nothing)
    return FilmGlances(tuple(map(tuple, people.values())), step_s, answers, len(on_nothing))


def street_scores(films: Sequence[FilmGlances]) -> StreetScores:
    """Score what was shown of some films."""
    seconds = sum(film.seconds * len(glances) for film in films for glances in film.people)
    minutes = max(seconds, 1e-9) / 60
    everybody = [glances for film in films for glances in film.people]
    every = [glance for glances in everybody for glance in glances]
    tellable = [glance for glance in every if glance.truth is not MaskState.UNSURE]
    answers = [glance for glance in tellable if glance.shown is not MaskState.UNSURE]
    strange = sum(film.answers_on_nothing for film in films)
    all_answers = strange + sum(glance.shown is not MaskState.UNSURE for glance in every)
    counts = [_switches(glances) for glances in everybody]
    named = [in_time for glances in everybody for in_time in _named_in_time(glances)]
    return StreetScores(
        face_minutes=minutes,
        unsure=_share(glance.shown is MaskState.UNSURE for glance in every),
        unsure_tellable=_share(glance.shown is MaskState.UNSURE for glance in tellable),
        right=_share(glance.shown is glance.truth for glance in answers),
        right_alone=_share(glance.alone is glance.truth for glance in tellable),
        on_nothing=strange / max(all_answers, 1),
        switches=sum(switches for switches, _ in counts) / minutes,
        lapses=sum(lapses for _, lapses in counts) / minutes,
        named_in_time=_share(named) if named else None,
        delays_s=tuple(delay for glances in everybody for delay in _delays(glances)),
        identity_switches=sum(map(_identity_switches, everybody)) / minutes,
        fragments=float(np.mean([len({g.track_id for g in glances}) for glances in everybody]))
        if everybody
        else 0.0,
    )


def _alone(frame: RecordedFrame, face: TrackedFace) -> Any:
    return next(
        verdict.probabilities
        for verdict in frame.verdicts.values()
        if verdict.box_xyxy == face.box_xyxy
    )


def _touches(face: TrackedFace, sights: Sequence[Sight]) -> bool:
    left, top, right, bottom = face.box_xyxy
    boxes = (sight.box_xyxy for sight in sights)
    return any(left < b[2] and b[0] < right and top < b[3] and b[1] < bottom for b in boxes)


def _share(flags: Iterable[bool]) -> float:
    values = list(flags)
    return sum(values) / len(values) if values else 0.0


def _changes(glances: Sequence[Glance]) -> list[_Change]:
    """When a person truly changed; what nobody can tell in between is no state."""
    told = [glance for glance in glances if glance.truth is not MaskState.UNSURE]
    return [
        _Change(before.time_s, after.time_s, after.truth)
        for before, after in pairwise(told)
        if before.truth is not after.truth
    ]


def _delays(glances: Sequence[Glance]) -> Iterator[float | None]:
    changes = _changes(glances)
    for index, change in enumerate(changes):
        until_s = changes[index + 1].told_s if index + 1 < len(changes) else np.inf
        until_s = min(until_s, change.told_s + LONGEST_DELAY_S)
        later = (glance for glance in glances if change.told_s <= glance.time_s < until_s)
        yield next((g.time_s - change.told_s for g in later if g.shown is change.state), None)


def _switches(glances: Sequence[Glance]) -> tuple[int, int]:
    """Changes from one answer to another, and from an answer to UNSURE, that nothing asked for."""
    changes = _changes(glances)

    def has_cause(glance: Glance) -> bool:
        return any(c.left_s < glance.time_s <= c.told_s + LONGEST_DELAY_S for c in changes)

    told = [glance for glance in glances if glance.truth is not MaskState.UNSURE]
    lapses = sum(
        before.shown is not MaskState.UNSURE and after.shown is MaskState.UNSURE
        for before, after in pairwise(told)
        if not has_cause(after)
    )
    answers = [glance for glance in glances if glance.shown is not MaskState.UNSURE]
    switches = sum(
        before.shown is not after.shown
        for before, after in pairwise(answers)
        if not has_cause(after) and before.truth in (after.truth, MaskState.UNSURE)
    )
    return switches, lapses


def _named_in_time(glances: Sequence[Glance]) -> Iterator[bool]:
    """Of each stretch in which a person can be told from its start: whether he was named soon."""
    start = 0
    for index in range(1, len(glances) + 1):
        if index < len(glances) and glances[index].time_s - glances[index - 1].time_s <= _PAUSE_S:
            continue
        for told, group in groupby(glances[start:index], lambda g: g.truth is not MaskState.UNSURE):
            stretch = list(group)
            if told and stretch[-1].time_s - stretch[0].time_s >= OBVIOUS_S:
                soon_s = stretch[0].time_s + OBVIOUS_S + 1e-6
                yield any(g.shown is not MaskState.UNSURE for g in stretch if g.time_s <= soon_s)
        start = index


def _identity_switches(glances: Sequence[Glance]) -> int:
    return sum(
        before.track_id != after.track_id and after.time_s - before.time_s <= _PAUSE_S
        for before, after in pairwise(glances)
    )
