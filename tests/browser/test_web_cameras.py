"""What the page of the cameras says: about the view that is open, and in its language.

The tests are its server; see test_watch_late_answers.py.

Run: pytest tests/browser/test_web_cameras.py
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from support.chromium import CHROMIUM
from support.waiting import until
from test_watch_late_answers import URL, Cameras, late, remove

from maskwatch.app.i18n import LANGUAGES, load_catalogue

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

ENGLISH, INDONESIAN = load_catalogue("en"), load_catalogue("id")

NOTE_ADDRESSES = """
    window.kept = new Set();
    const make = URL.createObjectURL;
    const revoke = URL.revokeObjectURL;
    URL.createObjectURL = (content) => {
        const address = make.call(URL, content);
        kept.add(address);
        return address;
    };
    URL.revokeObjectURL = (address) => { kept.delete(address); revoke.call(URL, address); };
"""
"""Pictures that are held in memory."""


@pytest.fixture
def cameras(chromium: Browser) -> Iterator[Cameras]:
    cameras = Cameras(chromium)
    yield cameras
    cameras.close()


def view(page: Page, name: str) -> None:
    """Open another view."""
    page.get_by_role("link", name=ENGLISH.text(f"cameras.{name}"), exact=True).click()
    page.locator(f"#{name}:visible").wait_for()


def hear(page: Page) -> None:
    """Go on once the page has heard what came before."""
    page.evaluate("fetch('api/nothing').then(() => new Promise((go) => setTimeout(go)))")


def leave_the_cameras(cameras: Cameras) -> Page:
    """A page that has left the first view for the settings, though an answer is on its way."""
    page = cameras.open("now")
    page.get_by_role("heading", name="A", exact=True).wait_for()
    cameras.is_late = late("/api/cameras")
    cameras.wait_for_held(1)
    view(page, "settings")
    remove(page, "a1")
    page.get_by_text(ENGLISH.text("cameras.saved")).wait_for()
    return page


def test_a_late_answer_takes_no_notice_of_another_view_away(cameras: Cameras) -> None:
    page = leave_the_cameras(cameras)
    cameras.release()
    hear(page)  # and of pictures that might be asked for
    assert page.get_by_text(ENGLISH.text("cameras.saved")).is_visible()


def test_what_fails_in_a_view_that_was_left_is_told_in_no_other(cameras: Cameras) -> None:
    page = leave_the_cameras(cameras)
    cameras.held.pop().abort()
    hear(page)
    assert page.get_by_text(ENGLISH.text("cameras.saved")).is_visible()


def test_a_still_that_fails_too_late_is_told_in_no_other_view(cameras: Cameras) -> None:
    cameras.is_late = late("/api/still", px="1280")
    page = cameras.open("settings")
    cameras.wait_for_held(1)
    view(page, "counts")
    cameras.held.pop().abort()
    hear(page)
    assert page.locator("#said").is_hidden()


def test_a_picture_of_an_event_that_comes_too_late_is_not_kept(cameras: Cameras) -> None:
    page = cameras.page
    content = io.BytesIO()
    Image.new("RGB", (32, 18)).save(content, "PNG")
    event = {"id": "1", "camera": "A", "time_s": 1, "old_state": "unsure", "new_state": "no_mask"}
    kept = {"old_duration_s": 1, "picture": True, "correctable": False, "corrected": None}
    page.route(f"{URL}api/events*", lambda route: route.fulfill(json=[{**event, **kept}]))
    cameras.is_late = late("/api/picture")
    cameras.open("events", NOTE_ADDRESSES)
    cameras.wait_for_held(1)
    page.get_by_role("button", name=LANGUAGES["id"]).click()  # all cards are others now
    cameras.wait_for_held(2)
    for route in cameras.held:
        route.fulfill(body=content.getvalue(), content_type="image/png")
    page.locator("#event_list img[src]").wait_for()
    hear(page)
    assert page.evaluate("window.kept.size") == 1
    page.evaluate("location.hash = '#counts'")
    page.locator("#counts:visible").wait_for()
    assert page.evaluate("window.kept.size") == 0


def test_what_was_said_is_said_in_the_language_that_is_chosen(cameras: Cameras) -> None:
    page = cameras.page
    page.route(f"{URL}api/about*", lambda route: route.fulfill(status=401))
    page.goto(URL)
    page.locator("#key").fill("wrong")
    page.locator("#door button").click()
    page.get_by_text(ENGLISH.text("cameras.wrong_key")).wait_for()
    page.get_by_role("button", name=LANGUAGES["id"]).click()
    page.get_by_text(INDONESIAN.text("cameras.wrong_key")).wait_for()
    page.unroute(f"{URL}api/about*")
    cameras.open("settings")
    page.locator("#zone_list button").first.click()
    page.get_by_text(INDONESIAN.text("cameras.saved")).wait_for()
    page.get_by_role("button", name=LANGUAGES["en"]).click()
    page.get_by_text(ENGLISH.text("cameras.saved")).wait_for()
    page.route(f"{URL}api/counts*", lambda route: route.abort())
    view(page, "counts")
    page.get_by_text(ENGLISH.text("cameras.gone")).wait_for()
    page.get_by_role("button", name=LANGUAGES["id"]).click()
    page.get_by_text(INDONESIAN.text("cameras.gone")).wait_for()


def test_a_camera_that_is_gone_from_the_settings_is_not_shown_any_more(cameras: Cameras) -> None:
    page = cameras.open("now")
    page.get_by_role("heading", name="B", exact=True).wait_for()
    del cameras.zones["B"]  # the program was started with other settings
    page.get_by_role("heading", name="B", exact=True).wait_for(state="detached")
    assert page.get_by_role("heading", name="A", exact=True).is_visible()


def test_a_key_outlives_a_server_that_cannot_be_reached(cameras: Cameras) -> None:
    page = cameras.open("now")
    page.route(f"{URL}api/*", lambda route: route.abort())
    page.reload()
    page.locator("#door_said", has_text=ENGLISH.text("cameras.gone")).wait_for()
    page.locator("#key").fill("typed")  # what is begun meanwhile stays
    page.wait_for_event("requestfailed")
    assert page.locator("#key").input_value() == "typed"
    page.unroute(f"{URL}api/*")
    page.get_by_role("heading", name="A", exact=True).wait_for()


def test_a_large_camera_whose_server_is_gone_shows_no_old_picture(cameras: Cameras) -> None:
    page = cameras.open("now")
    page.locator("#cards button").first.click()
    page.locator("#large_picture:not([hidden])").wait_for()
    page.route(f"{URL}api/*", lambda route: route.abort())
    page.locator("#large_said", has_text=ENGLISH.text("cameras.no_picture")).wait_for()
    until(lambda: page.locator("#large_picture").is_hidden())
    page.unroute(f"{URL}api/*")
    page.locator("#large_picture:not([hidden])").wait_for()
