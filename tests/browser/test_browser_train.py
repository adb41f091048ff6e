"""The page for training in a real Chromium: a run outlives page and app, and its model judges.

Run: pytest tests/browser/test_browser_train.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.app_server import app_server
from support.chromium import CHROMIUM, WAIT_MS, go_to, new_page
from support.data_factory import folder_set
from support.job_factory import fake_run
from support.training_factory import random_base_weights
from support.waiting import until
from test_browser_look import assert_accessible, until_fits, until_readable

from maskwatch._version import __version__
from maskwatch.app.i18n import load_catalogue
from maskwatch.models.card import SHIPPED_MODEL, card_path
from maskwatch.training.jobs.folder import REPORT, JobFolder, State, Step

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

say = load_catalogue("en").text


@contextmanager
def visitor(chromium: Browser, url: str) -> Iterator[Page]:
    """A page of a new visitor who sees no failure of a script."""
    with seen(new_page(chromium), url) as page:
        yield page


@contextmanager
def seen(page: Page, url: str) -> Iterator[Page]:
    """The page at this address, until the block ends; no script of it may fail."""
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
        expect(page.get_by_text("Mask worn 8")).to_be_visible()
        choose(page, say("new_run.recipe"), "smoke")
        expect(page.get_by_text(say("recipes.smoke"))).to_be_visible()
        page.get_by_role("button", name=say("new_run.start")).focus()
        page.keyboard.press("Enter")
        status = page.locator(".st-key-spoken_run").filter(has_text="smoke-1")
        expect(status).to_be_visible()
        expect(status).to_have_attribute("aria-live", "polite")
        busy = page.get_by_text(say("new_run.busy", name="smoke-1"))
        expect(busy).to_be_visible()
    job = JobFolder(runs / "smoke-1")
    assert job.status().is_alive or job.status().state is State.FINISHED

    with app_server(tmp_path, *options) as address, visitor(chromium, f"{address}/train") as page:
        until(lambda: not job.status().is_alive, job.path)
        finished = page.locator(".st-key-spoken_run").filter(has_text="finished")
        expect(finished).to_be_visible()
        page.get_by_role("button", name=say("runs.activate")).click()
        page.get_by_role("button", name=say("runs.activate_yes")).click()
        expect(page.get_by_text(say("runs.activated"))).to_be_visible()
        named = page.get_by_text(f"Model: smoke-64 {__version__}, {job.card()['sha256'][:12]}.")
        go_to(page, say("pages.photo"), named)

    with app_server(tmp_path, *options) as address, visitor(chromium, address) as page:
        expect(page.get_by_text("Model: smoke-64")).to_be_visible()
        with visitor(chromium, f"{address}/train") as other:
            other.get_by_role("button", name=say("chosen.use_shipped")).click()
            expect(other.get_by_text(say("chosen.is_back"))).to_be_visible()
        page.reload()
        shipped = json.loads(card_path(SHIPPED_MODEL).read_text())["name"]
        expect(page.get_by_text(f"Model: {shipped}")).to_be_visible()


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("run", ["lost-1", "leaky-1"])
def test_every_word_can_be_read(
    address: str, indonesian: BrowserContext, run: str, scheme: str
) -> None:
    told = load_catalogue("id").text
    page = indonesian.new_page()
    page.emulate_media(color_scheme=scheme)
    with seen(page, f"{address}/train"):
        page.get_by_text(told("training.trusted")).wait_for()
        if run != "lost-1":
            choose(page, told("runs.look_into"), run)
            page.get_by_text("47%").wait_for()
        for width_px in (375, 1100):
            page.set_viewport_size({"width": width_px, "height": 900})
            until_readable(page)
            until_fits(page)
            if scheme == "light":
                assert_accessible(page)


def test_without_runs_there_is_no_such_page(chromium: Browser, pages: str) -> None:
    from playwright.sync_api import expect

    with visitor(chromium, pages) as page:
        expect(page.get_by_role("link", name=say("pages.live"))).to_be_visible()
        assert page.get_by_role("link", name=say("pages.train")).count() == 0
