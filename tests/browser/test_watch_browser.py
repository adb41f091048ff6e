"""The page of the cameras in Chromium: keys, cameras, events, a zone drawn and hours set.

Run: pytest tests/browser/test_watch_browser.py
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from support.chromium import CHROMIUM, new_visitor
from support.stream_servers import Mjpeg, Send, over, serve
from support.toy_detector import crowd, write_toy_detector
from support.toy_model import GREEN, write_toy_model
from support.waiting import until
from support.web_browsers import web_server
from test_browser_look import TOO_FAINT

from maskwatch.app.i18n import LANGUAGES, Catalogue, load_catalogue
from maskwatch.web.camera_page import build_camera_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

OWNER, VIEWER = "owner" * 5, "viewer" * 5
ENGLISH, INDONESIAN = load_catalogue("en"), load_catalogue("id")
# a bare face left of the middle, which the left half holds
BARE = crowd((1, 2, GREEN))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page of a program with a door, a gate that is gone and a slow yard is."""
    folder = tmp_path_factory.mktemp("watch")
    model, detector = write_toy_model(folder), write_toy_detector(folder, live_side_px=320)

    def show(send: Send, connection: int = 0) -> None:
        while not over.wait(0.05):
            send(BARE)

    def show_few(send: Send, connection: int = 0) -> None:
        while not over.wait(1.3):
            send(crowd())

    with ExitStack() as stack:
        host = stack.enter_context(serve(Mjpeg, show))
        slow_host = stack.enter_context(serve(Mjpeg, show_few))
        settings = {
            "cameras": [
                {"name": "door", "source": f"http://{host}/"},
                {"name": "gate", "source": str(folder / "gone.mp4")},
                {"name": "yard", "source": f"http://{slow_host}/"},
            ],
            "store": str(folder / "s.sqlite3"),
            "rules": [{"name": "bare"}],
            "webhooks": [{"name": "ops", "url": "http://127.0.0.1:9/"}],
            "evidence": {"folder": str(folder / "evidence"), "keep_days": 1, "picture": "whole"},
            "corrections": {"folder": str(folder / "right")},
            "page": {"owner_keys": [OWNER], "viewer_keys": [VIEWER]},
        }
        (folder / "watch.yaml").write_text(yaml.safe_dump(settings))
        command = [sys.executable, "-m", "maskwatch", "watch", str(folder / "watch.yaml")]
        options = ["--page", "0", "--model", str(model), "--detector", str(detector)]
        program = stack.enter_context(
            subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True,
                             stdout=subprocess.DEVNULL)
        )  # fmt: skip
        stack.callback(program.terminate)
        assert program.stderr
        yield program.stderr.readline().split(": ", 1)[1].strip()


@contextmanager
def opened(
    chromium: Browser, url: str, key: str, path: str = "/", **look: object
) -> Iterator[Page]:
    """The page behind its key; no script may fail, and no other host be asked."""
    visitor = new_visitor(chromium, **look)
    problems: list[str] = []
    visitor.on(
        "request",
        lambda one: one.url.startswith((url, f"blob:{url}")) or problems.append(one.url),
    )
    page = visitor.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(url + path)
    page.locator("#key").fill(key)
    page.locator("#door button").click()
    yield page
    assert problems == []
    visitor.close()


def correctable(site: str) -> list[str]:
    """The events whose face is kept; none before the program has written the first."""
    headers = {"Authorization": f"Bearer {OWNER}"}
    with urlopen(Request(f"{site}/api/events", headers=headers), timeout=60) as answer:
        return [event["id"] for event in json.load(answer) if event["correctable"]]


def test_a_page_that_kept_itself_at_this_address_gives_way(chromium: Browser) -> None:
    """That of `maskwatch web` stays in a browser, whatever answers there later."""
    with web_server() as server, closing(new_visitor(chromium)) as visitor:
        page = visitor.new_page()
        page.goto(server.url)
        page.get_by_text(ENGLISH.text("web.ready_offline")).wait_for()
        server.files.clear()
        server.files.update(build_camera_page())
        page.goto(server.url)
        page.locator("#key").wait_for()
        assert page.evaluate("caches.keys()") == []
        page.reload()
        page.locator("#key").wait_for()


