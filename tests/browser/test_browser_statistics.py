"""Statistics in a real Chromium: counted from live video if that is wanted, shown, saved, deleted.

Run: pytest tests/browser/test_browser_statistics.py
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from support.app_server import app_server
from support.cartoon_face import cartoon
from support.chromium import CHROMIUM, go_to, new_visitor, play
from support.waiting import until
from test_browser_live import browsing, press, swaying

from maskwatch.app.browser_camera import SPOKEN
from maskwatch.app.consent import KEEP
from maskwatch.app.i18n import load_catalogue
from maskwatch.app.views.live import BANNER, SOUND
from maskwatch.schema import MaskState
from maskwatch.store.statistics import StatisticsStore

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

ENGLISH = load_catalogue("en")
COUNT_TONES = """
    window.tones = 0;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) {
        window.tones += 1;
        return start.apply(this, when);
    };
    // a tone that could only come late is left out, which on a slow machine may be any
    const resume = AudioContext.prototype.resume;
    AudioContext.prototype.resume = function () {
        resume.call(this);
        return Promise.resolve();
    };
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "statistics.sqlite3"


@pytest.fixture
def address(tmp_path: Path, path: Path) -> Iterator[str]:
    with app_server(tmp_path, "--statistics", path) as address:
        yield address


@pytest.fixture
def masked(camera: Path) -> None:
    """The camera shows one face with a mask."""
    play(camera, swaying(Image.fromarray(cartoon(masked=True))))


def switch(page: Page, key: str) -> Locator:
    return page.locator(f".st-key-{key}").get_by_role("switch")


def turn(page: Page, key: str) -> None:
    """Press a switch until the page takes it in: a press is lost on what is still being drawn."""
    page.locator(f".st-key-{SPOKEN}").wait_for()  # the last of the page
    wanted = not switch(page, key).is_checked()
    for _ in range(5):
        page.locator("[data-test-script-state=notRunning]").wait_for()
        if switch(page, key).is_checked() == wanted:
            return
        page.locator(f".st-key-{key} label").first.click()
    assert switch(page, key).is_checked() == wanted


def cells(page: Page, state: MaskState) -> Locator:
    """What the table says of a state: how many people show it, and of the session showed it."""
    head = page.get_by_role("rowheader", name=ENGLISH.label(state), exact=True)
    return page.get_by_role("row").filter(has=head).get_by_role("cell")


def choice(page: Page, name: str) -> Locator:
    return page.get_by_role("radio", name=ENGLISH.text(name))


def until_seen(page: Page, state: MaskState) -> None:
    from playwright.sync_api import expect

    some = re.compile("[1-9]")
    # the session's count may be that of the video before, and nobody is in view of that any more
    in_view = cells(page, state).first.filter(has_text=some)
    trouble = page.get_by_text(ENGLISH.text("connection.none"))
    for _ in range(3):  # seldom no connection comes up; a visitor would try again
        expect(page.get_by_text("The video is off.")).to_be_visible()
        press(page, "Start")
        try:
            expect(in_view.or_(trouble).first).to_be_visible(timeout=60_000)
        except AssertionError:  # once in some twenty runs the page stands still as it connects
            stop = page.frame_locator("iframe").get_by_role("button", name="Stop")
            until(lambda stop=stop: stop.is_visible() or trouble.is_visible(), "it says so or not")
            if stop.is_visible():
                stop.click()
                continue
        if not trouble.is_visible():
            break
        back_to_the_server(page)
    expect(cells(page, state).last).to_have_text(some)


def back_to_the_server(page: Page) -> None:
    """Where no connection came up the page judges by itself; presses before that are not heard."""
    from playwright.sync_api import expect

    expect(choice(page, "own_browser.here")).to_be_checked()
    page.get_by_text(ENGLISH.text("own_browser.server")).click()


def counted(page: Page, state: MaskState) -> int:
    """How many people there were; where the machine stood still, one comes back as somebody new."""
    return int(cells(page, state).last.inner_text())


