"""Training for real, on drawn pictures: it learns, describes itself, resumes, caches and exports.

pytest tests/training/test_train.py
"""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from support.training_factory import PARTS, coloured_manifest, random_base_weights, small_recipe

from maskwatch import Analyzer, DataError, ModelError, SettingError, WholeImage
from maskwatch.cli.main import cli
from maskwatch.io.images import read_file
from maskwatch.models.card import SHIPPED_MODEL, load_model
from maskwatch.models.runtime import create_session
from maskwatch.training import run_folder as run_folders
from maskwatch.training.classifier import export as exporting
from maskwatch.training.classifier import train as training_module
from maskwatch.training.classifier.export import check_parity, export_run, golden_crops, recalibrate
from maskwatch.training.classifier.train import sample_for_curves, train
from maskwatch.training.classifier.tune import tune
from maskwatch.training.data import parts
from maskwatch.training.data.parts import load_canvases, take_part
from maskwatch.training.recipes.classifier import FitRecipe, NetworkRecipe, Recipe, SamplingRecipe
from maskwatch.training.run_folder import RunFolder
from maskwatch.vision.classify import Classifier


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def table(work):
    return coloured_manifest(work)


@pytest.fixture(scope="module")
def weights(work):
    return random_base_weights(work)


def command(*words) -> str:
    """What `maskwatch` prints when it is told so, and all goes well."""
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def training(recipe, work, out, weights):
    """The words of the command that trains on the drawn pictures."""
    data = ("--data", work / "drawn.parquet")
    return ("train", recipe, *data, "--out", out, "--weights", weights)


@pytest.fixture(scope="module")
def told(work, table, weights):
    """What the command said of a finished run of the whole network, everything learning."""
    recipe = work / "learning.yaml"
    recipe.write_text(learning_recipe().to_yaml())
    return command(*training(recipe, work, work / "run", weights))


@pytest.fixture(scope="module")
def run(work, told):
    return RunFolder(work / "run")


def learning_recipe(epochs: int = 3):
    return small_recipe(
        network=NetworkRecipe(
            alpha=0.35, input_side_px=64, unfrozen_layers=-1, dense_units=32, dropout=0.1
        ),
        fit=FitRecipe(
            learning_rate=0.001, weight_decay=0.01, cosine_decay=True, batch_size=4, epochs=epochs
        ),
    )


def test_it_learns_the_colours(run):
    losses = [row["loss"] for row in run.history()]
    assert losses[-1] < losses[0]
    assert run.scores()["val"]["n"] == 3 * PARTS["val"]
    assert run.scores()["test"]["accuracy"]["value"] > 0.6


def test_the_run_folder_describes_itself(run, table):
    names = {path.name for path in run.path.iterdir()}
    assert names >= {
        "recipe.yaml", "run.json", "history.csv", "model.keras", "scores.json", "curves.png",
        "architecture.png", "confusion-val.png", "confusion-test.png", "answers-test.csv",
    }  # fmt: skip
    assert not any(name.startswith("checkpoint") for name in names)
    about = run.read()
    assert about["state"] == "finished"
    assert about["counts"]["train"] == {label: PARTS["train"] for label in about["counts"]["val"]}
    assert about["versions"]["keras"] and about["data_sha256"] and about["weights_sha256"]
    assert run.load_recipe(Recipe) == learning_recipe()
    assert len(run.history()) == 3
    answers = pd.read_csv(run.path / "answers-test.csv")
    assert np.allclose(answers[["mask", "no_mask", "incorrect_mask"]].sum(axis=1), 1, atol=1e-3)


def test_a_run_that_was_cut_off_ends_as_an_unbroken_one(work, table, weights, run, monkeypatch):
    folder = RunFolder(work / "broken")
    end_epoch = RunFolder.end_epoch

    def cut_off(self, epoch, *rest):
        end_epoch(self, epoch, *rest)
        if epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(run_folders.RunFolder, "end_epoch", cut_off)
    with pytest.raises(KeyboardInterrupt):
        train(learning_recipe(), table, folder, weights)
    monkeypatch.undo()
    assert folder.kept_epochs() == 2 and folder.read()["state"] == "training"
    # as if it had been cut off between the history of a third epoch and its checkpoint
    folder._write_history([*folder.history(), {"epoch": 3, "loss": 9.0}])

    train(learning_recipe(), table, folder, weights)
    for resumed, unbroken in zip(folder.history(), run.history(), strict=True):
        assert resumed["loss"] == pytest.approx(unbroken["loss"], rel=1e-4)
    crops = golden_crops(64)
    answers = [f.load_model().predict(crops, verbose=0) for f in (folder, run)]
    assert np.allclose(*answers, atol=1e-3)


