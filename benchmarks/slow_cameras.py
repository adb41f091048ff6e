"""What a camera with few pictures is told on real films whose faces were labelled by eye.

    python benchmarks/slow_cameras.py --films ../shared/data/video      # a few minutes

Each film is looked at five times a second, and played as cameras would send it that give a picture
every 0.2 s, every second, and so on: with so many beginnings as there are frames between two
pictures. How seldom they come is known from the third on, so a film is gone through to and fro
first. Told apart are the share of tellable faces that are answered, how many answers are right,
and, for comparison, how many are where each picture is judged by its likeliest state. The result
goes to benchmarks/results/slow_cameras.json; the last line of output is the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from maskwatch.io.environment import cpu_name, versions
from maskwatch.io.video import open_source
from maskwatch.models.runtime import available_cpus
from maskwatch.pipeline import Analyzer
from maskwatch.stream import Stream
from maskwatch.training.flicker.recording import RecordedFrame, record_frame, shown_faces
from maskwatch.training.flicker.street import film_path, read_truth
from maskwatch.training.flicker.street_scores import FilmGlances, film_glances, street_scores

RESULT = Path(__file__).parent / "results" / "slow_cameras.json"
STEP_S = 0.2
APART_S = (0.2, 1.0, 1.4, 2.0)


def looked_at(analyzer: Analyzer, path: Path) -> list[RecordedFrame]:
    """A film as the networks see it, five times a second."""
    recorded: list[RecordedFrame] = []
    with open_source(path) as frames:
        for frame in frames:
            if frame.time_s >= len(recorded) * STEP_S:
                recorded.append(record_frame(analyzer, frame.image_rgb, frame.time_s))
    return recorded


def sent(recorded: Sequence[RecordedFrame], apart_s: float) -> Iterator[list[RecordedFrame]]:
    """The pictures that cameras send which begin at one moment after the other."""
    stride = round(apart_s / STEP_S)
    for first in range(min(stride, len(recorded) - stride)):
        yield list(recorded[first::stride])


def glances(pictures: list[RecordedFrame], apart_s: float, film: str) -> FilmGlances:
    """What is shown of everybody, once it is known how seldom pictures come."""
    before = [pictures[0], pictures[1], pictures[0], pictures[1]]
    timed = [
        replace(picture, time_s=number * apart_s)
        for number, picture in enumerate([*before, *pictures])
    ]
    shown = list(shown_faces(timed, Stream))[len(before) :]
    in_film = [(picture, faces) for picture, (_, faces) in zip(pictures, shown, strict=True)]
    return film_glances(in_film, read_truth()[film])


def measure(films: dict[str, list[RecordedFrame]], apart_s: float) -> dict[str, Any]:
    """All films at one pace."""
    found = [
        glances(pictures, apart_s, film)
        for film, recorded in films.items()
        for pictures in sent(recorded, apart_s)
        if len(pictures) > 1
    ]
    scores = street_scores(found)
    return {
        "faces": sum(len(person) for film in found for person in film.people),
        "tellable_answered": round(1 - scores.unsure_tellable, 4),
        "answers_right": round(scores.right, 4),
        "likeliest_right": round(scores.right_alone, 4),
    }


@click.command()
@click.option(
    "--films",
    "folder",
    default="../shared/data/video",
    show_default=True,
    type=click.Path(path_type=Path),
)
def main(folder: Path) -> None:
    paths = {film: path for film in read_truth() if (path := film_path(folder, film))}
    if not paths:
        raise click.UsageError(f"{folder}: none of the labelled films is there")
    analyzer = Analyzer()
    films = {film: looked_at(analyzer, path) for film, path in paths.items()}
    result = {
        "machine": {"cpu": cpu_name(), "cores": available_cpus()},
        "versions": versions(("av", "numpy", "onnxruntime", "opencv-python-headless")),
        "films": len(films),
        "apart_s": {str(apart_s): measure(films, apart_s) for apart_s in APART_S},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
