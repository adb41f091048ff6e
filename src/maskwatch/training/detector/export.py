"""Run folder -> the detector's ONNX file, card and golden tensors; that file itself is scored."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch._version import __version__
from maskwatch.detect import FaceDetector
from maskwatch.errors import DataError, ModelError
from maskwatch.model_card import DetectorCard, card_path, write_card
from maskwatch.runtime import create_session
from maskwatch.training.catalog import PUBLIC_SETS
from maskwatch.training.detector.answers import SCORE_FLOOR, ask
from maskwatch.training.detector.holdout import TruthPhoto, holdout_names
from maskwatch.training.detector.matching import best_score, compare
from maskwatch.training.detector.photos import Photo, take_photos
from maskwatch.training.detector.recipe import DetectorRecipe
from maskwatch.training.detector.scores import SMALLEST_PX, DetectorScores, evaluate
from maskwatch.training.manifest import data_sha256
from maskwatch.training.onnx_file import convert_to_onnx
from maskwatch.training.run_folder import RunFolder

PARITY = 1e-3
"""Largest difference of an output between Keras and ONNX Runtime; logits reach some tens."""

SIDE_PX, LIVE_SIDE_PX, COARSE_SIDE_PX, FINE_FACE_PX = 960, 384, 320, 128
"""Chosen on the validation photos with benchmarks/detector_sides.py; see docs/RESULTS.md."""

NMS_IOU = 0.45
_INTENDED_USE = (
    "Finds faces, masked or not, so that their masks can be judged. Not for identifying people, "
    "and not for counting them where a wrong count does harm."
)
_LIMITS = (
    "Skin tones, ages and head coverings are unevenly covered by the public training data; "
    "no score per group of people has been measured.",
    "Faces seen from behind the ear, upside down or under 10 pixels in the photo are often missed.",
    "Part of the training boxes were found by another public detector, not drawn by a person.",
    "Scores are from public photos of 2020 and 2021; measure it on your own camera, expect less.",
)


def export_detector(
    folder: RunFolder,
    table: pd.DataFrame,
    found: Mapping[str, NDArray[np.float64]],
    model_path: Path,
) -> DetectorCard:
    """Write `model_path` (.onnx), its card (.json) and its golden tensors (.golden.npz).

    The lowest score that counts as a face is the one with the best F1 on the validation photos;
    the scores in the card are those of the test photos.

    Raises:
        DataError: the run is not finished, the manifest is not the one it was trained on, or holds
            no validation photo.
        ModelError: the exported file does not give what the Keras model gives.
    """
    run, recipe = folder.read(), folder.load_recipe(DetectorRecipe)
    model = folder.load_model()
    if run["data_sha256"] != data_sha256(table):
        raise DataError(
            f"{folder.path}: was trained on other data than this manifest (its hash starts with "
            f"{run['data_sha256'][:12]}); give the manifest of the run"
        )
    parts = take_photos(table, found, holdout_names())
    if not parts["val"]:
        raise DataError("the manifest has no photo to choose the lowest score on")
    onnx = convert_to_onnx(model)
    session = create_session(onnx, "exported file")
    parity = check_parity(session, model)
    model_path.parent.mkdir(parents=True, exist_ok=True)
    card_path(model_path).unlink(missing_ok=True)  # an old card must not stand beside a new file
    model_path.write_bytes(onnx)
    image = golden_image(96, 160)
    np.savez_compressed(
        model_path.with_suffix(".golden.npz"), image=image, output=_answer(session, image)
    )

    def card(min_score: float, scores: Mapping[str, Any]) -> DetectorCard:
        return DetectorCard(
            name=f"{recipe.name} {__version__}",
            sha256=hashlib.sha256(onnx).hexdigest(),
            side_px=SIDE_PX,
            live_side_px=LIVE_SIDE_PX,
            coarse_side_px=COARSE_SIDE_PX,
            fine_face_px=FINE_FACE_PX,
            min_score=min_score,
            nms_iou=NMS_IOU,
            licence="Apache-2.0",  # sets that bind a model to other terms are never trained on
            intended_use=_INTENDED_USE,
            limits=_LIMITS,
            training={
                "recipe": asdict(recipe),
                "data_sha256": run["data_sha256"],
                "sources": {
                    name: PUBLIC_SETS[name].licence if name in PUBLIC_SETS else "your own"
                    for name in run["sources"]
                },
                "photos": run["counts"],
                "parameters": run["parameters"],
                "versions": run["versions"],
                "weights_sha256": run["weights_sha256"],
                "parity_with_keras": parity,
            },
            scores=scores,
        )

    write_card(card(0.5, {}), model_path)  # any lowest score: what follows finds the right one
    min_score = _best_score(model_path, truths(parts["val"]))
    scores = {
        f"test photos, {side_px} px": _score(model_path, side_px, parts["test"]).to_dict()
        for side_px in (SIDE_PX, LIVE_SIDE_PX)
        if parts["test"]
    }
    final = card(min_score, scores)
    write_card(final, model_path)
    return final


def check_parity(session: Any, model: Any) -> float:
    """Largest difference between Keras and ONNX Runtime on inputs of several sizes.

    Raises:
        ModelError: it is above PARITY.
    """
    worst = 0.0
    for height, width in ((32, 32), (96, 160), (256, 320)):
        image = golden_image(height, width)
        expected = np.asarray(model(image[None], training=False))[0]
        worst = max(worst, float(np.abs(_answer(session, image) - expected).max()))
    if worst > PARITY:
        raise ModelError(
            f"the exported file differs from Keras by {worst:.1e} in an output, "
            f"{PARITY:.0e} is allowed; nothing was written"
        )
    return worst


def golden_image(height: int, width: int) -> NDArray[np.uint8]:
    """A picture of coloured blocks from a seed; no photo is needed."""
    random = np.random.default_rng(20)
    blocks = random.integers(0, 256, (-(-height // 8), -(-width // 8), 3)).astype(np.uint8)
    return np.ascontiguousarray(blocks.repeat(8, axis=0).repeat(8, axis=1)[:height, :width])


def truths(photos: Sequence[Photo]) -> list[TruthPhoto]:
    """Photos as the scores want them."""
    return [TruthPhoto(photo.path, photo.name, photo.boxes_xyxy) for photo in photos]


def _best_score(model_path: Path, photos: Sequence[TruthPhoto]) -> float:
    answers = ask(FaceDetector(model_path, SIDE_PX, SCORE_FLOOR), photos)
    found = [answer.upright for answer in answers]
    score = best_score(compare(found, [photo.boxes_xyxy for photo in photos], SMALLEST_PX))
    return 0.5 if score is None else round(score, 3)


def _score(model_path: Path, side_px: int, photos: Sequence[Photo]) -> DetectorScores:
    return evaluate(FaceDetector(model_path, side_px, SCORE_FLOOR), truths(photos))


def _answer(session: Any, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    answer = session.run(None, {session.get_inputs()[0].name: image[None]})[0][0]
    return np.asarray(answer, np.float32)
