"""The live page with the video judged in the visitor's own browser: no frame, no picture sent.

Run: pytest tests/browser/test_web_component.py
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from support.app_server import app_server
from support.chromium import CHROMIUM, new_visitor
from support.waiting import until
from support.web_browsers import WebServer
from support.web_page import FOUR
from test_browser_statistics import COUNT_TONES

from maskwatch.app.i18n import load_catalogue
from maskwatch.schema import MaskState
from maskwatch.store.statistics import CLAIMED, StatisticsStore
from maskwatch.web.bundle import PAGE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

ORT = "ort/ort.wasm.bundle.min.mjs"

ENGLISH, INDONESIAN = load_catalogue("en"), load_catalogue("id")


@contextmanager
def live_page(chromium: Browser, address: str) -> Iterator[Page]:
    """The live page of a new visitor who lets it see the camera; no script of it may fail."""
    visitor = new_visitor(chromium, viewport={"width": 375, "height": 900}, permissions=["camera"])
    problems: list[str] = []
    asked: list[Request] = []
    visitor.on("request", lambda request: asked.append(request))
    page = visitor.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{address}/live")
    try:
        yield page
        overhang = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    finally:
        visitor.close()
    assert overhang <= 0
    assert problems == []
    for request in asked:
        assert request.url.startswith((address, f"blob:{address}", "data:")), request.url
        # what is not asked for is sent: of nothing larger than a few words
        assert len(request.post_data_buffer or b"") < 2000


def watch_loading(page: Page) -> list[str]:
    """What the page asks its server for from now on."""
    urls: list[str] = []
    page.context.on("request", lambda request: urls.append(request.url))
    return urls


def wasm_bytes(page: Page) -> list[int]:
    """How much came over the network, each time the worker asked for WebAssembly."""
    sizes: list[int] = page.workers[0].evaluate(
        """performance.getEntriesByType("resource").filter(({ name }) => name.includes(".wasm.gz"))
            .map(({ transferSize }) => transferSize)"""
    )
    return sizes


def choose(page: Page, words: str) -> None:
    page.get_by_role("radio", name=words).or_(page.get_by_role("button", name=words)).click()


@pytest.mark.usefixtures("four_people")
def test_the_browser_judges_and_the_server_hears_counts_only_when_they_are_wanted(
    chromium: Browser, tmp_path: Path
) -> None:
    path = tmp_path / "statistics.sqlite3"
    from playwright.sync_api import expect

    with (
        app_server(tmp_path, "--statistics", path) as address,
        live_page(chromium, address) as page,
    ):
        choose(page, ENGLISH.text("own_browser.here"))
        page.get_by_role("button", name=ENGLISH.text("live.start")).click()
        page.get_by_role("status").filter(has_text=FOUR).wait_for()
        page.get_by_role("img", name=FOUR).wait_for()
        expect(page.locator("iframe")).to_have_count(0)  # what was there before goes last
        found = Axe().run(page).response["violations"]
        assert not found, [(rule["id"], rule["nodes"][0]["html"]) for rule in found]
        is_wanted = page.get_by_label(ENGLISH.text("consent.switch")).first.is_checked()
        assert not is_wanted
        assert not path.exists(), StatisticsStore(path).entries(0, 1e12)
        page.get_by_text(ENGLISH.text("consent.switch")).click()
        page.get_by_text(ENGLISH.text("own_browser.claimed")).wait_for()
        store = StatisticsStore(path)
        seen = set(MaskState) - {MaskState.UNSURE}  # a frame that comes late may be unsure
        until(lambda: seen <= {entry.state for entry in store.entries(0, 1e12)}, "counts")
        assert {entry.source for entry in store.entries(0, 1e12)} == {CLAIMED}
        loaded = watch_loading(page)
        page.reload()
        choose(page, ENGLISH.text("own_browser.here"))
        page.get_by_role("button", name=ENGLISH.text("live.start")).click()
        page.locator("#rate", has_text="ms").wait_for()
        assert not [url for url in loaded if url.endswith(".gz")]  # kept since the first time
        assert set(wasm_bytes(page)) == {0}
        # what browsers load by themselves they keep compiled
        ort = f"import('{address}/_stcore/bidi-components/maskwatch.own_browser/{ORT}')"
        assert page.workers[0].evaluate(f"{ort}.then(({{ env }}) => !!env.wasm.wasmPaths?.wasm)")
        page.goto(f"{address}/statistics")
        choose(page, ENGLISH.text("own_browser.counted_there"))
        page.get_by_text(ENGLISH.text("own_browser.only_claimed")).wait_for()


def test_webassembly_that_comes_packed_is_kept_by_the_page(parts: Page, server: WebServer) -> None:
    fetched = """import("/lib/fetch.js")
        .then(({ fetchWasm }) => fetchWasm(new URL("/packed.gz", location.href), "its name"))
        .then(({ wasmBinary }) => new TextDecoder().decode(wasmBinary), () => "refused")"""
    server.files["packed.gz"] = b"<title>Sign in</title>"  # as a host answers whom it has forgotten
    assert parts.evaluate(fetched) == "refused"
    server.files["packed.gz"] = gzip.compress(b"\0asm and code")
    assert parts.evaluate(fetched) == "\0asm and code"
    del server.files["packed.gz"]
    assert parts.evaluate(fetched) == "\0asm and code"
    put = "cache.put('/its name', new Response('<title>Sign in</title>'))"
    parts.evaluate(f"caches.open('maskwatch networks').then((cache) => {put})")
    assert parts.evaluate(fetched) == "refused"
    server.files["packed.gz"] = b"\0asm anew"
    assert parts.evaluate(fetched) == "\0asm anew"
    del server.files["packed.gz"]


def test_videos_that_began_and_ended_between_two_tellings_are_counted(
    parts: Page, server: WebServer
) -> None:
    server.files["streamlit.js"] = (PAGE / "streamlit.js").read_bytes()
    told = parts.evaluate(
        """async () => {
            const { ClaimedCounts } = await import("/streamlit.js");
            const { noCounts } = await import("/lib/counting.js");
            const video = (n) => ({
                counts: { people: { ...noCounts(), mask: n }, faceS: { ...noCounts(), mask: n } },
            });
            const counts = new ClaimedCounts();
            counts.add(video(5)); // before it was wanted
            counts.begin();
            for (const n of [1, 3, 2]) counts.add(video(n));
            return [counts.news().people.mask, counts.news()];
        }"""
    )
    assert told == [6, None]


@pytest.mark.usefixtures("four_people")
def test_it_warns_of_missing_masks_as_the_server_does(chromium: Browser, pages: str) -> None:
    with live_page(chromium, pages) as page:
        page.evaluate(f"() => {{{COUNT_TONES}}}")
        choose(page, ENGLISH.text("own_browser.here"))
        start = page.get_by_role("button", name=ENGLISH.text("live.start"))
        start.click()
        for state in ("no_mask", "incorrect_mask"):
            page.get_by_text(ENGLISH.text(f"warning_signs.{state}")).wait_for()
        banner = page.get_by_role("checkbox", name=ENGLISH.text("warning_signs.banner"))
        banner.uncheck()
        assert page.locator("#warnings .badge").count() == 0
        banner.check()
        page.get_by_text(ENGLISH.text("warning_signs.no_mask")).wait_for()
        assert page.evaluate("window.tones") == 0  # nobody asked for any
        page.get_by_role("checkbox", name=ENGLISH.text("warning_signs.sound")).check()
        until(lambda: page.evaluate("window.tones") >= 2, "how it sounds")
        page.get_by_role("button", name=ENGLISH.text("live.stop"), exact=True).click()
        assert page.locator("#warnings .badge").count() == 0
        before = page.evaluate("window.tones")  # more than two where somebody was lost and found
        start.click()
        until(lambda: page.evaluate("window.tones") >= before + 2, "they are in view again")
