"""The page about data and model, without a browser: it shows what belongs to the loaded model.

Run: pytest tests/pages/test_model_page.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
import streamlit as st
from click.testing import CliRunner
from streamlit.testing.v1 import AppTest
from support.evidence_factory import scores, write_toy_evidence
from support.job_factory import fake_run
from support.toy_detector import write_toy_detector
from support.toy_model import write_toy_model
from support.waiting import LIMIT_S

from maskwatch.app import settings, views
from maskwatch.app.session import activate
from maskwatch.cli import app as launch
from maskwatch.cli.main import cli
from maskwatch.models.evidence import evidence_path

PAGE = Path(views.__file__).with_name("model.py")
SECTIONS = ("data", "training", "scores", "robustness", "mistakes", "card", "networks")
FIGURES = {"data": 6, "training": 2, "scores": 7, "robustness": 5, "mistakes": 1}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    st.cache_resource.clear()  # the pages of other tests have other models
    path = write_toy_model(tmp_path)
    monkeypatch.setenv(settings.MODEL_VARIABLE, str(path))
    monkeypatch.setenv(settings.DETECTOR_VARIABLE, str(write_toy_detector(tmp_path)))
    monkeypatch.delenv(settings.EVALUATION_VARIABLE, raising=False)
    yield path
    st.cache_resource.clear()


def show(section: str = "data", language: str = "en") -> AppTest:
    page = AppTest.from_file(str(PAGE), default_timeout=LIMIT_S)
    page.query_params["lang"] = language
    page.session_state["section"] = section
    page.run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    """Everything that is written, without the marks that keep names from being Markdown."""
    elements = (*page.markdown, *page.caption, *page.header, *page.warning, *page.info)
    return " ".join(element.value for element in elements).replace("\\", "")


@pytest.mark.parametrize("language", ["en", "id"])
@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_shows_its_figures(model: Path, section: str, language: str) -> None:
    write_toy_evidence(model)
    page = show(section, language)
    assert len(page.get("vega_lite_chart")) == FIGURES.get(section, 0)
    assert not page.warning
    assert [metric.value.replace(",", ".") for metric in page.metric] == [
        "60.0%",
        "59.0%",
        "60.0%",
        "45.0%",
    ]


def test_the_numbers_are_those_beside_the_loaded_model(model: Path) -> None:
    write_toy_evidence(model)
    assert "toy 1 looks at one face at a time" in words(show()).replace("**", "")
    assert "170 labelled faces come from 1 public sets" in words(show())
    assert "Recipe “toy-recipe”: 3 epochs in 2 minutes" in words(show("training"))
    assert "What a toy is for." in words(show("card"))
    assert "in English" in words(show("card")) and "dalam bahasa Inggris" in words(
        show("card", "id")
    )


def test_the_loaded_networks_are_named(model: Path) -> None:
    write_toy_evidence(model)
    said = words(show("networks")).replace("**", "")
    for line in ("Name: toy 1", "Side of its input: 32 px", "Unsure below a confidence of: 50%"):
        assert line in said
    assert "Name: toy detector 1" in said and "Lowest score of a face: 0.50" in said


def test_what_was_packed_for_the_run_that_judges_is_found(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(settings.RUNS_VARIABLE, str(tmp_path / "runs"))
    job = fake_run(tmp_path / "runs", "red-1")
    activate(job.model_path)
    (warning,) = show().warning
    assert "Nothing has been packed for this model" in warning.value
    write_toy_evidence(job.model_path)
    assert not show().warning


def test_other_evidence_gives_other_numbers_without_a_change_of_code(model: Path) -> None:
    path = write_toy_evidence(model)
    path.write_text(path.read_text().replace('"share": 0.81', '"share": 0.77'))
    assert "Split at random, 77.0% of the faces" in words(show())


def test_a_model_calibrated_since_it_was_evaluated_says_so(model: Path) -> None:
    write_toy_evidence(model)
    assert not show().info
    write_toy_model(model.parent, temperature=2.0)
    st.cache_resource.clear()
    (info,) = show().info
    assert "before its probabilities were recalibrated" in info.value


def test_the_shift_of_each_class_is_told(model: Path) -> None:
    write_toy_evidence(model)
    write_toy_model(model.parent, logit_shift=(0.25, 0.5, -0.75))
    st.cache_resource.clear()
    said = words(show("networks")).replace("**", "")
    assert "by class: Mask worn 0.25, No mask 0.50, Mask worn incorrectly -0.75" in said


def test_doubtful_numbers_say_so_before_they_are_shown(model: Path) -> None:
    write_toy_evidence(model, seen="learnt")
    (warning,) = show().warning
    assert "trained on these very faces" in warning.value


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "Nothing has been packed for this model"),
        ("damaged", "What was packed for this model is damaged"),
        ("foreign", "What was packed here belongs to another model"),
    ],
)
def test_without_evidence_of_its_own_only_the_card_speaks(
    model: Path, kind: str, said: str
) -> None:
    if kind == "damaged":
        evidence_path(model).write_text("{")
    if kind == "foreign":
        path = write_toy_evidence(model)
        own, other = path.read_text().split('"sha256": "', 1)[1][:64], "f" * 64
        path.write_text(path.read_text().replace(own, other))
    page = show()
    (warning,) = page.warning
    assert said in warning.value and "maskwatch pack" in warning.value
    assert not page.metric and not page.get("vega_lite_chart")
    assert "toy 1" in words(page) and "170 labelled faces" not in words(page)


def test_a_card_with_scores_speaks_for_itself(tmp_path: Path, model: Path) -> None:
    write_toy_model(tmp_path, scores={"part": "test", "all": asdict(scores(0.75))})
    page = show()
    assert "Its card says of the test part, 120 faces:" in words(page)
    assert [metric.value for metric in page.metric] == ["75.0%", "74.0%", "75.0%"]
    assert len(page.get("vega_lite_chart")) == 4


def test_pictures_of_mistakes_need_a_folder(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_toy_evidence(model)
    page = show("mistakes")
    assert "maskwatch app --evaluation FOLDER" in words(page)
    assert not page.get("imgs")
    monkeypatch.setenv(settings.EVALUATION_VARIABLE, str(tmp_path / "gone"))
    st.cache_resource.clear()  # as a new process
    assert "There is no evaluation in the folder" in words(show("mistakes"))


def test_no_folder_comes_from_a_browser(model: Path, tmp_path: Path) -> None:
    write_toy_evidence(model)
    page = AppTest.from_file(str(PAGE), default_timeout=LIMIT_S)
    for name in ("evaluation", settings.EVALUATION_VARIABLE):
        page.query_params[name] = str(tmp_path)
    page.session_state["section"] = "mistakes"
    page.run()
    assert "maskwatch app --evaluation FOLDER" in words(page)


def test_the_folder_reaches_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*launch.STREAMLIT_SETTINGS, settings.EVALUATION_VARIABLE):
        monkeypatch.setenv(name, "")  # so that what the command sets is taken back
        monkeypatch.delenv(name)
    monkeypatch.setattr("streamlit.web.cli.main", lambda *_args, **_named: None)
    result = CliRunner().invoke(cli, ["app", "--evaluation", "folder"])
    assert result.exit_code == 0, result.output
    assert os.environ[settings.EVALUATION_VARIABLE] == str(Path("folder").absolute())
