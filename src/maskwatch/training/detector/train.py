"""Recipe + audited manifest -> a run folder with a trained detector.

An epoch is one call of Keras' `fit` over scenes that depend on (seed, epoch, place) only, and ends
with a checkpoint; a run that was cut off goes on with its next epoch.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch._version import __version__
from maskwatch.errors import DataError, ModelError, SettingError
from maskwatch.files import writing
from maskwatch.models.card import DetectorCard, card_path, write_card
from maskwatch.models.runtime import create_session
from maskwatch.training import run_folder
from maskwatch.training.classifier.network import adamw, warm_cosine
from maskwatch.training.data.catalog import PUBLIC_SETS
from maskwatch.training.data.holdout import TruthPhoto, holdout_names
from maskwatch.training.data.manifest import data_sha256
from maskwatch.training.detector.answers import SCORE_FLOOR, ask
from maskwatch.training.detector.average_precision import LOOSE_IOU, cheapest_score, compare
from maskwatch.training.detector.hard_places import (
    DOUBTED_SCORES,
    HardPlaces,
    find_hard_places,
    read_hard_places,
    write_hard_places,
)
from maskwatch.training.detector.network import DetectionLoss, add_support, build_detector
from maskwatch.training.detector.overlays import paint_things
from maskwatch.training.detector.photos import Photo, take_photos
from maskwatch.training.detector.scenes import (
    Scene,
    SceneMaker,
    load_photos,
    make_targets,
    output_points,
)
from maskwatch.training.detector.scores import SMALLEST_PX, DetectorScores, evaluate
from maskwatch.training.detector.stem import fit_stem, is_in
from maskwatch.training.detector.teacher import Teacher, seen_upright
from maskwatch.training.loop import train_epoch
from maskwatch.training.onnx_file import convert_to_onnx
from maskwatch.training.onnx_graph import rewrite
from maskwatch.training.recipes.detector import DetectorRecipe
from maskwatch.training.run_folder import RunFolder
from maskwatch.vision.detect import FaceDetector

_STEM_EPOCH = 1_000_000  # of the seeds of a stem's scenes, so that no other epoch shows them


def train_detector(
    recipe: DetectorRecipe,
    table: pd.DataFrame,
    found: Mapping[str, NDArray[np.float64]],
    folder: RunFolder,
    weights: Path | None,
    teacher: Path | None = None,
) -> None:
    """Train a detector, and write down what was done.

    Args:
        recipe: what to learn and how.
        table: an audited manifest.
        found: faces another detector found, see found_faces.read_found_faces.
        folder: where the run goes; one that was cut off is continued.
        weights: ImageNet weights or a trained detector to go on from, see build_detector; None
            for Keras' download.
        teacher: see teacher.Teacher; only a recipe with a `teacher_weight` asks it.

    Raises:
        DataError: the manifest has no groups, or no photo to train on.
        DivergedError: its loss became no number.
        SettingError: unusable weights, no teacher where there must be one, a finished run, or one
            that another process is at.
    """
    learns_from = _load_teacher(recipe, teacher)
    parts = take_photos(table, found, holdout_names(), recipe.left_out, recipe.found_change)
    model = build_detector(recipe.network, weights, recipe.seed, learns_from is not None)
    counts = {
        name: {
            "photos": len(photos),
            "drawn_faces": sum(len(p.boxes_xyxy) for p in photos if p.is_drawn),
            "found_faces": sum(len(p.boxes_xyxy) for p in photos if not p.is_drawn),
        }
        for name, photos in parts.items()
    }
    with folder.alone():
        folder.start(recipe, table, weights, counts, int(model.count_params()))
        photos = load_photos(parts["train"])
        checkpoint = folder.load_checkpoint()
        if checkpoint is None:  # before it is asked what it takes for faces
            _fit_stem(model, recipe, weights, SceneMaker(photos, recipe, HardPlaces()))
        served = model if learns_from is None else add_support(model, 0.0)
        places = _hard_places(served, recipe, parts["train"], folder)
        things = paint_things(recipe.seed) if recipe.scenes.things_share else []
        maker = SceneMaker(photos, recipe, places, things)
        if checkpoint is None:
            _compile(model, recipe)
        else:
            model = checkpoint
        for epoch in range(folder.kept_epochs(), recipe.fit.epochs):
            print(f"Epoch {epoch + 1}/{recipe.fit.epochs}, scenes of {recipe.side_px(epoch)} px")
            started = time.perf_counter()
            batches = SceneBatches(maker, recipe, epoch, learns_from)
            means = train_epoch(model, batches)
            folder.end_epoch(epoch, means, time.perf_counter() - started, model)
        folder.save_model(model)
        run_folder.draw_curves(folder.history(), folder.path / "curves.png")
        folder.finish()


def _load_teacher(recipe: DetectorRecipe, path: Path | None) -> Teacher | None:
    if not recipe.fit.teacher_weight:
        return None
    if path is None:
        raise SettingError(f"{recipe.name}: imitates a teacher; give its file with --teacher")
    return Teacher(path)


def _hard_places(
    model: Any, recipe: DetectorRecipe, photos: Sequence[Photo], folder: RunFolder
) -> HardPlaces:
    """What the network that the run began with is wrong about or doubts, asked once a run."""
    if not (recipe.scenes.false_share or recipe.scenes.doubted_share):
        return HardPlaces()
    path = folder.path / "hard_places.json"
    if not path.exists():
        onnx = rewrite(convert_to_onnx(model))
        with _to_try(_card(recipe.name, onnx), onnx) as trial:
            detector = FaceDetector(trial, MINING_SIDE_PX, DOUBTED_SCORES[0])
            write_hard_places(path, find_hard_places(detector, photos))
    return read_hard_places(path)


def _fit_stem(model: Any, recipe: DetectorRecipe, weights: Path | None, maker: SceneMaker) -> None:
    """Teach a plain stem first what the blocks in the weights say, unless it is in them."""
    if recipe.network.stem != "plain" or not recipe.fit.stem_steps or is_in(weights):
        return
    print(f"Stem, {recipe.fit.stem_steps} batches of {recipe.fit.side_px} px")
    teacher = build_detector(replace(recipe.network, stem="blocks"), weights, recipe.seed)
    scenes = SceneBatches(maker, recipe, epoch=_STEM_EPOCH)
    fit_stem(model, teacher, scenes.images, recipe.fit.stem_steps)


class SceneBatches:
    """The scenes of one epoch, see loop.Batches."""

    def __init__(
        self,
        maker: SceneMaker,
        recipe: DetectorRecipe,
        epoch: int,
        teacher: Teacher | None = None,
    ) -> None:
        self._maker, self._recipe, self._epoch, self._teacher = maker, recipe, epoch, teacher
        self._side = recipe.side_px(epoch)
        self._points = output_points(self._side)

    def __len__(self) -> int:
        return -(-self._recipe.fit.scenes_per_epoch // self._recipe.fit.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        scenes = self._scenes(index)
        images = np.stack([scene.image_rgb for scene in scenes])
        targets = np.stack([make_targets(scene, self._points) for scene in scenes])
        if self._teacher is not None:
            scores = seen_upright(self._teacher, scenes)
            targets = np.concatenate([targets, scores[..., None]], axis=-1)
        return images, targets

    def images(self, index: int) -> NDArray[np.uint8]:
        """The pictures of a batch; there is no last one."""
        return np.stack([scene.image_rgb for scene in self._scenes(index)])

    def _scenes(self, index: int) -> list[Scene]:
        size = self._recipe.fit.batch_size
        seeds = ((self._recipe.seed, self._epoch, index * size + row) for row in range(size))
        return [self._maker.make(self._side, seed) for seed in seeds]


def _compile(model: Any, recipe: DetectorRecipe) -> None:
    fit = recipe.fit
    rate = warm_cosine(fit.learning_rate, recipe.steps(), warm_up_share=0.03)
    model.compile(
        optimizer=adamw(rate, fit.weight_decay, clip_norm=10.0),
        loss=DetectionLoss(
            fit.box_weight, fit.landmark_weight, fit.score_floor, fit.teacher_weight
        ),
    )


# Run folder -> the detector's ONNX file, card and golden tensors; that file itself is scored.

PARITY = 1e-3
"""Largest difference of an output between Keras and ONNX Runtime; logits reach some tens."""

SIDE_PX, LIVE_SIDE_PX, COARSE_SIDE_PX, FINE_FACE_PX, COARSE_FACE_PX = 960, 384, 320, 128, 16
"""Chosen on the validation photos with benchmarks/detector_sides.py; see docs/RESULTS.md."""

NMS_IOU = 0.45

MINING_SIDE_PX = 640
"""Hard places are looked for at this side: the larger ones of the photo setting among them."""

MISS_COST = 1.5
"""A bare face that is missed at an entrance is as bad as three false ones in two photos, which a
person sees."""

LIVE_MISS_COST = 0.25
"""Live, a face that is missed in a frame is seen in one of the next, and what is no face stays: a
box on nothing is as bad as a face missed in four frames."""

_INTENDED_USE = (
    "Finds faces, masked or not, so that their masks can be judged. Not for identifying people, "
    "and not for counting them where a wrong count does harm."
)
_LIMITS = (
    "Skin tones, ages and head coverings are unevenly covered by the public training data; of "
    "people with beards, headscarves and cloths before the face a few dozen are in the test "
    "photos, with niqabs nobody.",
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

    The lowest scores that count as a face, for photos and for live video, are those that cost
    least on the validation photos, where a missed face is as bad as `MISS_COST` false ones (live
    as `LIVE_MISS_COST`) and doubtful faces are set aside; the scores in the card are those of the
    test photos.

    Raises:
        DataError: the run is not finished, the manifest is not the one it was trained on, or holds
            no validation photo.
        ModelError: the exported file does not give what the Keras model gives.
    """
    run, recipe = folder.read(), folder.load_recipe(DetectorRecipe)
    model = folder.load_model()
    if recipe.fit.teacher_weight:
        model = add_support(model, recipe.fit.support_weight)
    if run["data_sha256"] != data_sha256(table):
        raise DataError(
            f"{folder.path}: was trained on other data than this manifest (its hash starts with "
            f"{run['data_sha256'][:12]}); give the manifest of the run"
        )
    parts = take_photos(table, found, holdout_names(), recipe.left_out, recipe.found_change)
    if not parts["val"]:
        raise DataError("the manifest has no photo to choose the lowest score on")
    onnx = rewrite(convert_to_onnx(model))
    session = create_session(onnx, "exported file")
    card = replace(
        _card(recipe.name, onnx),
        training={
            "recipe": asdict(recipe),
            "data_sha256": run["data_sha256"],
            "sources": {
                name: PUBLIC_SETS[name].licence if name in PUBLIC_SETS else "your own"
                for name in run["sources"]
                if name not in recipe.left_out
            },
            "photos": run["counts"],
            "parameters": int(model.count_params()),
            "versions": run["versions"],
            "weights_sha256": run["weights_sha256"],
            "parity_with_keras": check_parity(session, model),
        },
    )
    with _to_try(card, onnx) as trial:  # minutes, in which what stood at model_path still stands
        card = replace(
            card,
            min_score=choose_score(trial, truths(parts["val"])),
            live_min_score=choose_score(trial, truths(parts["val"]), LIVE_SIDE_PX, LIVE_MISS_COST),
            scores={
                f"test photos, {side_px} px": _score(trial, side_px, parts["test"]).to_dict()
                for side_px in (SIDE_PX, LIVE_SIDE_PX)
                if parts["test"]
            },
        )
    with writing(model_path) as part:
        part.write_bytes(onnx)
        card_path(model_path).unlink(missing_ok=True)  # no old card must stand beside a new file
    image = golden_image(96, 160)
    with writing(model_path.with_suffix(".golden.npz")) as part:
        np.savez_compressed(part, image=image, output=_answer(session, image))
    write_card(card, model_path)
    return card


