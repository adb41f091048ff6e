"""Crop batch -> calibrated probabilities -> verdict."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskwatch.errors import ModelError, SettingError
from maskwatch.models.card import check_same, fingerprint, load_model
from maskwatch.models.network import Network
from maskwatch.models.runtime import HomeProcess, available_cpus
from maskwatch.schema import CLASSES, ImageRGB, MaskState

# Larger batches are no faster and only cost memory (a crowd photo has 100 faces).
_BATCH = 32


class Classifier:
    """A verified network and its card. Stateless, so threads may share one.

    Crops do not depend on each other, so each core takes some of them and computes alone. Within a
    layer of so small a network cores would mostly wait for each other (docs/LOG.md).

    Attributes:
        card: what the network is and how to feed it.
        network: takes crops (n, S, S, 3), answers with probabilities that are not yet calibrated.
    """

    def __init__(self, model_path: Path, device: str | None = None) -> None:
        """Load and verify the model.

        Args:
            model_path: ONNX file with its card beside it.
            device: what it runs on, see `Network`.

        Raises:
            ModelError: the file or its card is missing, altered or unusable.
            SettingError: there is no such device here.
        """
        model, self.card = load_model(model_path)
        self._path = model_path.absolute()
        self._home = HomeProcess(str(model_path))
        self._device = device
        self.network = Network(model, str(model_path), device, threads=1)
        self._cores = available_cpus()
        self._helpers = ThreadPoolExecutor(max(1, self._cores - 1), "classify")  # starts none yet
        side = self.card.input_side_px
        try:  # the first run is slow (it plans memory), and a wrong shape shows here, not later
            answer = self.network.run(np.zeros((1, side, side, 3), np.uint8))
        except Exception as error:
            raise ModelError(f"{model_path}: the network does not fit its card") from error
        if answer.shape != (1, len(self.card.classes)):
            raise ModelError(f"{model_path}: the network answers {answer.shape}, not (1, 3)")

    def __reduce__(self) -> tuple[Any, ...]:
        """Loaded anew in the other process, if the file is still the same."""
        return _loaded, (self._path, self._device, fingerprint(self.card))

    def probabilities(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated probabilities (n, 3) in the card's class order for crops (n, S, S, 3)."""
        self._home.check()
        at_once = _BATCH * self._cores
        parts = [np.empty((0, len(self.card.classes)), np.float32)]
        for start in range(0, len(crops), at_once):
            parts += self._run_shared(crops[start : start + at_once])
        return calibrate(np.concatenate(parts), self.card.temperature, self.card.logit_shift)

    def decide(self, probabilities: NDArray[np.float32]) -> tuple[MaskState, float]:
        """The state of one row of probabilities, and the probability of the likeliest state."""
        best = int(probabilities.argmax())
        confidence = float(probabilities[best])
        sure = confidence >= self.card.unsure_below
        return (self.card.classes[best] if sure else MaskState.UNSURE), confidence

    def _run_shared(self, crops: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """What the network says of some crops, each core asked about its share of them."""
        mine, *theirs = np.array_split(crops, min(self._cores, len(crops)))
        others = [self._helpers.submit(self.network.run, share) for share in theirs]
        return [self.network.run(mine), *(other.result() for other in others)]


def _loaded(path: Path, device: str | None, expected: str) -> Classifier:
    """The classifier of another process."""
    classifier = Classifier(path, device)
    check_same(path, classifier.card, expected)
    return classifier


def calibrate(
    probabilities: NDArray[np.float32], temperature: float, logit_shift: Sequence[float] = (0.0,)
) -> NDArray[np.float32]:
    """Divide the logits behind softmax outputs (n, k) by a temperature, then shift them.

    A softmax output raised to 1/T and normalised is the softmax of logits / T, so the network can
    keep its softmax inside (Guo et al. 2017); a shift is a factor of each probability.
    """
    if temperature == 1 and not any(logit_shift):
        return probabilities
    log = np.log(np.maximum(probabilities, 1e-12)) / temperature
    log = log + np.asarray(logit_shift, np.float32)
    powered = np.exp(log - log.max(axis=-1, keepdims=True))
    return np.asarray(powered / powered.sum(axis=-1, keepdims=True), np.float32)


# What the verdict on a face rests on: parts of its crop are covered and the network asked again.
#
# Occlusion sensitivity (Zeiler and Fergus 2014, "Visualizing and Understanding Convolutional
# Networks"): where covering a place lowers the probability of the verdict, the verdict rests on
# what is seen there. It needs no look inside the network, so it holds for every ONNX file with a
# card.

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
