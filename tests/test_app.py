"""The photo page's logic, without a browser: uploads become verdicts or a clear message.

Run: pytest tests/test_app.py
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bad_images
import pytest
import streamlit as st
from click.testing import CliRunner
from fakes import picture
from PIL import Image
from streamlit.testing.v1 import AppTest
from toy_detector import crowd, write_toy_detector
from toy_model import BLUE, GREEN, GREY, RED, plain, write_toy_model

from maskwatch.app import launch
from maskwatch.cli import cli

PAGE = Path(launch.__file__).with_name("photo.py")
HOME = Path(launch.__file__).with_name("home.py")
Upload = tuple[str, bytes, str]


def photo(name: str, colour: tuple[int, int, int]) -> Upload:
    return name, bad_images.encoded("PNG", Image.fromarray(plain(colour))), "image/png"


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv(launch.MODEL_VARIABLE, str(write_toy_model(tmp_path)))
    monkeypatch.setenv(launch.DETECTOR_VARIABLE, str(write_toy_detector(tmp_path)))
    app = AppTest.from_file(str(PAGE), default_timeout=30).run()
    assert not app.exception
    return app


def upload(page: AppTest, *uploads: Upload) -> AppTest:
    page.file_uploader[0].set_value(list(uploads)).run()
    assert not page.exception
    return page


def test_explains_the_borders_before_the_first_photo(page: AppTest) -> None:
    legend = " ".join(element.value for element in page.get("html"))
    for words in ("Mask worn", "No mask", "Mask worn incorrectly", "Unsure"):
        assert words in legend
    captions = " ".join(caption.value for caption in page.caption).replace("\\", "")
    assert "Model: toy 1, " in captions and "Detector: toy detector 1, " in captions


@pytest.mark.parametrize(
    ("colour", "words"),
    [
        (RED, "<strong>Mask worn</strong> 100.0%"),
        (GREEN, "<strong>No mask</strong> 100.0%"),
        (BLUE, "<strong>Mask worn incorrectly</strong> 100.0%"),
        (GREY, "<strong>Unsure</strong> 33.3%"),
    ],
)
def test_a_photo_gets_its_verdict(page: AppTest, colour: tuple[int, int, int], words: str) -> None:
    upload(page, photo("face.png", colour))
    (badge,) = page.get("html")
    assert words in badge.value
    assert len(page.get("image")) == 2


def crowd_photo(*faces: tuple[int, int, tuple[int, int, int]]) -> Upload:
    return "crowd.png", bad_images.encoded("PNG", Image.fromarray(crowd(*faces))), "image/png"


def test_the_only_face_of_a_photo_gets_its_verdict(page: AppTest) -> None:
    upload(page, crowd_photo((3, 2, RED)))
    (badge,) = page.get("html")
    assert "<strong>Mask worn</strong> 100.0%" in badge.value
    assert not page.info and not page.dataframe


def test_many_faces_are_counted_and_listed_in_reading_order(page: AppTest) -> None:
    upload(page, crowd_photo((12, 7, GREEN), (16, 3, BLUE), (3, 2, RED), (7, 2, RED)))
    words = [element.value for element in page.markdown]
    assert "**4 faces: 2 mask worn, 1 no mask, 1 mask worn incorrectly**" in words
    (table,) = page.dataframe
    assert list(table.value["Verdict"]) == [
        *("✓ Mask worn", "✓ Mask worn", "! Mask worn incorrectly", "✕ No mask")
    ]
    assert set(table.value["Confidence"]) == {"100.0%"}
    assert all(face.startswith("data:image/jpeg;base64,") for face in table.value["Face"])
    assert len(page.get("image")) == 2
    assert not page.get("html")


def test_a_photo_without_a_face(page: AppTest) -> None:
    upload(page, crowd_photo())
    (message,) = page.info
    assert message.value == "No face was found in this photo."
    assert len(page.get("image")) == 2


def test_a_small_photo_that_was_taken_for_a_face_says_so(page: AppTest) -> None:
    upload(page, photo("face.png", RED))
    (message,) = page.info
    assert "the whole of it was taken for one" in message.value


def test_an_unreadable_photo_is_named_and_the_others_go_on(page: AppTest) -> None:
    upload(
        page,
        photo("one.png", RED),
        ("broken *name*.jpg", bad_images.encoded()[:-400], "image/jpeg"),
        photo("two.png", GREEN),
    )
    (error,) = page.error
    assert "cannot be read: the file is damaged" in error.value.replace("\\", "")
    assert len(page.get("html")) == 2
    assert len(page.get("image")) == 4
    names = [element.value for element in page.markdown]
    assert r"**broken \*name\*\.jpg**" in names  # shown as it is, not as Markdown


def test_a_sideways_phone_photo_is_shown_upright(page: AppTest) -> None:
    upload(page, ("phone.jpg", bad_images.rotated(6), "image/jpeg"))
    assert not page.error
    assert len(page.get("image")) == 2


def test_a_large_photo_is_shown_smaller(page: AppTest) -> None:
    content = bad_images.encoded("JPEG", Image.fromarray(picture(4000, 2000)))
    upload(page, ("large.jpg", content, "image/jpeg"))
    assert len(page.get("image")) == 2


def test_a_missing_model_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    st.cache_resource.clear()
    monkeypatch.setenv(launch.MODEL_VARIABLE, "gone.onnx")
    app = AppTest.from_file(str(PAGE), default_timeout=30).run()
    assert not app.exception
    (error,) = app.error
    assert "gone.onnx" in error.value.replace("\\", "")
    assert not app.file_uploader


@pytest.mark.parametrize(("side", "words"), [("5", "32 to 4096"), ("wide", "number of pixels")])
def test_a_wrong_side_is_one_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, side: str, words: str
) -> None:
    st.cache_resource.clear()
    monkeypatch.setenv(launch.DETECTOR_VARIABLE, str(write_toy_detector(tmp_path)))
    monkeypatch.setenv(launch.SIDE_VARIABLE, side)
    app = AppTest.from_file(str(PAGE), default_timeout=30).run()
    assert not app.exception
    (error,) = app.error
    assert words in error.value


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What Streamlit's own command would have been called with."""
    variables = (launch.MODEL_VARIABLE, launch.DETECTOR_VARIABLE, launch.SIDE_VARIABLE)
    for name in (*launch._SETTINGS, *variables, launch.STATISTICS_VARIABLE):
        monkeypatch.setenv(name, "")  # so that what the command sets is taken back
        monkeypatch.delenv(name)
    calls: list[list[str]] = []
    monkeypatch.setattr("streamlit.web.cli.main", lambda args, **_: calls.append(args))
    return calls


