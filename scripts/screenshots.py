"""Pictures of every page for the documentation: both languages, a desktop and a telephone.

    make screenshots                            # or: python scripts/screenshots.py
    make screenshots ARGS="--all --out look"    # every page, a tablet, the dark theme: to look at

Starts the real app with the shipped models and looks at it with Chromium. Whatever is in the
pictures is drawn or made up: the samples of the photo page, the same before the camera, two
weeks of statistics, and runs of training. The pictures go to docs/img/pages/ with few colours.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from maskwatch import Analyzer, MaskState
from maskwatch.app.i18n import LANGUAGES, Catalogue, load_catalogue
from maskwatch.io.images import load_image
from maskwatch.io.recording import Recording
from maskwatch.live.counting import Count
from maskwatch.samples import SAMPLES
from maskwatch.store.corrections import CorrectionStore
from maskwatch.store.statistics import BUCKET_S, Entry, StatisticsStore, bucket_start

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))
from support.app_server import app_server  # noqa: E402 - these lie with the tests
from support.chromium import chromium_with  # noqa: E402
from support.data_factory import folder_set  # noqa: E402
from support.job_factory import fake_run  # noqa: E402

SIZES_WH = {"desktop": (1280, 800), "tablet": (768, 1024), "telephone": (375, 812)}
IN_DOCS = ("desktop", "telephone")
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WAIT_MS = 120_000
# a moment in which the answers are steady; in the first frame nobody is sure of anybody
A_SECOND_LATER = """video => new Promise((seen) => {
    const seek = () => { video.onseeked = seen; video.currentTime = 1; };
    if (video.readyState) seek(); else video.onloadedmetadata = seek;
})"""
COLOURS = 128
SHARES = {
    MaskState.MASK: 0.8,
    MaskState.INCORRECT_MASK: 0.1,
    MaskState.NO_MASK: 0.07,
    MaskState.UNSURE: 0.03,
}


def main() -> None:
    """Every page in every language and size."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "img" / "pages")
    parser.add_argument("--all", action="store_true", help="all pages, sizes and both themes")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    looks = [
        (theme, size)
        for theme in (THEMES if options.all else THEMES[:1])
        for size in (SIZES_WH if options.all else IN_DOCS)
    ]
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        camera = film_samples(folder / "camera.mjpeg")
        with (
            app_server(folder, *prepared(folder, options.all)) as address,
            chromium_with(playwright.chromium, camera, "--use-fake-ui-for-media-stream") as browser,
        ):
            for code, (theme, size) in product(LANGUAGES, looks):
                end = f"-{theme}" if theme in THEMES[1:] else ""
                width, height = SIZES_WH[size]
                context = browser.new_context(  # one for all pages, which load their scripts once
                    viewport={"width": width, "height": height}, color_scheme=theme
                )
                for title, (path, arrange) in (PAGES if options.all else SHOWN).items():
                    page = context.new_page()
                    page.goto(f"{address}/{path}?lang={code}")
                    arrange(page, load_catalogue(code))
                    late = page.get_by_test_id("stSkeleton")  # what is still being loaded
                    expect(late).to_have_count(0, timeout=WAIT_MS)
                    page.wait_for_timeout(1500)  # charts and pictures fade in
                    save(page.screenshot(), options.out / f"{title}-{code}-{size}{end}.png")
                    page.close()
                context.close()


def prepared(folder: Path, corrections: bool) -> list[str | Path]:
    """Options of the app for made-up statistics, runs and, if wanted, corrections in a folder."""
    statistics = folder / "statistics.sqlite3"
    StatisticsStore(statistics).add(made_up_counts(days=14))
    folder_set(folder / "sets" / "faces", 60)
    for name in ("report-1", "report-2"):
        fake_run(folder / "runs", name)
    training: list[str | Path] = ["--runs", folder / "runs", "--data", folder / "sets"]
    if corrections:
        training += ["--corrections", folder / "corrections"]
        correct_samples(CorrectionStore(folder / "corrections", 90))
    return ["--statistics", statistics, *training]


def correct_samples(store: CorrectionStore) -> None:
    """Each drawn face was looked at, and found right."""
    analyzer = Analyzer()
    for sample in SAMPLES:
        for face in (report := analyzer.analyze(sample.path)).faces:
            store.keep(load_image(sample.path), face, face.state, "photo", report.model)


def arrange_photo(page: Page, say: Catalogue) -> None:
    """The group is judged."""
    page.get_by_role("button", name=say.text("samples.group"), exact=True).click(timeout=WAIT_MS)
    expect(page.get_by_text(say.text("why.ask"))).to_be_visible(timeout=WAIT_MS)
    settle(page)


