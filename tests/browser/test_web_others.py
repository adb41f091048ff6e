"""The page that needs no server, in Firefox and WebKit: the same answers, a camera, no network.

Run: pytest tests/browser/test_web_others.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from support.contract_factory import FOLDER, photo_files
from support.web_browsers import FIREFOX, Firefox, WebServer, firefox
from support.web_page import assert_alike
from support.webkit import HAS_WEBKIT, WebKit, webkit

Window = Firefox | WebKit

BROWSERS = {"firefox": firefox, "webkit": webkit}
MISSING = {
    "firefox": "" if FIREFOX else "Firefox is not installed",
    "webkit": "" if HAS_WEBKIT else "no WebKitWebDriver, or no Xvfb",
}
# slow, because Firefox stands still now and then when so much of it is driven over WebDriver BiDi
ALL = pytest.mark.parametrize(
    "window", [pytest.param("firefox", marks=pytest.mark.slow), "webkit"], indirect=True
)


@pytest.fixture(scope="module", params=BROWSERS)
def window(
    request: pytest.FixtureRequest, server: WebServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Window]:
    """On the page's server, but not on the page."""
    if why := MISSING[request.param]:
        pytest.skip(why)
    with BROWSERS[request.param](tmp_path_factory.mktemp("profile")) as window:
        window.open(f"{server.url}/ort/LICENSE.txt")
        yield window


@pytest.fixture(scope="module")
def page(window: Window, server: WebServer) -> Window:
    """The page, ready."""
    window.open(f"{server.url}/?lang=en")
    window.wait_for("document.getElementById('status').textContent.startsWith('Ready. This')")
    return window


def test_every_golden_vector(window: Window) -> None:
    told = window.evaluate("import('/contract/check.js').then((module) => module.check())")
    assert told["lines"] == []


@ALL
def test_drawn_photos_are_judged_as_the_vectors_say(page: Window, server: WebServer) -> None:
    photos = photo_files()
    server.files.update({f"photos/{name}": content for name, content in photos.items()})
    names = json.dumps(list(photos))
    lines = page.evaluate(f"import('/contract/judge.js').then((m) => m.judgePhotos({names}))")
    stored = json.loads((FOLDER / "photos.json").read_text())["cases"]
    for line, case in zip(lines, stored, strict=True):
        assert_alike(json.loads(line), case["answer"])


@ALL
def test_the_camera_is_judged(page: Window) -> None:
    page.evaluate("location.hash = '#live'")
    page.wait_for("!document.getElementById('live').hidden")
    page.evaluate("document.getElementById('start').click()")
    page.wait_for("document.getElementById('rate').textContent.includes('ms')")
    page.wait_for("document.getElementById('live_said').textContent === '0 faces'")
    page.evaluate("document.getElementById('start').click()")
    assert page.evaluate("document.getElementById('camera').srcObject === null")


@ALL
def test_it_works_without_its_server(page: Window, server: WebServer) -> None:
    whole = dict(server.files)
    server.files.clear()
    try:
        page.open(f"{server.url}/?lang=id")
        page.wait_for("document.getElementById('status').textContent.startsWith('Siap.')")
    finally:
        server.files.update(whole)
