"""The page about data and model in a real Chromium: every figure is drawn, on any screen.

Run: pytest tests/browser/test_browser_model.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.chromium import CHROMIUM, new_page
from support.waiting import until

from maskwatch.app.i18n import LANGUAGES, load_catalogue

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

CHARTS = {"data": 6, "training": 2, "scores": 7, "robustness": 5, "mistakes": 1}
# counted and measured in one moment: a chart may be drawn anew in the next
ALL_FIT = """([drawn, count, width]) => {
    const boxes = [...document.querySelectorAll(drawn)].map(chart => chart.getBoundingClientRect());
    const fits = box => box.width > 150 && box.height > 20 && box.left >= 0 && box.right <= width;
    return boxes.length === count && boxes.every(fits);
}"""
DRAWN = '[data-testid="stVegaLiteChart"] :is(canvas, svg).marks'


def overhang_px(page: Page) -> int:
    """How much wider the page, or anything on it that does not scroll by itself, is."""
    wide: int = page.evaluate(
        """() => Math.max(0, ...[document.documentElement,
            ...document.querySelectorAll('[data-testid="stMain"], [data-testid="stMarkdown"]')]
            .map(element => element.scrollWidth - element.clientWidth))"""
    )
    return wide


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_section_is_drawn(toy_pages: str, chromium: Browser, code: str) -> None:
    from playwright.sync_api import expect

    say = load_catalogue(code)
    page = new_page(chromium)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{toy_pages}/model?lang={code}")
    for section in ("data", "training", "scores", "robustness", "mistakes", "card", "networks"):
        button = page.get_by_role("radio", name=say.text(f"sections.{section}"), exact=True)
        button.click()
        expect(button).to_be_checked()
        for width_px in (375, 1100):
            page.set_viewport_size({"width": width_px, "height": 900})
            page.wait_for_function(ALL_FIT, arg=[DRAWN, CHARTS.get(section, 0), width_px])
            until(lambda: overhang_px(page) <= 0, (section, width_px))
    page.close()
    assert not problems


def test_the_section_stays_when_the_language_changes(toy_pages: str, chromium: Browser) -> None:
    from playwright.sync_api import expect

    page = new_page(chromium)
    page.goto(f"{toy_pages}/model")
    page.get_by_role("radio", name="Model card").click()
    expect(page.get_by_text("What a toy is for.")).to_be_visible()
    page.get_by_role("radio", name=LANGUAGES["id"]).click()
    card = load_catalogue("id").text("sections.card")
    expect(page.get_by_role("radio", name=card)).to_be_checked()
    expect(page.get_by_text(load_catalogue("id").text("model.card_language"))).to_be_visible()
    expect(page.locator(".st-key-model_card")).to_have_attribute("lang", "en")
    page.close()


def test_numbers_are_a_keypress_away(toy_pages: str, chromium: Browser) -> None:
    from playwright.sync_api import expect

    page = new_page(chromium)
    page.goto(f"{toy_pages}/model")
    numbers = page.get_by_text("Numbers", exact=True).first
    numbers.wait_for()
    expect(page.get_by_test_id("stDataFrame").first).to_be_hidden()
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()
    page.close()


def test_a_shipped_model_comes_with_its_evidence(pages: str, chromium: Browser) -> None:
    from playwright.sync_api import expect

    page = new_page(chromium)
    page.goto(f"{pages}/model")
    expect(page.locator(DRAWN)).to_have_count(CHARTS["data"])
    expect(page.get_by_text(load_catalogue("en").text("evidence.missing"))).to_have_count(0)
    page.close()
