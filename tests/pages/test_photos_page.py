"""The photo page's logic, without a browser: uploads become verdicts or a clear message.

Run: pytest tests/pages/test_photos_page.py
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import streamlit as st
from click.testing import CliRunner
from PIL import Image
from streamlit.testing.v1 import AppTest
from support import bad_images
from support.app_server import answers, app_server
from support.fakes import picture
from support.ports import free_port
from support.toy_detector import crowd, write_toy_detector
from support.toy_model import BLUE, GREEN, GREY, RED, plain, write_toy_model
from support.waiting import LIMIT_S, until

import maskwatch
from maskwatch.app import components, settings, views
from maskwatch.app.gallery import PER_PAGE
from maskwatch.app.i18n import load_catalogue
from maskwatch.app.kept import BESIDE_BYTES, kept_bytes
from maskwatch.app.language import LANGUAGE
from maskwatch.app.photos import MAX_PHOTOS, SessionPhotos
from maskwatch.cli import app as launch
from maskwatch.cli.main import cli
from maskwatch.errors import ImageError, ImageFault, pip_extra
from maskwatch.io.images import load_image
from maskwatch.samples import SAMPLES, Sample

PAGE = Path(views.__file__).with_name("photos.py")
ENGLISH = load_catalogue("en")
HOME = Path(views.__file__).parents[1] / "main.py"
DOOR = HOME.with_name("door.py")
STORE = "photos"  # where the page keeps them in the session
Upload = tuple[str, bytes, str]


def photo(name: str, colour: tuple[int, int, int]) -> Upload:
    return name, bad_images.encoded("PNG", Image.fromarray(plain(colour))), "image/png"


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    st.cache_resource.clear()
    monkeypatch.setenv(settings.MODEL_VARIABLE, str(write_toy_model(tmp_path)))
    monkeypatch.setenv(settings.DETECTOR_VARIABLE, str(write_toy_detector(tmp_path)))
    app = AppTest.from_file(str(PAGE), default_timeout=120).run()
    assert not app.exception
    return app


def upload(page: AppTest, *uploads: Upload) -> AppTest:
    page.file_uploader[0].set_value(list(uploads)).run()
    assert not page.exception
    return page


def keep(page: AppTest, n: int) -> None:
    """Take away all photos but the first ones."""
    del page.session_state[STORE].given[n:]
    page.run()
    assert not page.exception


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
    for phrase in ("Mask worn", "No mask", "Mask worn incorrectly", "Unsure", "or paste"):
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
    assert len(page.get("image")) == 2  # the result and the original
    assert [button.label for button in page.get("download_button")] == [
        ENGLISH.text(f"downloads.{name}") for name in ("photo", "csv", "json")
    ]
    assert not page.dataframe and "attention" not in [toggle.key for toggle in page.toggle]


def crowd_photo(*faces: tuple[int, int, tuple[int, int, int]], name: str = "crowd.png") -> Upload:
    return name, bad_images.encoded("PNG", Image.fromarray(crowd(*faces))), "image/png"


def test_many_faces_are_counted_and_listed_in_reading_order(page: AppTest) -> None:
    upload(page, crowd_photo((12, 7, GREEN), (16, 3, BLUE), (3, 2, RED), (7, 2, RED)))
    said = "4 faces: 2 mask worn, 1 no mask, 1 mask worn incorrectly"
    assert words(page).count(said) == 1
    (table,) = page.dataframe
    assert list(table.value["Verdict"]) == [
        "✓ Mask worn",
        "✓ Mask worn",
        "! Mask worn incorrectly",
        "✕ No mask",
    ]
    assert set(table.value["Confidence"]) == {"100.0%"}
    assert list(table.value["No."]) == [1, 2, 3, 4]
    assert set(table.value["Photo"]) == {"crowd.png"}
    assert all(face.startswith("data:image/jpeg;base64,") for face in table.value["Face"])
    assert not badges(page)


def test_a_photo_without_a_face(page: AppTest) -> None:
    upload(page, crowd_photo())
    (message,) = page.info
    assert message.value.startswith("No face was found in this photo.")
    assert len(page.get("image")) == 2
    assert "why" not in repr([toggle.key for toggle in page.toggle])


def test_a_small_photo_that_was_taken_for_a_face_says_so(page: AppTest) -> None:
    upload(page, photo("face.png", RED))
    (message,) = page.info
    assert "the whole photo was treated as one" in message.value


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
    assert "2 photos need attention · 1 of them cannot be read" in words(page)


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
    keep(page, 3)  # there is no second page now
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
    keep(page, 2)
    assert not cards(page) and "No problems found." in words(page)


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


def test_a_switch_hides_who_it_is_without_a_new_analysis(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(page, crowd_photo((3, 2, RED)))
    drawn: list[bool] = []
    marked = SessionPhotos.marked
    monkeypatch.setattr(
        SessionPhotos, "marked", lambda *given: (drawn.append(given[-1]), marked(*given))[1]
    )
    monkeypatch.delattr(maskwatch.Analyzer, "analyze")
    page.toggle("blur").set_value(True).run()
    assert not page.exception and drawn == [True]


def test_the_same_name_twice_stays_two_photos(page: AppTest) -> None:
    upload(page, photo("a.png", RED), photo("a.png", GREEN), photo("a.png", RED))
    assert cards(page) == ["a.png", "a (2).png", "a (3).png"]
    assert ["Mask worn" in badge for badge in badges(page)] == [True, False, True]


def test_too_many_photos_are_named(page: AppTest) -> None:
    upload(page, *(photo(f"{number}.png", RED) for number in range(MAX_PHOTOS + 7)))
    (warning,) = page.warning
    told = warning.value.replace("\\", "")
    assert "Up to 200 photos can be checked at a time. Not checked: 200.png, 201.png" in told
    assert told.endswith("204.png and 2 more.") and "199.png" not in told
    assert f"{MAX_PHOTOS} photos" in words(page)


def test_photos_can_be_removed_one_by_one_or_all_at_once(page: AppTest) -> None:
    upload(page, *MANY[:3])
    store = page.session_state[STORE]
    page.button(f"remove-{store.given[1].upload_id}").click().run()
    assert cards(page) == ["worn 0.png", "worn 2.png"] and len(store._judged) == 2
    (clear,) = (b for b in page.button if b.label == ENGLISH.text("intake.clear"))
    clear.click().run()
    assert not cards(page) and not store._judged
    assert page.expander[0].label == ENGLISH.text("intake.title")


def test_more_photos_are_added_to_those_that_are_there(page: AppTest) -> None:
    gc.collect()  # sessions of the tests before, which lie in circles
    upload(page, *MANY[:2])
    assert not page.file_uploader[0].value  # it takes the next
    upload(page, photo("worn 0.png", GREEN))
    assert cards(page) == ["worn 0.png", "worn 1.png", "worn 0 (2).png"]
    store, before = page.session_state[STORE], kept_bytes()
    store.remove(store.given[-1].upload_id)
    (freed,) = (before - kept_bytes()).values()  # the limit on all visitors knows of them
    assert freed > BESIDE_BYTES
    assert len(store.add([("", "", b"")] * MAX_PHOTOS)) == 2


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
    assert len(page.get("image")) == 4  # result, original, what the network saw, the map on it


def test_a_photo_that_cannot_be_opened_again_is_told_under_why(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise ImageError("<bytes>", "opening it ends the process (SIGKILL)", ImageFault.DAMAGED)

    upload(page, photo("a.png", RED))
    monkeypatch.setattr(SessionPhotos, "why", lost)
    next(toggle for toggle in page.toggle if toggle.label == "Why?").set_value(True).run()
    assert not page.exception
    why = ENGLISH.text("faults.damaged")
    assert [error.value for error in page.error] == [ENGLISH.text("photo.unreadable", why=why)]


def test_pictures_of_the_camera_are_added_one_after_the_other(page: AppTest) -> None:
    upload(page, photo("file.png", RED))
    page.toggle("camera").set_value(True).run()
    for colour in (GREEN, RED):
        content = bad_images.encoded("JPEG", Image.fromarray(plain(colour)))
        page.get("camera_input")[0].set_value(("camera.jpg", content, "image/jpeg")).run()
        assert not page.exception
    page.get("camera_input")[0].set_value(None).run()  # thrown away where it was taken
    assert cards(page) == ["file.png", "camera.jpg", "camera (2).jpg"]


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
    assert "bomb.png" in words(page) and "too many pixels; the limit is 50 million" in words(page)


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
    assert components.plain(foreign) == shown


@pytest.mark.parametrize("name", [" a.png", "a.png ", "\u00a0a.png\u3000"])
def test_a_name_with_spaces_around_it_shows_no_asterisks(name: str) -> None:
    assert components.strong(name) == r"**a\.png**"


def test_a_missing_model_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    st.cache_resource.clear()
    monkeypatch.setenv(settings.MODEL_VARIABLE, "gone.onnx")
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
    monkeypatch.setenv(settings.DETECTOR_VARIABLE, str(write_toy_detector(tmp_path)))
    monkeypatch.setenv(settings.SIDE_VARIABLE, side)
    app = AppTest.from_file(str(PAGE), default_timeout=120).run()
    assert not app.exception
    (error,) = app.error
    assert words in error.value


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What Streamlit's own command would have been called with."""
    variables = (settings.MODEL_VARIABLE, settings.DETECTOR_VARIABLE, settings.SIDE_VARIABLE)
    for name in (*launch.STREAMLIT_SETTINGS, *variables, settings.STATISTICS_VARIABLE):
        monkeypatch.setenv(name, "")  # so that what the command sets is taken back
        monkeypatch.delenv(name)
    calls: list[list[str]] = []
    monkeypatch.setattr("streamlit.web.cli.main", lambda args, **_: calls.append(args))
    return calls