def test_options_are_passed_on_to_streamlit(started: list[list[str]]) -> None:
    result = CliRunner().invoke(cli, ["app", "--server.port", "9000", "--server.headless=true"])
    assert result.exit_code == 0, result.output
    assert started == [["run", str(HOME), "--server.port", "9000", "--server.headless=true"]]


def test_models_and_side_reach_the_page(started: list[list[str]]) -> None:
    options = ["--model", "a.onnx", "--detector", "b.onnx", "--detector-side-px", "960"]
    result = CliRunner().invoke(cli, ["app", *options, "--server.port", "9000"])
    assert result.exit_code == 0, result.output
    assert os.environ[launch.MODEL_VARIABLE] == str(Path("a.onnx").absolute())
    assert os.environ[launch.DETECTOR_VARIABLE] == str(Path("b.onnx").absolute())
    assert os.environ[launch.SIDE_VARIABLE] == "960"
    assert started == [["run", str(HOME), "--server.port", "9000"]]


def test_the_file_of_the_statistics_reaches_the_page(started: list[list[str]]) -> None:
    result = CliRunner().invoke(cli, ["app", "--statistics", "counts.sqlite3"])
    assert result.exit_code == 0, result.output
    assert os.environ[launch.STATISTICS_VARIABLE] == str(Path("counts.sqlite3").absolute())
    assert started == [["run", str(HOME)]]


def test_the_help_says_where_statistics_are_kept() -> None:
    words = " ".join(CliRunner().invoke(cli, ["app", "--help"]).output.split())
    for place in ("~/.local/share", "~/Library/Application Support", "%LOCALAPPDATA%"):
        assert place in words


def test_uploads_are_limited_but_the_limit_can_be_moved(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    CliRunner().invoke(cli, ["app"])
    assert os.environ["STREAMLIT_SERVER_MAX_UPLOAD_SIZE"] == "20"
    monkeypatch.setenv("STREAMLIT_SERVER_MAX_UPLOAD_SIZE", "5")
    CliRunner().invoke(cli, ["app"])
    assert os.environ["STREAMLIT_SERVER_MAX_UPLOAD_SIZE"] == "5"


def test_protection_against_forged_uploads_stays_on() -> None:
    assert st.config.get_option("server.enableXsrfProtection") is True
    assert "STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION" not in launch._SETTINGS


def test_without_streamlit_one_line_says_what_to_install(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "streamlit.web.cli", None)
    result = CliRunner().invoke(cli, ["app"])
    assert result.exit_code == 1
    assert (
        result.stderr == "Error: maskwatch app needs more packages: pip install 'maskwatch[app]'\n"
    )
