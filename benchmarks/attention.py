"""What a Stream saves that looks whole at every third frame only, and what it shows differently.

    python benchmarks/attention.py ../shared/data/video --out benchmarks/results/attention.json

The labelled real films (see `maskwatch bench street`), each played twice to a Stream frame by
frame: once with every frame looked at whole, once with windows round the faces that are known.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from maskwatch.io.environment import cpu_name
from maskwatch.io.video import open_source
from maskwatch.pipeline import Analyzer
from maskwatch.schema import TrackedFace
from maskwatch.stream import Stream
from maskwatch.training.flicker.recording import RecordedFrame, pairs
from maskwatch.training.flicker.street import StreetTruth, film_path, read_truth
from maskwatch.training.flicker.street_scores import FilmGlances, film_glances, street_scores
from maskwatch.vision.attention import Attention

WAYS = ("every frame whole", "windows")


class Everywhere(Attention):
    """Looks at all of every frame."""

    def window(self, *_: object) -> None:
        """No part of it."""


class Play:
    """One film before one Stream."""

    def __init__(self, analyzer: Analyzer, truth: StreetTruth, whole: bool) -> None:
        self.ms: list[float] = []
        self.people = self.missed = 0
        self._truth = truth
        self._stream = Stream(analyzer)
        self._attention = Everywhere() if whole else Attention()

    def frames(self, path: Path) -> Iterator[tuple[RecordedFrame, tuple[TrackedFace, ...]]]:
        """Each frame of a film, with the faces that are shown of it."""
        none = np.zeros((1, 1, 3), np.uint8)
        with open_source(path) as frames:
            for frame in frames:
                self._stream._attention = self._attention
                began = time.process_time()
                faces: Any = self._stream.update(frame.image_rgb, frame.time_s).faces
                self.ms.append((time.process_time() - began) * 1e3)
                self._count(frame.time_s, faces)
                verdicts: Any = dict(enumerate(faces))
                sure = np.ones(len(faces), bool)
                yield RecordedFrame(frame.time_s, none, (), verdicts, sure), faces

    def _count(self, time_s: float, faces: tuple[TrackedFace, ...]) -> None:
        there = [sight for sight in self._truth.at(time_s) if sight.state is not None]
        self.people += len(there)
        self.missed += len(there) - len(pairs(there, faces))


def look(analyzer: Analyzer, path: Path, truth: StreetTruth) -> dict[str, tuple[Play, FilmGlances]]:
    """What each way shows of one film, and what it takes."""
    plays = {way: Play(analyzer, truth, way == WAYS[0]) for way in WAYS}
    return {way: (play, film_glances(play.frames(path), truth)) for way, play in plays.items()}


def costs(plays: Sequence[Play]) -> dict[str, float]:
    """Milliseconds of a processor a frame, and the share of labelled faces that are not shown."""
    people = sum(play.people for play in plays)
    return {
        "mean_ms": float(np.mean(np.concatenate([play.ms for play in plays]))),
        "missed": sum(play.missed for play in plays) / max(people, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    analyzer = Analyzer(device="cpu")
    looked = {
        name: look(analyzer, path, truth)
        for name, truth in read_truth().items()
        if (path := film_path(arguments.folder, name)) is not None
    }
    if not looked:
        parser.error(f"{arguments.folder}: none of the labelled films is there")
    result: dict[str, Any] = {"cpu": cpu_name(), "films": {}, "all": {}}
    for name, ways in looked.items():
        result["films"][name] = {
            way: {**street_scores([film]).to_dict(), **costs([play])}
            for way, (play, film) in ways.items()
        }
    for way in WAYS:
        scores = street_scores([ways[way][1] for ways in looked.values()])
        result["all"][way] = {**scores.to_dict(), **costs([w[way][0] for w in looked.values()])}
    for name, ways in {**result["films"], "all": result["all"]}.items():
        for way, row in ways.items():
            print(f"{name:32}{way:20}", {k: v for k, v in row.items() if not isinstance(v, dict)})
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
