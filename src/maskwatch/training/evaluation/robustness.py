"""How scores fall when the same crops are corrupted, turned, darkened or brightened.

Every model sees the same altered pictures: each is cut with the widest margin among the models,
altered at 224 pixels, the size that the corruptions are made for, and only then cut and scaled for
each model. Accuracy is the mean recall of the classes, so that every class weighs alike whatever
its number; UNSURE counts as not found.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.models.evaluation import Estimate
from maskwatch.models.evaluation_document import (
    AlteredAccuracy,
    FullAccuracy,
    FullCorruptions,
    FullLoss,
    FullSample,
    FullSweep,
    FullSweepPoint,
)
from maskwatch.models.runtime import available_cpus
from maskwatch.schema import CLASSES, ImageRGB
from maskwatch.training.classifier.augment import centre_crop
from maskwatch.training.data.manifest import has_box
from maskwatch.training.data.parts import Part, load_canvases
from maskwatch.training.evaluation.answers import Progress, ask_crops, fit_crops
from maskwatch.training.evaluation.comparison import ComparedModel
from maskwatch.training.evaluation.corruptions import (
    FAMILIES,
    SIDE_PX,
    STRENGTHS,
    UNPRACTISED,
    corrupt,
)
from maskwatch.training.metrics import answers, estimate, places_of, resample

SAMPLE_CROPS = 600
"""At most so many, a third of each class."""

PER_GROUP = 3
"""At most so many of a class from one near-identical group."""

SAMPLE_SEED = 0
ROTATIONS_DEG = (-45, -30, -15, 0, 15, 30, 45)
BRIGHTNESS_FACTORS = (0.3, 0.5, 0.7, 1.0, 1.3, 1.5, 1.7)

# a square turned by 45 degrees reaches (sqrt(2) - 1) / 2 of its side beyond itself
_CONTEXT_RATIO = 0.21

Condition = tuple[str, float]
"""("clean", 0), (a family, its strength), ("rotation", degrees) or ("light", factor)."""

CLEAN: Condition = ("clean", 0)
CONDITIONS: tuple[Condition, ...] = (
    CLEAN,
    *((family, strength) for family in FAMILIES for strength in STRENGTHS),
    *(("rotation", angle) for angle in ROTATIONS_DEG if angle),
    *(("light", factor) for factor in BRIGHTNESS_FACTORS if factor != 1),
)


@dataclass(frozen=True, slots=True)
class Robustness:
    """What the models said under every condition.

    Attributes:
        part: the sampled rows.
        faces: (n,) True where a row is a face in a box.
        states: by model and condition, index of the answered class (n,), 3 for UNSURE.
    """

    part: Part
    faces: NDArray[np.bool_]
    states: dict[str, dict[Condition, NDArray[np.intp]]]


def sample(part: Part, crops: int = SAMPLE_CROPS) -> Part:
    """A seeded sample with as many rows of each class as there are, up to an equal share.

    Rows stay in their order, so that a photo with many faces is decoded once.
    """
    order = np.random.default_rng(SAMPLE_SEED).permutation(len(part.labels))
    keys = pd.DataFrame({"group": part.groups[order], "label": part.labels[order]})
    eligible = order[(keys.groupby(["group", "label"]).cumcount() < PER_GROUP).to_numpy()]
    share = crops // len(CLASSES)
    chosen = [eligible[part.labels[eligible] == label][:share] for label in range(len(CLASSES))]
    return part.take(np.sort(np.concatenate(chosen)))


def measure_robustness(
    models: Sequence[ComparedModel], part: Part, progress: Progress = lambda _n: None
) -> Robustness:
    """Asks every model about every row under every condition.

    Raises:
        DataError: images that cannot be read.
    """
    margin = max(model.card.crop_margin_ratio for model in models)
    faces = has_box(part.table).to_numpy()
    canvases = load_canvases(part.table, SIDE_PX, margin, _CONTEXT_RATIO)
    states: dict[str, dict[Condition, NDArray[np.intp]]] = {e.name: {} for e in models}
    with ThreadPoolExecutor(max_workers=available_cpus()) as pool:  # OpenCV releases the GIL
        for condition in CONDITIONS:
            change = _changer(condition)
            pictures = np.stack(list(pool.map(change, canvases, part.seeds)))
            for model in models:
                crops = fit_crops(pictures, faces, margin, model.classifier)
                probabilities = ask_crops(model.classifier, crops)
                states[model.name][condition] = answers(probabilities, model.card.unsure_below)
                progress(len(crops))
    for of_model in states.values():
        of_model["rotation", 0] = of_model["light", 1.0] = of_model[CLEAN]
    return Robustness(part, faces, states)


def _changer(condition: Condition) -> Callable[[ImageRGB, np.uint64], ImageRGB]:
    """What makes a picture (224, 224, 3) under a condition from a canvas and its row's seed."""
    kind, amount = condition

    def change(canvas: ImageRGB, seed: np.uint64) -> ImageRGB:
        if kind == "rotation":
            return turn(canvas, amount)
        picture = centre_crop(canvas, SIDE_PX)
        if kind == "light":
            return np.asarray(np.clip(picture * amount, 0, 255).round(), np.uint8)
        if kind == "clean":
            return picture
        return corrupt(picture, kind, int(amount), (int(seed), FAMILIES.index(kind)))

    return change


