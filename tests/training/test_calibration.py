"""Calibration: the true one is found again, and few pictures shift it little.

Run: pytest tests/training/test_calibration.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from support.toy_model import write_toy_model

from maskwatch.training.classifier.export import (
    TRUST_ROWS,
    Calibration,
    fit_calibration,
    fit_temperature,
)
from maskwatch.vision.classify import Classifier, calibrate


def honest_answers(n: int, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Labels drawn from the very probabilities that are stated."""
    random = np.random.default_rng(seed)
    stated = random.dirichlet((0.6, 0.4, 0.2), n).astype(np.float32)
    labels = (stated.cumsum(axis=1) > random.random((n, 1))).argmax(axis=1)
    return labels, stated


def spoil(honest: NDArray[np.float32], calibration: Calibration) -> NDArray[np.float32]:
    """Answers that this calibration makes honest."""
    shifted = calibrate(honest, 1.0, [-shift for shift in calibration.logit_shift])
    return calibrate(shifted, 1 / calibration.temperature)


@pytest.mark.parametrize(
    "true",
    [
        Calibration(),
        Calibration(0.5),
        Calibration(2.0),
        Calibration(1.0, (0.5, 0.5, -1.0)),
        Calibration(0.7, (0.4, -0.9, 0.5)),
    ],
)
def test_the_calibration_is_found_again(true: Calibration) -> None:
    labels, honest = honest_answers(5_000)
    found = fit_calibration(labels, spoil(honest, true))
    assert found.temperature == pytest.approx(true.temperature, rel=0.07)
    assert found.logit_shift == pytest.approx(true.logit_shift, abs=0.1)


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 12), seed=st.integers(0, 99))
def test_a_handful_of_pictures_changes_the_shares_of_the_classes_little(n: int, seed: int) -> None:
    labels, honest = honest_answers(n, seed)
    found = fit_calibration(labels, honest)
    assert np.isfinite(found.logit_shift).all() and abs(sum(found.logit_shift)) < 1e-3
    if min(rows := np.bincount(labels, minlength=3)):
        promised = (rows + TRUST_ROWS * honest.mean(axis=0)) / (n + TRUST_ROWS)
        assert found.apply(honest).mean(axis=0) == pytest.approx(promised, abs=2e-3)
    assert 0.25 <= found.temperature <= 4


@pytest.mark.parametrize(("right", "wrong"), [(1, 0), (60, 0), (9, 1), (0, 3)])
def test_few_answers_count_beside_what_the_network_says_of_itself(right: int, wrong: int) -> None:
    labels = np.array([0] * right + [1] * wrong)
    answers = np.full((right + wrong, 3), (0.8, 0.1, 0.1), np.float32)
    found = fit_temperature(labels, answers).apply(answers)
    promised = (right + TRUST_ROWS * 0.8) / (right + wrong + TRUST_ROWS)
    assert found[0, 0] == pytest.approx(promised, abs=5e-3)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_a_temperature_alone_is_found_again_and_shifts_nothing(temperature: float) -> None:
    labels, honest = honest_answers(5_000)
    found = fit_temperature(labels, spoil(honest, Calibration(temperature)))
    assert found.temperature == pytest.approx(temperature, rel=0.07)
    assert found.logit_shift == (0, 0, 0)
    assert fit_temperature(labels[:0], honest[:0]) == Calibration()


@pytest.mark.parametrize("labels", [[], [0, 0, 1], [2]])
def test_where_a_class_has_no_row_nothing_is_shifted(labels: list[int]) -> None:
    answers = np.full((len(labels), 3), 1 / 3, np.float32)
    found = fit_calibration(np.array(labels, int), answers)
    assert found.logit_shift == (0, 0, 0)
    if not labels:
        assert found == Calibration()


def test_the_log_loss_never_gets_worse() -> None:
    labels, honest = honest_answers(400, seed=3)
    answers = spoil(honest, Calibration(0.8, (0.6, 0.6, -1.2)))
    calibrated = fit_calibration(labels, answers).apply(answers)
    rows = np.arange(len(labels))
    assert -np.log(calibrated[rows, labels]).mean() < -np.log(answers[rows, labels]).mean()


def test_a_temperature_keeps_the_order_and_a_shift_the_sum() -> None:
    rows = np.random.default_rng(1).dirichlet((1, 1, 1), 50).astype(np.float32)
    soft = calibrate(rows, 3.0)
    assert np.array_equal(rows.argmax(1), soft.argmax(1))
    shifted = calibrate(rows, 1.0, (0.0, 0.0, np.log(3)))
    assert np.allclose(shifted[:, 2] / shifted[:, 0], 3 * rows[:, 2] / rows[:, 0], rtol=1e-4)
    for answers in (soft, shifted):
        assert np.allclose(answers.sum(1), 1, atol=1e-5) and answers.dtype == np.float32
    assert calibrate(np.empty((0, 3), np.float32), 2.0).shape == (0, 3)


def test_a_classifier_answers_as_its_card_is_calibrated(tmp_path: Path) -> None:
    plain = Classifier(write_toy_model(tmp_path, name="plain"))
    side = plain.card.input_side_px
    crops = np.random.default_rng(2).integers(0, 256, (5, side, side, 3)).astype(np.uint8)
    before = plain.probabilities(crops)
    shifted = Classifier(write_toy_model(tmp_path, temperature=2.0, logit_shift=(0.0, 1.0, -1.0)))
    expected = calibrate(before, 2.0, (0.0, 1.0, -1.0))
    assert np.allclose(shifted.probabilities(crops), expected, atol=1e-5)
    assert not np.allclose(before, expected, atol=0.05)
