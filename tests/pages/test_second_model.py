"""Two models on one photo: the same faces, the answers of both, and where they differ.

Run: pytest tests/pages/test_second_model.py
"""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest
from support import bad_images
from support.job_factory import fake_run
from support.toy_detector import crowd, write_toy_detector
from support.toy_model import GREEN, RED, write_toy_model

from maskwatch.app import settings, views
from maskwatch.app.i18n import load_catalogue
from maskwatch.training.jobs.folder import State

PAGE = Path(views.__file__).with_name("photos.py")
say = load_catalogue("en").text


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    st.cache_resource.clear()
    monkeypatch.setenv(settings.MODEL_VARIABLE, str(write_toy_model(tmp_path)))
    monkeypatch.setenv(settings.DETECTOR_VARIABLE, str(write_toy_detector(tmp_path)))
    monkeypatch.setenv(settings.RUNS_VARIABLE, str(tmp_path / "runs"))
    return tmp_path


def run(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception
    return app


def photo_page() -> AppTest:
    app = run(AppTest.from_file(str(PAGE), default_timeout=120))
    content = bad_images.encoded("PNG", Image.fromarray(crowd((3, 2, RED), (12, 7, GREEN))))
    app.file_uploader[0].set_value([("face.png", content, "image/png")])
    return run(app)


def switches(app: AppTest) -> list:
    return [toggle for toggle in app.toggle if toggle.label == say("second.ask")]


def compared_with(app: AppTest, name: str) -> AppTest:
    switches(app)[0].set_value(True)
    next(b for b in run(app).selectbox if b.label == say("second.choose")).set_value(name)
    return run(app)


def said(app: AppTest) -> str:
    kinds = (app.markdown, app.error, app.info)
    return " ".join(one.value for kind in kinds for one in kind).replace("\\", "")


def test_with_one_model_there_is_nothing_to_compare(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(settings.MODEL_VARIABLE)
    assert not switches(photo_page())


def test_both_answers_stand_beside_each_other(folder: Path) -> None:
    fake_run(folder / "runs", "never-1", card={"unsure_below": 1.0})
    fake_run(folder / "runs", "stopped-1", State.STOPPED)
    app = photo_page()
    before = len(app.get("image"))
    app = compared_with(app, "never-1")
    (table,) = app.table
    assert list(table.value["toy 1"]) == ["✓ Mask worn 100.0%", "✕ No mask 100.0%"]
    assert all(cell.startswith("? Unsure") for cell in table.value["toy of never-1"])
    assert list(table.value[say("second.differ")]) == ["≠", "≠"]
    assert say("second.agree", same="0", n="2") in said(app)
    assert len(app.get("image")) == before + 2


def test_the_model_in_use_is_not_compared_with_itself(folder: Path) -> None:
    fake_run(folder / "runs", "never-1")
    app = photo_page()
    switches(app)[0].set_value(True)
    (choice,) = (box for box in run(app).selectbox if box.label == say("second.choose"))
    assert choice.options == [say("second.shipped"), "never-1"]
    assert app.table  # the first of them is another one already


def test_a_copy_of_the_model_in_use_is_said_to_be_one(folder: Path) -> None:
    job = fake_run(folder / "runs", "copy-1")
    for suffix in (".onnx", ".json"):
        toy = (folder / "toy.onnx").with_suffix(suffix)
        job.model_path.with_suffix(suffix).write_bytes(toy.read_bytes())
    app = compared_with(photo_page(), "copy-1")
    assert say("second.same") in said(app) and not app.table


def test_a_model_that_is_broken_is_said(folder: Path) -> None:
    fake_run(folder / "runs", "broken-1").model_path.write_bytes(b"no network")
    app = compared_with(photo_page(), "broken-1")
    assert "sha256 differs" in said(app) and not app.table
