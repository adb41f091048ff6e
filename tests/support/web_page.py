"""The page that needs no server, opened in Chromium, and its answers beside Python's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from maskwatch.app.i18n import LANGUAGES, load_catalogue
from maskwatch.io.images import load_image
from maskwatch.samples import SAMPLES
from support.chromium import new_visitor
from support.contract_factory import same
from support.web_browsers import WebServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

GROUP = next(sample for sample in SAMPLES if sample.name == "group")
FOUR = "4 faces: 2 mask worn, 1 no mask, 1 mask worn incorrectly"

Opened = Callable[..., "Page"]

HOLD = """() => {
    const real = window.createImageBitmap;
    const held = new Promise((resolve) => (window.goOn = resolve));
    window.createImageBitmap = async (...given) => (await held, real(...given));
}"""
"""No picture can be opened until the page is told to go on."""

STEADY = """() => {
    const real = performance.now.bind(performance);
    let lastMs = real();
    let nowMs = lastMs;
    let looks = 0;
    window.stoodStillS = 0;
    const resume = MediaRecorder.prototype.resume;
    MediaRecorder.prototype.resume = function () { looks = 0; resume.call(this); };
    performance.now = () => {
        const passedMs = real() - lastMs;
        const tickMs = Math.min(passedMs, 200);
        lastMs += passedMs;
        nowMs += tickMs;
        if (looks === 1) window.stoodStillS += (passedMs - tickMs) / 1000;
        looks += 1;
        return nowMs;
    };
}"""
"""The page's clock is that of a machine that never stands still while a frame is recorded.

A film of two seconds would else be over with the frame at which that happens. How long it stood
still then, which is in the recording, stands in `stoodStillS`.
"""


def group_rgb() -> np.ndarray:
    """The drawn sample of four people as a camera sees it, (480, 640, 3)."""
    return np.asarray(Image.fromarray(load_image(GROUP.path)).resize((640, 480)))


@contextmanager
def opening(chromium: Browser, server: WebServer) -> Iterator[Opened]:
    """Opens the page as a new visitor; no script of it may fail, and no other host be asked."""
    visitors: list[BrowserContext] = []
    problems: list[str] = []

    def noted(url: str) -> None:
        if not url.startswith((server.url, f"blob:{server.url}")):
            problems.append(url)

    def opened(width_px: int = 1280, path: str = "/", ready: bool = True, **options: Any) -> Page:
        size = {"width": width_px, "height": 900}
        visitor = new_visitor(chromium, **{"viewport": size, **options})
        visitors.append(visitor)
        visitor.on("request", lambda request: noted(request.url))
        page = visitor.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{server.url}{path}")
        if ready:
            page.get_by_text(_either("web.ready_offline")).wait_for()
        return page

    yield opened
    for visitor in visitors:
        visitor.close()
    assert not problems


def _either(key: str) -> re.Pattern[str]:
    """A pattern for a text in any language."""
    return re.compile("|".join(re.escape(load_catalogue(code).text(key)) for code in LANGUAGES))


def judged(page: Page, server: WebServer, photos: dict[str, bytes]) -> list[dict[str, Any]]:
    """What the page's own parts say of photos."""
    server.files.update({f"photos/{name}": content for name, content in photos.items()})
    script = "(names) => import('/contract/judge.js').then((m) => m.judgePhotos(names))"
    return [json.loads(line) for line in page.evaluate(script, list(photos))]


def assert_alike(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Two reports name the same faces and states; numbers differ by their last digits."""
    for face, same_face in zip(found["faces"], expected["faces"], strict=True):
        assert face["state"] == same_face["state"]
        assert np.allclose(face["box_xyxy"], same_face["box_xyxy"], atol=0.02)
        probabilities = [list(each["probabilities"].values()) for each in (face, same_face)]
        assert np.allclose(*probabilities, atol=2e-4)
    assert same(found, expected, 0.02)
