"""The page that needs no server, in Chromium: photos, webcam and films, and nothing leaves.

Run: pytest tests/browser/test_web_page.py
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest
from PIL import Image
from support import bad_images
from support.chromium import CHROMIUM
from support.drawn_video import write_video
from support.waiting import until
from support.web_browsers import WebServer
from support.web_page import FOUR, GROUP, STEADY, Opened, assert_alike, group_rgb
from test_browser_look import TOO_FAINT

from maskwatch import Analyzer
from maskwatch.app.i18n import LANGUAGES, Catalogue, load_catalogue
from maskwatch.io.images import load_image
from maskwatch.samples import SAMPLES

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

ENGLISH, INDONESIAN = load_catalogue("en"), load_catalogue("id")


def test_photos_are_judged_shown_and_taken_away(open_page: Opened, tmp_path: Path) -> None:
    broken, text = tmp_path / "broken.jpg", tmp_path / "text.jpg"
    broken.write_bytes(bad_images.encoded()[:40])
    text.write_text("I am no picture.")
    (tmp_path / "empty.png").touch()
    page = open_page()
    paths = [GROUP.path, SAMPLES[0].path, broken, text, tmp_path / "empty.png"]
    page.locator("#files").set_input_files(paths)
    page.get_by_text("5 photos · 5 faces").wait_for()
    assert page.get_by_role("img", name=f"group.jpg: {FOUR}").is_visible()
    assert page.locator("#results .badge").inner_text().startswith("✓ Mask worn 99")
    rows = page.locator("#results tbody tr").all_inner_texts()
    assert [row.split("\t")[1] for row in rows] == [
        "✓ Mask worn",
        "! Mask worn incorrectly",
        "✕ No mask",
        "✓ Mask worn",
    ]
    for fault in ("damaged", "format", "empty"):
        words = ENGLISH.text("photo.unreadable", why=ENGLISH.text(f"faults.{fault}"))
        assert page.get_by_text(words, exact=True).is_visible()
    documents = [json.loads(line) for line in saved(page, "downloads.json").splitlines()]
    analyzer = Analyzer()
    for document, path in zip(documents[:2], paths[:2], strict=True):
        assert_alike(document, {**analyzer.analyze(path).to_dict(), "source": path.name})
    assert [document["error"] for document in documents[2:]] == ["damaged", "format", "empty"]
    table = list(csv.DictReader(io.StringIO(saved(page, "downloads.csv").decode())))
    states = [face["state"] for document in documents[:2] for face in document["faces"]]
    assert [row["state"] for row in table] == [*states, "", "", ""]  # a line also where nothing is
    page.get_by_role("button", name=ENGLISH.text("intake.clear")).click()
    assert page.locator("#results li").count() == 0
    assert not page.locator("#downloads").is_visible()


def saved(page: Page, key: str) -> bytes:
    """What a button that saves hands out."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=ENGLISH.text(key)).click()
    return waiting.value.path().read_bytes()


def test_a_photo_that_cannot_be_judged_is_told(open_page: Opened) -> None:
    page = open_page()
    page.evaluate(
        """() => {
            Worker.prototype.postMessage = function ({id}) {
                const data = {id, error: "no memory left"};
                queueMicrotask(() => this.dispatchEvent(new MessageEvent("message", {data})));
            };
        }"""
    )
    page.locator("#files").set_input_files([GROUP.path, SAMPLES[0].path])
    page.get_by_text(ENGLISH.text("web.photo_failed", why="no memory left")).wait_for()


