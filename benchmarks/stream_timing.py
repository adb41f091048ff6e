"""Where the time of a frame goes in a Stream: 640 x 480, no face, one and ten.

    python benchmarks/stream_timing.py --data split.parquet

Faces of the test part, each alone in its photo, move over a plain picture. After a warm-up each
stage is timed for some hundred frames, one after the other as a camera delivers them. p50 and p95
in milliseconds go to benchmarks/results/stream_timing.json with the machine; the last line of
output is the same.
"""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import pandas as pd

import maskwatch.pipeline
from maskwatch.io.environment import cpu_name
from maskwatch.models.runtime import available_cpus
from maskwatch.pipeline import Analyzer
from maskwatch.schema import ImageRGB
from maskwatch.stream import Stream
from maskwatch.training.data.manifest import read_manifest
from maskwatch.training.flicker.people import Person, cast_people
from maskwatch.vision.detect import FaceDetector

RESULT = Path(__file__).parent / "results" / "stream_timing.json"
WIDTH, HEIGHT, FACE_PX = 640, 480, 76.0
WARM_UP, PER_SECOND = 20, 30.0
COUNTS, CAST = (0, 1, 10), 20


class Stopwatch:
    """Replaces functions by ones that note how long each call took."""

    def __init__(self) -> None:
        self.times_ms: dict[str, list[float]] = defaultdict(list)

    def watch(self, owner: object, name: str, stage: str) -> None:
        """Time every call of `owner.name` as a stage."""
        function: Callable[..., Any] = getattr(owner, name)

        def timed(*arguments: Any, **named: Any) -> Any:
            began = time.perf_counter()
            result = function(*arguments, **named)
            self.times_ms[stage].append((time.perf_counter() - began) * 1000)
            return result

        setattr(owner, name, timed)

    def summary(self) -> dict[str, dict[str, float]]:
        """Median and p95 of each stage after the warm-up."""
        return {
            stage: {
                "p50_ms": round(float(np.percentile(times[WARM_UP:], 50)), 2),
                "p95_ms": round(float(np.percentile(times[WARM_UP:], 95)), 2),
            }
            for stage, times in self.times_ms.items()
        }


def picture(people: Sequence[Person], number: int) -> ImageRGB:
    """Frame `number`: everybody in a place of their own, swaying a little."""
    image = np.full((HEIGHT, WIDTH, 3), 110, np.uint8)
    for index, person in enumerate(people):
        row, column = divmod(index, 5)
        left, top, right, bottom = person.face.box_xyxy
        scale = FACE_PX / max(right - left, bottom - top)
        x = 66 + 127 * column + 6 * math.sin(number / 9 + index)
        y = 130 + 220 * row + 4 * math.cos(number / 7 + index)
        matrix = np.array(
            [
                [scale, 0, x - scale * (left + right) / 2],
                [0, scale, y - scale * (top + bottom) / 2],
            ]
        )
        shape = np.full(person.face.image_rgb.shape[:2], 255, np.uint8)
        cover = cv2.warpAffine(shape, matrix, (WIDTH, HEIGHT)) > 127
        moved = cv2.warpAffine(person.face.image_rgb, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA)
        image[cover] = moved[cover]
    return image


def measure(people: Sequence[Person], frames: int) -> dict[str, Any]:
    """Times of each stage; crops and quality of a frame are one call each, however many faces."""
    stopwatch = Stopwatch()
    analyzer = Analyzer()
    stream = Stream(analyzer)
    kept = {name: getattr(maskwatch.pipeline, name) for name in ("crop_faces", "measure_quality")}
    stopwatch.watch(analyzer, "find_live", "detect")
    stopwatch.watch(maskwatch.pipeline, "crop_faces", "crop")
    stopwatch.watch(analyzer._classifier, "probabilities", "classify")
    stopwatch.watch(maskwatch.pipeline, "measure_quality", "quality")
    stopwatch.watch(stream._tracker, "update", "track")
    stopwatch.watch(stream._smoother, "update", "smooth")
    stopwatch.watch(stream, "update", "whole")
    pictures = [picture(people, number) for number in range(30)]
    seen = [
        len(stream.update(pictures[number % 30], number / PER_SECOND).faces)
        for number in range(frames + WARM_UP)
    ]
    for name, function in kept.items():
        setattr(maskwatch.pipeline, name, function)
    summary = stopwatch.summary()
    return {
        "faces_seen": round(float(np.mean(seen[WARM_UP:])), 1),
        "stages": summary,
        "frames_per_s": round(1000 / summary["whole"]["p50_ms"], 1),
    }


def cast(rows: pd.DataFrame, analyzer: Analyzer) -> list[Person]:
    """Ten people; none whose photo shows somebody else too, for then it would be more faces."""
    people, _ = cast_people(rows, FaceDetector(side_px=320), steady=CAST, changing=0, seed=0)
    alone = [p for p in people if len(analyzer.find_live(picture([p], 0))[0]) == 1]
    return alone[: COUNTS[-1]]


@click.command()
@click.option("--data", "manifest", required=True, type=click.Path(path_type=Path))
@click.option("--frames", default=300, show_default=True)
@click.option("--out", default=RESULT, show_default=True, type=click.Path(path_type=Path))
def main(manifest: Path, frames: int, out: Path) -> None:
    table = read_manifest(manifest)
    cv2.setNumThreads(available_cpus())
    analyzer = Analyzer()
    people = cast(table[table["split"] == "test"], analyzer)
    faces = {count: measure(people[:count], frames) for count in COUNTS}
    result = {
        "machine": {"cpu": cpu_name(), "cores": available_cpus()},
        "classifier": analyzer.card.name,
        "detector": analyzer.detector_card and analyzer.detector_card.name,
        "faces": faces,
    }
    for count, row in faces.items():
        print(count, "faces:", row)
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