@contextmanager
def _to_try(card: DetectorCard, onnx: bytes) -> Iterator[Path]:
    """A file and its card in a temporary folder, as FaceDetector wants them."""
    with TemporaryDirectory() as work:
        path = Path(work) / "detector.onnx"
        path.write_bytes(onnx)
        write_card(card, path)
        yield path


def _card(recipe_name: str, onnx: bytes) -> DetectorCard:
    """A card that can be used and says nothing yet of training and scores."""
    return DetectorCard(
        name=f"{recipe_name} {__version__}",
        sha256=hashlib.sha256(onnx).hexdigest(),
        side_px=SIDE_PX,
        live_side_px=LIVE_SIDE_PX,
        coarse_side_px=COARSE_SIDE_PX,
        fine_face_px=FINE_FACE_PX,
        coarse_face_px=COARSE_FACE_PX,
        min_score=0.5,
        nms_iou=NMS_IOU,
        licence="Apache-2.0",  # sets that bind a model to other terms are never trained on
        intended_use=_INTENDED_USE,
        limits=_LIMITS,
        training={},
        scores={},
    )


def check_parity(session: Any, model: Any) -> float:
    """Largest difference between Keras and ONNX Runtime on inputs of several sizes.

    Raises:
        ModelError: it is above PARITY.
    """
    differences = []
    for height, width in ((32, 32), (96, 160), (256, 320)):
        image = golden_image(height, width)
        expected = np.asarray(model(image[None], training=False))[0]
        differences.append(np.abs(_answer(session, image) - expected).max())
    worst = float(np.max(differences))
    if not worst <= PARITY:  # a network that answers with no numbers differs from itself
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
    return [
        TruthPhoto(photo.path, photo.name, photo.boxes_xyxy, undrawn_xyxy=photo.ignore_xyxy)
        for photo in photos
    ]


def choose_score(
    model_path: Path,
    photos: Sequence[TruthPhoto],
    side_px: int = SIDE_PX,
    miss_cost: float = MISS_COST,
) -> float:
    """The lowest score to take for a face, from validation photos with doubtful faces aside."""
    answers = ask(FaceDetector(model_path, side_px, SCORE_FLOOR), photos)
    found = [answer.upright for answer in answers]
    drawn = [photo.boxes_xyxy for photo in photos]
    doubted = [photo.doubted_xyxy for photo in photos]
    outcomes = compare(found, drawn, SMALLEST_PX, doubted, LOOSE_IOU)
    score = cheapest_score(outcomes, miss_cost)
    return 0.5 if score is None else round(score, 3)


def _score(model_path: Path, side_px: int, photos: Sequence[Photo]) -> DetectorScores:
    return evaluate(FaceDetector(model_path, side_px, SCORE_FLOOR), truths(photos))


def _answer(session: Any, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    answer = session.run(None, {session.get_inputs()[0].name: image[None]})[0][0]
    return np.asarray(answer, np.float32)
