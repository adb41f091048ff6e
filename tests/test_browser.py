"""The page in a real Chromium: `maskwatch app` starts, a photo goes up, its verdict comes back.

Run: pytest tests/test_browser.py
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from toy_detector import crowd, write_toy_detector
from toy_model import BLUE, GREEN, RED, plain, write_toy_model

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHROMIUM_OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the page of a server of its own is; the server is stopped by its process id."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-W", "error::DeprecationWarning:maskwatch", "-m", "maskwatch"]
    models = ["--model", write_toy_model(folder), "--detector", write_toy_detector(folder)]
    log = folder / "log.txt"
    with log.open("w") as output:
        server = subprocess.Popen(
            [*command, "app", *models, "--server.port", str(port)],
            env={
                **os.environ,
                "STREAMLIT_SERVER_HEADLESS": "true",
                "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
            },
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)
    for word in ("Traceback", "deprecat", "Warning"):
        assert word not in log.read_text(), log.read_text()


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        assert server.poll() is None, "the server ended by itself"
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"nothing answers at {url}")


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
        expect(page.get_by_text("This photo cannot be read: not a JPEG")).to_be_visible()
        count = "16 faces: 10 mask worn, 5 no mask, 1 mask worn incorrectly"
        expect(page.get_by_text(count)).to_be_visible()
        expect(page.get_by_test_id("stDataFrame")).to_have_count(1)
        for caption in ("Original", "Result"):
            expect(page.get_by_text(caption, exact=True)).to_have_count(3)
        overhang = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        browser.close()
    assert overhang <= 0
    assert not problems
