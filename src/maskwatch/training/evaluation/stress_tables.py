"""What was said under stress -> tables: per family and strength, per angle, per brightness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskwatch.schema import CLASSES
from maskwatch.training.evaluation.corruptions import FAMILIES, STRENGTHS
from maskwatch.training.evaluation.imitated import UNPRACTISED
from maskwatch.training.evaluation.stress import (
    BRIGHTNESS_FACTORS,
    CLEAN,
    PER_GROUP,
    ROTATIONS_DEG,
    SAMPLE_SEED,
    Stress,
)

_ROUNDS = 1000


def describe_sample(stress: Stress) -> dict[str, Any]:
    """How many rows were altered, of which classes and groups."""
    labels = stress.part.labels
    return {
        "crops": len(labels),
        "per_class": {s.value: int((labels == i).sum()) for i, s in enumerate(CLASSES)},
        "faces": int(stress.faces.sum()),
        "pictures": int((~stress.faces).sum()),
        "groups": len(np.unique(stress.part.groups)),
        "most_per_group_and_class": PER_GROUP,
        "seed": SAMPLE_SEED,
    }


def corruption_table(stress: Stress, model: str) -> dict[str, Any]:
    """Accuracy of a model on clean and spoilt crops.

    Returns:
        "clean", "families" (five entries each, weakest first), "mean" over all 75 conditions,
        "drop_points": how far that is below clean, with its 95 % interval over groups; and
        "unpractised": the same two for the families that training does not imitate.
    """
    states = stress.states[model]
    labels = stress.part.labels
    clean = _accuracy(labels, states[CLEAN])
    families: dict[str, list[dict[str, float | None]]] = {}
    for family in FAMILIES:
        rows = [_accuracy(labels, states[family, strength]) for strength in STRENGTHS]
        families[family] = [
            row | {"drop_points": _difference(clean["accuracy"], row["accuracy"])} for row in rows
        ]
    return {
        "clean": clean,
        "families": families,
        **_mean_and_drop(stress, model, FAMILIES),
        "unpractised": _mean_and_drop(stress, model, UNPRACTISED),
    }


def _mean_and_drop(stress: Stress, model: str, families: Sequence[str]) -> dict[str, Any]:
    """Mean accuracy over all strengths of some families, and how far it is below clean."""
    states, labels = stress.states[model], stress.part.labels
    spoilt = [states[family, strength] for family in families for strength in STRENGTHS]
    lost = (states[CLEAN] == labels) - np.mean([row == labels for row in spoilt], axis=0)
    return {
        "mean": _accuracy(labels, np.stack(spoilt)),
        "drop_points": mean_over_classes(labels, stress.part.groups, 100 * lost),
    }


def sweep_table(stress: Stress, model: str, kind: str) -> dict[str, list[dict[str, Any]]]:
    """Accuracy and recall per class at every angle ("rotation") or brightness factor ("light").

    Whole pictures have no surroundings to turn into the crop, so they stand apart from faces.
    """
    amounts = ROTATIONS_DEG if kind == "rotation" else BRIGHTNESS_FACTORS
    labels, states = stress.part.labels, stress.states[model]
    groups = {
        "all": np.ones(len(labels), bool),
        "faces": stress.faces,
        "pictures": ~stress.faces,
    }
    return {
        name: [
            {
                "amount": amount,
                "n": int(rows.sum()),
                **_accuracy(labels[rows], states[kind, amount][rows]),
                "recall": _recalls(labels[rows], states[kind, amount][rows]),
            }
            for amount in amounts
        ]
        for name, rows in groups.items()
    }


def mean_over_classes(
    labels: NDArray[np.integer], groups: NDArray[Any], values: NDArray[np.floating]
) -> dict[str, float | None]:
    """Mean of the classes' means, with a 95 % interval from a bootstrap over groups.

    Args:
        labels: (n,) class indices.
        groups: (n,) the unit of the bootstrap.
        values: (n,) what is averaged.
    """
    if not len(labels):
        return {"value": None, "low": None, "high": None}
    _, places = np.unique(groups, return_inverse=True)
    count = int(places.max()) + 1
    sums, sizes = np.zeros((count, len(CLASSES))), np.zeros((count, len(CLASSES)))
    np.add.at(sums, (places, labels), values)
    np.add.at(sizes, (places, labels), 1)
    random = np.random.default_rng(0)
    weights = random.multinomial(count, np.full(count, 1 / count), size=_ROUNDS)
    value = _mean_of_means(sums.sum(axis=0)[None], sizes.sum(axis=0)[None])[0]
    low, high = np.quantile(_mean_of_means(weights @ sums, weights @ sizes), (0.025, 0.975))
    return {"value": round(value, 2), "low": round(low, 2), "high": round(high, 2)}


def _mean_of_means(sums: NDArray[np.floating], sizes: NDArray[np.floating]) -> list[float]:
    """Mean (r,) over the classes that occur; sums and sizes are (r, 3)."""
    means = np.divide(sums, sizes, out=np.zeros(sums.shape), where=sizes > 0)
    return [float(v) for v in means.sum(axis=1) / np.maximum((sizes > 0).sum(axis=1), 1)]


def _accuracy(labels: NDArray[np.integer], states: NDArray[np.intp]) -> dict[str, float | None]:
    """Mean recall of the classes and share of UNSURE; states (n,) or several rows (k, n)."""
    recalls = [r for r in _recalls(labels, states).values() if r is not None]
    return {
        "accuracy": round(float(np.mean(recalls)), 4) if recalls else None,
        "unsure_share": round(float((states == 3).mean()), 4) if states.size else None,
    }


def _recalls(labels: NDArray[np.integer], states: NDArray[np.intp]) -> dict[str, float | None]:
    right = states == labels
    return {
        state.value: round(float(right[..., labels == index].mean()), 4)
        if (labels == index).any()
        else None
        for index, state in enumerate(CLASSES)
    }


def _difference(clean: float | None, spoilt: float | None) -> float | None:
    return None if clean is None or spoilt is None else round(100 * (clean - spoilt), 2)
