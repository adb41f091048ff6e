"""Hosts of the page that needs no server which answer otherwise than they should, in Chromium.

Run: pytest tests/browser/test_web_hosts.py
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

import pytest
from support.chromium import CHROMIUM, new_visitor
from support.web_browsers import WAIT_S, WebServer, page_files
from support.web_page import Opened, opening

from maskwatch.app.i18n import load_catalogue
from maskwatch.web.server import page_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

ENGLISH = load_catalogue("en")


@pytest.fixture
def sent_on(chromium: Browser) -> Iterator[Opened]:
    """Opens the page on a host that knows its folder alone, as some do for beautiful addresses."""
    files = page_files()
    with page_server(files, 0) as server:
        plain: Any = server.RequestHandlerClass

        class Handler(plain):
            def do_GET(self: BaseHTTPRequestHandler) -> None:
                if self.path != "/index.html":
                    return plain.do_GET(self)
                self.send_response(HTTPStatus.PERMANENT_REDIRECT)
                self.send_header("Location", "./")
                self.send_header("Content-Length", "0")
                return self.end_headers()

        server.RequestHandlerClass = Handler
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            host = WebServer(f"http://127.0.0.1:{server.server_port}", files)
            with opening(chromium, host) as opened:
                yield opened
        finally:
            server.shutdown()
            thread.join(WAIT_S)


def test_an_address_that_the_host_sends_on_opens_the_page_again(sent_on: Opened) -> None:
    page = sent_on(path="/index.html")
    page.goto(f"{page.url}index.html")  # from what the page has kept
    page.get_by_text(ENGLISH.text("web.ready_offline")).wait_for()


KEEP = """async () => {
    await navigator.serviceWorker.register("/sw.js");
    for (;;) {
        const known = await navigator.serviceWorker.getRegistration("/");
        if (!known || known.active) return Boolean(known);
        await new Promise((goOn) => setTimeout(goOn, 50));
    }
}"""
"""Whether the page is kept for use without a network, once that is tried."""


@pytest.mark.parametrize("part", ["words/id.json", "models/detector.onnx.gz"])
def test_files_of_two_versions_are_not_kept_together(
    open_page: Opened, server: WebServer, part: str
) -> None:
    page = open_page(path="/ort/LICENSE.txt", ready=False)
    before = server.files[part]
    server.files[part] = server.files["icon.svg"]  # of the next version, which comes bit by bit
    try:
        assert not page.evaluate(KEEP)
    finally:
        server.files[part] = before
    assert page.evaluate(KEEP)


@pytest.mark.parametrize("part", ["about.json", "words/id.json", "lib/labels.js"])
def test_a_part_of_the_page_that_does_not_come_is_told(
    chromium: Browser, server: WebServer, part: str
) -> None:
    with closing(new_visitor(chromium, service_workers="block")) as visitor:
        page: Page = visitor.new_page()
        page.route(f"**/{part}", lambda route: route.abort())
        page.goto(server.url)
        words = ENGLISH.text("networks.broken", why="").strip()
        page.locator("#broken", has_text=words).wait_for()
        page.unroute(f"**/{part}")
        page.reload()
        page.get_by_text(ENGLISH.text("web.ready"), exact=True).wait_for()
        assert page.locator("#broken").is_hidden()