def test_options_are_passed_on_to_streamlit(started: list[list[str]]) -> None:
    result = CliRunner().invoke(cli, ["app", "--server.port", "9000", "--server.headless=true"])
    assert result.exit_code == 0, result.output
    assert started == [["run", str(DOOR), "--server.port", "9000", "--server.headless=true"]]


def test_models_and_side_reach_the_page(started: list[list[str]], tmp_path: Path) -> None:
    model, detector = write_toy_model(tmp_path), write_toy_detector(tmp_path)
    options = ["--model", str(model), "--detector", str(detector), "--detector-side-px", "960"]
    result = CliRunner().invoke(cli, ["app", *options, "--server.port", "9000"])
    assert result.exit_code == 0, result.output
    assert os.environ[settings.MODEL_VARIABLE] == str(model)
    assert os.environ[settings.DETECTOR_VARIABLE] == str(detector)
    assert os.environ[settings.SIDE_VARIABLE] == "960"
    assert started == [["run", str(DOOR), "--server.port", "9000"]]


@pytest.mark.parametrize("option", ["--model", "--detector"])
def test_what_is_no_model_starts_nothing(
    started: list[list[str]], tmp_path: Path, option: str
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no model")
    result = CliRunner().invoke(cli, ["app", option, str(text)])
    assert (result.exit_code, started) == (3, [])
    assert result.stderr == f"Error: {text}: not an ONNX file\n"


def test_a_wrong_option_points_to_the_help_of_this_command() -> None:
    result = CliRunner().invoke(cli, ["app", "--prot", "3"])
    assert result.exit_code == 2
    assert "app --help' for help" in result.stderr and "streamlit run" not in result.stderr
    assert "No such option" in result.stderr


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "maskwatch", "app", "--server.port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        f"Error: --server.port {port}: in use by another program; give another, or 0 for any"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--server.port", "70000"), "--server.port 70000: no port has this number; give one up"),
        (("--theme.base", "none-such"), "Streamlit's settings name a file that is not there ("),
        (
            ("--server.address", "192.0.2.1", "--server.port", "9"),
            "--server.port 9 of 192.0.2.1: cannot listen there (",
        ),
    ],
)
def test_settings_of_no_use_are_one_line(options: tuple[str, ...], words: str) -> None:
    command = [sys.executable, "-m", "maskwatch", "app", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"Error: {words}")
    assert "Traceback" not in done.stderr


