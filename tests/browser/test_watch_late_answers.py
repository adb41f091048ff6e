"""The page of the cameras where answers are late, and where others set things meanwhile.

The tests are its server, so they say when each answer comes.

Run: pytest tests/browser/test_watch_late_answers.py
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from PIL import Image
from support.chromium import CHROMIUM, new_visitor
from support.waiting import until

from maskwatch.app.i18n import load_catalogue
from maskwatch.web.camera_page import build_camera_page
from maskwatch.web.server import page_file

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

ENGLISH = load_catalogue("en")
URL = "http://cameras.localhost/"
RED, BLUE = (254, 0, 0), (0, 0, 254)
COLOURS = {"A": RED, "B": BLUE}
MOST_EVENTS = 100

NOTE_WHAT_IS_GIVEN_BACK = """
    window.closedBitmaps = 0;
    window.revokedAddresses = 0;
    const close = ImageBitmap.prototype.close;
    ImageBitmap.prototype.close = function () { window.closedBitmaps += 1; close.call(this); };
    const revoke = URL.revokeObjectURL;
    URL.revokeObjectURL = (address) => { window.revokedAddresses += 1; revoke.call(URL, address); };
"""
COLOUR = """([selector]) => {
    const picture = document.querySelector(selector);
    const pen = new OffscreenCanvas(1, 1).getContext("2d");
    pen.drawImage(picture, 9, 9, 1, 1, 0, 0, 1, 1);
    const [red, , blue] = pen.getImageData(0, 0, 1, 1).data;
    return red > blue ? "A" : "B";
}"""


class Cameras:
    """The page of cameras A and B, and the server behind it.

    Attributes:
        zones: of each camera, as somebody has set them last.
        put: what the page has set.
        is_late: whether a call, by path and query, is to be held.
        held: calls that wait for `release`.
    """

    def __init__(self, chromium: Browser) -> None:
        self.zones = {"A": [zone("a1"), zone("a2")], "B": [zone("b1")]}
        self.put: list[tuple[str, list[str]]] = []
        self.is_late: Callable[[str, dict[str, str]], bool] = lambda path, query: False
        self.held: list[Route] = []
        self.problems: list[str] = []
        self._files = build_camera_page()
        self._visitor = new_visitor(chromium)
        self.page = self._visitor.new_page()
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.route(f"{URL}**", self._take)

    def open(self, view: str, script: str = NOTE_WHAT_IS_GIVEN_BACK) -> Page:
        """A view, behind its key."""
        self.page.add_init_script(script)
        self.page.goto(f"{URL}#{view}")
        self.page.locator("#key").fill("key")
        self.page.locator("#door button").click()
        self.page.locator(f"#{view}:visible").wait_for()
        return self.page

    def close(self) -> None:
        self.is_late = lambda path, query: False
        self._visitor.close()
        assert self.problems == []

    def wait_for_held(self, n: int) -> None:
        """Until so many calls are held."""
        until(lambda: self.page.evaluate("1") and len(self.held) == n, f"{n} late calls")

    def release(self, which: int = 0) -> None:
        """Answer one of the held calls, and go on once the page has heard it."""
        self._answer(self.held.pop(which))
        self.page.evaluate("fetch('api/nothing').then(() => new Promise((go) => setTimeout(go)))")

    def _take(self, route: Route) -> None:
        url = urlsplit(route.request.url)
        if self.is_late(url.path, dict(parse_qsl(url.query))):
            self.held.append(route)
        else:
            self._answer(route)

    def _answer(self, route: Route) -> None:
        url = urlsplit(route.request.url)
        query = dict(parse_qsl(url.query))
        if url.path == "/api/zones":
            change = route.request.post_data_json
            self.zones[change["camera"]] = change["zones"]
            self.put.append((change["camera"], [one["name"] for one in change["zones"]]))
            route.fulfill(status=204)
        elif url.path == "/api/still":
            self._answer_still(route, query)
        elif url.path.startswith("/api/"):
            route.fulfill(json=self._document(url.path, query))
        else:
            found = page_file(self._files, url.path[1:])
            assert found is not None, url.path
            route.fulfill(body=found.content, headers=dict(found.headers))

    @staticmethod
    def _answer_still(route: Route, query: dict[str, str]) -> None:
        if query["px"] == "480":  # those of all cameras at once
            route.fulfill(status=204)
            return
        picture = io.BytesIO()
        Image.new("RGB", (320, 180), COLOURS[query["camera"]]).save(picture, "PNG")
        route.fulfill(body=picture.getvalue(), content_type="image/png")

    def _document(self, path: str, query: dict[str, str]) -> Any:
        if path == "/api/about":
            cameras = [{"name": name, "zones": zones} for name, zones in self.zones.items()]
            settings = {"picture": None, "keep_days": None, "correction_days": None, "rules": []}
            return {"role": "owner", "cameras": cameras, **settings}
        if path == "/api/cameras":
            fares = {"condition": "live", "rate_fps": 5, "latency_ms": 5, "is_slow": False}
            sees = {"in_view": {}, "violation": False, "trouble": None}
            return [{"name": name, **fares, **sees} for name in self.zones]
        if path == "/api/events":
            return events(query.get("camera", "any"), int(query.get("before", 1000)))
        if path == "/api/counts":
            states = ("mask", "no_mask", "mask_incorrect", "unsure")
            people = dict.fromkeys(states, int(query["hours"]))
            return [{"camera": "A", "people": people, "face_s": dict.fromkeys(states, 0)}]
        return {}


def zone(name: str) -> dict[str, Any]:
    return {"name": name, "kind": "include", "polygon_xy": [[0, 0], [0.5, 0], [0.5, 0.5]]}


def events(camera: str, before_s: int) -> list[dict[str, Any]]:
    """As many as one answer holds."""
    states = {"old_state": "unsure", "new_state": "mask", "old_duration_s": 1}
    kept = {"picture": False, "correctable": False, "corrected": None}
    return [
        {"id": str(time_s), "camera": camera, "time_s": time_s, **states, **kept}
        for time_s in range(before_s - 1, before_s - 1 - MOST_EVENTS, -1)
    ]


def late(path: str, **values: str) -> Callable[[str, dict[str, str]], bool]:
    """Calls of a path that name these values are late."""
    return lambda called, query: called == path and values.items() <= query.items()


def zones_shown(page: Page) -> list[str]:
    """The names of the zones that are listed."""
    listed: list[str] = page.locator("#zone_list li").all_inner_texts()
    return [line.split(" ")[0] for line in listed]


def remove(page: Page, *names: str) -> None:
    """Press the buttons of several zones at once."""
    labels = [ENGLISH.text("cameras.remove_zone", name=name) for name in names]
    page.evaluate(
        "(labels) => labels.map((label) => document.querySelector(`[aria-label='${label}']`))"
        ".forEach((button) => button.click())",
        labels,
    )


def draw(page: Page, corners: int) -> None:
    """Set corners of a zone."""
    for x, y in ((10, 10), (100, 10), (100, 90))[:corners]:
        page.locator("#drawing").click(position={"x": x, "y": y})
    page.get_by_text(ENGLISH.text("cameras.corners", n=corners)).wait_for()


def draw_and_save(page: Page, name: str) -> None:
    draw(page, corners=3)
    page.locator("#zone_name").fill(name)
    page.locator("#save_zone").dblclick()


@pytest.fixture
def cameras(chromium: Browser) -> Iterator[Cameras]:
    cameras = Cameras(chromium)
    yield cameras
    cameras.close()


def test_zones_removed_one_after_the_other_are_both_gone(cameras: Cameras) -> None:
    page = cameras.open("settings")
    cameras.is_late = late("/api/zones")
    remove(page, "a1", "a2")
    cameras.wait_for_held(1)
    cameras.release()
    cameras.wait_for_held(1)
    cameras.release()
    assert cameras.put == [("A", ["a2"]), ("A", [])]
    page.locator("#zone_list li").first.wait_for(state="detached")


def test_zones_stay_with_their_camera_where_another_is_chosen_meanwhile(cameras: Cameras) -> None:
    page = cameras.open("settings")
    cameras.is_late = late("/api/zones")
    remove(page, "a1")
    cameras.wait_for_held(1)
    page.locator("#zone_camera").select_option("B")
    cameras.release()
    page.get_by_text(ENGLISH.text("cameras.saved")).wait_for()
    assert zones_shown(page) == ["b1"]
    page.locator("#zone_camera").select_option("A")
    assert zones_shown(page) == ["a2"]


def test_zones_that_another_owner_has_set_are_shown_and_kept(cameras: Cameras) -> None:
    page = cameras.open("now")
    cameras.zones["A"].append(zone("theirs"))
    page.get_by_role("link", name=ENGLISH.text("cameras.settings")).click()
    page.locator("#settings:visible").wait_for()
    assert zones_shown(page) == ["a1", "a2", "theirs"]
    cameras.zones["A"].append(zone("newer"))
    remove(page, "a1")
    page.get_by_text(ENGLISH.text("cameras.saved")).wait_for()
    assert cameras.put == [("A", ["a2", "theirs", "newer"])]
    assert zones_shown(page) == ["a2", "theirs", "newer"]


def test_a_zone_that_is_begun_while_another_is_saved_keeps_its_corners(cameras: Cameras) -> None:
    page = cameras.open("settings")
    page.get_by_text(ENGLISH.text("cameras.corners", n=0)).wait_for()
    cameras.is_late = late("/api/zones")
    draw_and_save(page, "a3")
    cameras.wait_for_held(1)
    page.locator("#zone_camera").select_option("B")
    page.get_by_text(ENGLISH.text("cameras.corners", n=0)).wait_for()
    draw(page, corners=2)
    cameras.release()
    page.get_by_text(ENGLISH.text("cameras.saved")).wait_for()
    assert page.get_by_text(ENGLISH.text("cameras.corners", n=2)).is_visible()
    assert cameras.put == [("A", ["a1", "a2", "a3"])]  # once, though it was pressed twice


def test_a_late_still_is_not_shown_under_another_camera(cameras: Cameras) -> None:
    cameras.is_late = late("/api/still", camera="A", px="1280")
    page = cameras.open("settings")
    cameras.wait_for_held(1)
    page.locator("#zone_camera").select_option("B")
    page.get_by_text(ENGLISH.text("cameras.corners", n=0)).wait_for()
    cameras.release()
    until(lambda: page.evaluate("window.closedBitmaps") == 1)
    assert page.evaluate(COLOUR, ["#drawing"]) == "B"
    page.locator("#new_still").click()
    until(lambda: page.evaluate("window.closedBitmaps") == 2)  # the one before


def test_a_camera_that_was_large_before_is_not_shown_under_the_next(cameras: Cameras) -> None:
    cameras.is_late = late("/api/still", px="1280")
    page = cameras.open("now")
    cards = page.locator("#cards button")
    cards.nth(0).click()
    cameras.wait_for_held(1)
    page.locator("#close").click()
    cards.nth(1).click()
    cameras.wait_for_held(2)
    cameras.release(1)
    page.locator("#large_picture:not([hidden])").wait_for()
    cameras.release(0)
    until(lambda: page.evaluate("window.revokedAddresses") == 1)
    assert page.evaluate(COLOUR, ["#large_picture"]) == "B"


def test_a_camera_that_is_enlarged_again_is_asked_once_at_a_time(cameras: Cameras) -> None:
    cameras.is_late = late("/api/still", px="1280")
    page = cameras.open("now")
    for opened in (1, 2):
        page.locator("#cards button").first.click()
        cameras.wait_for_held(opened)
        page.locator("#close").click()
    page.locator("#cards button").first.click()
    cameras.wait_for_held(3)
    cameras.release()
    cameras.release()
    until(
        lambda: page.evaluate("window.revokedAddresses") == 2
    )  # both are of no use, and ask no more
    cameras.release()
    cameras.wait_for_held(1)


def test_the_events_are_those_of_the_filter_that_is_chosen(cameras: Cameras) -> None:
    page = cameras.open("events")
    page.locator("#event_list .card").first.wait_for()
    cameras.is_late = late("/api/events", camera="A")
    page.locator("#event_camera").select_option("A")
    cameras.wait_for_held(1)
    assert page.locator("#older").is_hidden()  # it would go on after an event of any camera
    page.locator("#event_camera").select_option("B")
    page.get_by_role("heading", name="B", exact=True).first.wait_for()
    cameras.release()
    assert set(page.locator("#event_list h2").all_inner_texts()) == {"B"}


def test_older_events_come_once_however_often_they_are_asked_for(cameras: Cameras) -> None:
    page = cameras.open("events")
    page.locator("#older:visible").wait_for()
    cameras.is_late = late("/api/events")
    page.evaluate("older.click(), older.click()")
    cameras.wait_for_held(2)
    cameras.release()
    cameras.release()
    until(lambda: page.locator("#event_list .card").count() > MOST_EVENTS)
    times = page.locator("#event_list time").evaluate_all("all => all.map((one) => one.dateTime)")
    assert len(times) == len(set(times)) == 2 * MOST_EVENTS


def test_the_counts_are_those_of_the_span_that_is_chosen(cameras: Cameras) -> None:
    cameras.is_late = late("/api/counts", hours="24")
    page = cameras.open("counts")
    cameras.wait_for_held(1)
    page.locator("#span").select_option("week")
    page.get_by_role("cell", name="168").first.wait_for()
    cameras.release()
    assert page.get_by_role("cell", name="168").first.is_visible()


def test_a_browser_that_lets_pages_keep_nothing_still_opens_the_page(cameras: Cameras) -> None:
    no_storage = """Object.defineProperty(window, "sessionStorage", {
        get() { throw new DOMException("denied", "SecurityError"); }});"""
    page = cameras.open("now", no_storage)
    page.get_by_role("heading", name="A", exact=True).wait_for()


def test_a_key_that_opens_nothing_any_more_ends_the_settings(cameras: Cameras) -> None:
    page = cameras.open("settings")
    page.get_by_text(ENGLISH.text("cameras.corners", n=0)).wait_for()
    page.route("**/api/still*", lambda route: route.fulfill(status=401))
    page.locator("#new_still").click()
    page.get_by_text(ENGLISH.text("cameras.wrong_key")).wait_for()