def card(page: Page, name: str) -> Locator:
    return page.locator("#cards .card", has=page.get_by_role("heading", name=name))


def test_a_wrong_key_is_told_and_the_right_one_opens(chromium: Browser, site: str) -> None:
    with opened(chromium, site, "wrong" * 5) as page:
        page.get_by_text(ENGLISH.text("cameras.wrong_key")).wait_for()
        page.locator("#key").fill(OWNER)
        page.keyboard.press("Enter")
        card(page, "door").wait_for()
        page.reload()  # the tab keeps the key
        card(page, "door").wait_for()


def test_an_owner_sees_cameras_and_events_with_pictures(chromium: Browser, site: str) -> None:
    with opened(chromium, site, OWNER) as page:
        card(page, "door").locator("img:not([hidden])").wait_for()
        card(page, "door").get_by_text(ENGLISH.text("cameras.conditions.live")).wait_for()
        card(page, "gate").get_by_text(ENGLISH.text("cameras.conditions.failed")).wait_for()
        card(page, "door").locator('.badge[data-state="no_mask"]').wait_for()
        card(page, "door").get_by_role("button").press("Enter")
        page.locator("#large_picture:not([hidden])").wait_for()
        page.keyboard.press("Escape")
        page.get_by_role("link", name=ENGLISH.text("cameras.events")).click()
        page.locator("#event_list img[src]").first.wait_for()
        page.locator("#event_camera").select_option("gate")
        page.get_by_text(ENGLISH.text("cameras.no_event")).wait_for()
        page.get_by_role("link", name=ENGLISH.text("cameras.counts")).click()
        page.locator("#count_table tbody tr").nth(1).wait_for()


@pytest.mark.parametrize("say", [ENGLISH, INDONESIAN], ids=lambda say: say.code)
def test_a_wrong_answer_is_corrected_and_taken_back_with_keys(
    chromium: Browser, site: str, say: Catalogue
) -> None:
    event_id = until(lambda: correctable(site))[0]
    with opened(chromium, site, OWNER, f"/#event={event_id}", locale=say.code) as page:
        one = page.locator("#event_list .card")
        summary = one.get_by_text(say.text("cameras.wrong"), exact=True)
        summary.focus()
        page.keyboard.press("Enter")
        one.get_by_text(say.text("cameras.wrong_explained", days=90)).wait_for()
        assert not Axe().run(page).response["violations"]
        faint = page.evaluate(TOO_FAINT)
        assert not faint, json.dumps(faint)
        page.keyboard.press("Tab")
        choice = one.get_by_label(say.text("cameras.really_shows"))
        assert choice.evaluate("element => element === document.activeElement")
        inner, outer = choice.bounding_box(), one.bounding_box()
        assert inner and outer and inner["x"] + inner["width"] <= outer["x"] + outer["width"]
        choice.select_option("no_face")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        kept = one.get_by_text(say.text("cameras.face_kept", label=say.text("cameras.no_face")))
        kept.wait_for()
        page.reload()  # the server remembers
        kept.wait_for()
        undo = one.get_by_role("button", name=say.text("cameras.undo_kept"))
        undo.focus()
        page.keyboard.press("Enter")
        one.get_by_text(say.text("cameras.not_kept")).wait_for()
        assert summary.evaluate("element => element === document.activeElement")


def test_a_camera_with_few_pictures_says_what_its_answers_rest_on(
    chromium: Browser, site: str
) -> None:
    with opened(chromium, site, VIEWER) as page:
        card(page, "yard").get_by_text(ENGLISH.text("cameras.slow")).wait_for()
        # of the other for a moment as well, where the machine has just stood still
        card(page, "door").get_by_text(ENGLISH.text("cameras.conditions.live")).wait_for()
        card(page, "door").get_by_text(ENGLISH.text("cameras.slow")).wait_for(state="hidden")


def test_a_link_of_an_alert_leads_to_its_event(chromium: Browser, site: str) -> None:
    with opened(chromium, site, OWNER, "/#events") as page:
        first = page.locator("#event_list .card").first
        first.wait_for()
        event_id = page.locator("#event_list img").first.get_attribute("data-event")
    with opened(chromium, site, OWNER, f"/#event={event_id}") as page:
        page.locator("#event_list .card").wait_for()
        assert page.locator("#event_list .card").count() == 1
        page.locator("#event_camera").select_option("gate")
        page.get_by_text(ENGLISH.text("cameras.no_event")).wait_for()