def test_it_ends_well_by_ctrl_c(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "maskwatch", "app", "--server.port", str(port)]
    environment = {**os.environ, "STREAMLIT_SERVER_HEADLESS": "true"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as server:
        assert server.stdout
        while "URL: " not in server.stdout.readline():
            assert server.poll() is None
        # Streamlit tells the address before it serves there
        until(lambda: answers(port, server), "it answers")
        server.send_signal(signal.SIGINT)
        _, errors = server.communicate(timeout=LIMIT_S)
    assert (server.returncode, errors.strip()) == (0, "")


def test_the_file_of_the_statistics_reaches_the_page(started: list[list[str]]) -> None:
    result = CliRunner().invoke(cli, ["app", "--statistics", "counts.sqlite3"])
    assert result.exit_code == 0, result.output
    assert os.environ[settings.STATISTICS_VARIABLE] == str(Path("counts.sqlite3").absolute())
    assert started == [["run", str(DOOR)]]


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
        probe.settimeout(120)
        return probe.connect_ex((address, port)) == 0


def test_protection_against_forged_uploads_stays_on() -> None:
    assert st.config.get_option("server.enableXsrfProtection") is True
    assert "STREAMLIT_SERVER_ENABLE_XSRF_PROTECTION" not in launch.STREAMLIT_SETTINGS


def test_without_streamlit_one_line_says_what_to_install(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "streamlit.web.cli", None)
    result = CliRunner().invoke(cli, ["app"])
    assert result.exit_code == 1
    assert result.stderr == f"Error: maskwatch app needs more packages: {pip_extra('app')}\n"