@pytest.mark.usefixtures("all_layers")
def test_all_layers_learn_as_well(table, tmp_path):
    folder = RunFolder(tmp_path / "run")
    train(learning_recipe(epochs=1), table, folder, random_base_weights(tmp_path))
    (epoch,) = folder.history()
    assert folder.read()["state"] == "finished" and np.isfinite(epoch["loss"])
    assert folder.read()["parameters"] > 400_000


def test_a_finished_or_foreign_run_is_not_overwritten(work, table, weights, run):
    with pytest.raises(SettingError, match="finished run"):
        train(learning_recipe(), table, run, weights)
    unfinished = RunFolder(work / "foreign")
    shutil.copytree(run.path, unfinished.path)
    about = {**run.read(), "state": "training"}
    (unfinished.path / "run.json").write_text(json.dumps(about))
    other_weights = work / "other.weights.h5"
    other_weights.write_bytes(weights.read_bytes() + b"\0")  # the same numbers, another file
    for recipe, began in ((learning_recipe(epochs=4), weights), (learning_recipe(), other_weights)):
        with pytest.raises(SettingError, match="another recipe, other data or other --weights"):
            train(recipe, table, unfinished, began)


def test_cached_features_give_what_training_without_them_gives(work, table, weights):
    plain, cached, again = (RunFolder(work / name) for name in ("plain", "cached", "again"))
    recipe = small_recipe(fit=FitRecipe(learning_rate=0.003, batch_size=4, epochs=2))
    train(recipe, table, plain, weights)
    train(recipe, table, cached, weights, cache=work / "cache")
    files = {path: path.stat().st_mtime_ns for path in (work / "cache").rglob("*.npz")}
    assert len(files) == 3  # two epochs and the unaltered crops
    train(recipe, table, again, weights, cache=work / "cache")
    assert files == {path: path.stat().st_mtime_ns for path in (work / "cache").rglob("*.npz")}
    for rows in zip(plain.history(), cached.history(), again.history(), strict=True):
        for name in ("loss", "val_loss", "accuracy"):
            assert rows[0][name] == pytest.approx(rows[1][name], abs=1e-4)
            assert rows[1][name] == pytest.approx(rows[2][name], abs=1e-6)
    crops = golden_crops(64)
    answers = [f.load_model().predict(crops, verbose=0) for f in (plain, cached)]
    assert np.allclose(*answers, atol=1e-4)


