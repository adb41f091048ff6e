"""Which sides the face detector should look at, measured on its validation photos.

    python benchmarks/detector_sides.py --data audited.parquet --faces faces.json

Every longer side with and without a second, coarse look. The test photos are never read, so the
choice made from this table cannot flatter them. The numbers go to
benchmarks/results/detector_sides.json; the last line of output is the same JSON.
"""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import click

import maskwatch.training  # noqa: F401  # sets what TensorFlow reads before Keras is imported
from maskwatch.io.images import load_image
from maskwatch.models.card import SHIPPED_DETECTOR, load_detector, write_card
from maskwatch.training.data.holdout import TruthPhoto, holdout_names
from maskwatch.training.data.machine_faces import read_found_faces
from maskwatch.training.data.manifest import read_manifest
from maskwatch.training.detector.answers import SCORE_FLOOR
from maskwatch.training.detector.photos import take_photos
from maskwatch.training.detector.scores import evaluate
from maskwatch.training.detector.train import truths
from maskwatch.vision.detect import FaceDetector

RESULT = Path(__file__).parent / "results" / "detector_sides.json"
SIDES_PX = (320, 384, 448, 640, 960, 1200)
COARSE_SIDES_PX = (0, 320)


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path))
@click.option("--faces", required=True, type=click.Path(path_type=Path))
@click.option("--model", default=SHIPPED_DETECTOR, type=click.Path(path_type=Path))
def main(data: Path, faces: Path, model: Path) -> None:
    _, card = load_detector(model)
    recipe = card.training["recipe"]
    parts = take_photos(
        read_manifest(data),
        read_found_faces(faces),
        holdout_names(),
        recipe.get("left_out", ()),
        recipe.get("found_change", (0.0, 0.0, 0.0)),
    )
    photos = truths(parts["val"])
    sets = sorted({photo.name.split("/")[0] for photo in photos})
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / model.name
        shutil.copyfile(model, copy)
        for side, coarse in product(SIDES_PX, COARSE_SIDES_PX):
            if 2 * coarse > side:
                continue
            write_card(replace(card, coarse_side_px=coarse), copy)
            detector = FaceDetector(copy, side, SCORE_FLOOR)
            row: dict[str, Any] = {"side_px": side, "coarse_side_px": coarse}
            for name in sets:
                chosen = [photo for photo in photos if photo.name.startswith(name)]
                scores = evaluate(detector, chosen)
                row[name] = {
                    "ap50": scores.ap50.value,
                    "ap50_by_size": dict(scores.ap50_by_size),
                    "recall": scores.recall.value,
                }
            row["detect_ms"] = _median_ms(detector, photos[:40])
            rows.append(row)
            click.echo(json.dumps(row), err=True)
    result = {"detector": card.name, "sha256": card.sha256, "photos": len(photos), "rows": rows}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    click.echo(json.dumps(result))


def _median_ms(detector: FaceDetector, photos: list[TruthPhoto]) -> float:
    times = []
    for photo in photos:
        image_rgb = load_image(photo.path)
        started = time.perf_counter()
        detector.detect(image_rgb)
        times.append((time.perf_counter() - started) * 1000)
    return round(statistics.median(times), 2)


if __name__ == "__main__":
    main()
