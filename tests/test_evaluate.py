"""`maskwatch evaluate` on drawn pictures with toy networks: table, JSON, page, refusals.

Run: pytest tests/test_evaluate.py
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from toy_model import toy_onnx, write_toy_model
from training_factory import coloured_manifest

from maskwatch.classify import Classifier
from maskwatch.cli_evaluate import evaluate
from maskwatch.errors import DataError, MaskWatchError, ModelError, SettingError
from maskwatch.model_card import ModelCard, load_model
from maskwatch.schema import CLASSES, MaskState
from maskwatch.training.evaluation.answers import ask_crops, ask_rows, fit_crops
from maskwatch.training.evaluation.contest import (
    Proof,
    Seen,
    enter,
    prove_left_out,
    what_was_seen,
)
from maskwatch.training.evaluation.stress import CONDITIONS, run_stress
from maskwatch.training.manifest import data_sha256, read_manifest, write_manifest
from maskwatch.training.parts import as_part
from maskwatch.training.split import source_groups

SWAPPED = (MaskState.NO_MASK, MaskState.MASK, MaskState.INCORRECT_MASK)


def run(*arguments: object):
    result = CliRunner().invoke(evaluate, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, MaskWatchError | SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Two sources; one test picture is labelled wrongly. Tests only read it."""
    folder = tmp_path_factory.mktemp("drawn")
    table = coloured_manifest(folder)
    second = table["image_path"].str.contains(r"-[23]\.png")
    table.loc[second, "source"] = "<b>second</b>"
    wrong = table["image_path"].str.endswith("test-mask-1.png")
    table.loc[wrong, "label"] = "incorrect_mask"
    write_manifest(table, folder / "split.parquet")
    return folder / "split.parquet"


@pytest.fixture(scope="module")
def table(data) -> pd.DataFrame:
    return read_manifest(data)


def trained_on(table: pd.DataFrame, **values: object) -> dict[str, object]:
    """What a card says of a training on a manifest."""
    return {
        "data_sha256": data_sha256(table),
        "sources": {"drawn": "", "<b>second</b>": ""},
    } | values


def without_source(table: pd.DataFrame, source: str) -> pd.DataFrame:
    left = table["group"].isin(source_groups(table, source))
    return table.assign(split=table["split"].mask(left, "test"))


@pytest.fixture(scope="module")
def models(tmp_path_factory, table) -> tuple[Path, Path, Path]:
    """Trained on the manifest; of other class order and size; trained without the second source."""
    folders = [tmp_path_factory.mktemp("model") for _ in range(3)]
    held_out = without_source(table, "<b>second</b>")
    return (
        write_toy_model(folders[0], training=trained_on(table)),
        write_toy_model(folders[1], 48, name="swapped", classes=SWAPPED, crop_margin_ratio=0.1),
        write_toy_model(folders[2], 40, name="toy 2", training=trained_on(held_out)),
    )


@pytest.fixture(scope="module")
def done(models, data, tmp_path_factory):
    """One whole run: its output, its document and its folder."""
    out = tmp_path_factory.mktemp("out") / "new"
    own, other, without = models
    result = run(
        own,
        *("--data", data, "--baseline", other, "--out", out),
        *("--left-out", f"<b>second</b>={without}"),
    )
    assert result.exit_code == 0, result.output
    return result, json.loads((out / "evaluation.json").read_text()), out


def test_the_command_prints_a_table(done):
    result, _, out = done
    assert "all: 12 rows in 12 groups" in result.stdout
    assert re.search(r"toy 1 +0\.917 \(", result.stdout)
    assert re.search(r"swapped +0\.333 \(", result.stdout)
    assert "15 corruptions at 5 strengths, 12 crops" in result.stdout
    assert "turned by -45, -30, -15, 0, 15, 30, 45 degrees" in result.stdout
    assert "<b>second</b> left out: its data hash" in result.stdout
    assert f"{out}: evaluation.json, evaluation.html, faces.png" in result.stdout
    assert "warning: swapped was trained on another manifest: it may have learnt" in result.stderr
    assert "warning: toy 1" not in result.stderr


