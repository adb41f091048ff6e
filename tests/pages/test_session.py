"""Which model judges: a choice holds for everybody, is noticed at once, and gives way when broken.

Run: pytest tests/pages/test_session.py
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from support.job_factory import fake_run, write_model
from support.toy_detector import write_toy_detector
from support.toy_model import write_toy_model

from maskwatch.app import settings, views
from maskwatch.app.i18n import load_catalogue
from maskwatch.app.session import CHOICE, activate, active_model, deactivate
from maskwatch.errors import ModelError
from maskwatch.training.jobs.folder import JobFolder

PAGE = Path(views.__file__).with_name("photos.py")
OWN, CHOSEN = "Model: toy 1, ", "Model: toy of red-1, "
UNUSABLE = load_catalogue("en").text("chosen.unusable", why="").strip()


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    st.cache_resource.clear()
    monkeypatch.setenv(settings.MODEL_VARIABLE, str(write_toy_model(tmp_path)))
    monkeypatch.setenv(settings.DETECTOR_VARIABLE, str(write_toy_detector(tmp_path)))
    monkeypatch.setenv(settings.RUNS_VARIABLE, str(tmp_path / "runs"))
    return tmp_path / "runs"


@pytest.fixture
def job(runs: Path) -> JobFolder:
    return fake_run(runs, "red-1")


def page() -> AppTest:
    """The photo page as a new visitor gets it."""
    app = AppTest.from_file(str(PAGE), default_timeout=120).run()
    assert not app.exception
    return app


def named(app: AppTest) -> str:
    return app.caption[-1].value.replace("\\", "")


def test_without_a_choice_the_apps_own_model_judges(runs: Path) -> None:
    assert active_model(runs) is None
    app = page()
    assert OWN in named(app) and not app.warning


def test_a_choice_holds_for_every_visitor_and_is_taken_back(runs: Path, job: JobFolder) -> None:
    before = page()
    card = activate(job.model_path)
    chosen = active_model(runs)
    assert chosen is not None
    assert (chosen.run, chosen.path, chosen.sha256) == ("red-1", job.model_path, card.sha256)
    assert CHOSEN in named(page()) and card.sha256[:12] in named(page())
    assert CHOSEN in named(before.run())  # a visitor who was here already
    deactivate(runs)
    assert OWN in named(before.run()) and OWN in named(page())
    deactivate(runs)  # nothing to take back is no fault


def test_a_choice_is_remembered_after_a_restart(runs: Path, job: JobFolder) -> None:
    activate(job.model_path)
    st.cache_resource.clear()  # as a new process
    assert CHOSEN in named(page())


DAMAGES: list[Callable[[JobFolder], object]] = [
    lambda job: job.model_path.unlink(),
    lambda job: job.model_path.with_suffix(".json").unlink(),
    lambda job: job.model_path.write_bytes(b"no network"),
    lambda job: job.path.rename(job.path.with_name("elsewhere")),
    lambda job: (job.path.parent / CHOICE).write_text("{"),
    lambda job: (job.path.parent / CHOICE).write_text("[]"),
    lambda job: (job.path.parent / CHOICE).write_text('{"file": ["..", "x.onnx"], "sha256": ""}'),
    lambda job: (job.path.parent / CHOICE).write_text('{"file": ["a/b", "x"], "sha256": ""}'),
    lambda job: (job.path.parent / CHOICE).write_text('{"file": ["gone-1", "x"], "sha256": ""}'),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_cannot_be_used_gives_way_with_a_message(
    runs: Path, job: JobFolder, damage: Callable[[JobFolder], object]
) -> None:
    activate(job.model_path)
    visitor = page()
    assert CHOSEN in named(visitor)
    damage(job)
    for app in (visitor.run(), page()):
        (warning,) = app.warning
        assert warning.value.replace("\\", "").startswith(UNUSABLE)
        assert OWN in named(app)


def test_another_whole_model_in_its_place_is_not_taken_for_it(runs: Path, job: JobFolder) -> None:
    activate(job.model_path)
    assert CHOSEN in named(page())
    write_model(job.model_path, name="toy of red-1", input_side_px=32)
    (runs / CHOICE).write_text('{"file": ["red-1", "classifier.onnx"], "sha256": "of another"}')
    (warning,) = page().warning
    assert "no longer the file that was chosen" in warning.value.replace("\\", "")


def test_a_broken_network_is_not_chosen(runs: Path, job: JobFolder) -> None:
    job.model_path.write_bytes(b"no network")
    with pytest.raises(ModelError, match="sha256 differs"):
        activate(job.model_path)
    assert active_model(runs) is None
