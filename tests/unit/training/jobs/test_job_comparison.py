"""Old model against new: each held-back face is counted once, at its right place.

Run: pytest tests/unit/training/jobs/test_job_comparison.py
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import binomtest
from support.data_factory import save, table_of
from support.job_factory import write_model
from support.toy_model import BLUE, GREEN, GREY, RED, plain

from maskwatch.errors import DataError, SettingError
from maskwatch.training.jobs.comparison import (
    COMPARISON,
    Compared,
    compare,
    may_be_chance,
    read_comparison,
    write_comparison,
)
from maskwatch.training.jobs.folder import REPORT, JobFolder, Order
from maskwatch.training.recipes.classifier import classifier_recipes, load_recipe


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One that answers by colour, and one that is unsure of everything."""
    work = tmp_path_factory.mktemp("models")
    learnt = {"crops_by_source": {"val": {"known": 3}, "test": {"mine": 9}}}
    (work / "a").mkdir()
    (work / "b").mkdir()
    never, colours = work / "a" / "never.onnx", work / "b" / "colours.onnx"
    write_model(never, unsure_below=1.0, training=learnt)
    write_model(colours)
    return never, colours


def faces(folder: Path, *rows: tuple[str, tuple[int, int, int], str, str]) -> pd.DataFrame:
    """Pictures of one colour: source, colour, label and part of each."""
    return table_of(
        [
            {
                "image_path": str(save(folder / f"{number}.png", plain(colour))),
                "source": source,
                "label": label,
                "split": part,
            }
            for number, (source, colour, label, part) in enumerate(rows)
        ]
    )


def test_each_held_back_face_is_mended_spoilt_or_neither(
    tmp_path: Path, models: tuple[Path, Path]
) -> None:
    table = faces(
        tmp_path,
        ("mine", GREEN, "mask", "test"),
        ("mine", RED, "no_mask", "test"),
        ("mine", RED, "mask", "test"),
        ("mine", GREY, "unclear", "test"),
        ("mine", BLUE, "unclear", "test"),
        ("mine", GREEN, "mask", "train"),
        ("known", BLUE, "incorrect_mask", "test"),
    )
    never, colours = models
    asked: list[int] = []
    known, mine = compare(table, never, colours, asked.append)
    assert known == Compared("known", 1, 0, 1, mended=1, spoilt=0, old_learnt=True)
    assert (mine.faces, mine.old_right, mine.old_learnt) == (5, 2, False)
    assert mine.new_right == mine.old_right + mine.mended - mine.spoilt
    assert sum(asked) == 2 * 6
    same = compare(table, colours, colours)
    assert all(one.mended == one.spoilt == 0 for one in same)


def test_without_a_test_part_there_is_nothing_to_compare(
    tmp_path: Path, models: tuple[Path, Path]
) -> None:
    assert compare(faces(tmp_path, ("mine", RED, "mask", "val")), *models) == []


@pytest.mark.parametrize(
    ("mended", "spoilt", "chance"),
    [(0, 0, True), (5, 0, True), (6, 0, False), (0, 6, False), (9, 1, False), (8, 2, True)],
)
def test_a_few_coins_that_fall_alike_are_chance(mended: int, spoilt: int, chance: bool) -> None:
    assert may_be_chance(mended, spoilt) is chance
    assert may_be_chance(mended, spoilt) == (
        binomtest(mended, mended + spoilt).pvalue > 0.05 if mended + spoilt else True
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    compared = [
        Compared("mine", 5, 1, 4, 3, 0, True),
        Compared("other", 0, 0, 0, 0, 0, False),
    ]
    assert read_comparison(tmp_path) == []
    write_comparison(tmp_path, compared)
    assert read_comparison(tmp_path) == compared


@pytest.mark.parametrize("content", ["", "[1]", '[{"source": "mine"}]'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / COMPARISON).write_text(content)
    with pytest.raises(DataError, match=f"{COMPARISON}: cannot be read"):
        read_comparison(tmp_path)


def test_an_order_keeps_the_old_model_and_splits_honestly(tmp_path: Path) -> None:
    recipe = load_recipe(classifier_recipes()["onwards"])
    job = JobFolder(tmp_path)
    for old in ("", "/models/old.onnx"):
        order = Order(("/faces",), "grouped", recipe, old)
        job.write_order(order)
        assert job.order() == order
    with pytest.raises(SettingError, match="protocol"):
        Order(("/faces",), REPORT, recipe, "/models/old.onnx")