def test_a_run_cut_off_without_the_cache_does_not_go_on_with_it(work, table, weights):
    folder = RunFolder(work / "uncached")
    recipe = small_recipe(fit=FitRecipe(learning_rate=0.003, batch_size=4, epochs=2))

    def cut_off(epoch, *_):
        if epoch == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, table, folder, weights, progress=cut_off)
    with pytest.raises(SettingError, match="an unfinished run without --cache"):
        train(recipe, table, folder, weights, cache=work / "cache")
    assert folder.kept_epochs() == 1  # nothing is lost


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"state": "training"}'])
def test_a_broken_run_file_is_one_line(work, table, weights, tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(DataError, match=r"not a (whole )?run folder \("):
        train(small_recipe(), table, RunFolder(tmp_path), weights)


def test_a_run_folder_that_cannot_be_made(table, weights, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        train(small_recipe(), table, RunFolder(tmp_path / "file" / "run"), weights)


def test_the_cache_refuses_a_base_that_learns(work, table, weights):
    with pytest.raises(SettingError, match="frozen base"):
        train(learning_recipe(), table, RunFolder(work / "no"), weights, cache=work / "cache")


def test_a_frozen_base_stays_what_it_was_and_batch_norm_always(work, run, weights):
    import keras

    fresh = keras.applications.MobileNetV2(
        input_shape=(64, 64, 3), alpha=0.35, include_top=False, weights=str(weights)
    )
    frozen = base_of(RunFolder(work / "plain").load_model())
    learned = base_of(run.load_model())
    assert all(map(np.array_equal, frozen.get_weights(), fresh.get_weights()))
    for layer in fresh.layers[1:]:  # the input layer has a number in its name
        same = all(
            map(np.array_equal, layer.get_weights(), learned.get_layer(layer.name).get_weights())
        )
        assert same == (isinstance(layer, keras.layers.BatchNormalization) or not layer.weights)


def base_of(model):
    return next(layer for layer in model.layers if layer.name.startswith("mobilenetv2"))


def test_missing_parts_and_classes_are_named(work, table, weights):
    alone = table[table["label"] == "mask"]
    with pytest.raises(DataError, match="no training crop shows no_mask or incorrect_mask; at le"):
        train(small_recipe(), alone, RunFolder(work / "a"), weights)
    with pytest.raises(DataError, match="no training rows"):
        train(small_recipe(), table.assign(split=None), RunFolder(work / "b"), weights)


def test_two_of_the_three_classes_can_be_learnt_and_the_card_tells(work, table, weights, capsys):
    two = table[table["label"] != "incorrect_mask"]
    folder = RunFolder(work / "two")
    train(small_recipe(fit=FitRecipe(batch_size=8, epochs=1)), two, folder, weights)
    assert "warning: no picture of incorrect_mask to learn from" in capsys.readouterr().out
    scores = folder.scores()["test"]
    assert scores["n"] == 2 * PARTS["test"]
    assert scores["per_class"]["incorrect_mask"]["recall"]["value"] is None
    model_path = work / "two" / "classifier.onnx"
    card = export_run(folder, two, model_path)
    assert card.limits[-1].startswith("no picture of incorrect_mask to learn from")
    assert recalibrate(model_path, two, work / "two" / "again.onnx").logit_shift == (0.0, 0.0, 0.0)


def test_an_unreadable_training_picture_is_an_error_not_a_gap(work, table, weights, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    broken = table.copy()
    broken.loc[broken.index[0], "image_path"] = str(bad)
    with pytest.raises(DataError, match=r"1 images cannot be used; the first is .*bad\.png"):
        train(small_recipe(), broken, RunFolder(work / "c"), weights)


def test_a_picture_that_has_changed_since_the_manifest_was_made_is_an_error(table):
    first, other = table.iloc[[0]], table["image_path"].iloc[1]
    with pytest.raises(DataError, match=r"first is .*: has changed since the manifest was made$"):
        load_canvases(first.assign(image_path=other), 64, 0.1, context_ratio=0)


def test_a_picture_of_many_faces_is_read_once(table, monkeypatch):
    read = []
    monkeypatch.setattr(parts, "read_file", lambda path: read.append(path) or read_file(path))
    load_canvases(pd.concat([table.iloc[[1]]] * 3), 64, 0.1, context_ratio=0)
    assert read == [table["image_path"].iloc[1]]


@pytest.mark.parametrize("content", [None, b"not weights"])
def test_unusable_weights_are_named(work, table, tmp_path, content):
    path = tmp_path / "odd.weights.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingError, match=r"odd\.weights\.h5"):
        train(small_recipe(), table, RunFolder(work / "d"), path)


@pytest.fixture(scope="module")
def exported(run, work):
    said = command("export", run.path, "--data", work / "drawn.parquet")
    path = run.path / "classifier.onnx"
    assert "classifier.onnx" in said and "largest difference" in said
    return path, load_model(path)[1]


def test_the_exported_file_works_through_the_public_door(exported, table):
    path, card = exported
    analyzer = Analyzer(path, detector=WholeImage())
    rows = table[(table["split"] == "test") & table["x_min"].isna()]
    answers = [analyzer.analyze(row.image_path).faces[0] for row in rows.itertuples()]
    right = sum(
        f.probabilities[r.label] == f.confidence
        for f, r in zip(answers, rows.itertuples(), strict=True)
    )
    assert right > 0.6 * len(rows)
    assert card.scores["part"] == "test" and card.scores["all"]["n"] == 3 * PARTS["test"]
    assert set(card.scores) == {"part", "all", "drawn faces", "drawn pictures"}


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_keras_and_onnx_agree_at_any_batch(exported, run, batch):
    path, card = exported
    crops = golden_crops(64)[:batch]
    keras_answers = run.load_model().predict(crops, verbose=0)
    raw = Classifier(path).network.run(crops)
    assert np.abs(raw - keras_answers).max() < 1e-4
    assert card.training["parity_with_keras"] < 1e-4


def test_golden_tensors_are_beside_the_model(exported):
    path, _ = exported
    golden = np.load(path.with_suffix(".golden.npz"))
    answers = Classifier(path).network.run(golden["crops"])
    assert np.allclose(answers, golden["probabilities"], atol=1e-5)


def test_a_file_that_differs_is_not_written(exported, run):
    session = create_session(exported[0].read_bytes(), "exported")
    other = run.load_model()
    kernel = other.get_layer("head").get_layer("dense_1")
    kernel.set_weights([w + 1 for w in kernel.get_weights()])
    with pytest.raises(ModelError, match="nothing was written"):
        check_parity(session, other, run.load_recipe(Recipe))


def test_export_wants_the_manifest_of_the_run(run, table, tmp_path):
    with pytest.raises(DataError, match="other data"):
        export_run(run, table.iloc[1:], tmp_path / "x.onnx")
    with pytest.raises(DataError, match="not a run folder"):
        export_run(RunFolder(tmp_path), table, tmp_path / "x.onnx")
    assert list(tmp_path.iterdir()) == []


def test_sets_that_bind_a_model_are_written_into_its_licence():
    assert exporting._licence(["voc-853"]) == "Apache-2.0"
    assert "maskedface-net-500" in exporting._licence(["voc-853", "maskedface-net-500"])


def test_tuning_starts_from_the_recipe_resumes_and_never_sees_the_test_part(work, table, weights):
    recipe, out = small_recipe(fit=FitRecipe(batch_size=8, epochs=1)), work / "tune"
    tune(recipe, table, out, weights, work / "cache", trials=1)
    study = tune(recipe, table, out, weights, work / "cache", trials=2)
    assert len(study.trials) == 2
    assert study.trials[0].params["learning_rate"] == recipe.fit.learning_rate
    assert set(study.trials[0].params) == {"dropout", "unfrozen_layers", "learning_rate", "epochs"}
    assert (out / "trials.png").stat().st_size > 5000
    assert set(RunFolder(out / "trial-001").scores()) == {"val"}


def test_tuning_wants_a_val_part(work, table, weights):
    with pytest.raises(DataError, match="val part"):
        tune(small_recipe(), table[table["split"] == "train"], work / "t", weights, None, 1)


def test_the_command_trains_to_the_end_and_not_again(work, told, weights):
    assert "test: 12 crops in 12 groups" in told and "Epoch 3/3" in told
    words = training(work / "learning.yaml", work, work / "run", weights)
    done = CliRunner().invoke(cli, [str(word) for word in words])
    assert done.exit_code == 2 and "finished run" in done.output
    words = training(work / "learning.yaml", work, work / "other", weights)
    done = CliRunner().invoke(cli, [str(word) for word in (*words, "--cache", work / "cache")])
    assert done.exit_code == 2 and "the feature cache needs a frozen base" in done.output


@pytest.mark.parametrize("change", [{"crops_per_epoch": 64}, {"hard_times": 2}])
def test_a_cache_is_refused_where_crops_come_more_than_once(tmp_path, table, change):
    recipe = small_recipe(sampling=SamplingRecipe(**change))
    shipped = SHIPPED_MODEL if recipe.goes_on else None
    with pytest.raises(SettingError, match="shows each crop once an epoch"):
        train(recipe, table, RunFolder(tmp_path / "run"), shipped, cache=tmp_path / "cache")


@pytest.mark.parametrize(("share", "expected"), [(0.0, None), (0.25, 4)])
def test_unclear_faces_are_learnt_from_only_if_asked_and_never_scored(
    work, table, weights, tmp_path, share, expected
):
    masks = table.index[(table["split"] == "train") & (table["label"] == "mask")][:4]
    held = table.index[(table["split"] == "test") & (table["label"] == "mask")][:1]
    labels = table["label"].where(~table.index.isin([*masks, *held]), "unclear")
    recipe = small_recipe(
        sampling=SamplingRecipe(crops_per_epoch=12, unclear_share=share),
        fit=FitRecipe(batch_size=4, epochs=1),
    )
    folder = RunFolder(tmp_path / "run")
    train(recipe, table.assign(label=labels), folder, weights)
    assert folder.read()["counts"]["train"].get("unclear") == expected
    assert folder.scores()["test"]["n"] == 3 * PARTS["test"] - 1


def test_curves_are_of_a_sample_of_the_validation_part(table, monkeypatch):
    part = take_part(table, "val")
    assert len(sample_for_curves(part, 0).labels) == len(part.labels)
    monkeypatch.setattr(training_module, "CURVE_ROWS", 5)
    chosen = sample_for_curves(part, 0)
    assert len(chosen.labels) == 5
    assert chosen.table.equals(sample_for_curves(part, 0).table)
    assert set(chosen.seeds) < set(part.seeds)
