"""The page's logic, without a browser: uploads become verdicts or a clear message.

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
from toy_model import BLUE, GREEN, GREY, RED, plain, write_toy_model

from maskwatch.app import launch
from maskwatch.cli import cli

PAGE = Path(launch.__file__).with_name("photo.py")
Upload = tuple[str, bytes, str]


def photo(name: str, colour: tuple[int, int, int]) -> Upload:
    return name, bad_images.encoded("PNG", Image.fromarray(plain(colour))), "image/png"


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv(launch.MODEL_VARIABLE, str(write_toy_model(tmp_path)))
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
    assert any("toy 1" in caption.value.replace("\\", "") for caption in page.caption)


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


def test_an_unreadable_photo_is_named_and_the_others_go_on(page: AppTest) -> None:
    upload(
        page,
        photo("one.png", RED),
        ("broken *name*.jpg", bad_images.encoded()[:-400], "image/jpeg"),
        photo("two.png", GREEN),
    )
    (error,) = page.error
    assert "cannot be read: damaged JPEG" in error.value.replace("\\", "")
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


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What Streamlit's own command would have been called with."""
    for name in (*launch._SETTINGS, launch.MODEL_VARIABLE):
        monkeypatch.setenv(name, "")  # so that what the command sets is taken back
        monkeypatch.delenv(name)
    calls: list[list[str]] = []
    monkeypatch.setattr("streamlit.web.cli.main", lambda args, **_: calls.append(args))
    return calls


def test_options_are_passed_on_to_streamlit(started: list[list[str]]) -> None:
    result = CliRunner().invoke(cli, ["app", "--server.port", "9000", "--server.headless=true"])
    assert result.exit_code == 0, result.output
    assert started == [["run", str(PAGE), "--server.port", "9000", "--server.headless=true"]]


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
