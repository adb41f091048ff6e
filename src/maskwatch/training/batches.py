"""Which crops an epoch holds, and their batches."""

from __future__ import annotations

import os
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.schema import CLASSES
from maskwatch.training.augment import augment_crop, centre_crop
from maskwatch.training.parts import NONE_OF_THEM
from maskwatch.training.recipe import Recipe


def one_hot(labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Labels (n,) as rows (n, 3); an unclear face is any of the classes alike.

    Such a target asks the network to be unsure (outlier exposure, Hendrycks et al. 2019).
    """
    unclear = np.full((1, len(CLASSES)), 1 / len(CLASSES), np.float32)
    return np.concatenate([np.eye(len(CLASSES), dtype=np.float32), unclear])[labels]


def epoch_order(
    labels: NDArray[np.int64],
    groups: NDArray[Any],
    is_synthetic: NDArray[np.bool_],
    recipe: Recipe,
    epoch: int,
) -> NDArray[np.int64]:
    """Positions of the training crops that an epoch shows, in order.

    A function of (seed, epoch), so that a resumed run goes on exactly as an unbroken one.

    Args:
        labels: (n,) class indices, NONE_OF_THEM for unclear faces.
        groups: (n,) near-identical groups.
        is_synthetic: (n,) whether the face was synthesised.
        recipe: which crops an epoch holds.
        epoch: from 0.
    """
    random = np.random.default_rng((recipe.seed, epoch))
    sampling = recipe.sampling
    wanted = sampling.crops_per_epoch
    if not wanted:
        return random.permutation(len(labels))
    shuffled = random.permutation(len(labels))
    rank = _times_seen(groups[shuffled], labels[shuffled], is_synthetic[shuffled])
    eligible = shuffled[rank < sampling.max_per_group]
    unclear = eligible[labels[eligible] == NONE_OF_THEM]
    unclear_count = round(wanted * sampling.unclear_share) if len(unclear) else 0
    present = np.unique(labels[labels != NONE_OF_THEM])
    shares = np.array(sampling.class_shares)[present]
    parts = [np.resize(unclear, unclear_count)]
    for label, share in zip(present, shares / shares.sum(), strict=True):
        of_class = eligible[labels[eligible] == label]
        real, drawn = of_class[~is_synthetic[of_class]], of_class[is_synthetic[of_class]]
        count = int(np.ceil((wanted - unclear_count) * share))
        drawn_count = round(count * sampling.synthetic_share) if len(drawn) else 0
        if not len(real):
            drawn_count = count
        parts.append(np.resize(real, count - drawn_count))  # repeats a rare class
        parts.append(np.resize(drawn, drawn_count))
    return random.permutation(np.concatenate(parts))[:wanted]


def _times_seen(*keys: NDArray[Any]) -> NDArray[np.int64]:
    """How often the same keys stand earlier in the arrays (n,)."""
    frame = pd.DataFrame(dict(enumerate(keys)))
    return np.asarray(frame.groupby(list(frame.columns)).cumcount(), np.int64)


class CropBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no type information
    """Batches of one epoch; alters the crops in threads while the network computes."""

    def __init__(
        self,
        canvases: NDArray[np.uint8],
        labels: NDArray[np.int64],
        seeds: NDArray[np.uint64],
        order: NDArray[np.int64],
        recipe: Recipe,
        epoch: int | None,
    ) -> None:
        """Describe the epoch.

        Args:
            canvases: (n, C, C, 3), see crops.load_canvases.
            labels: (n,) class indices.
            seeds: (n,) row seeds, see crops.row_seeds.
            order: positions to show.
            recipe: batch size, input side and alterations.
            epoch: decides the alterations; None alters nothing.
        """
        super().__init__(workers=os.cpu_count() or 1, use_multiprocessing=False)
        self._canvases, self._labels, self._seeds = canvases, one_hot(labels), seeds
        self._order, self._recipe, self._epoch = order, recipe, epoch
        self._repeat = _times_seen(order)  # a crop shown twice in an epoch is altered anew

    def __len__(self) -> int:
        return -(-len(self._order) // self._recipe.fit.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        size = self._recipe.fit.batch_size
        places = range(index * size, min((index + 1) * size, len(self._order)))
        crops = np.stack([self._crop(place) for place in places])
        return crops, self._labels[self._order[places.start : places.stop]]

    def _crop(self, place: int) -> NDArray[np.uint8]:
        row = self._order[place]
        side = self._recipe.network.input_side_px
        if self._epoch is None:
            return centre_crop(self._canvases[row], side)
        seed = (self._recipe.seed, self._epoch, int(self._seeds[row]) + int(self._repeat[place]))
        return augment_crop(self._canvases[row], side, self._recipe.augment, seed)
