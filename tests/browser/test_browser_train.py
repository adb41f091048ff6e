"""The page for training in a real Chromium: a run outlives page and app, and its model judges.

Run: pytest tests/test_browser_train.py
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from app_server import CHROMIUM, CHROMIUM_OPTIONS, app_server
from data_factory import folder_set
from job_factory import fake_run, wait_until
from test_browser_look import TOO_FAINT
from training_factory import random_base_weights

from maskwatch._version import __version__
from maskwatch.app.catalogue import load_catalogue
from maskwatch.training.job_folder import REPORT, JobFolder
from maskwatch.training.job_status import State, Step

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

WAIT_MS = 120_000
say = load_catalogue("en").text


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@contextmanager
def visitor(chromium: Browser, url: str, **look: object) -> Iterator[Page]:
    """A page of a visitor who sees no failure of a script."""
    page = chromium.new_page(**{"locale": "en-GB", **look})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(url)
    yield page
    page.close()
    assert not problems


def choose(page: Page, label: str, option: str) -> None:
    """Open the list until something in it can be clicked.

    While the page is still being made the list closes again, or stays where its box was before.
    """
    from playwright.sync_api import TimeoutError as NotThereError

    wanted = page.get_by_role("option", name=option, exact=True)
    box = page.get_by_role("combobox", name=label)
    for _ in range(WAIT_MS // 5000):
        box.evaluate("element => element.scrollIntoView({block: 'center'})")
        box.click()
        try:
            wanted.click(timeout=5000)
        except NotThereError:
            page.keyboard.press("Escape")
        else:
            return
    raise AssertionError(f"{option} cannot be chosen")


@pytest.mark.slow
def test_a_run_outlives_the_page_and_the_app_and_its_model_judges(
    chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playwright.sync_api import expect

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    folder_set(tmp_path / "sets" / "faces", 8)
    runs = tmp_path / "runs"
    options = ["--runs", runs, "--data", tmp_path / "sets", "--weights"]
    options.append(random_base_weights(tmp_path))
    with app_server(tmp_path, *options) as address, visitor(chromium, f"{address}/train") as page:
        expect(page.get_by_text("Mask worn 8")).to_be_visible(timeout=WAIT_MS)
        choose(page, say("new_run.recipe"), "smoke")
        expect(page.get_by_text(say("recipes.smoke"))).to_be_visible(timeout=WAIT_MS)
        page.get_by_role("button", name=say("new_run.start")).focus()
        page.keyboard.press("Enter")
        status = page.locator(".st-key-spoken_run").filter(has_text="smoke-1")
        expect(status).to_be_visible(timeout=WAIT_MS)
        expect(status).to_have_attribute("aria-live", "polite", timeout=WAIT_MS)
        busy = page.get_by_text(say("new_run.busy", name="smoke-1"))
        expect(busy).to_be_visible(timeout=WAIT_MS)
    job = JobFolder(runs / "smoke-1")
    assert job.status().is_alive or job.status().state is State.FINISHED

    with app_server(tmp_path, *options) as address, visitor(chromium, f"{address}/train") as page:
        wait_until(lambda: not job.status().is_alive, job.path)
        finished = page.locator(".st-key-spoken_run").filter(has_text="finished")
        expect(finished).to_be_visible(timeout=WAIT_MS)
        page.get_by_role("button", name=say("runs.activate")).click()
        expect(page.get_by_text(say("runs.activated"))).to_be_visible(timeout=WAIT_MS)
        page.get_by_role("link", name=say("pages.photo")).click()
        named = page.get_by_text(f"Model: smoke-64 {__version__}, {job.card()['sha256'][:12]}.")
        expect(named).to_be_visible(timeout=WAIT_MS)

    with app_server(tmp_path, *options) as address, visitor(chromium, address) as page:
        expect(page.get_by_text("Model: smoke-64")).to_be_visible(timeout=WAIT_MS)
        with visitor(chromium, f"{address}/train") as other:
            other.get_by_role("button", name=say("chosen.use_shipped")).click()
            expect(other.get_by_text(say("chosen.is_back"))).to_be_visible(timeout=WAIT_MS)
        page.reload()
        expect(page.get_by_text("Model: best-128")).to_be_visible(timeout=WAIT_MS)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    folder_set(folder / "sets" / "faces", 6)
    (folder / "sets" / "faces" / "with_mask" / "notes.txt").touch()
    fake_run(folder / "runs", "honest-1")
    fake_run(folder / "runs", "leaky-1", protocol=REPORT)
    fake_run(folder / "runs", "lost-1", State.RUNNING, step=Step.TRAINING, pid=1, process="gone")
    with app_server(folder, "--runs", folder / "runs", "--data", folder / "sets") as address:
        yield address


@pytest.mark.parametrize("width_px", [375, 1100])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("run", ["lost-1", "leaky-1"])
def test_every_word_can_be_read(
    address: str, chromium: Browser, run: str, scheme: str, width_px: int
) -> None:
    look = {"viewport": {"width": width_px, "height": 900}, "color_scheme": scheme}
    indonesian = load_catalogue("id").text
    with visitor(chromium, f"{address}/train", locale="id-ID", **look) as page:
        page.get_by_text(indonesian("training.trusted")).wait_for(timeout=WAIT_MS)
        if run != "lost-1":
            choose(page, indonesian("runs.look_into"), run)
            page.get_by_text("47%").wait_for(timeout=WAIT_MS)
        wait_until(lambda: not page.evaluate(TOO_FAINT), "faint words", WAIT_MS / 1000)
        overhang = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert overhang <= 0


def test_without_runs_there_is_no_such_page(chromium: Browser, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    with app_server(tmp_path) as address, visitor(chromium, address) as page:
        expect(page.get_by_role("link", name=say("pages.live"))).to_be_visible(timeout=WAIT_MS)
        assert page.get_by_role("link", name=say("pages.train")).count() == 0
