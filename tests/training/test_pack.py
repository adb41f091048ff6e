"""`maskwatch pack` on a tiny run that is really trained, exported and evaluated.

Run: pytest tests/training/test_pack.py
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from click.testing import CliRunner
from PIL import Image
from streamlit.testing.v1 import AppTest
from support.evaluation_factory import drawn_data
from support.training_factory import random_base_weights, small_recipe
from support.waiting import LIMIT_S

from maskwatch import DataError
from maskwatch.app import settings, views
from maskwatch.app.model_summary import load_mistakes
from maskwatch.cli.main import cli
from maskwatch.errors import EvidenceError, EvidenceFault
from maskwatch.models.card import ModelCard, load_model, write_card
from maskwatch.models.evidence import (
    CELL_PX,
    cell_xy,
    cut_faces,
    evidence_path,
    load_evidence,
    sheet_size_wh,
)
from maskwatch.training.classifier.export import export_run
from maskwatch.training.classifier.train import train
from maskwatch.training.data.manifest import read_manifest
from maskwatch.training.evaluation.comparison import load_comparison
from maskwatch.training.evaluation.run import evaluate
from maskwatch.training.pack import OWN_SPLIT, describe_data, judged_rows, pack
from maskwatch.training.recipes.classifier import FitRecipe
from maskwatch.training.run_folder import RunFolder


@dataclass(frozen=True)
class Work:
    """What a person has after `train`, `export` and `evaluate`."""

    data: Path
    run: Path
    model: Path
    evaluation: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Work:
    """Tests only read it."""
    folder = tmp_path_factory.mktemp("packing")
    data = drawn_data(folder)
    table = read_manifest(data)
    run = RunFolder(folder / "run")
    recipe = small_recipe(fit=FitRecipe(learning_rate=0.003, batch_size=8, epochs=2))
    train(recipe, table, run, random_base_weights(folder))
    model = folder / "classifier.onnx"
    export_run(run, table, model)
    evaluate(load_comparison(model, table, data.name), folder / "evaluation")
    return Work(data, run.path, model, folder / "evaluation")


@pytest.fixture
def work(made: Work, tmp_path: Path) -> Work:
    """A copy to spoil; the data stays where it is."""
    shutil.copytree(made.run, tmp_path / "run")
    shutil.copytree(made.evaluation, tmp_path / "evaluation")
    for suffix in (".onnx", ".json"):
        shutil.copy(made.model.with_suffix(suffix), tmp_path / f"classifier{suffix}")
    model = tmp_path / "classifier.onnx"
    return Work(made.data, tmp_path / "run", model, tmp_path / "evaluation")


def packed(work: Work) -> Path:
    return pack(work.model, RunFolder(work.run), work.evaluation, read_manifest(work.data))


def test_the_command_packs_what_the_folders_hold(work: Work) -> None:
    options = ["--run", work.run, "--evaluation", work.evaluation, "--data", work.data]
    result = CliRunner().invoke(cli, ["pack", str(work.model), *map(str, options)])
    assert result.exit_code == 0, result.output
    assert f"{evidence_path(work.model)}: " in result.stdout
    _, card = load_model(work.model)
    evidence = load_evidence(work.model, card.sha256)
    document = json.loads((work.evaluation / "evaluation.json").read_text())
    own = evidence.evaluation.own
    assert own.seen == "no" and own.name == card.name
    rows = document["scores"][own.name]["all"]
    assert evidence.evaluation.scores[own.name]["all"].accuracy.value == rows["accuracy"]["value"]
    assert evidence.model_card == (work.evaluation / "model_card.md").read_text()
    history = RunFolder(work.run).history()
    assert [epoch.loss for epoch in evidence.training.epochs] == [row["loss"] for row in history]
    assert evidence.training.name == "small" and len(history) == 2


def test_neither_pictures_nor_their_names_are_packed(work: Work) -> None:
    text = packed(work).read_text()
    table = read_manifest(work.data)
    for name in (*table["sha256"], *table["image_path"], "data:image"):
        assert name not in text


def test_the_same_gives_the_same_file(work: Work) -> None:
    first = packed(work).read_bytes()
    assert packed(work).read_bytes() == first


def other_data(work: Work) -> None:
    RunFolder(work.run)._update(data_sha256="0" * 64)


def other_name(work: Work) -> None:
    RunFolder(work.run)._update(name="another")


def unfinished(work: Work) -> None:
    RunFolder(work.run)._update(state="training")


def no_run(work: Work) -> None:
    (work.run / "run.json").unlink()


def no_history(work: Work) -> None:
    (work.run / "history.csv").unlink()


def other_model(work: Work) -> None:
    path = work.evaluation / "evaluation.json"
    digest = load_model(work.model)[1].sha256
    path.write_text(path.read_text().replace(digest, "0" * 64))


def other_manifest(work: Work) -> None:
    path = work.evaluation / "evaluation.json"
    digest = json.loads(path.read_text())["data"]["data_sha256"]
    path.write_text(path.read_text().replace(digest, "0" * 64))


def no_evaluation(work: Work) -> None:
    (work.evaluation / "evaluation.json").unlink()


def old_evaluation(work: Work) -> None:
    path = work.evaluation / "evaluation.json"
    path.write_text(path.read_text().replace('"yaws"', '"turns"'))


def no_card(work: Work) -> None:
    (work.evaluation / "model_card.md").unlink()


def card_of_other_data(work: Work) -> None:
    _, card = load_model(work.model)
    values = {name: getattr(card, name) for name in ModelCard.__dataclass_fields__}
    values.pop("schema", None)
    write_card(ModelCard(**{**values, "training": {}}), work.model)


def calibrated_anew(work: Work) -> None:
    _, card = load_model(work.model)
    write_card(replace(card, logit_shift=(0.1, 0.0, -0.1)), work.model)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (calibrated_anew, r"evaluation\.json: is of small-64 .* before it was calibrated anew"),
        (other_data, "run: is not the run that small-64 .* was exported from"),
        (other_name, "run: is not the run that small-64"),
        (unfinished, "run: the run is not finished"),
        (no_run, "run: not a run folder"),
        (no_history, r"run: is not a whole run folder \(there must be an epoch\)"),
        (other_model, r"evaluation\.json: is of another model file"),
        (other_manifest, r"evaluation\.json: is of another manifest"),
        (no_evaluation, r"evaluation\.json: no such file"),
        (old_evaluation, r"evaluation\.json: yaws is missing; evaluate the model again"),
        (no_card, r"model_card\.md: cannot be read"),
        (card_of_other_data, r"classifier\.onnx: was trained on another manifest"),
    ],
)
def test_what_belongs_to_another_model_is_refused(work: Work, spoil, message: str) -> None:
    spoil(work)
    with pytest.raises(DataError, match=message):
        packed(work)
    assert not evidence_path(work.model).exists()


def test_the_data_is_counted(made: Work) -> None:
    table = read_manifest(made.data)
    steps: list[int] = []
    facts = describe_data(table, steps.append)
    real = judged_rows(table)
    assert sum(steps) == len(real) == sum(item.rows for item in facts.classes.values())
    assert facts.files == len(set(real["sha256"])) and facts.groups == len(set(real["group"]))
    for label, item in facts.classes.items():
        assert item.rows == (real["label"] == label).sum()
        assert sum(item.sizes) == sum(item.brightness) == item.rows
    by_name = {source.name: source for source in facts.sources}
    assert by_name["hands"].rows["test"]["unclear"] == 3
    assert facts.leaks[-1].name == OWN_SPLIT and facts.leaks[-1].share == 0.0


@pytest.mark.parametrize("column", ["group", "split"])
def test_data_without_groups_or_parts_is_refused(made: Work, column: str) -> None:
    table = read_manifest(made.data)
    with pytest.raises(DataError, match="no groups or no split"):
        describe_data(table.assign(**{column: None}))
    with pytest.raises(DataError, match="no real faces"):
        describe_data(table.head(0))


def test_the_pictures_are_those_of_the_mistakes(made: Work) -> None:
    """The network has hardly learnt, so there are some."""
    document = json.loads((made.evaluation / "evaluation.json").read_text())
    shown = load_mistakes(made.evaluation, load_model(made.model)[1].sha256)
    told = [(row["label"], row["answer"], row["source"]) for row in document["mistakes"]]
    assert [(m.label, m.answer, m.source) for m, _ in shown] == told[:16]
    colours = {"mask": 0, "no_mask": 1, "incorrect_mask": 2}
    assert shown
    for mistake, picture in shown:
        assert picture.size == (CELL_PX, CELL_PX)
        middle = np.asarray(picture)[80:110, 80:110].mean(axis=(0, 1))
        wrong_label = mistake.label == "incorrect_mask" and middle.argmax() == 0
        assert middle.argmax() == colours[mistake.label] or wrong_label


def test_the_page_shows_the_pictures(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    packed(work)
    st.cache_resource.clear()
    monkeypatch.setenv(settings.MODEL_VARIABLE, str(work.model))
    monkeypatch.setenv(settings.EVALUATION_VARIABLE, str(work.evaluation))
    page = AppTest.from_file(
        str(Path(views.__file__).with_name("model.py")), default_timeout=LIMIT_S
    )
    page.session_state["section"] = "mistakes"
    page.run()
    assert not page.exception and not page.warning
    shown = load_mistakes(work.evaluation, load_model(work.model)[1].sha256)
    assert len(page.get("image")) == len(shown)
    other_model(work)
    assert "is of another model" in page.run().warning[0].value
    assert not page.get("image")
    st.cache_resource.clear()  # the pages of other tests have other models


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (no_evaluation, EvidenceFault.MISSING),
        (other_model, EvidenceFault.FOREIGN),
        (lambda work: (work.evaluation / "faces.png").unlink(), EvidenceFault.DAMAGED),
        (lambda work: (work.evaluation / "faces.png").write_bytes(b"no"), EvidenceFault.DAMAGED),
        (
            lambda work: Image.new("RGB", (50, 50)).save(work.evaluation / "faces.png"),
            EvidenceFault.DAMAGED,
        ),
        (
            lambda work: (work.evaluation / "evaluation.json").write_text("{}"),
            EvidenceFault.DAMAGED,
        ),
    ],
)
def test_a_folder_without_pictures_of_this_model(work: Work, spoil, fault: EvidenceFault) -> None:
    spoil(work)
    with pytest.raises(EvidenceError) as caught:
        load_mistakes(work.evaluation, load_model(work.model)[1].sha256)
    assert caught.value.fault is fault


@pytest.mark.parametrize("faces", [0, 1, 8, 9])
def test_a_sheet_is_cut_where_it_was_laid_out(faces: int) -> None:
    sheet = Image.new("RGB", sheet_size_wh(faces))
    for place in range(faces):
        sheet.paste((place + 1, 0, 0), (*cell_xy(place), *(x + CELL_PX for x in cell_xy(place))))
    cells = cut_faces(sheet, faces)
    assert [cell.getextrema()[0] for cell in cells] == [(n + 1, n + 1) for n in range(faces)]
