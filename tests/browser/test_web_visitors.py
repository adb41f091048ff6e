"""Visitors of the page that needs no server who are clumsy or out of luck, in Chromium.

Run: pytest tests/browser/test_web_visitors.py
"""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from support.chromium import CHROMIUM
from support.drawn_video import write_video
from support.waiting import until
from support.web_page import GROUP, HOLD, Opened, group_rgb

from maskwatch.app.i18n import LANGUAGES, load_catalogue
from maskwatch.samples import SAMPLES

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

ENGLISH, INDONESIAN = load_catalogue("en"), load_catalogue("id")

KEEPS = {
    "forbidden": "Object.defineProperty(window, 'localStorage', "
    "{get() { throw new DOMException('forbidden', 'SecurityError'); }})",
    "full": "Storage.prototype.setItem = () => "
    "{ throw new DOMException('full', 'QuotaExceededError'); }",
}
"""What happens to pages that want to keep something in a browser."""

REFUSE = """() => {
    const real = window.createImageBitmap;
    let refusals = 3;
    window.createImageBitmap = (...given) =>
        (refusals -= 1) < 0 ? real(...given) : Promise.reject(new DOMException("not usable"));
}"""
"""A busy browser has no picture of a film for a moment."""

NOTE_DOORS = """(() => {
    window.doors = [];
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (said, handed) {
        doors.push(said.door);
        post.call(this, said, handed);
    };
})()"""
"""What the page asks its worker for."""

STOP_AT_FIRST_FRAME = """(button) => {
    window.givenBack = 0;
    const close = ImageBitmap.prototype.close;
    ImageBitmap.prototype.close = function () { givenBack += 1; close.call(this); };
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (said, handed) {
        post.call(this, said, handed);
        if (said.door === "frame") document.querySelector(button).click();
    };
}"""
"""A visitor leaves while the first frame is judged; pictures that are given back are counted."""

NOTE_RECORDINGS = """(() => {
    window.recorded = 0;
    const Real = window.MediaRecorder;
    window.MediaRecorder = class extends Real {
        constructor(...given) {
            super(...given);
            // after all that the page does at the end of a recording
            this.addEventListener("stop", () => setTimeout(() => setTimeout(() => recorded += 1)));
        }
    };
})()"""
"""How many recordings have ended."""

DROP = """([content, name, place]) => {
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], name));
    const dropped = new DragEvent("drop", {dataTransfer, bubbles: true, cancelable: true});
    document.querySelector(place).dispatchEvent(dropped);
}"""


def test_a_photo_that_is_chosen_before_the_scripts_are_there_is_judged(open_page: Opened) -> None:
    page = open_page(path="/ort/LICENSE.txt", ready=False)
    held: list[Route] = []
    page.route("**/app.js", lambda route: held.append(route))
    page.goto(page.url.replace("ort/LICENSE.txt", ""), wait_until="commit")
    page.locator("#files").set_input_files(GROUP.path)
    assert page.evaluate("document.querySelector('#files').files.length") == 1
    until(lambda: page.evaluate("1") and held)  # it may be told of after the page is there
    assert len(held) == 1
    held[0].continue_()
    page.get_by_text("1 photo · 4 faces").first.wait_for()


@pytest.mark.parametrize("why", KEEPS)
def test_a_browser_that_keeps_nothing_still_changes_the_language(
    open_page: Opened, why: str
) -> None:
    page = open_page(path="/ort/LICENSE.txt", ready=False)
    page.context.add_init_script(KEEPS[why])
    page.goto(page.url.replace("ort/LICENSE.txt", ""))
    page.get_by_role("button", name=LANGUAGES["id"]).click()
    page.get_by_role("heading", name=INDONESIAN.text("web.title")).wait_for()


def test_a_full_disk_leaves_the_page_usable(open_page: Opened) -> None:
    page = open_page(path="/ort/LICENSE.txt", ready=False)
    root = page.url.replace("ort/LICENSE.txt", "")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Storage.overrideQuotaForOrigin", {"origin": root[:-1], "quotaSize": 1_000_000})
    page.goto(root)
    page.get_by_role("button", name=ENGLISH.text("samples.worn"), exact=True).click()
    page.get_by_text("1 photo · 1 face: 1 mask worn").wait_for()
    assert page.locator("#status").inner_text() == ENGLISH.text("web.ready")


