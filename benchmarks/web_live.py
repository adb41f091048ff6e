"""How soon the page that needs no server is ready in Chromium, and how fast it judges a camera.

    python benchmarks/web_live.py      # a minute; --seconds N of the camera

A server of the page on this computer, a new visitor each round: a first visit, then three later
ones, timed from the address to the word that it is ready. Then the webcam of the page, with a
drawn face at 30 frames a second that sways, for --seconds; how many frames are judged is what the
page says each second (15 a second at most). The result goes to benchmarks/results/web_live.json;
the last line of output is the same. Needs Chromium.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import click
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from maskwatch.app.i18n import load_catalogue
from maskwatch.io.environment import cpu_name
from maskwatch.models.runtime import available_cpus

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.cartoon_face import cartoon
from support.chromium import chromium_with, new_visitor, play
from support.web_browsers import web_server

RESULT = Path(__file__).parent / "results" / "web_live.json"
ROUNDS, LATER = 3, 3
FPS, LENGTH = 30, 60
SAY = load_catalogue("en")


def ready_s(page: Page, url: str) -> float:
    """Until the page says so, also that it works offline where it is the first visit."""
    began_s = time.perf_counter()
    page.goto(url)
    page.get_by_text(SAY.text("web.ready")).first.wait_for()
    took_s = time.perf_counter() - began_s
    page.get_by_text(SAY.text("web.ready_offline")).wait_for()
    return took_s


def visits(browser: Browser, url: str) -> dict[str, float]:
    """Medians over new visitors, in seconds."""
    first, later = [], []
    for _ in range(ROUNDS):
        visitor = new_visitor(browser)
        page = visitor.new_page()
        first.append(ready_s(page, url))
        later += [ready_s(page, url) for _ in range(LATER)]
        visitor.close()
    return {"first_visit_s": round(median(first), 2), "later_visit_s": round(median(later), 2)}


def camera(browser: Browser, url: str, seconds: int) -> dict[str, float]:
    """Medians of what the page says of its speed, once a second."""
    page = new_visitor(browser, permissions=["camera"]).new_page()
    ready_s(page, url)
    page.get_by_role("link", name=SAY.text("web.live"), exact=True).click()
    page.get_by_role("button", name=SAY.text("live.start")).click()
    rate = page.locator("#rate", has_text="ms")
    rate.wait_for()
    page.wait_for_timeout(3000)  # the first frames have to come to an answer
    told = []
    for _ in range(seconds):
        page.wait_for_timeout(1000)
        told.append(speed(rate.inner_text()))
    rates, took = zip(*told, strict=True)
    return {"frames_per_s": median(rates), "frame_ms": median(took)}


def speed(said: str) -> tuple[float, float]:
    """Frames a second and milliseconds a frame, of the page's sentence about them."""
    numbers = {"rate": r"(?P<rate>[\d.]+)", "ms": r"(?P<ms>[\d,]+)", "most": r"\d+"}
    for key in ("web.rate", "web.rate_slow"):
        if found := re.match(SAY.text(key, **numbers), said):
            return float(found["rate"]), float(found["ms"].replace(",", ""))
    raise click.ClickException(f"the page says something else of its speed: {said}")


def film(path: Path) -> None:
    """What the camera shows: one face that sways."""
    shifts_px = 20 * np.sin(2 * np.pi * np.arange(LENGTH) / LENGTH)
    play(path, [cartoon(masked=True, shift_px=round(shift_px)) for shift_px in shifts_px])
    content = path.read_bytes()
    path.write_bytes(content.replace(b" F10:1 ", f" F{FPS}:1 ".encode(), 1))


@click.command()
@click.option("--seconds", default=20, show_default=True)
@click.option("--out", default=RESULT, show_default=True, type=click.Path(path_type=Path))
def main(seconds: int, out: Path) -> None:
    """Measure, write and print."""
    machine: dict[str, Any] = {
        "cpu": cpu_name(),
        "cores": available_cpus(),
        "load": round(os.getloadavg()[0], 1),
    }
    with tempfile.TemporaryDirectory() as folder, web_server() as server:
        shown = Path(folder) / "camera.y4m"
        film(shown)
        with (
            sync_playwright() as playwright,
            chromium_with(playwright.chromium, shown) as browser,
        ):
            result: dict[str, Any] = {"machine": machine, "browser": f"Chromium {browser.version}"}
            result |= visits(browser, server.url)
            result |= camera(browser, server.url, seconds)
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
