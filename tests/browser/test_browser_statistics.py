"""Statistics in a real Chromium: counted from live video if that is wanted, shown, saved, deleted.

Run: pytest tests/test_browser_statistics.py
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from app_server import CHROMIUM, app_server
from cartoon_face import cartoon
from PIL import Image
from test_browser_live import browsing, press, swaying
from waiting import until

from maskwatch.app.catalogue import load_catalogue
from maskwatch.app.keeping import KEEP
from maskwatch.app.warning_signs import BANNER, SOUND
from maskwatch.schema import MaskState
from maskwatch.store import StatisticsStore

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

ENGLISH = load_catalogue("en")
WAIT_MS = 120_000
COUNT_TONES = """
    window.tones = 0;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) {
        window.tones += 1;
        return start.apply(this, when);
    };
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "statistics.sqlite3"


@pytest.fixture
def address(tmp_path: Path, path: Path) -> Iterator[str]:
    with app_server(tmp_path, "--statistics", path) as address:
        yield address


@pytest.fixture(scope="module")
def masked() -> list[np.ndarray]:
    return swaying(Image.fromarray(cartoon(masked=True)))


def switch(page: Page, key: str) -> Locator:
    return page.locator(f".st-key-{key}").get_by_role("switch")


def turn(page: Page, key: str) -> None:
    """Press a switch and wait until the page has taken it in."""
    was_on = switch(page, key).is_checked(timeout=WAIT_MS)
    page.locator(f".st-key-{key} label").first.click()
    page.wait_for_function(
        "([key, was]) => document.querySelector(`.st-key-${key} input`).checked !== was",
        arg=[key, was_on],
    )


def seen(page: Page, state: MaskState) -> Locator:
    """The cell that says how many people of the session showed this."""
    head = page.get_by_role("rowheader", name=ENGLISH.label(state), exact=True)
    return page.get_by_role("row").filter(has=head).get_by_role("cell").last


def until_seen(page: Page, state: MaskState) -> None:
    from playwright.sync_api import expect

    expect(page.get_by_text("The video is off.")).to_be_visible(timeout=WAIT_MS)
    press(page, "Start")
    expect(seen(page, state)).to_have_text(re.compile("[1-9]"), timeout=WAIT_MS)


def counted(page: Page, state: MaskState) -> int:
    """How many people there were; where the machine stood still, one comes back as somebody new."""
    return int(seen(page, state).inner_text(timeout=WAIT_MS))


def end(page: Page) -> int:
    """Stop the video; how many people there were in all that wore a mask."""
    from playwright.sync_api import expect

    press(page, "Stop")
    expect(page.get_by_text("The video is off.")).to_be_visible(timeout=WAIT_MS)
    return counted(page, MaskState.MASK)


def test_a_face_is_counted_shown_saved_and_deleted(
    address: str, tmp_path: Path, path: Path, masked: list[np.ndarray]
) -> None:
    from playwright.sync_api import expect

    with browsing(address, masked, tmp_path) as page:
        turn(page, KEEP)
        expect(page.get_by_text("Statistics are on: counts")).to_be_visible(timeout=WAIT_MS)
        until_seen(page, MaskState.MASK)
        people = end(page)
        page.get_by_role("link", name="Statistics").click()
        told = re.compile(rf": {people} (person|people): {people} mask worn\.")
        expect(page.get_by_text(told)).to_be_visible(timeout=WAIT_MS)
        assert switch(page, KEEP).is_checked()
        expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(4, timeout=WAIT_MS)
        with page.expect_download(timeout=WAIT_MS) as download:
            page.get_by_role("button", name="Save as CSV").click()
        rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
        assert sum(int(row["people"]) for row in rows if row["state"] == "mask") == people
        assert {row["source"] for row in rows} == {"browser"}
        page.get_by_role("button", name="Delete all statistics").click()
        page.get_by_role("button", name="Delete everything").click()
        expect(page.get_by_text("Nothing has been counted yet.")).to_be_visible(timeout=WAIT_MS)
    assert StatisticsStore(path).span() is None


def test_without_the_switch_nothing_is_written(
    address: str, tmp_path: Path, path: Path, masked: list[np.ndarray]
) -> None:
    from playwright.sync_api import expect

    with browsing(address, masked, tmp_path, width_px=375) as page:
        assert not switch(page, KEEP).is_checked(timeout=WAIT_MS)
        until_seen(page, MaskState.MASK)
        end(page)
        page.goto(f"{address}/statistics")
        expect(page.get_by_text("Nothing has been counted yet.")).to_be_visible(timeout=WAIT_MS)
        assert not switch(page, KEEP).is_checked()
    assert not path.parent.exists()


def test_two_browsers_at_once_are_both_counted(
    address: str, tmp_path: Path, path: Path, masked: list[np.ndarray]
) -> None:
    with browsing(address, masked, tmp_path) as page:
        other = page.context.browser.new_page()
        other.goto(f"{address}/live")
        for each in (page, other):
            turn(each, KEEP)
        for each in (page, other):
            until_seen(each, MaskState.MASK)
        there = counted(other, MaskState.MASK)
        other.close()  # whoever just goes is counted as well
        here = end(page)
        assert here and there
        until(lambda: people(path) >= here + there)
        assert people(path) <= here + there + 1  # one more may have come before the other went
    assert list(path.parent.iterdir()) == [path]


def people(path: Path) -> int:
    entries = StatisticsStore(path).entries(0, 1e12)
    return sum(entry.count.people for entry in entries if entry.state is MaskState.MASK)


def test_a_missing_mask_is_told_by_a_banner_and_if_wanted_by_a_sound(
    address: str, tmp_path: Path
) -> None:
    from playwright.sync_api import expect

    bare = swaying(Image.fromarray(cartoon(masked=False)))
    with browsing(address, bare, tmp_path) as page:
        page.add_init_script(COUNT_TONES)
        page.reload()
        until_seen(page, MaskState.NO_MASK)
        banner = page.get_by_text(ENGLISH.text("warning_signs.no_mask"))
        expect(banner).to_be_visible(timeout=WAIT_MS)
        region = page.get_by_role("status").filter(has=banner)
        assert region.evaluate("element => element.ariaLive") == "polite"
        assert page.evaluate("window.tones") == 0  # nobody asked for it
        turn(page, SOUND)
        page.wait_for_function("window.tones === 2", timeout=WAIT_MS)  # a sample
        assert page.evaluate("window.maskwatchSound.context.state") == "running"
        end(page)
        until_seen(page, MaskState.NO_MASK)
        page.wait_for_function("window.tones === 4", timeout=WAIT_MS)
        turn(page, BANNER)
        expect(banner).to_have_count(0, timeout=WAIT_MS)
