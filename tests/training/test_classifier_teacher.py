"""A classifier learns what a trained one says of its crops.

Run: pytest tests/training/test_classifier_teacher.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support.toy_model import write_toy_model
from support.training_factory import coloured_manifest, random_base_weights, small_recipe

from maskwatch.cli.main import cli
from maskwatch.errors import ModelError, SettingError
from maskwatch.training.classifier.batches import CropBatches
from maskwatch.training.classifier.teacher import Teacher
from maskwatch.training.classifier.train import train
from maskwatch.training.data.parts import NONE_OF_THEM
from maskwatch.training.recipes.classifier import FitRecipe, Recipe, SamplingRecipe
from maskwatch.training.run_folder import RunFolder

SIDE_PX = 64
LABELS = np.array([0, 1, 2, NONE_OF_THEM])


def pupil(share: float, **changes: object) -> Recipe:
    return small_recipe(fit=FitRecipe(batch_size=4, epochs=1, teacher_share=share), **changes)


@pytest.fixture
def teacher_path(tmp_path: Path) -> Path:
    return write_toy_model(tmp_path, SIDE_PX)


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_pupil_and_teacher_see_the_same_altered_crop(teacher_path: Path, share: float) -> None:
    recipe = pupil(share)
    teacher = Teacher(teacher_path, recipe)
    canvases = np.random.default_rng(3).integers(0, 256, (4, 80, 80, 3)).astype(np.uint8)
    shown = (canvases, LABELS, np.arange(4, dtype=np.uint64), np.arange(4), recipe, 0)
    (crops, labels), (same, targets) = CropBatches(*shown)[0], CropBatches(*shown, teacher)[0]
    assert np.array_equal(crops, same)
    said = teacher.probabilities(crops)
    assert np.ptp(said, axis=0).max() > 0
    wanted = [*(share * said[:3] + (1 - share) * labels[:3]), labels[3]]  # nobody can tell the last
    assert np.allclose(targets, wanted, atol=1e-6)
    assert np.allclose(targets.sum(axis=1), 1.0)


@pytest.mark.parametrize(
    ("side_px", "margin", "match"),
    [(96, 0.0, r"toy\.onnx: .* 96 px and 0, the recipe's 64 px and 0"), (SIDE_PX, 0.15, "0.15")],
)
def test_a_teacher_that_sees_other_crops_is_refused(
    tmp_path: Path, side_px: int, margin: float, match: str
) -> None:
    path = write_toy_model(tmp_path, side_px, crop_margin_ratio=margin)
    with pytest.raises(SettingError, match=match):
        Teacher(path, pupil(1.0))


def test_a_teacher_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.onnx"):
        Teacher(tmp_path / "none.onnx", pupil(1.0))


def test_a_run_is_taught_by_command_and_shown_what_its_teacher_doubts(
    tmp_path: Path, teacher_path: Path
) -> None:
    table = coloured_manifest(tmp_path)
    table.to_parquet(tmp_path / "split.parquet")
    sampling = SamplingRecipe(crops_per_epoch=12, hard_times=2)  # without a network to go on from
    (tmp_path / "taught.yaml").write_text(pupil(1.0, sampling=sampling).to_yaml())
    words = ["train", tmp_path / "taught.yaml", "--data", tmp_path / "split.parquet"]
    words += ["--weights", random_base_weights(tmp_path), "--out", tmp_path / "run"]
    done = CliRunner().invoke(cli, [str(word) for word in (*words, "--teacher", teacher_path)])
    assert done.exit_code == 0, done.output
    assert "crops are drawn 2 times" in done.output
    assert "teacher_share: 1.0" in (tmp_path / "run" / "recipe.yaml").read_text()


def test_features_that_are_kept_have_no_crops_for_a_teacher(
    tmp_path: Path, teacher_path: Path
) -> None:
    with pytest.raises(SettingError, match=r"no crops for a teacher"):
        train(
            pupil(0.5),
            coloured_manifest(tmp_path),
            RunFolder(tmp_path / "run"),
            random_base_weights(tmp_path),
            cache=tmp_path / "cache",
            teacher=teacher_path,
        )
