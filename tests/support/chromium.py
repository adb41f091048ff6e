"""The one Chromium of the browser tests, and the film that its camera plays."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from support.waiting import LIMIT_S, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, BrowserType, Locator, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FEATURES_OFF = (
    # the list under the address bar is a page of its own, in two processes for every window
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    # these are Playwright's, whose own list does not count beside this one
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
)
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=" + ",".join(FEATURES_OFF),
]
WAIT_MS = int(1000 * LIMIT_S)

LOAD_MS = 20_000
"""A page that is to come mostly is there by then."""
"""How long pages are waited for, on any machine; Playwright's own 30 and 5 s are not enough."""


@contextmanager
def chromium_with(kind: BrowserType, camera: Path, *options: str) -> Iterator[Browser]:
    """A Chromium until the block ends; a visitor sees the camera who permits it.

    Args:
        kind: Playwright's Chromium, or the `browser_type` of one that runs.
        camera: the film, see `play`; it must be there.
        options: of its command line.
    """
    filmed = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}"]
    browser = kind.launch(executable_path=CHROMIUM, args=[*CHROMIUM_OPTIONS, *filmed, *options])
    try:
        yield browser
    finally:
        browser.close()


def new_visitor(browser: Browser, **look: Any) -> BrowserContext:
    """What one visitor's pages share; Playwright says how they can look."""
    visitor = browser.new_context(**{"locale": "en-GB", **look})
    return _patient(visitor)


def new_page(browser: Browser, **look: Any) -> Page:
    """The only page of a new visitor, who goes when it is closed."""
    page = browser.new_page(**{"locale": "en-GB", **look})
    _patient(page.context)
    return page


def _patient(visitor: BrowserContext) -> BrowserContext:
    """Waits long, and leaves a page that asks whether to."""
    visitor.set_default_timeout(WAIT_MS)
    visitor.on("dialog", lambda dialog: dialog.accept())
    return visitor


def go_to(page: Page, name: str, shown: Locator) -> None:
    """Press the link of another page of the app until that page is there.

    While a page is still coming its parts, such as the video, speak to the server as well, and a
    press may be lost. A visitor presses again.

    Args:
        page: which has the link.
        name: of the link.
        shown: what only the other page has.
    """
    from playwright.sync_api import TimeoutError as NotInTime

    def is_there() -> bool:
        page.get_by_role("link", name=name).click()
        with suppress(NotInTime):
            shown.wait_for(timeout=LOAD_MS)
        return shown.is_visible()

    until(is_there, f"the page {name} comes")


def play(camera: Path, frames: Sequence[np.ndarray]) -> None:
    """Have a camera that is switched on from now on show these frames (H, W, 3), again and again.

    All films have the same size: Chromium asks for it once. Ten frames a second are enough for
    every test; each more is coded, judged, and coded again, as long as a test waits for anything.
    """
    height, width = frames[0].shape[:2]
    part = camera.with_suffix(".part")
    with part.open("wb") as file:
        file.write(f"YUV4MPEG2 W{width} H{height} F5:1 Ip C420jpeg\n".encode())
        for frame in frames:
            file.write(b"FRAME\n" + cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).tobytes())
    part.replace(camera)  # a camera that is still on has the old one in its memory
