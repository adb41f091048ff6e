"""Doubts: a label that was planted wrong is found, and what is found can be edited and applied.

Run: pytest tests/training/test_label_errors.py
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from click.testing import CliRunner
from support.data_factory import folder_set, table_of
from support.training_factory import coloured_manifest, random_base_weights

from maskwatch.cli.data import data
from maskwatch.errors import DataError, MaskWatchError
from maskwatch.training.data.catalog import LABELS
from maskwatch.training.data.collect import collect
from maskwatch.training.data.corrections import (
    apply_corrections,
    read_corrections,
    write_corrections,
)
from maskwatch.training.data.manifest import BOX, read_manifest, write_manifest
from maskwatch.training.data.split import deal_folds
from maskwatch.training.evaluation import label_errors
from maskwatch.training.evaluation.label_errors import (
    FOLDS,
    as_corrections,
    find_label_errors,
    judgeable,
    out_of_sample,
    write_page,
)
from maskwatch.training.recipes.classifier import NetworkRecipe

WRONG = 7


@pytest.fixture
def planted():
    """Sixty rows in forty groups whose features tell the class, one of them labelled wrong."""
    kinds = np.arange(60) % 3
    rows = [{"label": LABELS[kind], "group": f"g{n % 40}"} for n, kind in enumerate(kinds)]
    noise = np.random.default_rng(0).normal(0, 0.3, (60, 4))
    noise[np.arange(60), kinds] += 3
    rows[WRONG]["label"] = LABELS[(kinds[WRONG] + 1) % 3]
    return table_of(rows), noise.astype(np.float32), LABELS[kinds[WRONG]]


def test_a_planted_wrong_label_is_found(planted):
    table, features, truth = planted
    found = find_label_errors(
        table, out_of_sample(table, features, deal_folds(table, FOLDS)), too_small=2
    )
    assert found.table["sha256"].tolist() == [table["sha256"][WRONG]]
    row = found.table.iloc[0]
    assert row["proposed"] == truth != row["label"]
    assert 0 < row["margin"] == row["p_proposed"] - row["p_given"] <= 1
    assert (found.judged, found.too_small) == (60, 2)


def test_no_fold_sees_a_group_it_is_asked_about(planted):
    table, features, _ = planted
    folds = deal_folds(table, FOLDS)
    assert sorted(set(folds)) == list(range(FOLDS))
    assert (table.assign(fold=folds).groupby("group")["fold"].nunique() == 1).all()
    probabilities = out_of_sample(table, features, folds)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_two_labels_are_enough(planted):
    table, features, _ = planted
    two = (table["label"] != "incorrect_mask").to_numpy() & (np.arange(60) != WRONG)
    part = table[two].reset_index(drop=True)
    probabilities = out_of_sample(part, features[two], deal_folds(part, FOLDS))
    assert (probabilities[:, LABELS.index("incorrect_mask")] == 0).all()
    assert find_label_errors(part, probabilities).table.empty


def test_a_doubt_needs_what_is_usual_for_the_other_label():
    """Northcutt et al.: 0.6 for "no mask" counts only where bare faces rarely get more."""
    table = table_of([{"label": label} for label in ("mask", "mask", "no_mask", "no_mask")])
    probabilities = np.array([[0.9, 0.1, 0], [0.4, 0.6, 0], [0.1, 0.9, 0], [0.3, 0.7, 0]])
    assert find_label_errors(table, probabilities).table.empty  # usual is 0.8
    probabilities[3] = [0.7, 0.3, 0]
    doubted = find_label_errors(table, probabilities).table
    assert doubted["proposed"].tolist() == ["mask", "no_mask"]  # the larger margin first
    np.testing.assert_allclose(doubted["margin"], [0.4, 0.2])


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([], "0 rows of at least 20 pixels with 0 labels: doubts need two labels or more"),
        ([{}, {}], "2 rows of at least 20 pixels with 1 labels: doubts need"),
        (
            [{}, {"label": "no_mask", **dict(zip(BOX, (0, 0, 19, 9), strict=True))}],
            "1 rows of at least 20 pixels with 1 labels: doubts need",
        ),
    ],
    ids=["empty", "one label", "tiny"],
)
def test_what_cannot_be_judged_is_one_clear_error(rows, complaint):
    with pytest.raises(DataError) as caught:
        judgeable(table_of(rows))
    assert str(caught.value).startswith(complaint)


def test_rows_without_groups_are_refused():
    table = table_of([{}, {"label": "no_mask"}])
    with pytest.raises(DataError, match="2 of 2 rows have no group; run `maskwatch data audit`"):
        deal_folds(judgeable(table), FOLDS)


@pytest.fixture
def crops(tmp_path):
    """Drawn faces in class folders, their manifest table, and a doubt about the first two."""
    table = collect({"mine": folder_set(tmp_path / "mine", 2)}).table
    probabilities = 0.2 + 0.4 * np.eye(3)[table["label"].map(LABELS.index)]
    probabilities[table.index[table["label"] == "mask"]] = [[0.1, 0.2, 0.7], [0.2, 0.7, 0.1]]
    return table, find_label_errors(table, probabilities)


def test_doubts_become_corrections_that_a_person_can_edit(tmp_path, crops):
    table, found = crops
    write_corrections(as_corrections(found), tmp_path / "c.csv")
    lines = read_corrections(tmp_path / "c.csv")
    assert lines["was"].tolist() == ["mask"] * len(lines)
    assert all((tmp_path / "mine" / file).is_file() for file in lines["file"])
    assert lines["reason"].str.fullmatch(r"doubt 0\.\d\d").all()
    done = apply_corrections(table, lines)
    assert done.relabelled == len(found.table) == len(lines)


def test_one_picture_twice_is_one_line(crops):
    _, found = crops
    twice = label_errors.LabelErrors(found.table.iloc[[0, 0]], 2, 0)
    assert len(as_corrections(twice)) == 1


def test_the_page_needs_no_other_file(tmp_path, crops):
    table, found = crops
    write_page(found, table, "<mine>", tmp_path / "new" / "page.html")
    page = (tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "Doubted labels: &lt;mine&gt;" in page
    assert page.count('src="data:image/jpeg;base64,') == len(found.table) > 0
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "mine/with_mask/0.jpg" in page
    assert str(tmp_path) not in page


def test_a_page_without_doubts_says_so(tmp_path, crops):
    table, _ = crops
    certain = np.eye(3)[table["label"].map(LABELS.index)]
    write_page(find_label_errors(table, certain), table, "mine", tmp_path / "page.html")
    assert "<p>None.</p>" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_an_error(tmp_path, crops):
    table, found = crops
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be written"):
        write_page(found, table, "mine", tmp_path / "file" / "page.html")


def doubts_of(*arguments: object):
    result = CliRunner().invoke(data, ["doubts", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, MaskWatchError | SystemExit):
        raise result.exception
    return result


def test_the_command_finds_a_wrong_colour(tmp_path, monkeypatch):
    """Pictures whose colour is their class, so that even a random base tells them apart."""
    network = NetworkRecipe(alpha=0.35, input_side_px=64)
    monkeypatch.setattr(label_errors.pooled_features, "__defaults__", (network, lambda _rows: None))
    table = coloured_manifest(tmp_path)
    wrong = table.index[table["label"] == "incorrect_mask"][0]
    table.loc[wrong, "label"] = "no_mask"
    write_manifest(table, tmp_path / "m.parquet")
    result = doubts_of(
        tmp_path / "m.parquet",
        "--out",
        tmp_path / "d.html",
        "--csv",
        tmp_path / "d.csv",
        "--weights",
        random_base_weights(tmp_path),
    )
    assert "of 48 labels are doubted" in result.stdout
    lines = read_corrections(tmp_path / "d.csv")
    line = lines[lines["sha256"] == table["sha256"][wrong]].iloc[0]
    assert (line["was"], line["label"]) == ("no_mask", "incorrect_mask")
    assert (tmp_path / "d.html").read_text(encoding="utf-8").count("<figure") == len(lines)
    done = apply_corrections(read_manifest(tmp_path / "m.parquet"), lines)
    assert done.relabelled == len(lines) < 10


def test_mistakes_are_one_line(tmp_path):
    result = doubts_of("m.parquet", "--out", tmp_path / "d.html")
    assert isinstance(result.exception, DataError)
    assert str(result.exception) == "m.parquet: no such manifest"
    assert not (tmp_path / "d.html").exists()
