"""`maskwatch calibrate`: the same network, with probabilities that fit the pictures of a manifest.

Run: pytest tests/training/test_recalibrate.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from support.toy_model import write_toy_model
from support.training_factory import coloured_manifest

from maskwatch.cli.main import cli
from maskwatch.errors import DataError, ModelError
from maskwatch.models.card import load_model
from maskwatch.models.evidence import evidence_path
from maskwatch.training.classifier.export import recalibrate


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recalibrate")


@pytest.fixture(scope="module")
def table(folder: Path) -> pd.DataFrame:
    """Eight masks worn right or wrong in `val`, two of them told wrong, and one bare face."""
    whole = coloured_manifest(folder)
    val = whole[whole["split"] == "val"]
    rows = {label: val.index[val["label"] == label] for label in ("mask", "no_mask")}
    rows["incorrect_mask"] = val.index[val["label"] == "incorrect_mask"]
    whole.loc[rows["mask"][0], "label"] = "incorrect_mask"
    whole.loc[rows["incorrect_mask"][0], "label"] = "mask"
    return whole.drop(rows["no_mask"][1:])


def test_only_the_card_changes_and_it_is_scored_on_the_test_part(
    folder: Path, table: pd.DataFrame
) -> None:
    toy = write_toy_model(folder, temperature=3.0, training={"by": "hand"})
    before, old = load_model(toy)
    card = recalibrate(toy, table, folder / "site" / "mine.onnx")
    after, loaded = load_model(folder / "site" / "mine.onnx")
    assert after == before and loaded.logit_shift == card.logit_shift
    assert loaded.temperature != old.temperature
    assert loaded.scores["part"] == "test" and loaded.scores["all"]["n"] == 12
    assert loaded.training["by"] == "hand" and loaded.training["calibrated_on"]
    assert (folder / "site" / "mine.golden.npz").exists()
    same = write_toy_model(folder)
    assert recalibrate(same, table, same).logit_shift == card.logit_shift  # in place, likewise


def test_what_is_rare_in_the_pictures_becomes_rarer_in_the_answers(
    folder: Path, table: pd.DataFrame
) -> None:
    met = recalibrate(write_toy_model(folder), table, folder / "met.onnx").logit_shift
    assert met[1] < met[0] - 0.2 and met[1] < met[2] - 0.2  # one of nine pictures shows no mask
    assert np.isclose(sum(met), 0, atol=1e-3)


def test_scores_heed_the_threshold_of_the_card(folder: Path, table: pd.DataFrame) -> None:
    toy = write_toy_model(folder, unsure_below=1.0)  # no answer of the toy's is that certain
    scores = recalibrate(toy, table, folder / "strict.onnx").scores["all"]
    assert scores["unsure_below"] == 1.0 and scores["unsure_share"]["value"] > 0


def test_without_pictures_to_calibrate_on_or_a_model_it_says_so(
    folder: Path, table: pd.DataFrame
) -> None:
    toy = write_toy_model(folder)
    with pytest.raises(DataError, match="no `val` rows"):
        recalibrate(toy, table[table["split"] != "val"], folder / "none.onnx")
    with pytest.raises(ModelError, match=r"gone\.onnx"):
        recalibrate(folder / "gone.onnx", table, folder / "none.onnx")
    assert not (folder / "none.onnx").exists()


def test_the_command(folder: Path) -> None:
    toy, out = write_toy_model(folder), folder / "by-command.onnx"
    arguments = [str(toy), "--data", str(folder / "drawn.parquet"), "--out", str(out)]
    result = CliRunner().invoke(cli, ["calibrate", *arguments])
    assert result.exit_code == 0, result.output
    assert "temperature " in result.output and "test: 12 crops" in result.output
    assert load_model(out)[1].training["calibrated_on"]


def test_the_card_does_not_take_the_place_of_the_network(folder: Path) -> None:
    toy = write_toy_model(folder)
    arguments = [str(toy), "--data", str(folder / "drawn.parquet"), "--out"]
    result = CliRunner().invoke(cli, ["calibrate", *arguments, str(folder / "new.json")])
    assert result.exit_code == 2 and "must end in .onnx" in result.stderr
    assert not (folder / "new.json").exists()


def test_no_evidence_of_another_calibration_stays(folder: Path, table: pd.DataFrame) -> None:
    toy = write_toy_model(folder)
    evidence_path(toy).write_text("of the calibration before")
    recalibrate(toy, table, toy)
    assert not evidence_path(toy).exists()
