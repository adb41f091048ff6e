"""Can everyone read and reach the pages? Contrast, axe, width and keyboard in a real Chromium.

Run: pytest tests/browser/test_browser_look.py
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from support.chromium import CHROMIUM, go_to, new_page
from support.waiting import until

from maskwatch.app.i18n import LANGUAGES, load_catalogue

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

PAGES = ("", "film", "live", "statistics", "model", "corrections")
"""All that need no runs; test_browser_train.py looks at the one that does."""

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


# what fades in is too faint for a moment, which `until_readable` waits for and axe does not
BUT_COLOURS = {"resultTypes": ["violations"], "rules": {"color-contrast": {"enabled": False}}}


# colours are the same at any width, and what stands where in any theme
@pytest.mark.parametrize(("scheme", "widths_px"), [("light", (1100, 375)), ("dark", (375,))])
@pytest.mark.parametrize("name", PAGES)
def test_every_word_can_be_read(
    pages: str, indonesian: BrowserContext, name: str, scheme: str, widths_px: tuple[int, ...]
) -> None:
    page = indonesian.new_page()
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{pages}/{name}")
    words = load_catalogue("id")
    last = words.text("film.kept" if name == "film" else "networks.not_stored")
    page.get_by_text(last).wait_for()
    for width_px in widths_px:
        page.set_viewport_size({"width": width_px, "height": 900})
        until_readable(page)
        until_fits(page)
        if scheme == "light":
            assert_accessible(page)
    page.close()


def assert_accessible(page: Page) -> None:
    """Axe finds no fault of any weight; colours are for `until_readable`."""
    found = Axe().run(page, options=BUT_COLOURS).response["violations"]
    assert not found, [(rule["id"], rule["nodes"][0]["html"]) for rule in found]


def until_fits(page: Page) -> None:
    """Nothing is wider than the window; what has just changed is drawn anew a moment later."""
    overhang = "document.documentElement.scrollWidth - window.innerWidth"
    until(lambda: page.evaluate(overhang) <= 0, "the page fits", pause_s=0.2)


def until_readable(page: Page) -> None:
    """No word is too faint; what has just changed fades in."""
    faint: list[str] = []

    def can_be_read() -> bool:
        faint[:] = page.evaluate(TOO_FAINT)
        return not faint

    until(can_be_read, faint, pause_s=0.2)


def test_the_language_is_a_keypress_away(pages: str, chromium: Browser, tmp_path: Path) -> None:
    page = new_page(chromium)
    page.goto(pages)
    indonesian = page.get_by_role("radio", name=LANGUAGES["id"])
    indonesian.wait_for()
    indonesian.focus()
    page.keyboard.press("Enter")
    page.get_by_text(load_catalogue("id").text("photo.intro")).wait_for()
    page.wait_for_function("document.documentElement.lang === 'id'")
    say = load_catalogue("id").text
    go_to(page, say("pages.live"), page.get_by_text(say("live.intro")))
    page.close()