def settle(page: Page) -> None:
    """Wait until nothing of a page is of before."""
    page.locator('[data-test-script-state="notRunning"]').wait_for(timeout=WAIT_MS)


def arrange_film(page: Page, say: Catalogue) -> None:
    """The same people in a film, which is judged to its end."""
    with tempfile.TemporaryDirectory() as name:
        film = Path(name) / "entrance.mp4"
        with Recording(film) as recording:
            for index, picture in enumerate(swaying_samples(20)):
                recording.add(np.asarray(picture), index / 10)
        page.locator("input[type=file]").set_input_files(film, timeout=WAIT_MS)
        page.get_by_text(say.text("film.judged")).wait_for(timeout=WAIT_MS)
    settle(page)
    page.locator("video").evaluate(A_SECOND_LATER)


def arrange_live(page: Page, say: Catalogue) -> None:
    """The video runs and its people are counted."""
    start = page.frame_locator("iframe").get_by_role("button", name=say.text("live.start"))
    start.click(timeout=WAIT_MS)
    page.get_by_role("status").filter(has_text=say.label(MaskState.MASK).lower()).first.wait_for(
        timeout=WAIT_MS
    )
    page.wait_for_timeout(12_000)  # for a line of the last minutes


def arrange_statistics(page: Page, say: Catalogue) -> None:
    """Two weeks of counts."""
    page.locator("canvas, svg.marks").first.wait_for(timeout=WAIT_MS)


def arrange_model(page: Page, say: Catalogue) -> None:
    """The summary and what follows it."""
    page.locator("canvas, svg.marks").first.wait_for(timeout=WAIT_MS)


def arrange_train(page: Page, say: Catalogue) -> None:
    """A set is chosen and its pictures are counted."""
    page.get_by_role("button", name=say.text("new_run.start")).wait_for(timeout=WAIT_MS)
    page.locator("canvas, svg.marks").first.wait_for(timeout=WAIT_MS)


def arrange_corrections(page: Page, say: Catalogue) -> None:
    """Each drawn face."""
    page.get_by_text(say.text("corrections.yolo")).wait_for(timeout=WAIT_MS)


PAGES: dict[str, tuple[str, Callable[[Page, Catalogue], None]]] = {
    "photo": ("", arrange_photo),
    "film": ("film", arrange_film),
    "live": ("live", arrange_live),
    "statistics": ("statistics", arrange_statistics),
    "model": ("model", arrange_model),
    "train": ("train", arrange_train),
    "corrections": ("corrections", arrange_corrections),
}
SHOWN = {title: page for title, page in PAGES.items() if title != "corrections"}
"""Those in the documentation."""


def film_samples(path: Path) -> Path:
    """The drawn group before the camera, as Chromium's fake camera plays it."""
    with path.open("wb") as film:
        for frame in swaying_samples(60):
            jpeg = io.BytesIO()
            frame.save(jpeg, "JPEG", quality=90)
            film.write(jpeg.getvalue())
    return path


def swaying_samples(frames: int) -> Iterator[Image.Image]:
    """The drawn group, going to and fro once."""
    picture = Image.open(SAMPLES[-1].path).convert("RGB").resize((640, 426))
    for index in range(frames):
        frame = Image.new("RGB", (640, 480), (190, 190, 200))
        frame.paste(picture, (round(12 * math.sin(2 * math.pi * index / frames)), 30))
        yield frame


def made_up_counts(days: int) -> Iterator[Entry]:
    """A door with two rushes a day, until yesterday."""
    random = np.random.default_rng(0)
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    begin_s = bucket_start((midnight - timedelta(days=days)).timestamp())
    for start_s in range(begin_s, int(midnight.timestamp()), BUCKET_S):
        hour = time.gmtime(start_s).tm_hour
        rush = math.exp(-((hour - 8) ** 2) / 4) + math.exp(-((hour - 16) ** 2) / 6)
        for state, share in SHARES.items():
            people = int(random.poisson(12 * rush * share))
            if people:
                yield Entry(start_s, "door", state, Count(people, 6.0 * people))


def save(screenshot: bytes, path: Path) -> None:
    """Keep a picture small: text and flat colours need few of them."""
    picture = Image.open(io.BytesIO(screenshot)).convert("RGB")
    picture.quantize(COLOURS).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size // 1000} kB", flush=True)


if __name__ == "__main__":
    main()
