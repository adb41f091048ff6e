"""The photo page in a real Chromium: a photo goes up, its verdict comes back.

Run: pytest tests/test_browser.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from app_server import CHROMIUM, CHROMIUM_OPTIONS, app_server
from PIL import Image
from toy_detector import crowd, write_toy_detector
from toy_model import BLUE, GREEN, RED, plain, write_toy_model

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    models = ["--model", write_toy_model(folder), "--detector", write_toy_detector(folder)]
    with app_server(folder, *models) as address:
        yield address


@pytest.mark.parametrize("width_px", [1280, 375])
def test_a_photo_goes_up_and_its_verdict_comes_back(
    address: str, tmp_path: Path, width_px: int
) -> None:
    from playwright.sync_api import expect, sync_playwright

    Image.fromarray(plain(RED, 200, 240)).save(tmp_path / "red.jpg")
    Image.fromarray(plain(BLUE, 200, 240)).save(tmp_path / "blue.png")
    rows = ((2, RED), (6, GREEN), (10, RED))
    faces = [(column, row, colour) for row, colour in rows for column in range(2, 19, 4)]
    Image.fromarray(crowd(*faces, (16, 13, BLUE))).save(tmp_path / "crowd.png")
    (tmp_path / "text.jpg").write_text("I am no picture.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        page = browser.new_page(viewport={"width": width_px, "height": 900})
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(address)
        expect(page.get_by_text("20MB per file")).to_be_visible(timeout=30_000)
        page.locator("input[type=file]").set_input_files(
            [tmp_path / name for name in ("red.jpg", "blue.png", "crowd.png", "text.jpg")]
        )
        expect(page.get_by_text("✓ Mask worn 100.0%", exact=True)).to_be_visible(timeout=30_000)
        expect(page.get_by_text("! Mask worn incorrectly 100.0%", exact=True)).to_be_visible()
        expect(page.get_by_text("This photo cannot be read: it is not a JPEG")).to_be_visible()
        count = "16 faces: 10 mask worn, 5 no mask, 1 mask worn incorrectly"
        expect(page.get_by_text(count)).to_be_visible()
        expect(page.get_by_test_id("stDataFrame")).to_have_count(1)
        for caption in ("Original", "Result"):
            expect(page.get_by_text(caption, exact=True)).to_have_count(3)
        overhang = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        browser.close()
    assert overhang <= 0
    assert not problems
