"""A Keras model learns and answers batch by batch.

Keras' own `fit`, `evaluate` and `predict` feed a model through tf.data, which tunes itself in a
thread that each call waits for at its end: for about as long as it has taken, up to a minute
(TensorFlow 2.21). Here a batch goes from the threads that make it to the model as it is.
"""

from __future__ import annotations

import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

from maskwatch.errors import DataError
from maskwatch.io.process import in_order
from maskwatch.models.runtime import available_cpus

Batch = tuple[NDArray[Any], NDArray[Any] | list[NDArray[Any]]]
"""What a model is shown and what it is to answer, a row each; a list for several answers."""


class DivergedError(DataError):
    """A training that learns nothing any more."""


class Batches(Protocol):
    """Batches in their order; each may be made in any thread."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def __getitem__(self, index: int) -> Batch:
        """One of them."""
        ...


class RowBatches:
    """Batches of rows that are in memory."""

    def __init__(self, shown: NDArray[Any], wanted: NDArray[Any], batch_size: int) -> None:
        """Keep the rows; nothing is copied."""
        self._shown, self._wanted, self._size = shown, wanted, batch_size

    def __len__(self) -> int:
        return -(-len(self._shown) // self._size)

    def __getitem__(self, index: int) -> Batch:
        rows = slice(index * self._size, (index + 1) * self._size)
        return self._shown[rows], self._wanted[rows]


def train_epoch(
    model: Any,
    batches: Batches,
    validation: Batches | None = None,
    told: Callable[[int], None] = lambda _done: None,
) -> dict[str, float]:
    """Let a compiled model learn from each batch once; a bar on a screen, a line in a file.

    Args:
        model: the model.
        batches: of the epoch.
        validation: what it is asked about afterwards.
        told: how many batches are done, after each; what it raises ends the epoch.

    Returns:
        Means of its loss and metrics over all rows; those of `validation` are called "val_NAME".

    Raises:
        DivergedError: the loss became no number.
    """
    bar = None
    means = _Means()
    for done, (shown, wanted) in enumerate(_made(batches), 1):
        values = model.train_on_batch(shown, wanted, return_dict=True)
        means.add(values, len(shown))
        told(done)
        bar = bar or _bar(len(batches), values)
        bar.update(done, list(means.all().items()), finalize=False)
        if not np.isfinite(values["loss"]):
            raise DivergedError(
                f"after {done} of {len(batches)} batches the loss is no number any more, and "
                "nothing can be learnt from there; give a lower fit.learning_rate"
            )
    held_out = _Means()
    for shown, wanted in _made(validation or ()):
        held_out.add(model.test_on_batch(shown, wanted, return_dict=True), len(shown))
    told_of = means.all() | {f"val_{name}": value for name, value in held_out.all().items()}
    if bar is not None:
        bar.update(len(batches), list(told_of.items()), finalize=True)
    return told_of


def _bar(batches: int, values: Iterable[str]) -> Any:
    """Shows what it is given: of its own means the last batch is all that is left at the end."""
    verbose = 1 if sys.stdout.isatty() else 2
    names = [*values, *(f"val_{name}" for name in values)]
    return keras.utils.Progbar(batches, verbose=verbose, stateful_metrics=names)


def answers(model: Any, batches: Batches) -> NDArray[np.float32]:
    """What a model answers (n, ...) to all rows of one batch or more."""
    parts = [model.predict_on_batch(shown) for shown, _ in _made(batches)]
    return np.concatenate(parts).astype(np.float32, copy=False)


def _made(batches: Batches) -> Iterator[Batch]:
    return in_order(batches.__getitem__, range(len(batches)), available_cpus())


class _Means:
    """Means over rows of what is told of batches."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = defaultdict(float)
        self._rows = 0

    def add(self, values: dict[str, Any], rows: int) -> None:
        for name, value in values.items():
            self._sums[name] += float(value) * rows
        self._rows += rows

    def all(self) -> dict[str, float]:
        return {name: total / self._rows for name, total in self._sums.items()}


def load_saved(path: Path, to_train_on: bool = False) -> Any:
    """A model that Keras has saved.

    Args:
        path: a .keras file.
        to_train_on: with its optimiser and loss.

    Raises:
        DataError: there is none, or it is damaged.
    """
    try:
        return keras.saving.load_model(path, compile=to_train_on)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: cannot be read as a model that Keras saved ({reason})") from error