@pytest.mark.parametrize("say", [ENGLISH, INDONESIAN], ids=lambda say: say.code)
def test_whatever_the_server_says_is_in_the_language_of_the_page(
    chromium: Browser, site: str, say: Catalogue
) -> None:
    with opened(chromium, site, OWNER, locale=say.code) as page:
        card(page, "gate").get_by_text(say.text("video_faults.unavailable")).wait_for()
        page.get_by_role("link", name=say.text("cameras.settings")).click()
        page.locator("#weekly").fill("mon-fri 07:00-18:00")
        page.locator("#time_zone").fill("here")
        page.get_by_role("button", name=say.text("cameras.save_hours")).click()
        why = say.text("cameras.problems.time_zone")
        page.get_by_text(say.text("cameras.refused", why=why)).wait_for()


def test_a_viewer_sees_no_picture_and_no_settings(chromium: Browser, site: str) -> None:
    with opened(chromium, site, VIEWER, "/#settings") as page:
        card(page, "door").locator('.badge[data-state="no_mask"]').wait_for()
        assert page.locator("#settings").is_hidden()
        assert page.locator('nav a[href="#settings"]').is_hidden()
        assert page.locator("#cards button:visible").count() == 0
        page.get_by_role("link", name=ENGLISH.text("cameras.events")).click()
        page.locator("#event_list .card").first.wait_for()
        assert page.locator("#event_list img").count() == 0
        assert page.locator("#event_list details").count() == 0


@pytest.mark.parametrize("by_keys", [False, True])
def test_a_zone_is_drawn_saved_and_removed(chromium: Browser, site: str, by_keys: bool) -> None:
    """Everything but the upper left corner is ignored, so nobody is in view."""
    with opened(chromium, site, OWNER, "/#settings") as page:
        drawing = page.locator("#drawing")
        page.get_by_text(ENGLISH.text("cameras.corners", n=0)).wait_for()
        box = drawing.bounding_box()
        assert box
        if by_keys:
            drawing.focus()
            for keys in (["Left", "Up"], ["Right"], ["Down"], ["Left"]):
                for key in keys:
                    for _ in range(50 if key in ("Right", "Down") else 60):
                        page.keyboard.press(f"Arrow{key}")
                page.keyboard.press("Enter")
            page.keyboard.press("Enter")
            page.keyboard.press("Backspace")
        else:
            for x, y in ((0.0, 0.0), (0.999, 0.0), (0.999, 0.999), (0.0, 0.999)):
                place = {"x": max(1, x * box["width"] - 1), "y": max(1, y * box["height"] - 1)}
                drawing.click(position=place)
        page.get_by_text(ENGLISH.text("cameras.corners", n=4)).wait_for()
        page.locator("#zone_name").fill("hall")
        page.locator("#zone_kind").select_option("ignore")
        page.get_by_role("button", name=ENGLISH.text("cameras.save_zone")).click()
        page.get_by_text(ENGLISH.text("cameras.saved")).wait_for()
        page.get_by_role("link", name=ENGLISH.text("cameras.now"), exact=True).click()
        card(page, "door").get_by_text(ENGLISH.text("cameras.nobody")).wait_for()
        page.get_by_role("link", name=ENGLISH.text("cameras.settings")).click()
        page.get_by_role("button", name=ENGLISH.text("cameras.remove_zone", name="hall")).click()
        page.get_by_text(ENGLISH.text("cameras.saved")).wait_for()
        page.get_by_role("link", name=ENGLISH.text("cameras.now"), exact=True).click()
        card(page, "door").locator('.badge[data-state="no_mask"]').wait_for()