def test_a_language_changed_and_photos_removed_while_one_is_judged(open_page: Opened) -> None:
    page = open_page()
    photos = page.locator("#files")
    photos.set_input_files(SAMPLES[0].path)
    page.get_by_text("1 photo · 1 face").wait_for()
    page.evaluate(HOLD)
    photos.set_input_files([GROUP.path, SAMPLES[1].path])
    said = {"n": 2, "all": 3, "name": GROUP.path.name}
    page.get_by_text(ENGLISH.text("web.progress", **said)).wait_for()
    page.get_by_role("button", name=LANGUAGES["id"]).click()
    page.get_by_text(INDONESIAN.text("web.progress", **said)).wait_for()
    page.get_by_role("button", name=INDONESIAN.text("intake.clear")).click()
    photos.set_input_files(SAMPLES[2].path)
    page.evaluate("window.goOn()")
    page.locator("#photos_said", has_text="1 foto · 1 wajah").wait_for()
    assert page.locator("#results h2").all_inner_texts() == [SAMPLES[2].path.name]


def test_a_sample_that_cannot_be_had_is_told(open_page: Opened) -> None:
    page = open_page(ready=False, service_workers="block")
    page.get_by_text(ENGLISH.text("web.ready"), exact=True).wait_for()
    page.context.set_offline(True)
    page.get_by_role("button", name=ENGLISH.text("samples.worn"), exact=True).click()
    why = ENGLISH.text("faults.unavailable")
    page.get_by_text(ENGLISH.text("photo.unreadable", why=why)).wait_for()