def end(page: Page) -> int:
    """Stop the video; how many people there were in all that wore a mask."""
    from playwright.sync_api import expect

    off = page.get_by_text("The video is off.")
    stop = page.frame_locator("iframe").get_by_role("button", name="Stop")
    trouble = page.get_by_text(ENGLISH.text("connection.none"))
    for _ in range(3):  # once in many runs the page does not hear of it; a visitor presses again
        ways = (off, stop, trouble)
        until(lambda ways=ways: any(way.is_visible() for way in ways), "the video is on or off")
        if trouble.is_visible():
            back_to_the_server(page)
        elif stop.is_visible():  # where both stand still for half a minute it ends by itself
            stop.click()
        try:
            expect(off).to_be_visible(timeout=60_000)
        except AssertionError:
            continue
        break
    expect(off).to_be_visible()
    # that word comes ahead of the table, which is then still that of a moment before
    page.locator("[data-test-script-state=notRunning]").wait_for()
    return counted(page, MaskState.MASK)


@pytest.mark.usefixtures("masked")
def test_a_face_is_counted_shown_saved_and_deleted(
    chromium: Browser, address: str, path: Path
) -> None:
    from playwright.sync_api import expect

    with browsing(chromium, address) as page:
        turn(page, KEEP)
        expect(page.get_by_text("Statistics are on: only counts")).to_be_visible()
        until_seen(page, MaskState.MASK)
        people = end(page)
        # where the machine stands still, one may come back as others who are not steady enough
        told = re.compile(rf": \d+ (person|people): {people} mask worn")
        go_to(page, "Statistics", page.get_by_text(told))
        assert switch(page, KEEP).is_checked()
        expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(4)
        with page.expect_download() as download:
            page.get_by_role("button", name="Save as CSV").click()
        rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
        assert sum(int(row["people"]) for row in rows if row["state"] == "mask") == people
        assert {row["source"] for row in rows} == {"browser"}
        page.get_by_role("button", name="Delete all statistics").click()
        page.get_by_role("button", name="Delete everything").click()
        expect(page.get_by_text("Nothing has been counted yet.")).to_be_visible()
    assert StatisticsStore(path).span() is None


@pytest.mark.usefixtures("masked")
def test_without_the_switch_nothing_is_written(chromium: Browser, address: str, path: Path) -> None:
    from playwright.sync_api import expect

    with browsing(chromium, address, width_px=375) as page:
        assert not switch(page, KEEP).is_checked()
        until_seen(page, MaskState.MASK)
        end(page)
        page.goto(f"{address}/statistics")
        expect(page.get_by_text("Nothing has been counted yet.")).to_be_visible()
        assert not switch(page, KEEP).is_checked()
    assert not path.parent.exists()


@pytest.mark.usefixtures("masked")
def test_two_browsers_at_once_are_both_counted(chromium: Browser, address: str, path: Path) -> None:
    with browsing(chromium, address) as page:
        other = new_visitor(chromium, permissions=["camera"]).new_page()
        other.goto(f"{address}/live")
        for each in (page, other):
            turn(each, KEEP)
        for each in (page, other):
            until_seen(each, MaskState.MASK)
        in_all = end(other) + end(page)
        until(lambda: people(path) == in_all, f"{in_all} people in the statistics")
        other.reload()  # a visit of its own
        turn(other, KEEP)
        until_seen(other, MaskState.MASK)
        before = in_all + counted(other, MaskState.MASK)
        other.context.close()  # whoever just goes is counted as well
        until(lambda: people(path) >= before)
    # while it is written SQLite has files of its own beside it
    until(lambda: list(path.parent.iterdir()) == [path], "there is one file")


def people(path: Path) -> int:
    entries = StatisticsStore(path).entries(0, 1e12)
    return sum(entry.count.people for entry in entries if entry.state is MaskState.MASK)


def test_a_missing_mask_is_told_by_a_banner_and_if_wanted_by_a_sound(
    chromium: Browser, camera: Path, address: str
) -> None:
    from playwright.sync_api import expect

    play(camera, swaying(Image.fromarray(cartoon(masked=False))))
    with browsing(chromium, address, script=COUNT_TONES) as page:
        until_seen(page, MaskState.NO_MASK)
        banner = page.get_by_text(ENGLISH.text("warning_signs.no_mask"))
        expect(banner).to_be_visible()
        region = page.get_by_role("status").filter(has=banner)
        assert region.evaluate("element => element.ariaLive") == "polite"
        assert page.evaluate("window.tones") == 0  # nobody asked for it
        turn(page, SOUND)
        page.wait_for_function("window.tones >= 2")  # a sample
        page.wait_for_function("window.maskwatchSound.bell.context.state === 'running'")
        end(page)
        tones = page.evaluate("window.tones")
        until_seen(page, MaskState.NO_MASK)
        page.wait_for_function("before => window.tones >= before + 2", arg=tones)
        turn(page, BANNER)
        expect(banner).to_have_count(0)
