"""Which crops an epoch holds, and their batches."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.schema import CLASSES
from maskwatch.training.classifier.augment import augment_crop, centre_crop
from maskwatch.training.classifier.teacher import Teacher
from maskwatch.training.data.parts import NONE_OF_THEM, Part
from maskwatch.training.recipes.classifier import Recipe, SamplingRecipe


def one_hot(labels: NDArray[np.int64]) -> NDArray[np.float32]:
    """Labels (n,) as rows (n, 3); an unclear face is any of the classes alike.

    Such a target asks the network to be unsure (outlier exposure, Hendrycks et al. 2019).
    """
    unclear = np.full((1, len(CLASSES)), 1 / len(CLASSES), np.float32)
    return np.concatenate([np.eye(len(CLASSES), dtype=np.float32), unclear])[labels]


def epoch_order(
    part: Part, recipe: Recipe, epoch: int, is_hard: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Positions of the training crops that an epoch shows, in order.

    A function of (seed, epoch), so that a resumed run goes on exactly as an unbroken one.

    Args:
        part: the training rows.
        recipe: which crops an epoch holds.
        epoch: from 0.
        is_hard: (n,) rows that come `sampling.hard_times` as often; None: none of them.
    """
    random = np.random.default_rng((recipe.seed, epoch))
    labels, sampling = part.labels, recipe.sampling
    wanted = sampling.crops_per_epoch
    shuffled = random.permutation(len(labels))
    if not wanted:
        return shuffled
    eligible = shuffled[_photos_before(part, shuffled) < sampling.max_per_group]
    if is_hard is not None:
        times = np.where(is_hard[eligible], sampling.hard_times, 1)
        eligible = random.permutation(np.repeat(eligible, times))
    unclear = eligible[labels[eligible] == NONE_OF_THEM]
    unclear_count = round(wanted * sampling.unclear_share) if len(unclear) else 0
    present = np.unique(labels[labels != NONE_OF_THEM])
    shares = np.array(sampling.class_shares)[present]
    parts = [np.resize(unclear, unclear_count)]
    for label, share in zip(present, shares / shares.sum(), strict=True):
        count = int(np.ceil((wanted - unclear_count) * share))
        parts.append(_of_class(part, eligible[labels[eligible] == label], count, sampling))
    return random.permutation(np.concatenate(parts))[:wanted]


def _of_class(
    part: Part, rows: NDArray[np.int64], count: int, sampling: SamplingRecipe
) -> NDArray[np.int64]:
    """So many positions of one class: synthesised faces, real faces and whole pictures."""
    is_made, is_face = part.is_synthetic[rows], part.is_face[rows]
    made, faces, pictures = rows[is_made], rows[~is_made & is_face], rows[~is_made & ~is_face]
    real = len(faces) + len(pictures)
    made_count = _count_first(len(made), real, count, sampling.synthetic_share)
    faces_share = sampling.faces_share or len(faces) / max(real, 1)
    faces_count = _count_first(len(faces), len(pictures), count - made_count, faces_share)
    # a rare kind is repeated
    chosen = np.resize(made, made_count), np.resize(faces, faces_count)
    return np.concatenate([*chosen, np.resize(pictures, count - made_count - faces_count)])


def _count_first(first: int, second: int, count: int, share: float) -> int:
    """How many of `count` to take of the first of two kinds; all of one if there is no other."""
    if not first:
        return 0
    return round(count * share) if second else count


def _photos_before(part: Part, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many other photos of its class and near-identical group come before each row's own.

    The faces of one photo are different people and count as one.
    """
    kind = pd.DataFrame(
        {
            "group": part.groups[order],
            "label": part.labels[order],
            "synthetic": part.is_synthetic[order],
            "photo": part.table["image_path"].to_numpy()[order],
        }
    )
    first = kind.drop_duplicates()
    before = first.groupby(["group", "label", "synthetic"]).cumcount()
    return np.asarray(kind.merge(first.assign(before=before))["before"], np.int64)


def _times_shown(order: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often the same position stands earlier in the order (n,)."""
    return np.asarray(pd.Series(order).groupby(order).cumcount(), np.int64)


class CropBatches:
    """The crops of one epoch, altered when they are asked for; see loop.Batches."""

    def __init__(
        self,
        canvases: NDArray[np.uint8],
        labels: NDArray[np.int64],
        seeds: NDArray[np.uint64],
        order: NDArray[np.int64],
        recipe: Recipe,
        epoch: int | None,
        teacher: Teacher | None = None,
    ) -> None:
        """Describe the epoch.

        Args:
            canvases: (n, C, C, 3), see crops.load_canvases.
            labels: (n,) class indices.
            seeds: (n,) row seeds, see crops.row_seeds.
            order: positions to show.
            recipe: batch size, input side and alterations.
            epoch: decides the alterations; None alters nothing.
            teacher: says what crops are to be called; None leaves it to the labels.
        """
        self._teacher = teacher
        self._canvases, self._labels, self._seeds = canvases, one_hot(labels), seeds
        self._order, self._recipe, self._epoch = order, recipe, epoch
        self._repeat = _times_shown(order)  # a crop shown twice in an epoch is altered anew

    def __len__(self) -> int:
        return -(-len(self._order) // self._recipe.fit.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        size = self._recipe.fit.batch_size
        places = range(index * size, min((index + 1) * size, len(self._order)))
        crops = np.stack([self._crop(place) for place in places])
        labels = self._labels[self._order[places.start : places.stop]]
        return crops, labels if self._teacher is None else self._teacher.targets(crops, labels)

    def _crop(self, place: int) -> NDArray[np.uint8]:
        row = self._order[place]
        side = self._recipe.network.input_side_px
        if self._epoch is None:
            return centre_crop(self._canvases[row], side)
        seed = (self._recipe.seed, self._epoch, int(self._seeds[row]) + int(self._repeat[place]))
        return augment_crop(self._canvases[row], side, self._recipe.augment, seed)
