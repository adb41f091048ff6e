"""What a set of answers is worth: per class, with intervals, and with the share of unsure.

Intervals come from a bootstrap over near-identical groups (a cluster bootstrap, Field and Welsh
2007): forty copies of one photo are one observation, not forty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskwatch.schema import CLASSES

_ROUNDS = 1000
_LEVEL = 0.95


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
) -> dict[str, Any]:
    """Scores of one test part, ready for JSON.

    UNSURE counts as not found: it lowers recall and accuracy, never precision.

    Args:
        labels: (n,) indices into schema.CLASSES.
        probabilities: (n, 3) in the same order.
        groups: (n,) group of each row, the unit of the bootstrap.
        unsure_below: the threshold of the model card.
        seed: of the bootstrap.

    Returns:
        n, groups, accuracy, macro_f1, unsure_share, per_class and the confusion counts; every
        score as {"value", "low", "high"}, null where it is undefined.
    """
    _, group_index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    group_count = int(group_index.max(initial=-1)) + 1
    per_group = np.zeros((group_count, 3, 4))
    np.add.at(per_group, (group_index, labels, answers(probabilities, unsure_below)), 1)

    values = _measures(per_group.sum(axis=0)[None])
    draws = _measures(_resample(per_group, seed))
    scores: dict[str, Any] = {
        "n": len(labels),
        "groups": group_count,
        "unsure_below": unsure_below,
        **{name: _with_interval(values[name][0], draws[name]) for name in _OVERALL},
        "per_class": {},
        "confusion": per_group.sum(axis=0).astype(int).tolist(),
    }
    for index, state in enumerate(CLASSES):
        scores["per_class"][state.value] = {
            "n": int((labels == index).sum()),
            **{
                name: _with_interval(values[name][0, index], draws[name][:, index])
                for name in ("precision", "recall", "f1")
            },
        }
    return scores


_OVERALL = ("accuracy", "macro_f1", "unsure_share")


def mean_with_interval(
    values: NDArray[Any], groups: NDArray[Any], seed: int = 0
) -> dict[str, float | None]:
    """Mean of values (n,), such as the share of True, with its 95 % interval over groups (n,)."""
    _, places = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(places, values), np.bincount(places)
    count = len(sizes)
    if count == 0:
        return _with_interval(np.nan, np.empty(0))
    random = np.random.default_rng(seed)
    weights = random.multinomial(count, np.full(count, 1 / count), size=_ROUNDS)
    return _with_interval(float(sums.sum() / sizes.sum()), weights @ sums / (weights @ sizes))


def _resample(per_group: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Confusion counts (rounds, 3, 4) of test sets drawn from the groups with replacement."""
    count = len(per_group)
    if count == 0:
        return np.zeros((1, 3, 4))
    random = np.random.default_rng(seed)
    weights = random.multinomial(count, np.full(count, 1 / count), size=_ROUNDS)
    return (weights @ per_group.reshape(count, 12)).reshape(_ROUNDS, 3, 4)


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


def _with_interval(value: float, draws: NDArray[np.float64]) -> dict[str, float | None]:
    draws = draws[np.isfinite(draws)]
    if not np.isfinite(value) or draws.size == 0:
        return {"value": None, "low": None, "high": None}
    low, high = np.quantile(draws, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return {
        "value": round(float(value), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
    }
