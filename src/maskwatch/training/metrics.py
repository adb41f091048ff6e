"""What a set of answers is worth: per class, with intervals, and with the share of unsure.

Intervals come from a cluster bootstrap over near-identical groups (Field and Welsh 2007): forty
copies of one photo are one observation, not forty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from maskwatch.models.evaluation import UNDEFINED, ClassScores, Estimate
from maskwatch.models.evaluation_document import FullScores
from maskwatch.schema import CLASSES
from maskwatch.training.data.manifest import has_box

if TYPE_CHECKING:
    from maskwatch.training.data.parts import Part


_ROUNDS = 1000
_LEVEL = 0.95


def places_of(groups: Sequence[Any] | NDArray[Any]) -> tuple[NDArray[np.intp], int]:
    """The place (n,) of each row's group among the different ones, and how many those are."""
    names, places = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    return places, len(names)


def draw_weights(count: int, seed: int = 0) -> NDArray[np.int64]:
    """How often (rounds, count) each group is among as many, drawn with replacement."""
    if count == 0:
        return np.zeros((1, 0), np.int64)
    random = np.random.default_rng(seed)
    return random.multinomial(count, np.full(count, 1 / count), size=_ROUNDS)


def resample(per_group: NDArray[np.floating], seed: int = 0) -> NDArray[np.float64]:
    """Sums (rounds, ...) over groups that are drawn with replacement.

    Args:
        per_group: (g, ...) what is summed; without groups the only sums are zeros.
        seed: of the draws.
    """
    return np.tensordot(draw_weights(len(per_group), seed), per_group, axes=1)


def estimate(value: float, draws: ArrayLike, digits: int = 4) -> Estimate:
    """A value, rounded, with the interval of its draws (rounds,); NaN is undefined."""
    known = np.asarray(draws, float)
    known = known[np.isfinite(known)]
    if not np.isfinite(value) or known.size == 0:
        return UNDEFINED
    low, high = np.quantile(known, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Estimate(*(round(float(number), digits) for number in (value, low, high)))


def mean_with_interval(values: NDArray[Any], groups: NDArray[Any], seed: int = 0) -> Estimate:
    """Mean of values (n,), such as the share of True, with its interval over groups (n,)."""
    places, count = places_of(groups)
    sums_sizes = np.zeros((count, 2))
    np.add.at(sums_sizes, places, np.stack([values, np.ones(len(values))], axis=1))
    with np.errstate(invalid="ignore"):
        (value,) = _ratios(sums_sizes.sum(axis=0)[None])
        return estimate(value, _ratios(resample(sums_sizes, seed)))


def _ratios(sums_sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(sums_sizes[:, 0] / sums_sizes[:, 1])


def score_slices(
    part: Part, answers: NDArray[np.float32], unsure_below: float
) -> dict[str, FullScores]:
    """Scores of a part as a whole and of each source, faces and whole pictures apart."""
    slices = {"all": score(part.labels, answers, list(part.groups), unsure_below)}
    names = slice_names(part.table)
    for name in np.unique(names):
        rows = names == name
        slices[str(name)] = score(
            part.labels[rows], answers[rows], list(part.groups[rows]), unsure_below
        )
    return slices


def slice_names(table: pd.DataFrame) -> NDArray[Any]:
    """The slice (n,) that each row belongs to, "SOURCE faces" or "SOURCE pictures"."""
    kinds = np.where(has_box(table), "faces", "pictures")
    return np.asarray(table["source"].astype(str).to_numpy() + " " + kinds)


def answers(probabilities: NDArray[np.floating], unsure_below: float) -> NDArray[np.intp]:
    """Index of the answered class (n,), 3 for UNSURE."""
    best = probabilities.argmax(axis=1)
    sure = probabilities.max(axis=1, initial=0) >= unsure_below
    return np.where(sure, best, 3)


def score(
    labels: NDArray[np.integer],
    probabilities: NDArray[np.floating],
    groups: Sequence[Any],
    unsure_below: float = 0.0,
    seed: int = 0,
) -> FullScores:
    """Scores of one test part.

    UNSURE counts as not found: it lowers recall and accuracy, never precision.

    Args:
        labels: (n,) indices into schema.CLASSES.
        probabilities: (n, 3) in the same order.
        groups: (n,) group of each row, the unit of the bootstrap.
        unsure_below: the threshold of the model card.
        seed: of the bootstrap.
    """
    places, count = places_of(groups)
    per_group = np.zeros((count, 3, 4))
    np.add.at(per_group, (places, labels, answers(probabilities, unsure_below)), 1)
    confusion = per_group.sum(axis=0)
    values, draws = _measures(confusion[None]), _measures(resample(per_group, seed))
    accuracy, macro_f1, unsure_share = (
        estimate(values[name][0], draws[name]) for name in ("accuracy", "macro_f1", "unsure_share")
    )
    per_class = {
        state.value: ClassScores(
            int((labels == index).sum()),
            *(
                estimate(values[name][0, index], draws[name][:, index])
                for name in ("precision", "recall", "f1")
            ),
        )
        for index, state in enumerate(CLASSES)
    }
    return FullScores(
        n=len(labels),
        groups=count,
        accuracy=accuracy,
        macro_f1=macro_f1,
        unsure_share=unsure_share,
        per_class=per_class,
        confusion=tuple(tuple(row) for row in confusion.astype(int).tolist()),
        unsure_below=unsure_below,
    )


def _measures(counts: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Every score from confusion counts (r, 3, 4); NaN where it is undefined."""
    total = counts.sum(axis=(1, 2))
    right = np.einsum("rii->ri", counts[:, :, :3])
    truth, answered = counts.sum(axis=2), counts[:, :, :3].sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, precision = right / truth, right / answered
        f1 = 2 * right / (truth + answered)  # defined wherever a class occurs or is answered
        f1 = np.where(truth > 0, f1, np.nan)
        occurring = np.isfinite(f1)
        macro_f1 = np.where(occurring, f1, 0).sum(axis=1) / occurring.sum(axis=1)
        return {
            "accuracy": right.sum(axis=1) / total,
            "macro_f1": macro_f1,
            "unsure_share": counts[:, :, 3].sum(axis=1) / total,
            "precision": precision,
            "recall": recall,
            "f1": f1,
        }
