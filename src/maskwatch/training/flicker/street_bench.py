"""Real films through the networks once, then through a Stream at every step of the dial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwatch.errors import DataError
from maskwatch.io.environment import cpu_name
from maskwatch.io.video import open_source
from maskwatch.models.runtime import available_cpus
from maskwatch.pipeline import Analyzer
from maskwatch.stream import Stream
from maskwatch.training.flicker.alarms import DURATIONS_S, AlarmCounts, Shown, film_alarms
from maskwatch.training.flicker.recording import RecordedFrame, record_frame, shown_faces
from maskwatch.training.flicker.street import StreetTruth, film_path, read_truth
from maskwatch.training.flicker.street_scores import (
    FilmGlances,
    StreetScores,
    film_glances,
    street_scores,
)

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
