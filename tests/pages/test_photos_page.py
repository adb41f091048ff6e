"""The photo page's logic, without a browser: uploads become verdicts or a clear message.

Run: pytest tests/test_app.py
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

import bad_images
import pytest
import streamlit as st
from app_server import app_server
from click.testing import CliRunner
from fakes import picture
from PIL import Image
from streamlit.testing.v1 import AppTest
from toy_detector import crowd, write_toy_detector
from toy_model import BLUE, GREEN, GREY, RED, plain, write_toy_model

import maskwatch
from maskwatch.app import findings, launch
from maskwatch.app.catalogue import load_catalogue
from maskwatch.app.gallery import PER_PAGE
from maskwatch.app.language import LANGUAGE
from maskwatch.app.samples import SAMPLES, Sample
from maskwatch.app.session_photos import MAX_PHOTOS
from maskwatch.cli import cli
from maskwatch.sources import load_image

PAGE = Path(launch.__file__).with_name("photo.py")
ENGLISH = load_catalogue("en")
HOME = Path(launch.__file__).with_name("home.py")
STORE = "photos"  # where the page keeps them in the session
Upload = tuple[str, bytes, str]


def photo(name: str, colour: tuple[int, int, int]) -> Upload:
    return name, bad_images.encoded("PNG", Image.fromarray(plain(colour))), "image/png"


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    st.cache_resource.clear()
    monkeypatch.setenv(launch.MODEL_VARIABLE, str(write_toy_model(tmp_path)))
    monkeypatch.setenv(launch.DETECTOR_VARIABLE, str(write_toy_detector(tmp_path)))
    app = AppTest.from_file(str(PAGE), default_timeout=120).run()
    assert not app.exception
    return app


def upload(page: AppTest, *uploads: Upload) -> AppTest:
    page.file_uploader[0].set_value(list(uploads)).run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    """All that can be read on the page."""
    kinds = (page.markdown, page.caption, page.error, page.warning, page.info, page.success)
    texts = [element.value for elements in (*kinds, page.get("html")) for element in elements]
    return " ".join(texts).replace("\\", "")


def badges(page: AppTest) -> list[str]:
    """The verdicts on single faces."""
    return [
        html.value
        for html in page.get("html")
        if html.value.startswith("<div") and "%" in html.value
    ]


def cards(page: AppTest) -> list[str]:
    """The names of the photos in the gallery."""
    markdown = (element.value.replace("\\", "").strip("*") for element in page.markdown)
    return [value for value in markdown if value.endswith((".png", ".jpg"))]


def test_explains_the_borders_before_the_first_photo(page: AppTest) -> None:
    for phrase in ("Mask worn", "No mask", "Mask worn incorrectly", "Unsure", "Ctrl+V"):
        assert phrase in words(page)
    assert "Model: toy 1, " in words(page) and "Detector: toy detector 1, " in words(page)
    assert not page.get("download_button") and not page.dataframe


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_is_one_click_away(sample: Sample) -> None:
    st.cache_resource.clear()  # the shipped networks
    page = AppTest.from_file(str(PAGE), default_timeout=120).run()
    page.button(f"sample-{sample.name}").click().run()
    assert not page.exception
    assert cards(page) == [f"{sample.name}.jpg"]
    assert ENGLISH.counted("counts.faces", len(sample.shows)) in words(page)
    for state in sample.shows:
        assert ENGLISH.label(state).lower() in words(page)
    upload(page, crowd_photo((3, 2, RED)))
    assert cards(page) == ["crowd.png"]
    assert not [button for button in page.button if button.key and "sample" in button.key]


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
    (badge,) = badges(page)
    assert words in badge
    assert len(page.get("image")) == 1
    assert len(page.get("download_button")) == 3
    assert not page.dataframe and "attention" not in [toggle.key for toggle in page.toggle]


def crowd_photo(*faces: tuple[int, int, tuple[int, int, int]], name: str = "crowd.png") -> Upload:
    return name, bad_images.encoded("PNG", Image.fromarray(crowd(*faces))), "image/png"


def test_many_faces_are_counted_and_listed_in_reading_order(page: AppTest) -> None:
    upload(page, crowd_photo((12, 7, GREEN), (16, 3, BLUE), (3, 2, RED), (7, 2, RED)))
    assert "**4 faces: 2 mask worn, 1 no mask, 1 mask worn incorrectly**" in words(page)
    (table,) = page.dataframe
    assert list(table.value["Verdict"]) == [
        *("✓ Mask worn", "✓ Mask worn", "! Mask worn incorrectly", "✕ No mask")
    ]
    assert set(table.value["Confidence"]) == {"100.0%"}
    assert list(table.value["No."]) == [1, 2, 3, 4]
    assert set(table.value["Photo"]) == {"crowd.png"}
    assert all(face.startswith("data:image/jpeg;base64,") for face in table.value["Face"])
    assert not badges(page)


def test_a_photo_without_a_face(page: AppTest) -> None:
    upload(page, crowd_photo())
    (message,) = page.info
    assert message.value == "No face was found in this photo."
    assert len(page.get("image")) == 1
    assert "why" not in repr([toggle.key for toggle in page.toggle])


def test_a_small_photo_that_was_taken_for_a_face_says_so(page: AppTest) -> None:
    upload(page, photo("face.png", RED))
    (message,) = page.info
    assert "the whole of it was taken for one" in message.value


def test_an_unreadable_photo_is_named_and_the_others_go_on(page: AppTest) -> None:
    upload(
        page,
        photo("one.png", RED),
        ("broken *name* € ·.jpg", bad_images.encoded()[:-400], "image/jpeg"),
        photo("two.png", GREEN),
    )
    (error,) = page.error
    assert "cannot be read: the file is damaged" in error.value.replace("\\", "")
    assert len(badges(page)) == len(page.get("image")) == 2
    names = [element.value for element in page.markdown]
    assert r"**broken \*name\* € ·\.jpg**" in names  # shown as it is, not as Markdown
    assert "3 photos · 2 faces: 1 mask worn, 1 no mask" in words(page)
    assert "2 photos need attention · 1 cannot be read" in words(page)


MANY = [
    *(photo(f"worn {number}.png", (250, number, 10)) for number in range(10)),
    photo("bare.png", GREEN),
    crowd_photo(name="empty.png"),
    crowd_photo((3, 2, RED), (7, 7, GREY), name="unsure.png"),
    ("broken.jpg", b"no picture", "image/jpeg"),
]
"""Ten photos in which all is well, and four to look at."""


def test_many_photos_come_in_pages(page: AppTest) -> None:
    upload(page, *MANY)
    assert cards(page) == [name for name, *_ in MANY[:PER_PAGE]]
    page.get("pagination")[0].set_value(2).run()
    assert cards(page) == [name for name, *_ in MANY[PER_PAGE:]]
    assert len(page.dataframe[0].value) == 13  # of all pages
    upload(page, *MANY[:3])  # there is no second page now
    assert cards(page) == [name for name, *_ in MANY[:3]]
    assert not page.get("pagination")


def test_only_what_needs_attention(page: AppTest) -> None:
    upload(page, *MANY)
    page.get("pagination")[0].set_value(2).run()
    page.toggle("attention").set_value(True).run()
    assert not page.exception
    assert cards(page) == ["bare.png", "empty.png", "unsure.png", "broken.jpg"]
    assert set(page.dataframe[0].value["Photo"]) == {"bare.png", "unsure.png"}
    assert "14 photos" in words(page)
    upload(page, *MANY[:2])
    assert not cards(page) and "No photo needs attention." in words(page)


def test_a_filter_a_page_or_a_language_costs_no_new_analysis(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(page, *MANY)
    asked: list[object] = []
    monkeypatch.setattr(maskwatch.Analyzer, "analyze", lambda *given: asked.append(given))
    page.get("pagination")[0].set_value(2).run()
    page.toggle("attention").set_value(True).run()
    page.session_state[LANGUAGE] = "id"
    page.run()
    assert not page.exception and not asked
    assert "<strong>Tanpa masker</strong> 100,0%" in words(page)


def test_the_same_name_twice_stays_two_photos(page: AppTest) -> None:
    upload(page, photo("a.png", RED), photo("a.png", GREEN), photo("a.png", RED))
    assert cards(page) == ["a.png", "a (2).png", "a (3).png"]
    assert ["Mask worn" in badge for badge in badges(page)] == [True, False, True]


def test_too_many_photos_are_named(page: AppTest) -> None:
    upload(page, *(photo(f"{number}.png", RED) for number in range(MAX_PHOTOS + 7)))
    (warning,) = page.warning
    told = warning.value.replace("\\", "")
    assert "Up to 200 photos are judged at a time. Not judged: 200.png, 201.png" in told
    assert told.endswith("204.png and 2 more.") and "199.png" not in told
    assert f"{MAX_PHOTOS} photos" in words(page)


def test_all_photos_can_be_removed_at_once(page: AppTest) -> None:
    upload(page, *MANY[:3])
    page.button[0].click().run()
    assert not cards(page) and not page.file_uploader[0].value
    assert not page.session_state[STORE]._judged


def test_why_is_answered_only_when_asked(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(page, crowd_photo((3, 2, RED), (7, 7, GREEN)))
    assert not page.session_state[STORE]._why
    (ask,) = (toggle for toggle in page.toggle if toggle.label == "Why?")
    ask.set_value(True).run()
    assert not page.exception
    assert [index for _, index in page.session_state[STORE]._why] == [0]
    assert "probability of “Mask worn”" in words(page)
    page.selectbox[0].set_value(1).run()
    assert "probability of “No mask”" in words(page)
    (bars,) = (html.value for html in page.get("html") if "<ul" in html.value)
    assert bars.index("✕") < bars.index("✓") and "<strong>100.0%</strong>" in bars
    assert "✓ Size: 48 pixels, good" in words(page)
    assert len(page.get("image")) == 3  # the photo, what the network saw, the map on it


def test_a_camera_picture_comes_first(page: AppTest) -> None:
    upload(page, photo("file.png", RED))
    page.toggle("camera").set_value(True).run()
    content = bad_images.encoded("JPEG", Image.fromarray(plain(GREEN)))
    page.get("camera_input")[0].set_value(("camera.jpg", content, "image/jpeg")).run()
    assert not page.exception
    assert cards(page) == ["camera.jpg", "file.png"]


def test_over_plain_http_the_camera_says_why_it_will_not_start(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(st.context), "url", "http://10.0.0.1:8501")
    assert not page.run().warning
    page.toggle("camera").set_value(True).run()
    assert [warning.value for warning in page.warning] == [
        ENGLISH.text("connection.no_camera_here")
    ]


def test_hundreds_of_faces(page: AppTest) -> None:
    places = [(column, row) for row in range(1, 14, 3) for column in range(1, 19, 3)]
    uploads = [
        crowd_photo(*((*place, (250, 10, number)) for place in places), name=f"{number}.png")
        for number in range(10)
    ]
    upload(page, *uploads)
    assert "10 photos · 300 faces: 300 mask worn" in words(page)
    assert len(page.dataframe[0].value) == 300


@pytest.mark.parametrize("size_wh", [(1, 1), (2, 300), (300, 2)])
def test_tiny_photos(page: AppTest, size_wh: tuple[int, int]) -> None:
    content = bad_images.encoded("PNG", Image.fromarray(plain(RED, *size_wh)))
    upload(page, ("tiny.png", content, "image/png"))
    assert cards(page) == ["tiny.png"] and not page.error


def test_a_sideways_phone_photo_is_shown_upright(page: AppTest) -> None:
    upload(page, ("phone.jpg", bad_images.rotated(6), "image/jpeg"))
    assert not page.error
    (found,) = page.session_state[STORE]._judged.values()
    width, height = Image.fromarray(picture()).size
    assert found.report.image_size_wh == (width, height)


def test_a_photo_over_the_limit_of_pixels_is_named(page: AppTest) -> None:
    upload(page, ("bomb.png", bad_images.png_that_claims(30_000, 30_000), "image/png"))
    assert "bomb.png" in words(page) and "too many pixels; up to 89 million" in words(page)


def test_a_large_photo_is_shown_smaller(page: AppTest) -> None:
    content = bad_images.encoded("JPEG", Image.fromarray(picture(4000, 2000)))
    upload(page, ("large.jpg", content, "image/jpeg"))
    (found,) = page.session_state[STORE]._judged.values()
    assert load_image(found.screen_jpeg).shape == (800, 1600, 3)


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("", ""),
        (
            "a_b *c* [d](e) $f$ :red[g] <h> `i`",
            r"a\_b \*c\* \[d\]\(e\) \$f\$ \:red\[g\] \<h\> \`i\`",
        ),
        ("✓ 2° € ü猫", "✓ 2° € ü猫"),  # Markdown has no backslash before these
    ],
)
def test_foreign_text_is_shown_as_it_is(foreign: str, shown: str) -> None:
    assert findings.plain(foreign) == shown


def test_a_missing_model_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    st.cache_resource.clear()
    monkeypatch.setenv(launch.MODEL_VARIABLE, "gone.onnx")
    app = AppTest.from_file(str(PAGE), default_timeout=120).run()
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
    app = AppTest.from_file(str(PAGE), default_timeout=120).run()
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


def test_nobody_else_on_the_network_can_open_the_pages(tmp_path: Path) -> None:
    with app_server(tmp_path) as url:
        port = urlsplit(url).port
        assert _accepts("127.0.0.1", port)
        assert not _accepts("127.0.0.2", port)  # what listens everywhere would accept it
    said = (tmp_path / "log.txt").read_text()
    assert f"http://localhost:{port}" in said and "External" not in said


def _accepts(address: str, port: int | None) -> bool:
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex((address, port)) == 0


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