def test_the_document_holds_every_number(done, models, table):
    _, document, _ = done
    names = ["toy 1", "swapped"]
    assert document["schema"] == "maskwatch.evaluation/1"
    assert document["data"]["data_sha256"] == data_sha256(table)
    assert document["data"]["rows"] == 12 and document["data"]["rows_with_a_twin_in_training"] == 0
    assert [model["name"] for model in document["models"]] == names
    assert document["models"][0]["sha256"] == load_model(models[0])[1].sha256
    for key in ("scores", "calibration", "sizes", "lights", "corruptions", "rotation_deg"):
        assert list(document[key]) == names
    assert list(document["scores"]["toy 1"]) == [
        *("all", "<b>second</b> faces", "<b>second</b> pictures"),
        *("drawn faces", "drawn pictures"),
    ]
    assert document["scores"]["toy 1"]["all"]["accuracy"]["value"] == 0.9167
    # the colours that its card calls the other way round, and the wrong label, are found wrong
    assert document["scores"]["swapped"]["all"]["confusion"][1] == [4, 0, 0, 0]
    assert document["sizes"]["toy 1"]["40 to 80 px"]["n"] == 6
    assert document["sample"]["per_class"] == {"mask": 3, "no_mask": 4, "incorrect_mask": 5}
    assert len(document["corruptions"]["toy 1"]["families"]) == 15
    assert document["corruptions"]["toy 1"]["clean"]["accuracy"] == pytest.approx(0.9333)
    assert len(document["rotation_deg"]["toy 1"]["faces"]) == 7
    assert [m["label"] for m in document["mistakes"]] == ["incorrect_mask"]
    assert set(document["crop_ms"]) == set(names)
    assert document["crop_ms"]["swapped"]["ratio"] == 1.0


def test_a_left_out_source_is_scored_on_all_its_rows(done):
    _, document, _ = done
    (row,) = document["left_out"]
    assert row["source"] == "<b>second</b>" and row["model"] == "toy 2"
    assert row["proof"] == Proof.SPLIT.value
    assert row["without_source"]["n"] == 18
    assert row["without_source_on_part"]["n"] == row["evaluated_model_on_part"]["n"] == 6


def test_the_page_is_whole_and_escaped(done):
    _, _, out = done
    page = (out / "evaluation.html").read_text()
    for words in (
        *("Read this first", "Scores", "By source", "Sources left out", "Spoilt pictures"),
        *("Turned", "Darkened and brightened", "Size of the face", "Light", "Calibration"),
        *("Worst mistakes", "Time of one crop", "are not labelled", "elastic transform"),
    ):
        assert words in page
    assert "<b>second</b>" not in page and "&lt;b&gt;second&lt;/b&gt;" in page
    references = re.findall(r"(?:src|href)=[\"']([^\"']{5})", page)
    assert references == ["data:"]  # one mistake, and nothing outside the page
    assert page.count("<svg class='chart'") == 2 * 2 + 3
    with Image.open(out / "faces.png") as sheet:
        assert sheet.format == "PNG" and sheet.width > 1000


