"""Real films through the networks once, then through a Stream at every step of the dial.

And through a rule that tells of bare faces: who is told of in vain, who is never told of. It is
that of `maskwatch watch`, with a cool-down of nothing, so that each face counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from maskwatch.errors import DataError
from maskwatch.io.environment import cpu_name
from maskwatch.io.video import open_source
from maskwatch.models.runtime import available_cpus
from maskwatch.pipeline import Analyzer
from maskwatch.schema import FaceOrigin, FrameReport, MaskState, TrackedFace
from maskwatch.stream import Stream
from maskwatch.training.flicker.recording import RecordedFrame, pairs, record_frame, shown_faces
from maskwatch.training.flicker.street import Sight, StreetTruth, film_path, read_truth
from maskwatch.training.flicker.street_scores import (
    OBVIOUS_S,
    FilmGlances,
    StreetScores,
    film_glances,
    street_scores,
)
from maskwatch.watch.rules import Rule, RuleStatus, RuleWatch

DIAL = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Steadiness at which all films are scored together."""


@dataclass(frozen=True, slots=True)
class StreetResult:
    """What came out.

    Attributes:
        setting: what was measured, and where.
        films: scores of each film at the default steadiness.
        by_steadiness: scores of all films together at each step of the dial.
        alarms: what a rule tells of bare faces, all films together, by its `min_duration_s`.
        missing: labelled films that are not in the folder.
    """

    setting: dict[str, Any]
    films: dict[str, StreetScores]
    by_steadiness: dict[float, StreetScores]
    alarms: dict[float, AlarmCounts]
    missing: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "setting": self.setting,
            "films": {name: scores.to_dict() for name, scores in self.films.items()},
            "by_steadiness": {str(at): s.to_dict() for at, s in self.by_steadiness.items()},
            "alarms": {str(after): counts.to_dict() for after, counts in self.alarms.items()},
            "missing": list(self.missing),
        }


def run_street(
    analyzer: Analyzer, folder: Path, steadiness: float, progress: Callable[[int], None]
) -> StreetResult:
    """Score what a Stream shows on the labelled films of a folder.

    Args:
        analyzer: what is measured.
        folder: with the films, each under its own name; those that are absent are left out.
        steadiness: at which each film is scored alone.
        progress: called with 1 after each film has been looked at.

    Raises:
        DataError: none of the films is there, or the truth cannot be read.
        VideoError: a film cannot be read.
    """
    truths = read_truth()
    paths = {name: path for name in truths if (path := film_path(folder, name)) is not None}
    if not paths:
        raise DataError(f"{folder}: none of the labelled films is there ({', '.join(truths)})")
    recordings: dict[str, list[RecordedFrame]] = {}
    for name, path in paths.items():
        with open_source(path) as frames:
            recordings[name] = [record_frame(analyzer, f.image_rgb, f.time_s) for f in frames]
        progress(1)

    def shown(at: float) -> dict[str, Shown]:
        return {
            name: list(shown_faces(frames, lambda replay: Stream(replay, at)))
            for name, frames in recordings.items()
        }

    card, films = analyzer.detector_card, shown(steadiness)
    glances = {at: _glances(shown(at), truths) for at in DIAL}
    return StreetResult(
        setting={
            "steadiness": steadiness,
            "classifier": analyzer.card.name,
            "classifier_sha256": analyzer.card.sha256,
            "detector": card and card.name,
            "detector_sha256": card and card.sha256,
            "machine": {"cpu": cpu_name(), "cores": available_cpus()},
        },
        films={name: street_scores([film]) for name, film in _glances(films, truths).items()},
        by_steadiness={at: street_scores(list(people.values())) for at, people in glances.items()},
        alarms={
            after_s: sum(
                (film_alarms(film, truths[name], after_s) for name, film in films.items()),
                AlarmCounts(),
            )
            for after_s in DURATIONS_S
        },
        missing=tuple(name for name in truths if name not in paths),
    )


def _glances(
    films: Mapping[str, Shown], truths: Mapping[str, StreetTruth]
) -> dict[str, FilmGlances]:
    return {name: film_glances(film, truths[name]) for name, film in films.items()}


