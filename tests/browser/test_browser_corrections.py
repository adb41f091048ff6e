"""A wrong answer is corrected, found again and undone in a real Chromium, with the keyboard alone.

Run: pytest tests/browser/test_browser_corrections.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.chromium import CHROMIUM, new_page

from maskwatch.app.i18n import load_catalogue
from maskwatch.samples import SAMPLES

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]
say = load_catalogue("en").text


def test_an_answer_is_corrected_listed_and_undone(pages: str, chromium: Browser) -> None:
    page = new_page(chromium)
    page.goto(pages)
    page.set_input_files("input[type=file]", SAMPLES[0].path)
    page.get_by_label(say("correct.ask")).press("Space")
    keep = page.get_by_role("button", name=say("correct.keep"))
    keep.wait_for()
    assert keep.is_disabled()
    page.get_by_role("radio", name=say("states.no_mask")).press("Space")
    page.wait_for_function("!document.querySelector('[class*=st-key-keep-] button').disabled")
    keep.press("Enter")
    page.get_by_text(say("correct.kept", label=say("states.no_mask"))).wait_for()
    page.get_by_role("link", name=say("pages.corrections")).press("Enter")
    page.get_by_text("1 face", exact=True).wait_for()
    page.get_by_role("button", name=say("corrections.undo")).press("Enter")
    page.get_by_text(say("corrections.none")).wait_for()
    page.close()
