"""Who may be evaluated on what: what cards tell, and what is refused.

Run: pytest tests/unit/training/evaluation/test_comparison.py
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from support.evaluation_factory import SECOND, drawn_data, three_models
from support.toy_model import toy_onnx, write_toy_model

from maskwatch.cli.train import evaluate
from maskwatch.errors import DataError, ModelError, SettingError
from maskwatch.models.card import ModelCard
from maskwatch.schema import CLASSES
from maskwatch.training.data.manifest import data_sha256, read_manifest
from maskwatch.training.evaluation.comparison import (
    Proof,
    Seen,
    caveats,
    load_comparison,
    prove_left_out,
    what_was_seen,
)


def run(*arguments: object):
    return CliRunner().invoke(evaluate, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Tests only read it."""
    return drawn_data(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def table(data) -> pd.DataFrame:
    return read_manifest(data)


@pytest.fixture(scope="module")
def models(tmp_path_factory, data) -> tuple[Path, Path, Path]:
    return three_models(tmp_path_factory.mktemp("models"), data)


def test_a_part_without_rows_is_one_line(models, table, data):
    bare = table.assign(split=table["split"].replace({"test": "train"}))
    with pytest.raises(DataError, match=r"no face to judge is in the part test \(.*train"):
        load_comparison(models[0], bare, data.name)
    with pytest.raises(DataError, match="parts with some: none"):
        load_comparison(models[0], table.assign(split=None), data.name)
    with pytest.raises(DataError, match="parts with some: none"):
        load_comparison(models[0], table.assign(label="unclear"), data.name)


def test_a_model_that_learnt_from_the_source_is_refused(models, table, data, tmp_path):
    with pytest.raises(SettingError, match=r"drawn=.*toy 1 learnt from drawn.*give a"):
        load_comparison(models[0], table, data.name, left_out=[("drawn", models[0])])
    result = run(models[0], "--data", data, "--left-out", f"drawn={models[0]}", "--out", tmp_path)
    assert isinstance(result.exception, SettingError) and not list(tmp_path.iterdir())
    with pytest.raises(DataError, match="no source nowhere"):
        load_comparison(models[0], table, data.name, left_out=[("nowhere", models[2])])
    for text in ("drawn", "=x.onnx", "drawn="):
        result = run(models[0], "--data", data, "--left-out", text, "--out", tmp_path)
        assert isinstance(result.exception, SettingError)
        assert "must be SOURCE=MODEL.onnx" in str(result.exception)


def card(**values) -> ModelCard:
    return ModelCard(
        **{
            "name": "toy",
            "sha256": hashlib.sha256(toy_onnx()).hexdigest(),
            "classes": CLASSES,
            "input_side_px": 32,
            "crop_margin_ratio": 0,
            "temperature": 1,
            "unsure_below": 0.5,
            "licence": "",
            "intended_use": "",
            "limits": (),
            **values,
        }
    )


OTHER_DATA = {"data_sha256": "0" * 64, "sources": {"drawn": "", SECOND: ""}}


@pytest.mark.parametrize(
    ("training", "scores", "proof"),
    [
        ({}, {}, Proof.NONE),
        (OTHER_DATA | {"sources": {SECOND: ""}}, {}, Proof.ABSENT),
        # cards that count say so themselves
        (OTHER_DATA | {"crops_by_source": {"test": {"drawn": 30}}}, {}, Proof.COUNTS),
        (OTHER_DATA | {"crops_by_source": {"train": {"drawn": 1}, "test": {"drawn": 9}}}, {}, None),
        (OTHER_DATA | {"crops_by_source": {"val": {"drawn": 1}}}, {}, None),
        # older ones: were all 30 rows of the source scored as test?
        (
            OTHER_DATA,
            {"part": "test", "drawn faces": {"n": 10}, "drawn pictures": {"n": 20}},
            Proof.COUNTS,
        ),
        (OTHER_DATA, {"part": "test", "drawn faces": {"n": 10}}, None),
        (OTHER_DATA, {"part": "val", "drawn faces": {"n": 30}}, None),
        (OTHER_DATA, {}, None),
    ],
)
def test_what_a_card_tells_about_a_source(table, training, scores, proof):
    assert (table["source"] == "drawn").sum() == 30
    given = card(training=training, scores=scores)
    assert prove_left_out(given, "drawn", table, data_sha256(table)) is proof


def test_what_a_card_tells_about_the_rows(table):
    digest = data_sha256(table)
    ours, foreign = card(training={"data_sha256": digest}), card()
    seen = [what_was_seen(ours, digest, part) for part in ("train", "val", "test")]
    assert seen == [Seen.LEARNT, Seen.TUNED, Seen.NO]
    assert what_was_seen(foreign, digest, "test") is Seen.UNKNOWN


def test_twins_in_training_are_counted(models, table, data):
    leaky = table.assign(group=table["group"].str.replace("train-mask-0", "test-mask-0"))
    comparison = load_comparison(models[0], leaky, data.name)
    assert comparison.twins == 1
    assert load_comparison(models[0], leaky, data.name, "train").twins == 0


def test_without_groups_the_very_photo_is_a_twin_and_the_rest_is_said_to_be_unknown(
    models, table, data
):
    assert not any("no group" in one for one in caveats(load_comparison(models[0], table, "m")))
    rows = table[table["split"].isin(["train", "test"])].reset_index(drop=True)
    test = rows.index[rows["split"] == "test"]
    rows.loc[test[0], "sha256"] = rows.loc[rows["split"] == "train", "sha256"].iloc[0]
    comparison = load_comparison(models[0], rows.assign(group=None), data.name)
    assert comparison.twins == 1
    assert any("12 of 12 rows have no group" in sentence for sentence in caveats(comparison))


def test_the_same_model_twice_and_a_missing_one_are_named(models, table, data, tmp_path):
    with pytest.raises(SettingError, match="are the same model"):
        load_comparison(models[0], table, data.name, baselines=[models[0]])
    with pytest.raises(ModelError, match=r"none\.onnx"):
        load_comparison(tmp_path / "none.onnx", table, data.name)
    twin = write_toy_model(tmp_path, 64)
    names = [e.name for e in load_comparison(models[0], table, data.name, baselines=[twin]).models]
    assert len(set(names)) == 2 and all(name.startswith("toy 1 ") for name in names)


def test_unclear_rows_do_not_hide_that_all_of_a_source_was_tested(table):
    behind_a_hand = table["image_path"].str.endswith("train-mask-0.png")
    table = table.assign(label=table["label"].mask(behind_a_hand, "unclear"))
    scores = {"part": "test", "drawn faces": {"n": 10}, "drawn pictures": {"n": 19}}
    given = card(training=OTHER_DATA, scores=scores)
    assert prove_left_out(given, "drawn", table, data_sha256(table)) is Proof.COUNTS


def test_unclear_faces_stand_apart_from_the_part(models, table, data):
    comparison = load_comparison(models[0], table, data.name)
    assert len(comparison.part.labels) == 12 and len(comparison.unclear.labels) == 3
    assert "hands" not in set(comparison.part.table["source"])
    assert not len(load_comparison(models[0], table, data.name, "val").unclear.labels)


def test_one_network_calibrated_in_two_ways_is_compared(models, table, data, tmp_path):
    again = tmp_path / "again.onnx"
    shutil.copy(models[0], again)
    card = json.loads(models[0].with_suffix(".json").read_text())
    again.with_suffix(".json").write_text(json.dumps({**card, "temperature": 3.0}))
    compared = load_comparison(models[0], table, data.name, baselines=[again]).models
    first, second = (model.name for model in compared)
    assert first.endswith(models[0].name) and second.endswith(" again.onnx")


def test_a_source_that_is_left_out_twice_would_count_twice_in_the_mean(models, table, data):
    twice = [(SECOND, models[2]), (SECOND, models[2])]
    with pytest.raises(SettingError, match="is given 2 times; give one model for each source"):
        load_comparison(models[0], table, data.name, left_out=twice)
