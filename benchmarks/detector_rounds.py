r"""Which of several detectors to ship, from the validation photos; never from the test photos.

    python benchmarks/detector_rounds.py --data audited.parquet --faces faces.json \
        src/maskwatch/models/detector.onnx runs/detector-16/detector.onnx

For each file, at its sides for photos and live video: what its missed and false faces cost at the
cheapest lowest score (a missed face is as bad as MISS_COST false ones, overlap 0.3, faces from
20 px, undrawn ones aside), how many are found there, how many of those with painted veils, and, in
one photo in three, how many are found when turned. The same for sets that no file was trained on,
with --left-out, drawn in one way.
The numbers go to benchmarks/results/detector_rounds.json; the last line of output is the same JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

import maskwatch.training  # noqa: F401  # sets what TensorFlow reads before Keras is imported
from maskwatch.io.images import load_image
from maskwatch.models.card import DetectorCard, load_detector
from maskwatch.training.data.collect import set_folders
from maskwatch.training.data.holdout import TruthPhoto, holdout_names, holdout_photos
from maskwatch.training.data.machine_faces import read_found_faces
from maskwatch.training.data.manifest import read_manifest
from maskwatch.training.detector.answers import SCORE_FLOOR, PhotoAnswer, ask
from maskwatch.training.detector.average_precision import LOOSE_IOU, cheapest_score, compare, match
from maskwatch.training.detector.convention import in_convention
from maskwatch.training.detector.operating import operate
from maskwatch.training.detector.overlays import veil_faces
from maskwatch.training.detector.photos import Photo, take_photos
from maskwatch.training.detector.scores import SMALLEST_PX
from maskwatch.training.detector.train import LIVE_MISS_COST, MISS_COST, truths
from maskwatch.vision.detect import FaceDetector

RESULT = Path(__file__).parent / "results" / "detector_rounds.json"
TURNS_DEG, TURNED_EVERY = (30, 45), 3


@click.command()
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(path_type=Path))
@click.option("--faces", required=True, type=click.Path(path_type=Path))
@click.option("--left-out", "sets", multiple=True, metavar="NAME=DIR")
def main(models: tuple[Path, ...], data: Path, faces: Path, sets: tuple[str, ...]) -> None:
    found = read_found_faces(faces)
    _, first = load_detector(models[0])
    validation = _validation(data, found, first)
    photos: dict[str, Sequence[TruthPhoto]] = {"validation": truths(validation)}
    learnt = first.training["sources"]
    for name, folder in set_folders(sets).items() if sets else ():
        drawn, _ = holdout_photos({name: folder}, found, learnt)
        photos[name] = in_convention(drawn, found)
    rows = []
    for model in models:
        for row in _rows(model, photos, validation):
            rows.append(row)
            click.echo(json.dumps(row), err=True)
    result = {"miss_cost": MISS_COST, "live_miss_cost": LIVE_MISS_COST, "rows": rows}
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    click.echo(json.dumps(result))


def _validation(
    data: Path, found: Mapping[str, NDArray[np.float64]], card: DetectorCard
) -> list[Photo]:
    recipe = card.training["recipe"]
    change = recipe.get("found_change", (0.0, 0.0, 0.0))
    left_out = recipe.get("left_out", ())
    return take_photos(read_manifest(data), found, holdout_names(), left_out, change)["val"]


def _rows(
    model: Path, photos: Mapping[str, Sequence[TruthPhoto]], to_veil: Sequence[Photo]
) -> Iterator[dict[str, Any]]:
    """One row for each group of photos and side."""
    _, card = load_detector(model)
    for side_px in (card.side_px, card.live_side_px):
        detector = FaceDetector(model, side_px, SCORE_FLOOR)
        for name, chosen in photos.items():
            turns = TURNS_DEG if name == "validation" else ()
            answers = ask(detector, chosen, turns_deg=turns, turned_every=TURNED_EVERY)
            veiled = {}
            if name == "validation":
                served = {card.side_px: card.min_score, card.live_side_px: card.live_min_score}
                veiled["found_veiled"] = _found_veiled(detector, to_veil, answers, served[side_px])
            yield {
                "detector": card.name,
                "sha256": card.sha256,
                "side_px": side_px,
                "photos": name,
                "number": len(chosen),
                **_worth(chosen, answers, MISS_COST),
                "where_misses_cost_little": _worth(chosen, answers, LIVE_MISS_COST),
                **veiled,
            }


def _found_veiled(
    detector: FaceDetector,
    photos: Sequence[Photo],
    answers: Sequence[PhotoAnswer],
    min_score: float,
) -> dict[str, float]:
    """Of the faces that can be veiled, the share found at that score before and after."""
    shares = []
    for index, (photo, answer) in enumerate(zip(photos, answers, strict=True)):
        veiled_rgb = load_image(photo.path).copy()
        random = np.random.default_rng(index)
        is_veiled = veil_faces(veiled_rgb, photo.boxes_xyxy, photo.landmarks_xy, 1.0, random)
        after = [
            face.box_xyxy
            for face in detector.detect(veiled_rgb)
            if face.detection_score >= min_score
        ]
        both = answer.upright.from_score(min_score).boxes_xyxy, np.array(after, float)
        hits = [_is_found(boxes_xyxy.reshape(-1, 4), photo) for boxes_xyxy in both]
        shares.append(np.column_stack(hits)[is_veiled])
    found = np.concatenate(shares)
    before, after_share = found.mean(axis=0)
    return {"faces": len(found), "before": round(before, 4), "after": round(after_share, 4)}


def _is_found(boxes_xyxy: NDArray[np.float64], photo: Photo) -> NDArray[np.bool_]:
    taken = match(boxes_xyxy, photo.boxes_xyxy, min_iou=LOOSE_IOU)
    return np.isin(np.arange(len(photo.boxes_xyxy)), taken)


def _worth(
    photos: Sequence[TruthPhoto], answers: Sequence[PhotoAnswer], miss_cost: float
) -> dict[str, Any]:
    """What missed and false faces cost at the score where they cost least, and what is found."""
    outcomes = compare(
        [answer.upright for answer in answers],
        [photo.boxes_xyxy for photo in photos],
        SMALLEST_PX,
        [photo.doubted_xyxy for photo in photos],
        LOOSE_IOU,
    )
    score = cheapest_score(outcomes, miss_cost)
    if score is None:
        return {"min_score": None}
    kept = outcomes.scores >= score
    hits, false = int(outcomes.is_hit[kept].sum()), int(outcomes.is_false[kept].sum())
    faces = int(outcomes.faces.sum())
    used = operate(photos, answers, score).to_dict()
    return {
        "min_score": round(score, 3),
        "cost": miss_cost * (faces - hits) + false,
        "found": round(hits / faces, 4),
        "false_per_photo": round(false / len(photos), 4),
        "found_turned": used["turned_recall"],
    }


if __name__ == "__main__":
    main()
