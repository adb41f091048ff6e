"""A run folder goes on from its own checkpoint, whatever else lies there; nothing is trained here.

Run: pytest tests/unit/training/test_run_folder.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.data_factory import table_of

from maskwatch.errors import DataError, SettingError
from maskwatch.training.recipes.classifier import Recipe
from maskwatch.training.run_folder import RunFolder, begun_with

RECIPE, TABLE = Recipe(name="x"), table_of([{"split": "train"}])


class Model:
    """Something that can be saved."""

    def save(self, path: Path) -> None:
        path.write_bytes(b"weights")


def begin(path: Path, recipe: Recipe = RECIPE) -> RunFolder:
    folder = RunFolder(path)
    folder.start(recipe, TABLE, None, {"train": {}}, 1)
    return folder


@pytest.fixture
def cut_off(tmp_path: Path) -> RunFolder:
    """A run that ended after two epochs."""
    folder = begin(tmp_path / "run")
    for epoch in range(2):
        folder.end_epoch(epoch, {"loss": 0.5}, 1.0, Model())
    return folder


def epochs(folder: RunFolder) -> list[float]:
    return [row["epoch"] for row in folder.history()]


@pytest.mark.parametrize("text", ["epoch,loss\n1,0.5\n", None])
def test_the_checkpoint_says_how_many_epochs_are_done(cut_off: RunFolder, text: str | None) -> None:
    """A history that lacks some makes no epoch be trained twice."""
    history = cut_off.path / "history.csv"
    history.unlink() if text is None else history.write_text(text)
    again = begin(cut_off.path)
    assert again.kept_epochs() == 2
    again.end_epoch(2, {"loss": 0.4, "accuracy": 0.9}, 1.0, Model())
    assert epochs(again) == ([3] if text is None else [1, 3])
    again.finish()
    assert again.read()["state"] == "finished"


def test_a_damaged_history_is_told_before_anything_is_changed(cut_off: RunFolder) -> None:
    (cut_off.path / "history.csv").write_text("epoch,loss\n1,x\n")
    with pytest.raises(DataError, match="is damaged"):
        begin(cut_off.path)
    assert (cut_off.path / "history.csv").read_text() == "epoch,loss\n1,x\n"


def test_what_a_killed_run_left_is_cleared_away(cut_off: RunFolder) -> None:
    (cut_off.path / ".checkpoint-3.0123abcd.part.keras").write_bytes(bytes(1000))
    (cut_off.path / "scores.json").write_text("{")
    begin(cut_off.path)
    assert not list(cut_off.path.glob(".*.part.*"))
    assert cut_off.scores() == {}


def test_checkpoints_of_another_run_are_neither_taken_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-2.keras").write_bytes(b"of somebody else")
    with pytest.raises(SettingError, match="holds checkpoints of a run that is not described"):
        begin(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-2.keras"]


def test_files_with_a_like_name_are_left_alone(tmp_path: Path) -> None:
    for name in ("checkpoint-best.keras", "checkpoint-01-0.93.keras"):
        (tmp_path / name).touch()
    folder = begin(tmp_path)
    folder.end_epoch(0, {"loss": 0.5}, 1.0, Model())
    folder.finish()
    left = sorted(path.name for path in tmp_path.glob("checkpoint*"))
    assert left == ["checkpoint-01-0.93.keras", "checkpoint-best.keras"]


def test_a_damaged_checkpoint_says_what_to_do(cut_off: RunFolder) -> None:
    with pytest.raises(DataError, match="remove it and the run begins anew"):
        cut_off.load_checkpoint()


@pytest.mark.parametrize("place", ["nowhere.h5", "."])
def test_first_weights_that_cannot_be_read_are_one_line(tmp_path: Path, place: Any) -> None:
    with pytest.raises(SettingError, match="cannot be read"):
        begun_with(TABLE, tmp_path / place)
