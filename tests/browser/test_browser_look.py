"""Can everyone read and reach the pages? Contrast, width and keyboard in a real Chromium.

Run: pytest tests/test_browser_look.py
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from app_server import CHROMIUM, CHROMIUM_OPTIONS, app_server
from statistics_factory import history

from maskwatch.app.catalogue import LANGUAGES, load_catalogue
from maskwatch.store import StatisticsStore

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

PAGES = ("", "live", "statistics", "model")
WAIT_MS = 120_000

# WCAG 2.2: text against what lies under it, 4.5 : 1, or 3 : 1 where it is large
TOO_FAINT = """() => {
    const brush = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const rgba = colour => {
        brush.clearRect(0, 0, 1, 1);
        brush.fillStyle = colour;
        brush.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], under) =>
        [r, g, b].map((value, i) => value * a + under[i] * (1 - a));
    const light = colour => {
        const [r, g, b] = colour.map(v => v / 255)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const grounds = (element, box) => {
        const chain = [], x = (box.left + box.right) / 2, y = (box.top + box.bottom) / 2;
        for (let at = element; at; at = at.parentElement) {
            const its = at.getBoundingClientRect();  // a word may stand outside of its parent
            const holds = its.left <= x && x <= its.right && its.top <= y && y <= its.bottom;
            if (holds || at === document.body) chain.unshift(at);
        }
        return chain.reduce((under, at) => over(rgba(getComputedStyle(at).backgroundColor), under),
                            [255, 255, 255]);
    };
    const opacity = element => {
        let product = 1;
        for (let at = element; at; at = at.parentElement) product *= getComputedStyle(at).opacity;
        return product;
    };
    const faint = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement, words = walker.currentNode.data.trim();
        if (!words) continue;
        if (!element.checkVisibility({checkOpacity: true, checkVisibilityCSS: true})) continue;
        if (element.closest('[aria-hidden=true], [disabled], style, script, noscript')) continue;
        const box = element.getBoundingClientRect(), style = getComputedStyle(element);
        if (box.width < 2 || box.height < 2) continue;
        const under = grounds(element, box), [r, g, b, a] = rgba(style.color);
        const ink = over([r, g, b, a * opacity(element)], under);
        const [high, low] = [light(ink), light(under)].sort((x, y) => y - x);
        const size = parseFloat(style.fontSize), bold = style.fontWeight >= 700;
        const wanted = size >= 24 || (bold && size >= 18.66) ? 3 : 4.5;
        const ratio = (high + 0.05) / (low + 0.05);
        if (ratio < wanted) faint.push(`${ratio.toFixed(2)} ${words.slice(0, 60)}`);
    }
    return faint;
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    statistics = folder / "statistics.sqlite3"
    StatisticsStore(statistics).add(history(days=20))
    with app_server(folder, "--statistics", statistics) as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.mark.parametrize("width_px", [375, 1100])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_every_word_can_be_read(
    address: str, chromium: Browser, name: str, scheme: str, width_px: int
) -> None:
    page = chromium.new_page(
        viewport={"width": width_px, "height": 900}, color_scheme=scheme, locale="id-ID"
    )
    page.goto(f"{address}/{name}")
    stored = load_catalogue("id").text("networks.not_stored")
    page.get_by_text(stored).wait_for(timeout=WAIT_MS)
    end_s = time.monotonic() + WAIT_MS / 1000
    while faint := page.evaluate(TOO_FAINT):  # what has just changed fades in
        assert time.monotonic() < end_s, faint
        page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    page.close()


def test_the_language_is_a_keypress_away(address: str, chromium: Browser, tmp_path: Path) -> None:
    page = chromium.new_page(locale="en-GB")
    page.goto(address)
    indonesian = page.get_by_role("radio", name=LANGUAGES["id"])
    indonesian.wait_for(timeout=WAIT_MS)
    indonesian.focus()
    page.keyboard.press("Enter")
    page.get_by_text(load_catalogue("id").text("photo.intro")).wait_for(timeout=WAIT_MS)
    assert page.evaluate("document.documentElement.lang") == "id"
    page.get_by_role("link", name=load_catalogue("id").text("pages.live")).click()
    page.get_by_text(load_catalogue("id").text("live.intro")).wait_for(timeout=WAIT_MS)
    page.close()
