"""What a model says of manifest rows and of pictures, cut by the code that serves frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.schema import CLASSES
from maskwatch.training.data.manifest import has_box
from maskwatch.training.data.parts import load_canvases
from maskwatch.training.metrics import answers
from maskwatch.vision.classify import Classifier
from maskwatch.vision.crop import crop_faces

Progress = Callable[[int], None]
"""Called with the number of answers given since the last call."""

_ROWS_AT_ONCE = 1024  # 50 MB of crops at 128 pixels


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model says of some rows.

    Attributes:
        probabilities: (n, 3), calibrated, in the order of schema.CLASSES.
        unsure_below: the threshold of its card.
        brightness: (n,) mean grey level of the face or picture without margin, 0 to 255.
    """

    probabilities: NDArray[np.float32]
    unsure_below: float
    brightness: NDArray[np.float64]

    @property
    def states(self) -> NDArray[np.intp]:
        """Index of the answered class (n,), 3 for UNSURE."""
        return answers(self.probabilities, self.unsure_below)

    @property
    def confidence(self) -> NDArray[np.float32]:
        """Probability (n,) of the likeliest class."""
        return np.asarray(self.probabilities.max(axis=1, initial=0), np.float32)


def ask_rows(
    classifier: Classifier, table: pd.DataFrame, progress: Progress = lambda _n: None
) -> Answers:
    """Answers for manifest rows, in their order; only some crops are in memory at once.

    Raises:
        DataError: images that cannot be read.
    """
    card = classifier.card
    faces = has_box(table).to_numpy()
    probabilities = np.empty((len(table), len(CLASSES)), np.float32)
    brightness = np.empty(len(table))
    order = np.argsort(table["image_path"].to_numpy(str), kind="stable")  # a photo is decoded once
    for start in range(0, len(order), _ROWS_AT_ONCE):
        rows = order[start : start + _ROWS_AT_ONCE]
        crops = load_canvases(table.iloc[rows], card.input_side_px, card.crop_margin_ratio, 0)
        probabilities[rows] = ask_crops(classifier, crops)
        brightness[rows] = _brightness(crops, faces[rows], card.crop_margin_ratio)
        progress(len(rows))
    return Answers(probabilities, card.unsure_below, brightness)


def ask_crops(classifier: Classifier, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Calibrated probabilities (n, 3) in the order of schema.CLASSES for crops (n, S, S, 3)."""
    places = [classifier.card.classes.index(state) for state in CLASSES]
    return classifier.probabilities(crops)[:, places]


def fit_crops(
    pictures: NDArray[np.uint8],
    faces: NDArray[np.bool_],
    margin_ratio: float,
    classifier: Classifier,
) -> NDArray[np.uint8]:
    """A model's crops of pictures that were cut with the margin of another.

    Args:
        pictures: (n, P, P, 3), a square round each face or a whole picture.
        faces: (n,) True where it is a face in a box.
        margin_ratio: with which the faces were cut, at least that of the model.
        classifier: the model.

    Returns:
        (n, S, S, 3), S the side of the model's input.
    """
    card, side = classifier.card, pictures.shape[1]
    crops = np.empty((len(pictures), card.input_side_px, card.input_side_px, 3), np.uint8)
    for index, (picture, is_face) in enumerate(zip(pictures, faces, strict=True)):
        box_px = side / (1 + 2 * margin_ratio) if is_face else side
        start, end = (side - box_px) / 2, (side + box_px) / 2
        box = np.array([[start, start, end, end]])
        margin = card.crop_margin_ratio if is_face else 0.0
        crops[index] = crop_faces(picture, box, card.input_side_px, margin)[0]
    return crops


def _brightness(
    crops: NDArray[np.uint8], faces: NDArray[np.bool_], margin_ratio: float
) -> NDArray[np.float64]:
    """Mean grey level (n,) of each crop without its margin."""
    side = crops.shape[1]
    edge = round(side * margin_ratio / (1 + 2 * margin_ratio))
    inner = crops[:, edge : side - edge, edge : side - edge].mean(axis=(1, 2, 3))
    return np.asarray(np.where(faces, inner, crops.mean(axis=(1, 2, 3))), np.float64)
