"""The comparison: the same films, shown frame by frame, by majority and by a Stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from maskwatch.errors import DataError
from maskwatch.io.environment import cpu_name
from maskwatch.models.runtime import available_cpus
from maskwatch.pipeline import Analyzer
from maskwatch.stream import Stream
from maskwatch.training.flicker.films import NAME, PER_SECOND, Upset, film, webcam_film
from maskwatch.training.flicker.people import cast_people
from maskwatch.training.flicker.recording import RecordedFrame, Timeline, play, record
from maskwatch.training.flicker.scores import METHODS, FlickerScores, score
from maskwatch.vision.detect import FaceDetector

PACES = {"30 fps": 1, "15 fps": 2}
"""Of how many frames of a film the camera delivers one."""

_CAST_SIDE_PX = 320  # enough for a large face with its surroundings


@dataclass(frozen=True, slots=True)
class FlickerResult:
    """What came out.

    Attributes:
        setting: what was measured, and where.
        films: scores by pace, then by method, over all films.
        by_upset: false switches a track-minute by what happens, then by method, at 15 fps.
        webcam: scores of the real film by method, if it was given.
    """

    setting: dict[str, Any]
    films: dict[str, dict[str, FlickerScores]]
    by_upset: dict[str, dict[str, float]]
    webcam: dict[str, FlickerScores]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        films = {
            pace: {name: s.to_dict() for name, s in rows.items()}
            for pace, rows in self.films.items()
        }
        webcam = {name: s.to_dict() for name, s in self.webcam.items()}
        return {
            "setting": self.setting,
            "films": films,
            "false_switches_by_upset": self.by_upset,
            "webcam": webcam,
        }


def run_flicker(
    analyzer: Analyzer,
    table: pd.DataFrame,
    part: str,
    films: int,
    seed: int,
    steadiness: float,
    webcam: Path | None,
    progress: Callable[[int], None],
) -> FlickerResult:
    """Make films of people of one part of a manifest and score every way of showing them.

    Args:
        analyzer: what is measured.
        table: a manifest with parts.
        part: whose faces to take; "test" for numbers to report, "val" to choose settings on.
        films: how many; two people each, the upsets in turn.
        seed: decides people and films.
        steadiness: of the Stream.
        webcam: the real film, see `webcam.py`.
        progress: called with 1 after each film.

    Raises:
        DataError: the part has too few large faces, or the real film cannot be read.
    """
    rows = table[table["split"] == part]
    if rows.empty:
        raise DataError(
            f"the manifest has no {part} rows; make a split with `maskwatch data split`"
        )
    # first: making the films takes long
    real: list[RecordedFrame] = record(analyzer, webcam_film(webcam)) if webcam else []
    steady, changing = cast_people(rows, FaceDetector(side_px=_CAST_SIDE_PX), films, films, seed)
    upsets = list(Upset)
    recordings = []
    for number in range(films):
        pair = steady[number], changing[number]
        upset = upsets[number % len(upsets)]
        # who stands in front takes turns
        frames = film(pair if number % 2 else pair[::-1], upset, seed + number)
        recordings.append((upset.value, record(analyzer, frames)))
        progress(1)

    def stream_for(replay: Analyzer) -> Stream:
        return Stream(replay, steadiness)

    def timelines(step: int) -> list[Timeline]:
        return [
            line for name, frames in recordings for line in play(frames[::step], name, stream_for)
        ]

    by_pace = {pace: timelines(step) for pace, step in PACES.items()}
    lines = play(real, NAME, stream_for) if real else []
    return FlickerResult(
        setting={
            "part": part,
            "films": films,
            "seed": seed,
            "steadiness": steadiness,
            "frames_per_film": round(10 * PER_SECOND),
            "classifier": analyzer.card.name,
            "classifier_sha256": analyzer.card.sha256,
            "detector": analyzer.detector_card and analyzer.detector_card.name,
            "machine": {"cpu": cpu_name(), "cores": available_cpus()},
        },
        films={pace: _scored(people) for pace, people in by_pace.items()},
        by_upset={
            upset.value: {
                name: round(scores.false_switches, 2)
                for name, scores in _scored(
                    [line for line in by_pace["15 fps"] if line.upset == upset.value]
                ).items()
            }
            for upset in upsets[:films]
        },
        webcam=_scored(lines) if lines else {},
    )


def _scored(timelines: list[Timeline]) -> dict[str, FlickerScores]:
    return {name: score(timelines, method) for name, method in METHODS.items()}
