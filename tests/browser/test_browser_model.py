"""The page about data and model in a real Chromium: every figure is drawn, on any screen.

Run: pytest tests/test_browser_model.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from app_server import CHROMIUM, CHROMIUM_OPTIONS, app_server
from evidence_factory import write_toy_evidence
from toy_detector import write_toy_detector
from toy_model import write_toy_model

from maskwatch.app.catalogue import LANGUAGES, load_catalogue

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

CHARTS = {"data": 6, "training": 2, "scores": 7, "robustness": 5, "mistakes": 1}
WAIT_MS = 120_000
DRAWN = '[data-testid="stVegaLiteChart"] :is(canvas, svg).marks'


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    model = write_toy_model(folder)
    write_toy_evidence(model)
    with app_server(folder, "--model", model, "--detector", write_toy_detector(folder)) as where:
        yield where


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


def overhang_px(page: Page) -> int:
    """How much wider the page, or anything on it that does not scroll by itself, is."""
    wide: int = page.evaluate(
        """() => Math.max(0, ...[document.documentElement,
            ...document.querySelectorAll('[data-testid="stMain"], [data-testid="stMarkdown"]')]
            .map(element => element.scrollWidth - element.clientWidth))"""
    )
    return wide


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("width_px", [375, 1100])
def test_every_section_is_drawn(address: str, chromium: Browser, width_px: int, code: str) -> None:
    from playwright.sync_api import expect

    say = load_catalogue(code)
    page = chromium.new_page(viewport={"width": width_px, "height": 900})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{address}/model?lang={code}")
    for section in ("data", "training", "scores", "robustness", "mistakes", "card", "networks"):
        button = page.get_by_role("radio", name=say.text(f"sections.{section}"), exact=True)
        button.click(timeout=WAIT_MS)
        expect(button).to_be_checked(timeout=WAIT_MS)
        expect(page.locator(DRAWN)).to_have_count(CHARTS.get(section, 0), timeout=WAIT_MS)
        for box in (chart.bounding_box() for chart in page.locator(DRAWN).all()):
            assert box and box["width"] > 150 and box["height"] > 20
            assert box["x"] >= 0 and box["x"] + box["width"] <= width_px
        assert overhang_px(page) <= 0, section
    page.close()
    assert not problems


def test_the_section_stays_when_the_language_changes(address: str, chromium: Browser) -> None:
    from playwright.sync_api import expect

    page = chromium.new_page(locale="en-GB")
    page.goto(f"{address}/model")
    page.get_by_role("radio", name="Model card").click(timeout=WAIT_MS)
    expect(page.get_by_text("What a toy is for.")).to_be_visible(timeout=WAIT_MS)
    page.get_by_role("radio", name=LANGUAGES["id"]).click()
    card = load_catalogue("id").text("sections.card")
    expect(page.get_by_role("radio", name=card)).to_be_checked(timeout=WAIT_MS)
    expect(page.get_by_text(load_catalogue("id").text("model.card_language"))).to_be_visible()
    expect(page.locator(".st-key-model_card")).to_have_attribute("lang", "en")
    page.close()


def test_numbers_are_a_keypress_away(address: str, chromium: Browser) -> None:
    from playwright.sync_api import expect

    page = chromium.new_page(locale="en-GB")
    page.goto(f"{address}/model")
    numbers = page.get_by_text("Numbers", exact=True).first
    numbers.wait_for(timeout=WAIT_MS)
    expect(page.get_by_test_id("stDataFrame").first).to_be_hidden()
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible(timeout=WAIT_MS)
    page.close()


def test_a_shipped_model_comes_with_its_evidence(tmp_path: Path, chromium: Browser) -> None:
    from playwright.sync_api import expect

    with app_server(tmp_path) as where:
        page = chromium.new_page(locale="en-GB")
        page.goto(f"{where}/model")
        expect(page.locator(DRAWN)).to_have_count(CHARTS["data"], timeout=WAIT_MS)
        expect(page.get_by_text(load_catalogue("en").text("evidence.missing"))).to_have_count(0)
        page.close()
