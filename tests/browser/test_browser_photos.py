"""The photo page in a real Chromium: photos go up, verdicts come back, results are taken away.

Run: pytest tests/browser/test_browser_photos.py
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from support import bad_images
from support.chromium import CHROMIUM, go_to, new_visitor
from support.toy_detector import crowd
from support.toy_model import BLUE, GREEN, RED, plain
from support.waiting import until
from test_browser_look import assert_accessible, until_fits, until_readable

from maskwatch import Analyzer
from maskwatch.app.gallery import PER_PAGE
from maskwatch.app.i18n import load_catalogue
from maskwatch.app.photos import Photo, SessionPhotos, csv_file, json_file
from maskwatch.io.images import load_image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

ENGLISH, INDONESIAN = load_catalogue("en"), load_catalogue("id")
FIELD = re.compile(r"\b20 MB\b")
"""What stands in the field for photos, in any language."""


@pytest.fixture
def open_page(toy_pages: str, chromium: Browser) -> Iterator[object]:
    """Opens the page as a new visitor; no script of it may fail, nor ask another server."""
    problems: list[str] = []
    visitors = []

    def opened(width_px: int = 1280, query: str = "", **context: object) -> Page:
        size = {"width": width_px, "height": 900}
        visitor = new_visitor(chromium, **{"viewport": size, **context})
        visitors.append(visitor)
        page = visitor.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: problems.append(said.text) if "Policy" in said.text else 0)
        page.goto(f"{toy_pages}/{query}")
        page.get_by_text(FIELD).wait_for()
        return page

    yield opened
    for visitor in visitors:
        visitor.close()
    assert not problems


def saved(folder: Path, name: str, image: np.ndarray) -> Path:
    Image.fromarray(image).save(folder / name)
    return folder / name


def upload(page: Page, *paths: Path) -> None:
    page.locator("input[type=file]").set_input_files(list(paths))


def test_a_photo_goes_up_and_its_verdict_comes_back(open_page, tmp_path: Path) -> None:
    rows = ((2, RED), (6, GREEN), (10, RED))
    faces = [(column, row, colour) for row, colour in rows for column in range(2, 19, 4)]
    (tmp_path / "text.jpg").write_text("I am no picture.")
    page = open_page(375)
    upload(
        page,
        saved(tmp_path, "red.jpg", plain(RED, 200, 240)),
        saved(tmp_path, "blue.png", plain(BLUE, 200, 240)),
        saved(tmp_path, "crowd.png", crowd(*faces, (16, 13, BLUE))),
        tmp_path / "text.jpg",
    )
    page.get_by_text("✓ Mask worn 100.0%", exact=True).wait_for()
    page.get_by_text("! Mask worn incorrectly 100.0%", exact=True).wait_for()
    page.get_by_text("This photo cannot be read: its format is not supported").wait_for()
    count = "16 faces: 10 mask worn, 5 no mask, 1 mask worn incorrectly"
    page.get_by_text(count, exact=True).wait_for()
    page.get_by_text("3 photos need attention · 1 of them cannot be read").wait_for()
    page.get_by_alt_text(f"crowd.png: {count}").wait_for()
    page.get_by_test_id("stDataFrame").wait_for()
    until_fits(page)
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_alt_text(f"crowd.png: {count}").wait_for()
    until_fits(page)


def test_the_first_verdict_is_there_before_the_last_photo_is_judged(
    open_page, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    paths = []
    for number in range(PER_PAGE + 12):
        image = np.kron(crowd((3, 2, (10, 250, number))), np.ones((10, 10, 1), np.uint8))
        paths.append(saved(tmp_path, f"{number}.jpg", image))
    page = open_page()
    heard: list[bytes] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda part: heard.append(part)))
    page.reload()
    page.get_by_text(FIELD).wait_for()
    upload(page, *paths)
    page.get_by_text(f"{len(paths)} photos · {len(paths)} faces").wait_for()
    expect(page.get_by_text("Checking photo")).to_have_count(0)
    # in the order in which it was told, for a browser that stands still sees only the end
    told = b"".join(part for part in heard if isinstance(part, bytes))
    assert 0 < told.find(b"100.0%") < told.rfind(b"Checking photo")
    page.get_by_role("button", name="Page 3", exact=True).click()
    names = page.get_by_test_id("stMarkdown")
    names.get_by_text("19.jpg", exact=True).wait_for()
    page.get_by_text(ENGLISH.text("gallery.attention")).click()
    names.get_by_text("0.jpg", exact=True).wait_for()  # the filter begins with its first page
    page.locator('[aria-label="Page 1"][aria-current="page"]').wait_for()


@pytest.mark.parametrize(("width_px", "height_px"), [(1280, 800), (375, 812)])
def test_the_answer_is_on_the_first_screen(
    open_page, tmp_path: Path, width_px: int, height_px: int
) -> None:
    page = open_page(viewport={"width": width_px, "height": height_px})
    upload(page, saved(tmp_path, "crowd.png", crowd((3, 2, RED), (12, 7, GREEN))))
    result = page.get_by_alt_text("crowd.png: 2 faces: 1 mask worn, 1 no mask")
    for element in (page.get_by_role("radio", name="English"), result):
        element.wait_for()
        # what tells how far it is, and is above it, goes a moment later
        until(lambda element=element: is_within(element, height_px), "it is on the first screen")
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == 0


def is_within(element: Locator, height_px: int) -> bool:
    place = element.bounding_box()
    return place is not None and place["y"] >= 0 and place["y"] + place["height"] <= height_px


def test_neither_language_nor_page_loses_a_photo_and_a_reload_asks(
    open_page, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    page = open_page()
    upload(page, saved(tmp_path, "red.png", plain(RED, 200, 240)))
    english = page.get_by_alt_text("red.png: 1 face: 1 mask worn")
    address = english.get_attribute("src")
    page.get_by_role("radio", name="Bahasa Indonesia").click()
    indonesian = page.get_by_alt_text("red.png: 1 wajah: 1 masker dipakai")
    page.get_by_text("✓ Masker dipakai 100,0%", exact=True).wait_for()
    assert indonesian.get_attribute("src") != address
    expect(english).to_have_count(0)
    cannot = page.get_by_text(INDONESIAN.text("model.cannot")).first
    go_to(page, INDONESIAN.text("pages.model"), cannot)
    go_to(page, INDONESIAN.text("pages.photo"), indonesian)
    page.wait_for_function("window.onbeforeunload !== null")
    asked: list[str] = []
    page.on("dialog", lambda dialog: asked.append(dialog.type))
    page.reload()
    page.get_by_text(INDONESIAN.text("intake.title"), exact=True).wait_for()
    assert asked == ["beforeunload"]


def test_why_shows_what_the_network_saw(open_page, tmp_path: Path) -> None:
    page = open_page(375, color_scheme="dark")
    upload(page, saved(tmp_path, "crowd.png", crowd((3, 2, RED), (12, 7, GREEN))))
    why = page.get_by_role("switch", name="Why?")
    why.wait_for(state="attached")
    why.focus()
    page.keyboard.press("Space")
    page.get_by_alt_text(ENGLISH.text("why.crop")).wait_for()
    page.get_by_text("How well the face can be seen").wait_for()
    background = "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
    assert max(map(int, page.evaluate(background)[4:-1].split(","))) < 60  # it is dark
    until_readable(page)
    until_fits(page)
    page.emulate_media(color_scheme="light")
    until_readable(page)
    assert_accessible(page)


def test_what_streamlit_says_itself_is_in_the_language_of_the_page(
    open_page, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    page = open_page(locale="id-ID")
    for words in ("per file", "HEIC"):
        expect(page.get_by_text(words)).to_have_count(0)
    (tmp_path / "words.txt").write_text("no photo")
    upload(page, tmp_path / "words.txt")
    why = page.get_by_text(INDONESIAN.text("streamlit_says.wrong_kind"), exact=True)
    why.wait_for()
    box = why.bounding_box()
    assert box is not None and min(box["width"], box["height"]) > 10  # for people who see, too


@pytest.mark.parametrize(
    ("refuse", "told"),
    [
        (lambda route: route.fulfill(status=413, body="There is no room."), "no_room"),
        (lambda route: route.abort(), "not_arrived"),
    ],
)
def test_a_photo_that_the_server_does_not_take_says_what_to_do(
    open_page, tmp_path: Path, refuse: Any, told: str
) -> None:
    page = open_page(locale="id-ID")
    page.route("**/_stcore/upload_file/**", refuse)
    upload(page, saved(tmp_path, "photo.png", crowd((3, 2, RED))))
    page.get_by_text(INDONESIAN.text(f"streamlit_says.{told}"), exact=True).wait_for()


def test_a_sample_is_one_keypress_away(open_page) -> None:
    page = open_page(375, locale="id-ID")
    sample = page.get_by_role("button", name=INDONESIAN.text("samples.group"), exact=True)
    sample.focus()
    page.keyboard.press("Enter")
    page.get_by_text("group.jpg", exact=True).first.wait_for()
    # it is begun at the top again, where the answer is
    page.wait_for_function("document.querySelector('[data-testid=stMain]').scrollTop === 0")
    until_fits(page)


def test_two_visitors_see_nothing_of_each_other(open_page, tmp_path: Path) -> None:
    ours, theirs = open_page(), open_page()
    upload(ours, saved(tmp_path, "ours.png", crowd((3, 2, RED))))
    upload(theirs, saved(tmp_path, "theirs.png", crowd((3, 2, GREEN), (12, 7, GREEN))))
    ours.get_by_alt_text("ours.png: 1 face: 1 mask worn").wait_for()
    theirs.get_by_alt_text("theirs.png: 2 faces: 2 no mask").wait_for()
    for page, other in ((ours, "theirs"), (theirs, "ours")):
        page.get_by_role("radio", name="Bahasa Indonesia").click()  # everything runs again
        page.get_by_text(INDONESIAN.text("downloads.title")).wait_for()
        assert other not in page.content()
    third = open_page()
    assert "ours.png" not in third.content() and "theirs.png" not in third.content()


def test_the_results_can_be_taken_away(open_page, toys: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(bad_images.encoded()[:-400])
    paths = [
        saved(tmp_path, "a.png", crowd((3, 2, RED), (12, 7, GREEN))),
        saved(tmp_path, "=odd «name» #1.png", crowd((3, 2, BLUE))),
        tmp_path / "broken.jpg",
    ]
    page = open_page()
    upload(page, *paths)
    page.get_by_text("3 photos · 3 faces").wait_for()
    page.get_by_role("button", name=ENGLISH.text("downloads.title")).click()
    files = {}
    for name in ("zip", "csv", "json"):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=ENGLISH.text(f"downloads.{name}")).click()
        files[waiting.value.suggested_filename] = waiting.value.path().read_bytes()
    assert files.keys() == {"maskwatch.zip", "maskwatch.csv", "maskwatch.jsonl"}
    analyzer, store = Analyzer(*toys), SessionPhotos()
    results = [
        store.judge(analyzer, Photo(path.name, path.name, path.read_bytes())).result
        for path in paths
    ]
    assert files["maskwatch.csv"].decode() == csv_file(results)
    assert files["maskwatch.jsonl"].decode() == json_file(results)
    rows = csv.DictReader(io.StringIO(files["maskwatch.csv"].decode()))
    assert [row["face"] for row in rows] == ["1", "2", "1", ""]
    documents = [json.loads(line) for line in files["maskwatch.jsonl"].decode().splitlines()]
    assert "damaged JPEG" in documents[2]["error"]
    archive = zipfile.ZipFile(io.BytesIO(files["maskwatch.zip"]))
    assert archive.namelist() == ["a.jpg", "=odd «name» #1.jpg"]
    assert load_image(archive.read("a.jpg")).shape == (240, 320, 3)


def test_a_picture_can_be_pasted_anywhere(open_page) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.evaluate(
        """async () => {
            const canvas = document.createElement("canvas");
            canvas.width = canvas.height = 40;
            const brush = canvas.getContext("2d");
            brush.fillStyle = "rgb(250, 10, 10)";
            brush.fillRect(0, 0, 40, 40);
            const file = await new Promise((done) => canvas.toBlob(done, "image/png"));
            await navigator.clipboard.write([new ClipboardItem({"image/png": file})]);
        }"""
    )
    page.wait_for_function("window.maskwatchPastes")
    page.keyboard.press("Control+V")
    page.get_by_text("✓ Mask worn 100.0%", exact=True).wait_for()
    page.get_by_text("1 photo · 1 face: 1 mask worn", exact=True).wait_for()
