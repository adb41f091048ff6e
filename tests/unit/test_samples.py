"""The drawn samples are judged as meant, by a margin; they are small and can be drawn again.

Run: pytest tests/unit/test_samples.py
"""

from __future__ import annotations

import sys

import numpy as np
import pytest
from support.paths import ROOT

from maskwatch import Analyzer
from maskwatch.app.i18n import LANGUAGES, load_catalogue
from maskwatch.io.images import load_image
from maskwatch.samples import FOLDER, SAMPLES, Sample
from maskwatch.schema import FaceOrigin

sys.path.append(str(ROOT / "scripts"))
from draw_samples import SCENES, draw_scene

MARGIN = 0.9
"""What the state that is meant must reach; the shipped classifier gives 0.98 and more."""


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_is_judged_as_meant(analyzer: Analyzer, sample: Sample) -> None:
    report = analyzer.analyze(sample.path)
    assert report.face_origin is FaceOrigin.DETECTED
    assert tuple(face.state for face in report.faces) == sample.shows
    for face, state in zip(report.faces, sample.shows, strict=True):
        assert face.probabilities[state] >= MARGIN
        assert face.detection_score >= 0.5


def test_is_small_and_has_a_name_in_every_language() -> None:
    assert {path.stem for path in FOLDER.glob("*.jpg")} == {sample.name for sample in SAMPLES}
    assert sum(sample.path.stat().st_size for sample in SAMPLES) < 300_000
    for code in LANGUAGES:
        assert all(f"samples.{sample.name}" in load_catalogue(code).texts for sample in SAMPLES)


def test_the_script_draws_them() -> None:
    assert SCENES.keys() == {sample.name for sample in SAMPLES}
    (worn,) = (sample for sample in SAMPLES if sample.name == "worn")
    drawn, shipped = draw_scene(SCENES["worn"]).astype(int), load_image(worn.path).astype(int)
    assert drawn.shape == shipped.shape
    assert np.abs(drawn - shipped).mean() < 4  # what JPEG takes from the grain