def test_the_marked_photo_has_the_size_of_the_photo(open_page: Opened, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    Image.fromarray(load_image(GROUP.path)).resize((1500, 1000)).save(large)
    page = open_page()
    page.locator("#files").set_input_files(large)
    page.get_by_role("img", name=f"large.png: {FOUR}").wait_for()
    marked = load_image(saved(page, "web.save_marked")).astype(int)
    assert marked.shape == (1000, 1500, 3)
    before = load_image(large).astype(int)
    assert 0.01 < (abs(marked - before).max(axis=2) > 60).mean() < 0.2  # borders and labels
    orange = (abs(marked - (0xE6, 0x9F, 0x00)).max(axis=2) < 30).sum()
    assert orange > 500


@pytest.mark.parametrize(
    ("width_px", "say"), [(375, INDONESIAN), (1280, ENGLISH)], ids=["narrow", "wide"]
)
def test_it_can_be_read_in_every_size_theme_and_language(
    open_page: Opened, width_px: int, say: Catalogue
) -> None:
    from playwright.sync_api import expect

    page = open_page(width_px, locale=say.code)
    sample = page.get_by_role("button", name=say.text("samples.group"), exact=True)
    sample.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#results canvas").first).to_be_in_viewport()
    page.locator("summary").click()
    for view in ("photos", "live", "film"):
        link = page.get_by_role("link", name=say.text(f"web.{view}"), exact=True)
        link.focus()
        page.keyboard.press("Enter")
        page.locator(f"#{view}").wait_for()
        assert link.get_attribute("aria-current") == "page"
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (
                scheme == "dark"
            )
            assert page.evaluate(TOO_FAINT) == []
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    other = next(code for code in LANGUAGES if code != say.code)
    page.get_by_role("button", name=LANGUAGES[other]).click()
    assert page.evaluate("document.documentElement.lang") == other
    assert page.locator("h1").inner_text() == load_catalogue(other).text("web.title")
    page.reload()  # the choice is kept
    page.get_by_text(load_catalogue(other).text("web.intro")).wait_for()


def test_a_film_is_judged_and_kept(open_page: Opened, tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.webm", [group_rgb()] * 50, codec="libvpx")
    page = open_page(path="/#film")
    page.evaluate(STEADY)
    page.locator("#film_file").set_input_files(film)
    link = page.get_by_role("link", name=ENGLISH.text("web.film_save"))
    link.wait_for()
    assert "2 mask worn, 1 no mask" in page.locator("#film_said").inner_text()
    with page.expect_download() as waiting:
        link.click()
    assert waiting.value.suggested_filename == "film_marked.webm"
    with av.open(str(waiting.value.path())) as container:
        decoded = [(f.to_ndarray(format="rgb24"), f.time) for f in container.decode(video=0)]
    frame, ended_s = decoded[-1]
    # it lasts as long as it did, however long it took to judge
    assert 1 < ended_s < 4 + page.evaluate("window.stoodStillS")
    last = frame.astype(int)
    assert last.shape == (480, 640, 3)
    assert (abs(last - (0x00, 0x72, 0xB2)).max(axis=2) < 50).sum() > 200  # two blue borders
    (tmp_path / "none.mp4").write_bytes(b"no film")
    page.locator("#film_file").set_input_files(tmp_path / "none.mp4")
    page.get_by_text(ENGLISH.text("web.film_unreadable")).wait_for()


def test_it_works_without_a_network_after_the_first_visit(open_page: Opened) -> None:
    page = open_page()
    page.context.set_offline(True)
    page.reload()
    page.get_by_text(ENGLISH.text("web.ready_offline")).wait_for()
    page.get_by_role("button", name=ENGLISH.text("samples.worn"), exact=True).click()
    page.get_by_text("1 photo · 1 face: 1 mask worn").wait_for()


@pytest.mark.parametrize("where", ["page", "worker"])
def test_the_browser_itself_forbids_any_other_host(open_page: Opened, where: str) -> None:
    page = open_page(ready=False)
    page.locator("#networks", has_text="Model").wait_for()
    until(lambda: page.evaluate("1") and page.workers)  # it may be told of later
    frame = page if where == "page" else page.workers[0]
    refused = frame.evaluate(
        """new Promise((resolve) => {
            const told = (event) => resolve(event.violatedDirective);
            addEventListener("securitypolicyviolation", told);
            fetch("http://localhost:9/picture").catch(() => null);
        })"""
    )
    assert refused == "connect-src"


def test_an_altered_network_is_refused(open_page: Opened, server: WebServer) -> None:
    path = "models/detector.onnx.gz"
    whole = server.files[path]
    server.files[path] = gzip.compress(gzip.decompress(whole) + b"\0")
    try:
        page = open_page(ready=False)
        page.get_by_text("not the file that its card describes").wait_for()
    finally:
        server.files[path] = whole


def test_a_host_that_unpacks_the_files_itself(open_page: Opened, server: WebServer) -> None:
    paths = [path for path in server.files if path.endswith(".gz")]
    packed = {path: server.files[path] for path in paths}
    server.files.update({path: gzip.decompress(packed[path]) for path in paths})
    try:
        page = open_page()
        page.context.set_offline(True)
        page.reload()
        page.get_by_text(ENGLISH.text("web.ready_offline")).wait_for()
    finally:
        server.files.update(packed)


def test_at_the_next_visit_the_browser_loads_webassembly_by_itself(
    open_page: Opened, server: WebServer
) -> None:
    page = open_page()
    runtime = f"import('{server.url}/ort/ort.wasm.bundle.min.mjs')"
    place = f"{runtime}.then(({{ env }}) => String(env.wasm.wasmPaths?.wasm))"
    assert page.workers[0].evaluate(place) == "undefined"
    page.reload()  # what it compiled by itself it keeps for the visits after that
    page.get_by_text(ENGLISH.text("web.ready_offline")).wait_for()
    assert page.workers[0].evaluate(place).endswith("/ort/ort-wasm-simd-threaded.wasm.gz")


def test_the_speed_can_be_measured(open_page: Opened, server: WebServer) -> None:
    whole, often = server.files["bench.js"], b"FRAMES = 60;"
    assert often in whole
    server.files["bench.js"] = whole.replace(often, b"FRAMES = 5;")
    try:
        page = open_page(path="/bench.html", ready=False)
        page.locator("#measured[aria-busy=false]").wait_for()
    finally:
        server.files["bench.js"] = whole
    told = page.locator("#measured tr").all_inner_texts()
    for row, key in zip(told, ("ready", "photo", "new", "steady"), strict=True):
        assert re.fullmatch(rf"{ENGLISH.text(f'web.bench_{key}')}\t[1-9]\d* ms", row)
