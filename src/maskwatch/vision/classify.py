"""What the verdict on a face rests on: parts of its crop are covered and the network asked again.

Occlusion sensitivity (Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional
Networks"): where covering a place lowers the probability of the verdict, the verdict rests on what
is seen there. It needs no look inside the network, so it holds for every ONNX file with a card.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskwatch.classify import Classifier
from maskwatch.errors import SettingError
from maskwatch.schema import CLASSES, ImageRGB, MaskState

CELLS = 14
"""Places a side: finer than a mouth, and the whole grid is judged in well under a second."""

PATCH_RATIO = 0.25
"""Side of what covers, as a share of the crop's: about a nose or half a mask."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """What becomes of a probability when parts of a crop are covered.

    Attributes:
        state: whose probability.
        probability: of that state with nothing covered, 0 to 1.
        drop: (rows, columns) how much of it is lost where the patch is centred on that cell of the
            crop, row 0 at the top; from `probability - 1` (it rises) to `probability` (all of it).
        patch_ratio: side of the patch as a share of the crop's side.
    """

    state: MaskState
    probability: float
    drop: NDArray[np.float64]
    patch_ratio: float


def explain(
    classifier: Classifier,
    crop_rgb: ImageRGB,
    state: MaskState = MaskState.UNSURE,
    cells: int = CELLS,
) -> Explanation:
    """Cover each place of a crop in turn and see what the probability of a state loses.

    The patch has the mean colour of the crop, so that it tells the network as little as it can; at
    the edge it reaches beyond the crop. All places are judged as one batch.

    Args:
        classifier: judges the crops.
        crop_rgb: (S, S, 3) uint8, what the classifier saw of the face; see Analyzer.crops.
        state: whose probability; UNSURE, which has none, stands for the likeliest.
        cells: rows and columns of the answer, at least 1.

    Raises:
        SettingError: the crop has not the size that the classifier takes, or there are no cells.
    """
    card = classifier.card
    side_px = card.input_side_px
    if crop_rgb.shape != (side_px, side_px, 3) or crop_rgb.dtype != np.uint8:
        raise SettingError(
            f"crop_rgb: must be uint8 of shape ({side_px}, {side_px}, 3), "
            f"not {crop_rgb.dtype} of shape {crop_rgb.shape}"
        )
    if cells < 1:
        raise SettingError(f"cells: must be at least 1, not {cells}")
    batch = np.concatenate([crop_rgb[None], covered(crop_rgb, cells)])
    rows = classifier.probabilities(batch).astype(np.float64)
    if state not in CLASSES:
        state = card.classes[int(rows[0].argmax())]
    shares = rows[:, card.classes.index(state)]
    drop = (shares[0] - shares[1:]).reshape(cells, cells)
    return Explanation(state, float(shares[0]), drop, PATCH_RATIO)


def covered(crop_rgb: ImageRGB, cells: int) -> NDArray[np.uint8]:
    """Copies (cells * cells, S, S, 3) of a crop, each with a patch on another cell, row by row."""
    side_px = crop_rgb.shape[0]
    middles_px = (np.arange(cells) + 0.5) * side_px / cells
    half_px = PATCH_RATIO * side_px / 2
    # at least one pixel, also of a tiny crop
    starts = np.clip(np.floor(middles_px - half_px), 0, side_px - 1).astype(int)
    stops = np.maximum(np.ceil(middles_px + half_px).astype(int), starts + 1)
    colour = np.rint(crop_rgb.mean(axis=(0, 1))).astype(np.uint8)
    copies = np.repeat(crop_rgb[None], cells * cells, axis=0)
    spans = [slice(start, stop) for start, stop in zip(starts, stops, strict=True)]
    for index, copy in enumerate(copies):
        row, column = divmod(index, cells)
        copy[spans[row], spans[column]] = colour
    return copies
