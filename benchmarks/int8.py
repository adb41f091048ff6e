"""Would int8 be worth it? Both shipped networks, quantised, timed and scored beside float32.

    python benchmarks/int8.py --data split.parquet --sets ../shared/data

Static, QDQ, a scale for each channel, calibrated on faces and photos of the validation part. Time:
both files in turn, as the run time runs them. Accuracy: the classifier on the validation part and
on the test part, the detector on the listed test photos, float32 and int8 in the same run. A choice
between kinds of calibration is made on the validation part. The rule: int8 ships only where it is
faster and loses no more than 0.3 points on either part. Numbers go to benchmarks/results/int8.json;
the last line of output is the same.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.bench.speed import take_turns
from maskwatch.io.environment import cpu_name, versions
from maskwatch.io.images import load_image
from maskwatch.models.card import (
    SHIPPED_DETECTOR,
    SHIPPED_MODEL,
    DetectorCard,
    ModelCard,
    load_detector,
    load_model,
    write_card,
)
from maskwatch.models.runtime import available_cpus
from maskwatch.training.classifier.int8 import CALIBRATIONS, quantise
from maskwatch.training.data.holdout import holdout_photos
from maskwatch.training.data.manifest import read_manifest
from maskwatch.training.data.parts import Part, load_canvases, take_part
from maskwatch.training.detector.answers import SCORE_FLOOR, ask
from maskwatch.training.detector.scores import score as score_detector
from maskwatch.training.metrics import score
from maskwatch.vision.classify import Classifier
from maskwatch.vision.detect import FaceDetector
from maskwatch.vision.letter_box import letter_box

RESULT = Path(__file__).parent / "results" / "int8.json"
SETS = ("voc-853", "yolo-800")
CALIBRATION_CROPS, CALIBRATION_PHOTOS = 512, 48
MOST_LOST = 0.003


@click.command()
@click.option("--data", "manifest", required=True, type=click.Path(path_type=Path))
@click.option("--sets", type=click.Path(path_type=Path), help="Without it no detector is scored.")
@click.option(
    "--keep", type=click.Path(path_type=Path), help="Folder for the int8 files and cards."
)
@click.option("--seconds", default=10.0, show_default=True, help="To time each pair of files.")
def main(manifest: Path, sets: Path | None, keep: Path | None, seconds: float) -> None:
    table = read_manifest(manifest)
    document: dict[str, Any] = {
        "machine": {"cpu": cpu_name(), "cores": available_cpus()},
        "versions": versions(("onnxruntime", "onnx", "numpy")),
        "calibrated_on": {"crops": CALIBRATION_CROPS, "photos": CALIBRATION_PHOTOS, "part": "val"},
    }
    with tempfile.TemporaryDirectory() as folder:
        document["classifier"] = classifier(table, Path(folder), seconds)
        click.echo(json.dumps(document["classifier"], indent=1))
        document["detector"] = detector(table, sets, Path(folder), seconds)
        click.echo(json.dumps(document["detector"], indent=1))
        if keep is not None:
            shutil.copytree(folder, keep, dirs_exist_ok=True)
    RESULT.write_text(json.dumps(document, indent=1) + "\n")
    click.echo(json.dumps(document))


def classifier(table: pd.DataFrame, folder: Path, seconds: float) -> dict[str, Any]:
    """Each kind of calibration on the validation part, the best of them on the test part."""
    _, card = load_model(SHIPPED_MODEL)
    val, test = (with_crops(take_part(table, name), card) for name in ("val", "test"))
    some = np.random.default_rng(0).permutation(len(val[1]))[:CALIBRATION_CROPS]
    batches = np.array_split(val[1][np.sort(some)], CALIBRATION_CROPS // 16)
    files = {"float32": SHIPPED_MODEL}
    for kind in CALIBRATIONS:
        files[kind] = folder / f"classifier-{kind}.onnx"
        quantise(SHIPPED_MODEL, batches, files[kind], kind)
        write_card(as_int8(card, files[kind]), files[kind])
    networks = {name: Classifier(path) for name, path in files.items()}
    on_val = {name: scored(network, *val) for name, network in networks.items()}
    best = max(CALIBRATIONS, key=lambda kind: on_val[kind]["accuracy"])
    on_test = {name: scored(networks[name], *test) for name in ("float32", best)}
    lost = {
        f"{part} {name}": round(rows["float32"][name] - rows[best][name], 4)
        for part, rows in (("val", on_val), ("test", on_test))
        for name in ("accuracy", "macro_f1")
    }
    pair = {"float32": networks["float32"], "int8": networks[best]}
    times = {str(n): compared(pair, test[1][:n], seconds / 2) for n in (1, 10)}
    faster = all(row["int8"]["ratio"] < 1 for row in times.values())
    return {
        "val": on_val,
        "test": on_test,
        "calibration": best,
        "lost": lost,
        "crops": times,
        "bytes": {name: files[name].stat().st_size for name in ("float32", best)},
        "meets_the_rule": faster and max(lost.values()) <= MOST_LOST,
    }


def with_crops(part: Part, card: ModelCard) -> tuple[Part, NDArray[np.uint8]]:
    """A part and its crops as serving cuts them."""
    return part, load_canvases(part.table, card.input_side_px, card.crop_margin_ratio, 0)


def scored(network: Classifier, part: Part, crops: NDArray[np.uint8]) -> dict[str, float]:
    """What a classifier is worth on a part, and how much it changes the single answers."""
    answers = network.probabilities(crops)
    found = score(part.labels, answers, list(part.groups), network.card.unsure_below)
    recall = {state: row.recall.value for state, row in found.per_class.items()}
    main = {name: getattr(found, name).value for name in ("accuracy", "macro_f1", "unsure_share")}
    return {
        "n": found.n,
        **main,
        **{f"recall_{state}": value for state, value in recall.items()},
    }


def compared(
    networks: dict[str, Classifier], crops: NDArray[np.uint8], seconds: float
) -> dict[str, dict[str, float]]:
    """Times of each on the same crops, in turn."""
    calls = {name: partial(network.probabilities, crops) for name, network in networks.items()}
    times = take_turns(calls, seconds)
    return {
        name: {**row.to_dict(), "ratio": round(row.ratio_to(times["float32"]), 3)}
        for name, row in times.items()
    }


def detector(
    table: pd.DataFrame, sets: Path | None, folder: Path, seconds: float
) -> dict[str, Any]:
    """AP50 on the test photos and time of a whole detection, at both settings of the card."""
    _, card = load_detector(SHIPPED_DETECTOR)
    target = folder / "detector.onnx"
    photos = (load_image(path) for path in photo_paths(table))
    looks = [letter_box(photo, side)[0][None] for photo in photos for side in (384, 960)]
    quantise(SHIPPED_DETECTOR, looks, target)
    write_card(as_int8(card, target), target)
    files = {"float32": SHIPPED_DETECTOR, "int8": target}
    result: dict[str, Any] = {"bytes": {name: p.stat().st_size for name, p in files.items()}}
    image_rgb = load_image(photo_paths(table)[0])
    for side in (card.live_side_px, card.side_px):
        finders = {name: FaceDetector(path, side) for name, path in files.items()}
        calls = {name: partial(finder.detect, image_rgb) for name, finder in finders.items()}
        times = take_turns(calls, seconds / 2)
        result[f"{side} px"] = {
            name: {
                **times[name].to_dict(),
                "ratio": round(times[name].ratio_to(times["float32"]), 3),
                "ap50": sets and average_precision(FaceDetector(path, side, SCORE_FLOOR), sets),
            }
            for name, path in files.items()
        }
    rows = [result[f"{side} px"] for side in (card.live_side_px, card.side_px)]
    faster = all(row["int8"]["ratio"] < 1 for row in rows)
    lost = [
        row["float32"]["ap50"][name] - row["int8"]["ap50"][name] if sets else 1.0
        for row in rows
        for name in SETS
    ]
    return {**result, "meets_the_rule": faster and max(lost) <= MOST_LOST}


def photo_paths(table: pd.DataFrame) -> list[Path]:
    """Photos of the validation part with drawn faces."""
    rows = table[(table["split"] == "val") & table["source"].isin(SETS)]
    paths = sorted(rows["image_path"].unique())
    places = np.linspace(0, len(paths) - 1, min(CALIBRATION_PHOTOS, len(paths)))
    return [Path(paths[int(at)]) for at in places]


def average_precision(finder: FaceDetector, sets: Path) -> dict[str, float]:
    """AP50 by set."""
    photos, _ = holdout_photos({name: sets / name for name in SETS}, None)
    answers = ask(finder, photos)
    pairs = list(zip(photos, answers, strict=True))
    by_set = {
        name: [pair for pair in pairs if pair[0].name.startswith(f"{name}/")] for name in SETS
    }
    return {
        name: round(score_detector([p for p, _ in rows], [a for _, a in rows]).ap50.value or 0, 4)
        for name, rows in by_set.items()
    }


def as_int8(card: Any, path: Path) -> ModelCard | DetectorCard:
    """The card of the same network after quantising."""
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    changed: ModelCard | DetectorCard = replace(card, name=f"{card.name} int8", sha256=content)
    return changed


if __name__ == "__main__":
    main()
