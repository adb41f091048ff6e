"""What a verdict rests on: the place that decides is found, on real networks and on toy ones.

Run: pytest tests/unit/vision/test_classify_explain.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from support.toy_model import BLUE, GREEN, GREY, RED, plain, write_toy_model

from maskwatch import Analyzer, MaskState, WholeImage
from maskwatch.errors import SettingError
from maskwatch.io.images import load_image
from maskwatch.samples import SAMPLES
from maskwatch.schema import CLASSES
from maskwatch.vision.classify import CELLS, PATCH_RATIO, Classifier, covered, explain

SIDE_PX = 32
CROPS = arrays(np.uint8, (SIDE_PX, SIDE_PX, 3))


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return Classifier(write_toy_model(tmp_path_factory.mktemp("toy"), SIDE_PX))


@pytest.mark.parametrize(
    ("colour", "state"),
    [(RED, MaskState.MASK), (GREEN, MaskState.NO_MASK), (BLUE, MaskState.INCORRECT_MASK)],
)
def test_where_all_is_the_same_no_place_counts(
    toy: Classifier, colour: tuple[int, int, int], state: MaskState
) -> None:
    found = explain(toy, plain(colour, SIDE_PX, SIDE_PX))
    assert found.state is state
    assert found.drop.shape == (CELLS, CELLS)
    assert np.allclose(found.drop, 0, atol=1e-6)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 6), (7, 1), (7, 7)])
def test_the_place_that_decides_loses_most(toy: Classifier, row: int, column: int) -> None:
    """One red spot on grey is all that tells the toy of a mask."""
    crop_rgb = plain(GREY, SIDE_PX, SIDE_PX)
    crop_rgb[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = RED
    found = explain(toy, crop_rgb, MaskState.MASK, cells=8)
    assert found.drop.max() > 0.01
    assert found.drop[row, column] == pytest.approx(found.drop.max(), abs=1e-6)
    far = np.abs(np.indices((8, 8)) - np.array([row, column])[:, None, None]).max(axis=0) > 2
    assert (found.drop[far] <= 0.001).all()


@settings(max_examples=25, deadline=None)
@given(crop_rgb=CROPS, cells=st.integers(1, 6), state=st.sampled_from(CLASSES))
def test_each_number_is_what_the_covered_crop_loses(
    toy: Classifier, crop_rgb: np.ndarray, cells: int, state: MaskState
) -> None:
    before = crop_rgb.copy()
    found = explain(toy, crop_rgb, state, cells)
    assert (crop_rgb == before).all()
    index = toy.card.classes.index(state)
    alone = [toy.probabilities(copy[None])[0, index] for copy in covered(crop_rgb, cells)]
    assert found.state is state and found.patch_ratio == PATCH_RATIO
    assert found.drop.shape == (cells, cells)
    assert np.allclose(found.probability - found.drop.ravel(), alone, atol=1e-5)
    assert (found.drop <= found.probability + 1e-6).all()
    assert (found.drop >= found.probability - 1 - 1e-6).all()


@settings(max_examples=25, deadline=None)
@given(crop_rgb=CROPS)
def test_a_mirrored_crop_has_the_mirrored_map(toy: Classifier, crop_rgb: np.ndarray) -> None:
    """The toy looks at the mean alone, so sides make no difference to it."""
    found = explain(toy, crop_rgb, MaskState.MASK, 4)
    mirrored = explain(toy, np.ascontiguousarray(crop_rgb[:, ::-1]), MaskState.MASK, 4)
    assert np.allclose(found.drop[:, ::-1], mirrored.drop, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(side_px=st.integers(1, 40), cells=st.integers(1, 12))
def test_every_copy_has_its_patch_and_together_they_cover_all(side_px: int, cells: int) -> None:
    crop_rgb = np.zeros((side_px, side_px, 3), np.uint8)
    crop_rgb[0, 0] = 255  # the mean is another colour unless the crop is one pixel
    copies = covered(crop_rgb, cells)
    assert copies.shape == (cells * cells, side_px, side_px, 3)
    if side_px < 2 or side_px > 16:  # the mean of more pixels rounds to black
        return
    changed = (copies != crop_rgb).any(axis=3)
    assert changed.any(axis=(1, 2)).all()
    if cells * PATCH_RATIO >= 1:
        assert changed.any(axis=0).all()


def test_unsure_stands_for_the_likeliest(toy: Classifier) -> None:
    found = explain(toy, plain((130, 128, 128), SIDE_PX, SIDE_PX), MaskState.UNSURE)
    assert found.state is MaskState.MASK
    assert found.probability == pytest.approx(0.36, abs=0.02)


@pytest.mark.parametrize(
    ("crop_rgb", "cells", "words"),
    [
        (np.zeros((0, 0, 3), np.uint8), 4, "must be uint8 of shape (32, 32, 3)"),
        (np.zeros((31, 32, 3), np.uint8), 4, "not uint8 of shape (31, 32, 3)"),
        (np.zeros((32, 32, 3), np.float32), 4, "not float32"),
        (np.zeros((32, 32, 3), np.uint8), 0, "cells: must be at least 1"),
    ],
)
def test_what_cannot_be_explained_is_said(
    toy: Classifier, crop_rgb: np.ndarray, cells: int, words: str
) -> None:
    with pytest.raises(SettingError) as raised:
        explain(toy, crop_rgb, cells=cells)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("name", "rows"), [("worn", (0.2, 0.9)), ("nose_out", (0.4, 0.8)), ("bare", (0.45, 0.95))]
)
def test_the_shipped_classifier_looks_at_nose_and_mouth(
    name: str, rows: tuple[float, float]
) -> None:
    (sample,) = (sample for sample in SAMPLES if sample.name == name)
    analyzer, image_rgb = Analyzer(), load_image(sample.path)
    report = analyzer.analyze(image_rgb)
    (crop_rgb,) = analyzer.crops(image_rgb, report.faces, report.face_origin)
    found = explain(analyzer.classifier, crop_rgb, report.faces[0].state)
    assert found.probability == pytest.approx(report.faces[0].confidence, abs=1e-4)
    row, column = np.unravel_index(found.drop.argmax(), found.drop.shape)
    assert rows[0] <= row / CELLS <= rows[1]
    assert 0.2 <= column / CELLS <= 0.8


def test_the_crops_are_those_that_were_judged(tmp_path: Path) -> None:
    analyzer = Analyzer(write_toy_model(tmp_path, SIDE_PX), WholeImage())
    image_rgb = plain(RED, 60, 40)
    report = analyzer.analyze(image_rgb)
    crops = analyzer.crops(image_rgb, report.faces, report.face_origin)
    assert crops.shape == (1, SIDE_PX, SIDE_PX, 3)
    (row,) = analyzer.classifier.probabilities(crops)
    assert dict(zip(analyzer.card.classes, row.tolist(), strict=True)) == pytest.approx(
        dict(report.faces[0].probabilities)
    )
    assert analyzer.crops(image_rgb, [], report.face_origin).shape == (0, SIDE_PX, SIDE_PX, 3)
