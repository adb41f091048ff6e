"""Crop batch -> calibrated probabilities -> verdict."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskwatch.errors import ModelError
from maskwatch.model_card import load_model
from maskwatch.runtime import available_cpus, create_session
from maskwatch.schema import MaskState

# Larger batches are no faster and only cost memory (a crowd photo has 100 faces).
_BATCH = 32


class Classifier:
    """A verified network and its card. Stateless, so threads may share one.

    Crops do not depend on each other, so each core takes some of them and computes alone. Within a
    layer of so small a network cores would mostly wait for each other (docs/LOG.md).

    Attributes:
        card: what the network is and how to feed it.
    """

    def __init__(self, model_path: Path) -> None:
        """Load and verify the model.

        Raises:
            ModelError: the file or its card is missing, altered or unusable.
        """
        model, self.card = load_model(model_path)
        self._session = create_session(model, str(model_path), threads=1)
        self._cores = available_cpus()
        self._helpers = ThreadPoolExecutor(max(1, self._cores - 1), "classify")  # starts none yet
        self._input_name = self._session.get_inputs()[0].name
        side = self.card.input_side_px
        try:  # the first run is slow (it plans memory), and a wrong shape shows here, not later
            answer = self._run(np.zeros((1, side, side, 3), np.uint8))
        except Exception as error:
            raise ModelError(f"{model_path}: the network does not fit its card") from error
        if answer.shape != (1, len(self.card.classes)):
            raise ModelError(f"{model_path}: the network answers {answer.shape}, not (1, 3)")

    def probabilities(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated probabilities (n, 3) in the card's class order for crops (n, S, S, 3)."""
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
        others = [self._helpers.submit(self._run, share) for share in theirs]
        return [self._run(mine), *(other.result() for other in others)]

    def _run(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(self._session.run(None, {self._input_name: crops})[0], np.float32)


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
