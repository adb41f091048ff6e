"""Old model against new on held-back faces: what was mended, and what was spoilt.

Corrections are mistakes of the old model, so its accuracy on them says little. What counts is how
many of its mistakes the new one mends, and how many of its right answers that spoils: the two
numbers of McNemar's test. Needs no training framework.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.errors import DataError
from maskwatch.files import write_json
from maskwatch.training.data.parts import NONE_OF_THEM, class_indices
from maskwatch.training.evaluation.answers import ask_rows
from maskwatch.vision.classify import Classifier

COMPARISON = "comparison.json"
"""In the folder of a job: a list of what `compare` found."""

_UNSURE = 3
_SIGNIFICANCE = 0.05


@dataclass(frozen=True, slots=True)
class Compared:
    """What two models answered on the held-back faces of one source.

    Attributes:
        source: name of the set.
        faces: how many were held back; unclear ones are right if UNSURE.
        old_right: how many of them the old model is right about.
        new_right: the same of the new one.
        mended: right now, and wrong before.
        spoilt: wrong now, and right before.
        old_learnt: whether the old model's card says that it learnt from this source, so that it
            may have seen these very faces.
    """

    source: str
    faces: int
    old_right: int
    new_right: int
    mended: int
    spoilt: int
    old_learnt: bool


def compare(
    table: pd.DataFrame, old: Path, new: Path, progress: Callable[[int], None] = lambda _n: None
) -> list[Compared]:
    """Ask both models about the `test` part of a manifest, source by source.

    Args:
        table: a manifest with a split.
        old: ONNX file of the model in use.
        new: the same of one that did not learn from the test part.
        progress: told of each number of faces that a model was asked about.

    Raises:
        ModelError: a model cannot be used.
        DataError: a picture cannot be read.
    """
    rows = table[table["split"] == "test"]
    labels = class_indices(rows)
    truth = np.where(labels == NONE_OF_THEM, _UNSURE, labels)
    models = Classifier(old), Classifier(new)
    was_right, is_right = (ask_rows(one, rows, progress).states == truth for one in models)
    learnt = models[0].card.training.get("crops_by_source", {})
    return list(_tallies(rows["source"].to_numpy(str), was_right, is_right, learnt))


def _tallies(
    sources: NDArray[np.str_],
    was_right: NDArray[np.bool_],
    is_right: NDArray[np.bool_],
    learnt: dict[str, dict[str, int]],
) -> Iterator[Compared]:
    for source in map(str, np.unique(sources)):
        old, new = was_right[sources == source], is_right[sources == source]
        yield Compared(
            source,
            faces=len(old),
            old_right=int(old.sum()),
            new_right=int(new.sum()),
            mended=int((new & ~old).sum()),
            spoilt=int((old & ~new).sum()),
            old_learnt=any(learnt.get(part, {}).get(source) for part in ("train", "val")),
        )


def may_be_chance(mended: int, spoilt: int) -> bool:
    """Whether two models as good as each other would often differ so much: p above .05.

    The exact form of McNemar's test: each face that only one of them is right about is a coin.
    """
    differ, fewer = mended + spoilt, min(mended, spoilt)
    tail = sum(math.comb(differ, k) for k in range(fewer + 1)) / 2**differ
    return bool(2 * tail > _SIGNIFICANCE)


def write_comparison(folder: Path, compared: list[Compared]) -> None:
    """Put it into the folder of a job.

    Raises:
        DataError: it cannot be written.
    """
    write_json(folder / COMPARISON, [asdict(one) for one in compared])


def read_comparison(folder: Path) -> list[Compared]:
    """What a job found; empty where it compared nothing, or has not done it yet.

    Raises:
        DataError: the file cannot be read.
    """
    path = folder / COMPARISON
    try:
        return [Compared(**values) for values in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path}: cannot be read; let the run go on to make it anew") from error
