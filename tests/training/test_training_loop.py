"""Batch by batch a model learns what Keras' own fit would teach it, and tells the same means.

Run: pytest tests/training/test_training_loop.py
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from maskwatch import DataError
from maskwatch.training.loop import DivergedError, RowBatches, answers, load_saved, train_epoch

ROWS, SIZE = 23, 5  # the last batch has three rows


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    return random.normal(size=(ROWS, 4)).astype("float32"), np.eye(3, dtype="float32")[
        random.integers(0, 3, ROWS)
    ]


def model() -> Any:
    keras.utils.set_random_seed(1)
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    net.compile(keras.optimizers.Adam(0.05), "categorical_crossentropy", metrics=["accuracy"])
    return net


def test_it_learns_and_tells_what_fit_does(rows: tuple[np.ndarray, np.ndarray]) -> None:
    ours, theirs = model(), model()
    for _ in range(3):
        means = train_epoch(ours, RowBatches(*rows, SIZE), RowBatches(*rows, SIZE))
        history = theirs.fit(
            *rows, batch_size=SIZE, validation_data=rows, shuffle=False, verbose=0
        ).history
    assert means == pytest.approx({name: values[-1] for name, values in history.items()}, abs=1e-5)
    assert set(means) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert np.allclose(mine, other, atol=1e-5)
    given = answers(ours, RowBatches(*rows, SIZE))
    assert given.shape == (ROWS, 3)
    assert np.allclose(given, theirs.predict(rows[0], verbose=0), atol=1e-5)


def test_what_it_prints_are_the_means_of_the_epoch(
    rows: tuple[np.ndarray, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    means = train_epoch(model(), RowBatches(*rows, SIZE), RowBatches(*rows, SIZE))
    line = capsys.readouterr().out.strip().splitlines()[-1]
    told = dict(part.split(": ") for part in line.split(" - ") if ": " in part)
    assert {name: float(value) for name, value in told.items()} == pytest.approx(means, abs=1e-3)


def test_each_batch_is_told_of_and_what_is_raised_ends_the_epoch(
    rows: tuple[np.ndarray, np.ndarray],
) -> None:
    told: list[int] = []
    means = train_epoch(model(), RowBatches(*rows, SIZE), told=told.append)
    assert told == [1, 2, 3, 4, 5] and set(means) == {"loss", "accuracy"}

    def stop(done: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    net = model()
    with pytest.raises(KeyboardInterrupt):
        train_epoch(net, RowBatches(*rows, SIZE), told=stop)
    assert int(net.optimizer.iterations) == 2


def test_a_batch_that_cannot_be_made_is_an_error_of_the_epoch(
    rows: tuple[np.ndarray, np.ndarray],
) -> None:
    class Damaged(RowBatches):
        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            if index == 3:
                raise OSError("the disk went away")
            return super().__getitem__(index)

    with pytest.raises(OSError, match="the disk went away"):
        train_epoch(model(), Damaged(*rows, SIZE))


def changed(content: bytes) -> bytes:
    """Other bytes in the middle, as from a disk that fails."""
    middle = len(content) // 2
    flipped = bytes(255 - byte for byte in content[middle : middle + 400])
    return content[:middle] + flipped + content[middle + 400 :]


@pytest.mark.parametrize(
    "damage",
    [lambda _: b"", lambda _: b"no model", lambda whole: whole[: len(whole) // 2], changed],
    ids=["empty", "text", "cut", "changed"],
)
@pytest.mark.parametrize("to_train_on", [False, True])
def test_a_saved_model_that_is_damaged_is_named(
    tmp_path: Path, damage: Callable[[bytes], bytes], to_train_on: bool
) -> None:
    path = tmp_path / "model.keras"
    whole = model()
    whole.optimizer.build(whole.trainable_variables)
    whole.save(path)
    assert load_saved(path, to_train_on).count_params() == 15
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"model\.keras: cannot be read as a model") as caught:
        load_saved(path, to_train_on)
    assert "\n" not in str(caught.value)


def test_a_loss_that_is_no_number_ends_the_epoch(rows: tuple[np.ndarray, np.ndarray]) -> None:
    shown, wanted = rows
    with pytest.raises(DivergedError, match=r"after 1 of 5 batches .* lower fit\.learning_rate"):
        train_epoch(model(), RowBatches(np.full_like(shown, np.nan), wanted, SIZE))