def sound(path: Path) -> Path:
    """A film without a picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=48_000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.int16), layout="mono")
        frame.sample_rate = 48_000
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)
    return path


def test_films_that_cannot_be_judged_say_why(open_page: Opened, tmp_path: Path) -> None:
    page = open_page(path="/#film")
    film = page.locator("#film_file")
    film.set_input_files(sound(tmp_path / "sound.webm"))
    page.get_by_text(ENGLISH.text("web.film_no_picture")).wait_for()
    short = write_video(tmp_path / "short.webm", [group_rgb()] * 5, codec="libvpx")
    content = base64.b64encode(short.read_bytes()).decode()
    page.evaluate(REFUSE)
    page.evaluate(DROP, [content, "dropped.webm", "#film_how"])
    page.get_by_role("link", name=ENGLISH.text("web.film_save")).wait_for()
    assert page.locator("#film_fault").is_hidden()
    assert page.evaluate("location.hash") == "#film"
    page.evaluate(
        """() => {
            Worker.prototype.postMessage = function ({id}) {
                const data = {id, error: "no memory left"};
                queueMicrotask(() => this.dispatchEvent(new MessageEvent("message", {data})));
            };
        }"""
    )
    film.set_input_files(short)
    page.get_by_text(ENGLISH.text("web.frame_failed", why="no memory left")).wait_for()


def test_a_film_that_is_stopped_while_networks_load_asks_for_nothing(
    open_page: Opened, tmp_path: Path
) -> None:
    page = open_page(path="/ort/LICENSE.txt", ready=False, service_workers="block")
    held: list[Route] = []
    page.route("**/detector.onnx.gz", lambda route: held.append(route))
    page.add_init_script(NOTE_DOORS)
    page.goto(page.url.replace("ort/LICENSE.txt", "#film"))
    page.locator("#film").wait_for()  # before that nobody listens to what is chosen in it
    film = write_video(tmp_path / "film.webm", [group_rgb()] * 5, codec="libvpx")
    page.locator("#film_file").set_input_files(film)
    page.locator("#film_stop").click()
    until(lambda: page.evaluate("1") and held)
    held[0].continue_()
    page.get_by_text(ENGLISH.text("web.ready"), exact=True).wait_for()
    page.locator("#film_file").set_input_files(film.rename(tmp_path / "next.webm"))
    page.get_by_role("link", name=ENGLISH.text("web.film_save")).wait_for()
    assert page.evaluate("doors.filter((door) => door === 'watch').length") == 1


def test_a_film_that_is_stopped_before_its_first_picture_is_not_offered(
    open_page: Opened, tmp_path: Path
) -> None:
    page = open_page(path="/#film")
    page.evaluate(HOLD)
    page.evaluate(NOTE_DOORS)
    film = write_video(tmp_path / "film.webm", [group_rgb()] * 5, codec="libvpx")
    page.evaluate(NOTE_RECORDINGS)
    page.locator("#film_file").set_input_files(film)
    until(lambda: page.evaluate("doors.includes('watch')"))
    page.locator("#film_stop").click()
    page.evaluate("window.goOn()")
    until(lambda: page.evaluate("window.recorded"))
    assert page.locator("#film_save").is_hidden()


def test_a_film_that_was_judged_is_named_in_the_language_of_the_moment(
    open_page: Opened, tmp_path: Path
) -> None:
    page = open_page(path="/#film")
    film = write_video(tmp_path / "film.webm", [group_rgb()] * 5, codec="libvpx")
    page.evaluate("drop.classList.add('over')")  # as while something is dragged
    content = base64.b64encode(film.read_bytes()).decode()
    page.evaluate(DROP, [content, "film.webm", "#film_how"])
    assert page.locator("#drop.over").count() == 0
    page.get_by_role("link", name=ENGLISH.text("web.film_save")).wait_for()
    page.get_by_role("button", name=LANGUAGES["id"]).click()
    four = re.compile(re.escape(INDONESIAN.counted("counts.faces", 4)))
    page.get_by_role("img", name=four).wait_for()


@pytest.mark.usefixtures("four_people")
@pytest.mark.parametrize("view", ["live", "film"])
def test_a_picture_that_is_judged_in_vain_is_given_back(
    open_page: Opened, tmp_path: Path, view: str
) -> None:
    page = open_page(path=f"/#{view}", permissions=["camera"])
    page.evaluate(STOP_AT_FIRST_FRAME, {"live": "#start", "film": "#film_stop"}[view])
    if view == "live":
        page.locator("#start").click()
    else:
        film = write_video(tmp_path / "film.webm", [group_rgb()] * 5, codec="libvpx")
        page.locator("#film_file").set_input_files(film)
    until(lambda: page.evaluate("window.givenBack") == 1)


def wide_png() -> bytes:
    """A photo that is allowed, but wider than a canvas can be."""
    content = io.BytesIO()
    Image.new("RGB", (70_000, 40), "green").save(content, "PNG")
    return content.getvalue()


def test_a_photo_larger_than_a_canvas_is_told_and_those_after_it_are_judged(
    open_page: Opened, tmp_path: Path
) -> None:
    page = open_page()
    wide = tmp_path / "wide.png"
    wide.write_bytes(wide_png())
    page.locator("#files").set_input_files([wide, SAMPLES[0].path])
    page.get_by_text("2 photos · 1 face").wait_for()
    limit = page.evaluate("fetch('about.json').then((r) => r.json()).then((a) => a.max_pixels)")
    why = ENGLISH.text("faults.too_large", megapixels=limit // 1_000_000)
    page.get_by_text(ENGLISH.text("photo.unreadable", why=why)).wait_for()


def test_a_marked_photo_that_cannot_be_saved_is_told(open_page: Opened, tmp_path: Path) -> None:
    page = open_page()
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(SAMPLES[0].path.read_bytes())
    page.locator("#files").set_input_files(photo)
    keep = page.get_by_role("button", name=ENGLISH.text("web.save_marked"))
    keep.wait_for()
    page.evaluate("() => { HTMLCanvasElement.prototype.toBlob = (tell) => tell(null); }")
    keep.click()
    page.get_by_text("it has too many pixels").wait_for()
    photo.unlink()
    keep.click()
    why = ENGLISH.text("faults.unavailable")
    page.get_by_text(ENGLISH.text("photo.unreadable", why=why)).wait_for()


def test_the_way_back_leads_through_the_views(open_page: Opened) -> None:
    page = open_page()
    for view in ("live", "film"):
        page.get_by_role("link", name=ENGLISH.text(f"web.{view}"), exact=True).click()
    for view in ("live", "photos"):
        page.go_back()
        page.locator(f"#{view}").wait_for()
    page.go_forward()
    page.locator("#live").wait_for()


@pytest.mark.usefixtures("four_people")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barrier_for_those_who_hear_or_enlarge_the_page(open_page: Opened, scheme: str) -> None:
    # 1,280 pixels enlarged four times; axe is a script that the page's own rules would refuse
    look = {"permissions": ["camera"], "color_scheme": scheme, "bypass_csp": True}
    page = open_page(width_px=320, **look)
    page.locator("#files").set_input_files([GROUP.path, Path(__file__)])
    page.get_by_text("2 photos · 4 faces").wait_for()
    page.locator("summary").click()
    check_barriers(page)
    page.get_by_role("link", name=ENGLISH.text("web.live"), exact=True).click()
    page.get_by_role("button", name=ENGLISH.text("live.start")).click()
    page.get_by_text(ENGLISH.text("warning_signs.no_mask")).wait_for()
    check_barriers(page)
    page.get_by_role("link", name=ENGLISH.text("web.film"), exact=True).click()
    check_barriers(page)


def check_barriers(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    assert not found, [(rule["id"], rule["nodes"][0]["html"]) for rule in found]
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
