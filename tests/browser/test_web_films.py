"""Films of the page that needs no server whose visitor does something else meanwhile, in Chromium.

Run: pytest tests/browser/test_web_films.py
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.chromium import CHROMIUM
from support.drawn_video import write_video
from support.web_page import HOLD, STEADY, Opened, group_rgb

from maskwatch.app.i18n import load_catalogue

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

ENGLISH = load_catalogue("en")


def test_one_frame_is_no_frames(open_page: Opened, tmp_path: Path) -> None:
    page = open_page(path="/#film")
    film = write_video(tmp_path / "film.webm", [group_rgb()], codec="libvpx")
    page.locator("#film_file").set_input_files(film)
    page.locator("#film_said", has_text=re.compile(r"\b1 frame judged")).wait_for()


SLEEP = """() => {
    let hidden = false;
    let sleptMs = 0;
    const real = performance.now.bind(performance);
    performance.now = () => real() + sleptMs;
    Object.defineProperty(document, "hidden", { get: () => hidden });
    const turn = (to) => {
        hidden = to;
        document.dispatchEvent(new Event("visibilitychange"));
    };
    window.recorded = 0;
    window.recordedUnseen = 0;
    const resume = MediaRecorder.prototype.resume;
    MediaRecorder.prototype.resume = function () {
        resume.call(this);
        recorded += 1;
        if (hidden) recordedUnseen += 1;
        if (recorded > 1) return;
        setTimeout(() => {
            turn(true);
            setTimeout(() => { sleptMs = 3_600_000; turn(false); });
        });
    };
    let asked = 0;
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (said, handed) {
        post.call(this, said, handed);
        if (said.door !== "frame" || (asked += 1) !== 2) return;
        turn(true);
        const back = () => setTimeout(() => setTimeout(() => turn(false)));
        this.addEventListener("message", back, { once: true });
    };
}"""
"""A telephone is put away for an hour at the first frame, and the page is left at the second."""


def begin(page: Page, folder: Path) -> None:
    """A film of two seconds is judged."""
    film = write_video(folder / "film.webm", [group_rgb()] * 50, codec="libvpx")
    page.locator("#film_file").set_input_files(film)


def test_a_film_waits_for_a_visitor_who_is_away(open_page: Opened, tmp_path: Path) -> None:
    page = open_page(path="/#film")
    page.evaluate(STEADY)
    page.evaluate(SLEEP)
    begin(page, tmp_path)
    page.get_by_role("link", name=ENGLISH.text("web.film_save")).wait_for()
    assert page.evaluate("window.recorded") > 2
    assert page.evaluate("window.recordedUnseen") == 0


@pytest.mark.parametrize("stops", [False, True], ids=["at its end", "by a key"])
def test_the_focus_is_not_lost_with_the_button_that_stops_a_film(
    open_page: Opened, tmp_path: Path, stops: bool
) -> None:
    page = open_page(path="/#film")
    page.evaluate(HOLD)  # or it may be over before the button has the focus
    begin(page, tmp_path)
    stop = page.locator("#film_stop")
    stop.wait_for()
    stop.focus()
    if stops:
        page.keyboard.press("Enter")
    page.evaluate("window.goOn()")
    stop.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.id") == "film_file"


BREAK = """() => {
    const resume = MediaRecorder.prototype.resume;
    MediaRecorder.prototype.resume = function () {
        resume.call(this);
        film_video.src = "gone.webm";
    };
}"""
"""A film cannot be read any more from its first frame on."""


def test_what_is_judged_of_a_film_that_breaks_can_be_kept(
    open_page: Opened, tmp_path: Path
) -> None:
    page = open_page(path="/#film")
    page.evaluate(BREAK)
    begin(page, tmp_path)
    page.get_by_text(ENGLISH.text("web.film_damaged")).wait_for()
    page.get_by_role("link", name=ENGLISH.text("web.film_save")).wait_for()
    assert page.locator("#film_stop").is_hidden()
    assert " 0 frames judged" not in page.locator("#film_said").inner_text()