def test_a_telephone_scrolls_over_the_picture_and_taps_corners(
    chromium: Browser, site: str
) -> None:
    look = {"viewport": {"width": 375, "height": 667}, "has_touch": True, "is_mobile": True}
    with opened(chromium, site, OWNER, "/#now", **look) as page:
        card(page, "door").locator("img:not([hidden])").wait_for()
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        page.get_by_role("link", name=ENGLISH.text("cameras.settings")).evaluate(
            "one => one.click()"
        )
        page.get_by_text(ENGLISH.text("cameras.corners", n=0)).wait_for()
        until(lambda: page.evaluate("scrollY") == 0)  # each view begins where the way to others is
        page.locator("#drawing").evaluate("one => one.scrollIntoView({block: 'center'})")
        box = page.locator("#drawing").bounding_box()
        assert box
        devtools = page.context.new_cdp_session(page)
        middle = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        before = page.evaluate("scrollY")
        devtools.send("Input.synthesizeScrollGesture", {**middle, "yDistance": -80})
        until(lambda: page.evaluate("scrollY") > before)
        page.get_by_text(ENGLISH.text("cameras.corners", n=0)).wait_for()
        box = page.locator("#drawing").bounding_box()
        assert box
        for x, y in ((0.9, 0.7), (0.95, 0.7), (0.95, 0.9)):
            page.touchscreen.tap(box["x"] + x * box["width"], box["y"] + y * box["height"])
        page.get_by_text(ENGLISH.text("cameras.corners", n=3)).wait_for()
        save = page.get_by_role("button", name=ENGLISH.text("cameras.save_zone"))
        page.locator("#zone_name").fill("a/b")
        save.tap()
        page.get_by_text(ENGLISH.text("cameras.problems.zone_name")).wait_for()
        page.get_by_text(ENGLISH.text("cameras.corners", n=3)).wait_for()  # nothing is lost
        page.locator("#zone_name").fill("desk")
        save.tap()
        page.get_by_text(ENGLISH.text("cameras.saved")).wait_for()
        page.get_by_role("button", name=ENGLISH.text("cameras.remove_zone", name="desk")).tap()
        page.locator("#zone_list li").wait_for(state="detached")


def test_hours_are_set_and_what_is_wrong_with_them_is_said(chromium: Browser, site: str) -> None:
    with opened(chromium, site, OWNER, "/#settings", timezone_id="Asia/Jakarta") as page:
        page.get_by_text(ENGLISH.text("cameras.corners", n=0)).wait_for()
        assert page.locator("#time_zone").input_value() == "Asia/Jakarta"
        page.locator("#weekly").fill("mon 7-18")
        save = page.get_by_role("button", name=ENGLISH.text("cameras.save_hours"))
        save.click()
        page.get_by_text(ENGLISH.text("cameras.problems.weekly")).wait_for()
        page.locator("#weekly").fill("mon-fri 07:00-18:00\nsat 08:00-13:00")
        page.locator("#holidays").fill("2026-12-25")
        save.click()
        page.get_by_text(ENGLISH.text("cameras.saved")).wait_for()
        page.reload()
        page.get_by_text(ENGLISH.text("cameras.corners", n=0)).wait_for()
        assert page.locator("#weekly").input_value() == "mon-fri 07:00-18:00\nsat 08:00-13:00"
        page.locator("#weekly").fill("")
        save.click()
        page.get_by_text(ENGLISH.text("cameras.saved")).wait_for()


@pytest.mark.parametrize("say", [ENGLISH, INDONESIAN], ids=lambda say: say.code)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_fits_and_can_be_read(
    chromium: Browser, site: str, say: Catalogue, scheme: str
) -> None:
    with opened(chromium, site, OWNER, color_scheme=scheme, locale=say.code) as page:
        page.get_by_role("button", name=LANGUAGES[say.code]).wait_for()
        for view in ("now", "events", "counts", "settings"):
            page.get_by_role("link", name=say.text(f"cameras.{view}"), exact=True).click()
            page.locator(f"#{view}:visible").wait_for()
            for width_px in (320, 800, 1440):
                page.set_viewport_size({"width": width_px, "height": 800})
                check_look(page, scheme)
            page.set_viewport_size({"width": 375, "height": 800})
            rows = page.locator("nav a").evaluate_all("all => all.map((one) => one.offsetTop)")
            assert len(set(rows)) == 1, view  # on a telephone nothing jumps from view to view


def check_look(page: Page, scheme: str) -> None:
    """Nothing is wider than the window, and all can read it."""
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") <= 0
    faint = page.evaluate(TOO_FAINT)
    assert not faint, json.dumps(faint)
    if scheme == "light":  # the rules of axe but those for colours, which are above
        found = Axe().run(page).response["violations"]
        assert not found, [(rule["id"], rule["nodes"][0]["html"]) for rule in found]
