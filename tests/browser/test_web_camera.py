"""The webcam of the page that needs no server, in Chromium: judged in time, and off when it should.

Run: pytest tests/browser/test_web_camera.py
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest
from support.chromium import CHROMIUM
from support.waiting import until
from support.web_page import FOUR, Opened

from maskwatch.app.i18n import load_catalogue

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

ENGLISH, INDONESIAN = load_catalogue("en"), load_catalogue("id")

EVERY_MS = 1000 / 15
"""A camera is judged so often at most."""


def began_ms(page: Page, frames: Sequence[tuple[float, float]]) -> list[float]:
    """When frames of a camera are taken up, on a clock of the test.

    Args:
        page: any page of the server.
        frames: milliseconds that each comes later than it was due, and those it takes to judge.
    """
    began: list[float] = page.evaluate(
        """(frames) => import("/schedule.js").then(({ Schedule }) => {
            const schedule = new Schedule();
            let nowMs = 0;
            return frames.map(([lateMs, tookMs]) => {
                const beganMs = nowMs + lateMs;
                nowMs = beganMs + tookMs;
                nowMs += Math.max(0, schedule.restMs(beganMs, tookMs, nowMs));
                return beganMs;
            });
        })""",
        frames,
    )
    return began


def test_frames_that_are_late_each_time_come_as_often_as_they_should(parts: Page) -> None:
    began = began_ms(parts, [(7, 20), (7, 60)] * 300)
    assert abs((began[-1] - began[0]) / EVERY_MS - len(began)) < 2


def test_a_slow_device_rests_a_fifth_of_the_time(parts: Page) -> None:
    frames = [(7, 100), (7, 250)] * 100
    began = began_ms(parts, [*frames, (7, 0)])
    busy_ms = sum(took_ms for _, took_ms in frames)
    assert abs(began[-1] - began[0] - busy_ms / 0.8) <= EVERY_MS


def test_what_was_missed_in_a_pause_is_not_made_up_for(parts: Page) -> None:
    began = began_ms(parts, [(0, 20)] * 50 + [(10_000, 20)] + [(0, 20)] * 50)
    after = [at for at in began if 0 <= at - began[50] < 999]
    assert len(after) <= 15 + 1


@pytest.mark.usefixtures("four_people")
def test_the_webcam_is_judged_and_counted(open_page: Opened) -> None:
    page = open_page(permissions=["camera"])
    page.get_by_role("link", name=ENGLISH.text("web.live"), exact=True).click()
    page.get_by_role("button", name=ENGLISH.text("live.start")).click()
    page.locator("#live_said", has_text=FOUR).wait_for()
    rows = page.locator("#counts tbody tr")
    rows.nth(0).locator("td").nth(0).filter(has_text=re.compile("^2$")).wait_for()
    # more than one where the page was stopped so long that its people came back as others
    rows.nth(1).locator("td").nth(1).filter(has_text=re.compile("^[1-9]")).wait_for()
    assert rows.count() == 4
    page.get_by_role("img", name=FOUR).wait_for()  # after a pause they are unsure for a moment
    page.get_by_text(ENGLISH.text("warning_signs.no_mask")).wait_for()
    page.get_by_role("button", name="Bahasa Indonesia").click()
    page.get_by_text(INDONESIAN.text("warning_signs.no_mask")).wait_for()
    page.locator("#live_said", has_text="4 wajah: 2 masker dipakai").wait_for()
    page.get_by_role("button", name=INDONESIAN.text("live.stop"), exact=True).click()
    assert page.evaluate("document.getElementById('camera').srcObject") is None


def test_the_camera_goes_off_when_another_view_is_opened(open_page: Opened) -> None:
    page = open_page(path="/#live", permissions=["camera"])
    page.get_by_role("button", name=ENGLISH.text("live.start")).click()
    page.locator("#rate", has_text="ms").wait_for()
    track = page.evaluate_handle("document.getElementById('camera').srcObject.getTracks()[0]")
    page.get_by_role("link", name=ENGLISH.text("web.photos"), exact=True).click()
    # the page's policy forbids `eval`, with which Playwright's wait_for_function asks again
    page.evaluate(
        """(track) => new Promise((resolve) => {
            const look = () => track.readyState === "ended" ? resolve() : setTimeout(look, 50);
            look();
        })""",
        track,
    )


def test_the_camera_is_switched_on_and_off_by_the_keyboard(open_page: Opened) -> None:
    page = open_page(path="/#live", permissions=["camera"])
    page.get_by_role("button", name=ENGLISH.text("live.start")).focus()
    page.keyboard.press("Enter")
    page.locator("#rate", has_text="ms").wait_for()
    page.keyboard.press("Enter")
    page.get_by_role("button", name=ENGLISH.text("live.start")).wait_for()
    assert page.evaluate("document.getElementById('camera').srcObject") is None


def test_a_camera_that_is_given_too_late_goes_off_again(open_page: Opened) -> None:
    page = open_page(path="/#live", permissions=["camera"])
    page.evaluate(
        """() => {
            const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            const asked = new Promise((resolve) => (window.allow = resolve));
            navigator.mediaDevices.getUserMedia = async (wanted) => {
                await asked;
                return (window.given = await real(wanted));
            };
        }"""
    )
    page.get_by_role("button", name=ENGLISH.text("live.start")).click()
    page.get_by_role("link", name=ENGLISH.text("web.photos"), exact=True).click()
    page.evaluate("window.allow()")
    until(lambda: page.evaluate("window.given?.getTracks()[0].readyState") == "ended", "it is off")
    page.get_by_role("link", name=ENGLISH.text("web.live"), exact=True).click()
    page.get_by_role("button", name=ENGLISH.text("live.start")).click()
    page.locator("#rate", has_text="ms").wait_for()
    assert page.locator("#live_fault").is_hidden()


def test_a_camera_that_is_unplugged_can_come_back(open_page: Opened) -> None:
    page = open_page(path="/#live", permissions=["camera"])
    start = page.get_by_role("button", name=ENGLISH.text("live.start"))
    start.click()
    page.locator("#rate", has_text="ms").wait_for()
    page.evaluate(
        """document.getElementById("camera").srcObject.getTracks()[0]
            .dispatchEvent(new Event("ended"))"""
    )
    lost = page.get_by_text(ENGLISH.text("web.camera_lost"))
    lost.wait_for()
    start.click()
    page.get_by_role("button", name=ENGLISH.text("live.stop"), exact=True).wait_for()
    lost.wait_for(state="hidden")


def test_a_camera_that_is_silent_says_so_until_it_goes_on(open_page: Opened) -> None:
    page = open_page(path="/#live", permissions=["camera"])
    page.get_by_role("button", name=ENGLISH.text("live.start")).click()
    page.locator("#rate", has_text="ms").wait_for()
    tell = """(name) => document.getElementById("camera").srcObject.getTracks()[0]
        .dispatchEvent(new Event(name))"""
    silent = page.get_by_text(ENGLISH.text("web.camera_silent"))
    page.evaluate(tell, "mute")
    silent.wait_for()
    page.evaluate(tell, "unmute")
    silent.wait_for(state="hidden")
    page.get_by_role("button", name=ENGLISH.text("live.stop"), exact=True).wait_for()


def test_a_camera_that_is_silent_from_its_start_says_so(open_page: Opened) -> None:
    page = open_page(path="/#live", permissions=["camera"])
    page.evaluate(
        """() => {
            navigator.mediaDevices.getUserMedia = async () => {
                const canvas = document.createElement("canvas");
                canvas.getContext("2d");
                const camera = canvas.captureStream(0);
                Object.defineProperty(camera.getTracks()[0], "muted", { value: true });
                return camera;
            };
        }"""
    )
    page.get_by_role("button", name=ENGLISH.text("live.start")).click()
    page.get_by_text(ENGLISH.text("web.camera_silent")).wait_for()


def test_a_camera_that_is_gone_for_good_leaves_the_page_to_another(open_page: Opened) -> None:
    page = open_page(path="/#live", permissions=["camera"])
    start = page.locator("#start")
    start.click()
    page.locator("#rate", has_text="ms").wait_for()
    start.click()
    here = page.locator("#cameras").input_value()
    page.evaluate("cameras.options[0].value = 'f'.repeat(64)")  # one that is not there any more
    start.click()
    until(lambda: page.locator("#cameras").input_value() == here, "the one that is there")
    assert page.locator("#live_fault").is_hidden()


def test_a_camera_that_is_chosen_while_another_starts_is_the_one_that_is_seen(
    open_page: Opened,
) -> None:
    page = open_page(path="/#live", permissions=["camera"])
    page.evaluate(
        """() => {
            const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            const held = new Promise((resolve) => (window.goOn = resolve));
            window.asked = [];
            navigator.mediaDevices.getUserMedia = async ({ video: { deviceId = "", ...any } }) => {
                asked.push(deviceId);
                if (deviceId) await held;
                return real({ video: any });
            };
            navigator.mediaDevices.enumerateDevices = async () => ["a", "b", "c"]
                .map((deviceId) => ({ deviceId, kind: "videoinput", label: deviceId }));
        }"""
    )
    page.locator("#start").click()
    page.locator("#rate", has_text="ms").wait_for()
    for name in ("b", "c"):
        page.locator("#cameras").select_option(name)
    page.evaluate("window.goOn()")
    until(lambda: page.evaluate("asked") == ["", "b", "c"], "both were asked for")
    page.get_by_role("button", name=ENGLISH.text("live.stop"), exact=True).wait_for()


def test_why_the_camera_does_not_start(open_page: Opened) -> None:
    page = open_page(path="/#live", ready=False)
    fault = page.locator("#live_fault")
    start = page.get_by_role("button", name=ENGLISH.text("live.start"))
    start.click()
    page.get_by_text(ENGLISH.text("web.camera_refused")).wait_for()
    for name, key in (
        ("NotFoundError", "web.camera_none"),
        ("NotReadableError", "web.camera_busy"),
        ("TypeError", "web.camera_failed"),
    ):
        page.evaluate(
            "(name) => navigator.mediaDevices.getUserMedia = () =>"
            "Promise.reject(new DOMException('out of order', name))",
            name,
        )
        start.click()
        words = ENGLISH.text(key, why="out of order") if "failed" in key else ENGLISH.text(key)
        page.get_by_text(words, exact=True).wait_for()
    page.evaluate("Object.defineProperty(navigator, 'mediaDevices', {value: undefined})")
    start.click()
    page.get_by_text(ENGLISH.text("web.camera_insecure")).wait_for()
    assert fault.get_attribute("role") == "alert"