def turn(canvas: ImageRGB, angle_deg: float) -> ImageRGB:
    """The middle (224, 224, 3) of a canvas, turned counter-clockwise.

    Its corners show real surroundings; what lies outside the photo repeats its edge, as in serving.
    """
    middle = (canvas.shape[0] - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), angle_deg, 1)
    matrix[:, 2] += (SIDE_PX - canvas.shape[0]) / 2
    turned = cv2.warpAffine(
        canvas,
        matrix,
        (SIDE_PX, SIDE_PX),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(turned, np.uint8)


# What was said under every condition -> tables: per family and strength, per angle, per brightness.


def describe_sample(robustness: Robustness) -> FullSample:
    """How many rows were altered, of which classes and groups."""
    labels = robustness.part.labels
    return FullSample(
        crops=len(labels),
        per_class={s.value: int((labels == i).sum()) for i, s in enumerate(CLASSES)},
        faces=int(robustness.faces.sum()),
        pictures=int((~robustness.faces).sum()),
        groups=len(np.unique(robustness.part.groups)),
        most_per_group_and_class=PER_GROUP,
        seed=SAMPLE_SEED,
    )


def corruption_table(robustness: Robustness, model: str) -> FullCorruptions:
    """Accuracy of a model on clean and corrupted crops; the mean is over all 75 conditions."""
    states, labels = robustness.states[model], robustness.part.labels
    clean = _accuracy(labels, states[CLEAN])
    families = {
        family: tuple(
            _altered(clean, _accuracy(labels, states[family, strength])) for strength in STRENGTHS
        )
        for family in FAMILIES
    }
    all_families = _loss(robustness, model, FAMILIES)
    return FullCorruptions(
        all_families.mean,
        all_families.drop_points,
        clean,
        families,
        unpractised=_loss(robustness, model, UNPRACTISED),
    )


def _altered(clean: FullAccuracy, corrupted: FullAccuracy) -> AlteredAccuracy:
    before, after = clean.accuracy, corrupted.accuracy
    lost = None if before is None or after is None else round(100 * (before - after), 2)
    return AlteredAccuracy(after, corrupted.unsure_share, lost)


def _loss(robustness: Robustness, model: str, families: Sequence[str]) -> FullLoss:
    """Mean accuracy over all strengths of some families, and how far it is below clean."""
    states, labels = robustness.states[model], robustness.part.labels
    corrupted = [states[family, strength] for family in families for strength in STRENGTHS]
    lost = (states[CLEAN] == labels) - np.mean([row == labels for row in corrupted], axis=0)
    return FullLoss(
        _accuracy(labels, np.stack(corrupted)),
        mean_over_classes(labels, robustness.part.groups, 100 * lost),
    )


def sweep_table(robustness: Robustness, model: str, kind: str) -> FullSweep:
    """Accuracy and recall per class at every angle ("rotation") or brightness factor ("light")."""
    amounts = ROTATIONS_DEG if kind == "rotation" else BRIGHTNESS_FACTORS
    labels, states = robustness.part.labels, robustness.states[model]

    def points(rows: NDArray[np.bool_]) -> tuple[FullSweepPoint, ...]:
        return tuple(
            _sweep_point(amount, labels[rows], states[kind, amount][rows]) for amount in amounts
        )

    everything = np.ones(len(labels), bool)
    return FullSweep(points(everything), points(robustness.faces), points(~robustness.faces))


def _sweep_point(
    amount: float, labels: NDArray[np.integer], states: NDArray[np.intp]
) -> FullSweepPoint:
    whole = _accuracy(labels, states)
    recall = _recalls(labels, states)
    return FullSweepPoint(amount, whole.accuracy, len(labels), whole.unsure_share, recall)


def mean_over_classes(
    labels: NDArray[np.integer], groups: NDArray[Any], values: NDArray[np.floating]
) -> Estimate:
    """Mean of the classes' means, with a 95 % interval from a bootstrap over groups.

    Args:
        labels: (n,) class indices.
        groups: (n,) the unit of the bootstrap.
        values: (n,) what is averaged.
    """
    places, count = places_of(groups)
    sums_sizes = np.zeros((count, 2, len(CLASSES)))
    np.add.at(sums_sizes[:, 0], (places, labels), values)
    np.add.at(sums_sizes[:, 1], (places, labels), 1)
    (value,) = _means_of_means(sums_sizes.sum(axis=0)[None])
    return estimate(value, _means_of_means(resample(sums_sizes)), digits=2)


def _means_of_means(sums_sizes: NDArray[np.floating]) -> NDArray[np.floating]:
    """Mean (r,) over the classes that occur, NaN where none does; sums and sizes are (r, 2, 3)."""
    sums, sizes = sums_sizes[:, 0], sums_sizes[:, 1]
    occurs = sizes > 0
    means = np.divide(sums, sizes, out=np.zeros(sums.shape), where=occurs)
    occurring = occurs.sum(axis=1)
    none = np.full(len(sums), np.nan)
    return np.asarray(np.divide(means.sum(axis=1), occurring, out=none, where=occurring > 0))


def _accuracy(labels: NDArray[np.integer], states: NDArray[np.intp]) -> FullAccuracy:
    """Mean recall of the classes and share of UNSURE; states (n,) or several rows (k, n)."""
    recalls = [r for r in _recalls(labels, states).values() if r is not None]
    return FullAccuracy(
        round(float(np.mean(recalls)), 4) if recalls else None,
        round(float((states == 3).mean()), 4) if states.size else None,
    )


def _recalls(labels: NDArray[np.integer], states: NDArray[np.intp]) -> dict[str, float | None]:
    right = states == labels
    return {
        state.value: round(float(right[..., labels == index].mean()), 4)
        if (labels == index).any()
        else None
        for index, state in enumerate(CLASSES)
    }