DURATIONS_S = (1.0, 2.0, 3.0, 5.0)
"""How long a face must have been bare; 2 s is a rule's default, longer ones tell of fewer."""

Shown = Sequence[tuple[RecordedFrame, tuple[TrackedFace, ...]]]

_PAUSE_S = 1.0  # who is not shown for longer has gone meanwhile


@dataclass(frozen=True, slots=True)
class AlarmCounts:
    """What a rule told of, in one film or in several.

    Attributes:
        face_minutes: how long faces were shown, labelled or not.
        right: alarms about somebody who was bare.
        in_vain: alarms about a mask, and about no face.
        unjudged: alarms about somebody of whom nobody could tell, or who is not labelled.
        due: people who were bare and in sight for the rule's time and OBVIOUS_S.
        missed: how many of them were never told of.
    """

    face_minutes: float = 0.0
    right: int = 0
    in_vain: int = 0
    unjudged: int = 0
    due: int = 0
    missed: int = 0

    def __add__(self, other: AlarmCounts) -> AlarmCounts:
        mine, others = asdict(self), asdict(other)
        return AlarmCounts(**{name: mine[name] + others[name] for name in mine})

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**asdict(self), "face_minutes": round(self.face_minutes, 2)}


def film_alarms(shown: Shown, truth: StreetTruth, min_duration_s: float) -> AlarmCounts:
    """Put what was shown of a film through a rule.

    Args:
        shown: each frame with the faces that a Stream shows of it.
        truth: of the film.
        min_duration_s: of the rule.
    """
    sights: dict[int, list[tuple[float, Sight]]] = {}
    bare_s: dict[str, list[float]] = {}
    for frame, faces in shown:
        for sight, face in pairs(truth.at(frame.time_s), faces):
            sights.setdefault(face.track_id, []).append((frame.time_s, sight))
            if sight.state is MaskState.NO_MASK:
                bare_s.setdefault(sight.person, []).append(frame.time_s)
    told, counts = set[str](), dict.fromkeys(("right", "in_vain", "unjudged"), 0)
    for track_id, time_s in _alarms(shown, min_duration_s):
        about = [s for at_s, s in sights.get(track_id, ()) if 0 <= time_s - at_s <= min_duration_s]
        bare = {sight.person for sight in about if sight.state is MaskState.NO_MASK}
        told |= bare
        no_face = not about and truth.whole
        known = no_face or any(sight.state is not MaskState.UNSURE for sight in about)
        counts["right" if bare else "in_vain" if known else "unjudged"] += 1
    due = {p for p, at_s in bare_s.items() if _longest_s(at_s) >= min_duration_s + OBVIOUS_S}
    times_s = [frame.time_s for frame, _ in shown]
    step_s = (times_s[-1] - times_s[0]) / max(len(times_s) - 1, 1) if times_s else 0.0
    minutes = sum(len(faces) for _, faces in shown) * step_s / 60
    return AlarmCounts(minutes, **counts, due=len(due), missed=len(due - told))


def _alarms(shown: Shown, min_duration_s: float) -> Iterator[tuple[int, float]]:
    """Which track is told of, and when."""
    rule = Rule("bare", (), (MaskState.NO_MASK,), min_duration_s, cool_down_s=0)
    watches: dict[int, RuleWatch] = {}
    for frame, faces in shown:
        seen: Mapping[int, TrackedFace] = {face.track_id: face for face in faces}
        for track_id in seen:
            watches.setdefault(track_id, RuleWatch(rule, "film"))
        for track_id, watch in watches.items():
            report = _report(seen[track_id] for track_id in [track_id] if track_id in seen)
            if watch.update(report, frame.time_s, RuleStatus(), frame.time_s):
                yield track_id, frame.time_s


def _report(faces: Iterable[TrackedFace]) -> FrameReport:
    return FrameReport(tuple(faces), (1, 1), FaceOrigin.DETECTED, "recorded")


def _longest_s(times_s: Sequence[float]) -> float:
    """The longest stretch of times without a pause."""
    longest_s, began_s = 0.0, times_s[0]
    for before_s, after_s in pairwise(times_s):
        if after_s - before_s > _PAUSE_S:
            began_s = after_s
        longest_s = max(longest_s, after_s - began_s)
    return longest_s
