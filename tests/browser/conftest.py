"""One Chromium and one server of the pages for all files, which tests only look at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.app_server import app_server
from support.cartoon_face import cartoon
from support.chromium import WAIT_MS, chromium_with, new_visitor, play
from support.evidence_factory import write_toy_evidence
from support.statistics_factory import history
from support.toy_detector import write_toy_detector
from support.toy_model import write_toy_model
from support.web_browsers import WebServer, web_server
from support.web_page import Opened, group_rgb, opening

from maskwatch.store.statistics import StatisticsStore

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page


@pytest.fixture(scope="session")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film that Chromium's camera plays; see `support.chromium.play`."""
    path = tmp_path_factory.mktemp("camera") / "camera.y4m"
    play(path, [cartoon(masked=True)])
    return path


@pytest.fixture(scope="session")
def chromium(camera: Path) -> Iterator[Browser]:
    """While Playwright runs, this thread has an event loop, and no other may run in it."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright, chromium_with(playwright.chromium, camera) as browser:
        yield browser


@pytest.fixture
def four_people(camera: Path) -> None:
    """The camera shows the drawn sample."""
    play(camera, [group_rgb()])


@pytest.fixture(scope="session")
def indonesian(chromium: Browser) -> Iterator[BrowserContext]:
    """One visitor for all looks: a new one would load all scripts again."""
    visitor = new_visitor(chromium, locale="id-ID")
    yield visitor
    visitor.close()


@pytest.fixture(scope="session")
def server() -> Iterator[WebServer]:
    """Hands out the page that needs no server."""
    with web_server() as server:
        yield server


@pytest.fixture
def open_page(chromium: Browser, server: WebServer) -> Iterator[Opened]:
    """Opens that page."""
    with opening(chromium, server) as opened:
        yield opened


@pytest.fixture(scope="session")
def parts(chromium: Browser, server: WebServer) -> Iterator[Page]:
    """One page for all tests that only use its parts; a new one would load all networks again."""
    with opening(chromium, server) as opened:
        yield opened(ready=False)


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the pages are, with the shipped networks and statistics of twenty days."""
    folder = tmp_path_factory.mktemp("pages")
    statistics = folder / "statistics.sqlite3"
    StatisticsStore(statistics).add(history(days=20))
    corrections = folder / "corrections"
    with app_server(folder, "--statistics", statistics, "--corrections", corrections) as address:
        yield address


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A classifier that answers by colour, with all its evidence, and a detector."""
    folder = tmp_path_factory.mktemp("toys")
    model = write_toy_model(folder)
    write_toy_evidence(model)
    return model, write_toy_detector(folder)


@pytest.fixture(scope="session")
def toy_pages(tmp_path_factory: pytest.TempPathFactory, toys: tuple[Path, Path]) -> Iterator[str]:
    """Where the pages are, with these networks."""
    folder = tmp_path_factory.mktemp("toy-pages")
    with app_server(folder, "--model", toys[0], "--detector", toys[1]) as address:
        yield address