def test_no_training_framework_is_loaded(models, data, tmp_path):
    code = (
        "import sys\nfrom maskwatch.cli import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert done.code == 1, done.code\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    (tmp_path / "taken").write_text("")
    out = tmp_path / "taken" / "out"  # stops before the long part, after all imports
    arguments = ["evaluate", models[0], "--data", data, "--out", out]
    seen = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert seen.returncode == 0, seen.stderr
    assert re.search(r"Error: .*taken.*: cannot be written", seen.stderr)


def test_a_part_without_rows_is_one_line(models, table, data):
    bare = table.assign(split=table["split"].replace({"test": "train"}))
    with pytest.raises(DataError, match=r"split\.parquet: no row is in the part test \(.*train"):
        enter(models[0], bare, data.name)
    with pytest.raises(DataError, match="parts with rows: none"):
        enter(models[0], table.assign(split=None), data.name)


def test_a_model_that_learnt_from_the_source_is_refused(models, table, data, tmp_path):
    with pytest.raises(SettingError, match=r"drawn=.*toy 1 learnt from drawn.*give a"):
        enter(models[0], table, data.name, left_out=[("drawn", models[0])])
    result = run(models[0], "--data", data, "--left-out", f"drawn={models[0]}", "--out", tmp_path)
    assert isinstance(result.exception, SettingError) and not list(tmp_path.iterdir())
    with pytest.raises(DataError, match="no source nowhere"):
        enter(models[0], table, data.name, left_out=[("nowhere", models[2])])
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


OTHER_DATA = {"data_sha256": "0" * 64, "sources": {"drawn": "", "<b>second</b>": ""}}


@pytest.mark.parametrize(
    ("training", "scores", "proof"),
    [
        ({}, {}, Proof.NONE),
        (OTHER_DATA | {"sources": {"<b>second</b>": ""}}, {}, Proof.ABSENT),
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
    contest = enter(models[0], leaky, data.name)
    assert contest.twins == 1
    assert enter(models[0], leaky, data.name, "train").twins == 0


def test_the_same_model_twice_and_a_missing_one_are_named(models, table, data, tmp_path):
    with pytest.raises(SettingError, match="are the same model"):
        enter(models[0], table, data.name, baselines=[models[0]])
    with pytest.raises(ModelError, match=r"none\.onnx"):
        enter(tmp_path / "none.onnx", table, data.name)
    twin = write_toy_model(tmp_path, 64)
    names = [e.name for e in enter(models[0], table, data.name, baselines=[twin]).entrants]
    assert len(set(names)) == 2 and all(name.startswith("toy 1 ") for name in names)


def test_rows_are_answered_in_their_order_whatever_the_class_order(models, table):
    rows = table[table["split"] == "val"].sample(frac=1, random_state=1)
    for model in models[:2]:
        answers = ask_rows(Classifier(model), rows)
        swap = {"mask": 1, "no_mask": 0} if model == models[1] else {"mask": 0, "no_mask": 1}
        expected = [swap.get(label, 2) for label in rows["label"]]
        assert answers.states.tolist() == expected
        assert answers.brightness == pytest.approx(np.full(len(rows), 97), abs=5)
    empty = ask_rows(Classifier(models[0]), rows[:0])
    assert empty.probabilities.shape == (0, 3) and empty.states.shape == (0,)


def test_a_smaller_margin_is_cut_from_a_larger_one(models):
    picture = np.full((1, 224, 224, 3), (10, 250, 10), np.uint8)
    inner = round(224 / 1.5 * 1.2)  # cut with a margin of 0.25, wanted is 0.1
    start = (224 - inner) // 2
    picture[:, start : start + inner, start : start + inner] = (250, 10, 10)
    face, whole = np.array([True]), np.array([False])
    classifier = Classifier(models[1])
    cut = fit_crops(picture, face, 0.25, classifier)
    assert cut.shape == (1, 48, 48, 3) and cut[0, 4:-4, 4:-4, 1].max() == 10
    assert fit_crops(picture, whole, 0.25, classifier)[0, 0, 0].tolist() == [10, 250, 10]
    assert ask_crops(classifier, cut).argmax() == 1


def test_every_model_is_asked_under_every_condition(models, table, data):
    contest = enter(models[0], table, data.name)
    seen: list[int] = []
    part = as_part(table[table["split"] == "test"][:2])
    stress = run_stress(contest.entrants, part, seen.append)
    assert sum(seen) == 2 * len(CONDITIONS)
    states = stress.states["toy 1"]
    assert set(CONDITIONS) <= set(states)
    assert (states["rotation", 0] == states["clean", 0]).all()
