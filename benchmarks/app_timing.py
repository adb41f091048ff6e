"""How long a visitor waits: from `maskwatch app` to a page, from an upload to the first verdict.

Also what a second of live video costs the server.

    python benchmarks/app_timing.py     # two or three minutes; --runs 5

Starts the real app with the shipped models in a process of its own, several times, and opens it in
Chromium. A page is usable when its field for photos can be seen. Photos are uploaded by new
visitors, each in a session of their own: a drawn sample as it is, and one of 12 megapixels, the
size of a telephone's. The camera shows one drawn face, five frames a second; what its video costs
is the server's processor time from the first answer on (Linux). Median, least and most in seconds
go to benchmarks/results/app_timing.json with the machine; the last line of output is the same.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from maskwatch import Analyzer
from maskwatch.io.environment import cpu_name, versions
from maskwatch.models.runtime import available_cpus
from maskwatch.samples import SAMPLES

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.app_server import app_server
from support.cartoon_face import cartoon
from support.chromium import chromium_with, new_visitor, play

RESULT = Path(__file__).parent / "results" / "app_timing.json"
USABLE, VERDICT = (
    '[data-testid="stFileUploaderDropzone"]',
    '[data-testid="stImage"] img[alt*=" faces: "]',
)
VIDEO_S = 15
GOALS_S = {"start_to_page": 4.0, "upload_to_verdict": 1.5}
WAIT_MS = 60_000


def time_start(browser: Browser, folder: Path, photos: dict[str, Path]) -> dict[str, float]:
    """Seconds of one start of the app, and of each photo given to it."""
    began_s = time.perf_counter()
    with app_server(folder) as address:
        page = browser.new_page()
        page.goto(address)
        page.locator(USABLE).wait_for(timeout=WAIT_MS)
        times_s = {"start_to_page": time.perf_counter() - began_s}
        page.close()
        for name, path in photos.items():
            times_s[f"upload_to_verdict, {name}"] = time_upload(browser, address, path)
        times_s |= time_video(browser, address)
    return times_s


def time_upload(browser: Browser, address: str, path: Path) -> float:
    """Seconds from giving a photo to a new page until its marked copy is there."""
    page = browser.new_page()
    page.goto(address)
    page.locator(USABLE).wait_for(timeout=WAIT_MS)
    page.wait_for_load_state("networkidle")
    began_s = time.perf_counter()
    page.locator("input[type=file]").set_input_files(path)
    page.locator(VERDICT).wait_for(timeout=WAIT_MS)
    page.wait_for_function("(css) => document.querySelector(css).complete", arg=VERDICT)
    taken_s = time.perf_counter() - began_s
    page.close()
    return taken_s


def time_video(browser: Browser, address: str) -> dict[str, float]:
    """Seconds from *Start* to the first answer, and of the server's processor a second of video."""
    page = new_visitor(browser, permissions=["camera"]).new_page()
    page.goto(f"{address}/live")
    page.get_by_text("The video is off.").wait_for(timeout=WAIT_MS)
    page.wait_for_load_state("networkidle")
    began_s = time.perf_counter()
    page.frame_locator("iframe").get_by_role("button", name="Start").click()
    page.get_by_role("status").filter(has_text="1 face: 1").wait_for(timeout=WAIT_MS)
    answered_s = time.perf_counter() - began_s
    before_s, began_s = server_s(), time.perf_counter()
    time.sleep(VIDEO_S)
    cost_s = (server_s() - before_s) / (time.perf_counter() - began_s)
    page.context.close()
    return {"start_to_answer, live": answered_s, "processor, a second of video": cost_s}


def server_s() -> float:
    """Seconds that the processor has worked for the app, which is started from here."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended, as those of a browser do all the time
            values = (process / "stat").read_text().rpartition(")")[2].split()
            is_app = b"maskwatch\0app\0" in (process / "cmdline").read_bytes()
            if is_app and int(values[1]) == os.getpid():
                return sum(map(int, values[11:13])) / os.sysconf("SC_CLK_TCK")
    raise RuntimeError("the app does not run")


def draw_photos(folder: Path) -> dict[str, Path]:
    """The photos, by a name for the result."""
    group = Image.open(SAMPLES[-1].path)
    small, large = folder / "photo.jpg", folder / "photo large.jpg"
    group.save(small, quality=90)
    noise = np.random.default_rng(0).normal(
        0, 4, (3000, 4000, 3)
    )  # so that it weighs what one does
    grown = np.asarray(group.resize((4000, 3000), Image.Resampling.BICUBIC)) + noise
    Image.fromarray(np.clip(grown, 0, 255).astype(np.uint8)).save(large, quality=90)
    return {"0.5 megapixels": small, "12 megapixels": large}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    runs: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        photos = draw_photos(Path(folder))
        megabytes = {name: round(path.stat().st_size / 1e6, 2) for name, path in photos.items()}
        camera = Path(folder) / "camera.y4m"
        play(camera, [cartoon(masked=True)])
        with chromium_with(playwright.chromium, camera) as browser:
            for _ in range(options.runs):
                runs.append(time_start(browser, Path(folder), photos))
                told = (f"{name} {value:.2f} s" for name, value in runs[-1].items())
                print("  ".join(told), flush=True)
    analyzer = Analyzer()
    result: dict[str, Any] = {
        "machine": {"cpu": cpu_name(), "cores": available_cpus()},
        "load": round(os.getloadavg()[0], 1),
        "versions": versions(("streamlit", "onnxruntime", "playwright")),
        "classifier": analyzer.card.name,
        "detector": analyzer.detector_card and analyzer.detector_card.name,
        "runs": options.runs,
        "photos_mb": megabytes,
        "goals_s": GOALS_S,
        "seconds": {name: summary([run[name] for run in runs]) for name in runs[0]},
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


def summary(times_s: list[float]) -> dict[str, float]:
    """Median, least and most."""
    values = (np.median(times_s), min(times_s), max(times_s))
    return dict(zip(("median", "least", "most"), (round(float(v), 2) for v in values), strict=True))


if __name__ == "__main__":
    main()
