"""How scores fall when the same crops are spoilt, turned, darkened or brightened.

Every model sees the same altered pictures: each is cut with the widest margin among the models,
altered at 224 pixels, the size that the corruptions are made for, and only then cut and scaled for
each model. Accuracy is the mean recall of the classes, so that every class weighs alike whatever
its number; UNSURE counts as not found.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.schema import CLASSES, ImageRGB
from maskwatch.training.augment import centre_crop
from maskwatch.training.crops import load_canvases
from maskwatch.training.evaluation.answers import Progress, ask_crops, fit_crops
from maskwatch.training.evaluation.contest import Entrant
from maskwatch.training.evaluation.corruptions import FAMILIES, SIDE_PX, STRENGTHS, corrupt
from maskwatch.training.manifest import has_box
from maskwatch.training.parts import Part
from maskwatch.training.scores import answers

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
class Stress:
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


def run_stress(
    entrants: Sequence[Entrant], part: Part, progress: Progress = lambda _n: None
) -> Stress:
    """Asks every model about every row under every condition.

    Raises:
        DataError: images that cannot be read.
    """
    margin = max(entrant.card.crop_margin_ratio for entrant in entrants)
    faces = has_box(part.table).to_numpy()
    canvases = load_canvases(part.table, SIDE_PX, margin, _CONTEXT_RATIO)
    states: dict[str, dict[Condition, NDArray[np.intp]]] = {e.name: {} for e in entrants}
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # OpenCV releases the GIL
        for condition in CONDITIONS:
            change = _changer(condition)
            pictures = np.stack(list(pool.map(change, canvases, part.seeds)))
            for entrant in entrants:
                crops = fit_crops(pictures, faces, margin, entrant.classifier)
                probabilities = ask_crops(entrant.classifier, crops)
                states[entrant.name][condition] = answers(probabilities, entrant.card.unsure_below)
                progress(len(crops))
    for of_model in states.values():
        of_model["rotation", 0] = of_model["light", 1.0] = of_model[CLEAN]
    return Stress(part, faces, states)


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
