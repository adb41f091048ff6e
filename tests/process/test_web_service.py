"""The page that needs no server, as the HTTP service hands it out.

Run: pytest tests/process/test_web_service.py
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI
from PIL import Image
from support.chromium import CHROMIUM, CHROMIUM_OPTIONS
from support.service_server import GatedAnalyzer, Running, running
from support.web_browsers import WAIT_S

from maskwatch.models.runtime import joined
from maskwatch.pipeline import Networks
from maskwatch.service.pages import page_of, page_router
from maskwatch.web.bundle import PAGE
from maskwatch.web.server import HEADERS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Running]:
    """One that wants keys, and at most one call a second; its page judges with toy networks."""
    analyzer = GatedAnalyzer(folder)
    page = Networks(folder / "toy.onnx", folder / "detector.onnx")
    with running(analyzer, keys=["k" * 32], page=page, rate_per_s=1) as service:
        yield service


def test_the_page_needs_no_key_and_holds_the_networks_in_use(
    service: Running, folder: Path
) -> None:
    moved = httpx.get(f"{service.url}/try")
    assert (moved.status_code, moved.headers["location"]) == (307, "/try/")
    page = httpx.get(f"{service.url}/try/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    (policy,) = page.headers.get_list("content-security-policy")  # two would forbid everything
    assert policy == HEADERS["Content-Security-Policy"] and "http" not in policy
    assert page.headers.get_list("x-content-type-options") == ["nosniff"]
    head = httpx.head(f"{service.url}/try/")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == page.headers["content-length"]
    cards = httpx.get(f"{service.url}/try/about.json").json()["cards"]
    for kind, name in (("classifier", "toy"), ("detector", "detector")):
        network = gzip.decompress(httpx.get(f"{service.url}/try/models/{kind}.onnx.gz").content)
        own = (folder / f"{name}.onnx").read_bytes()
        assert network == joined(own, name)
        assert cards[kind]["file"]["sha256"] == hashlib.sha256(network).hexdigest()
        assert cards[kind]["sha256"] == hashlib.sha256(own).hexdigest()  # what reports name


def test_it_answers_to_the_names_that_the_service_answers_to(folder: Path) -> None:
    networks = Networks(folder / "toy.onnx", folder / "detector.onnx")
    with running(GatedAnalyzer(folder), page=networks) as service:
        foreign = httpx.get(f"{service.url}/try/about.json", headers={"Host": "foreign.example"})
        own = httpx.get(f"{service.url}/try/about.json")
    assert (foreign.status_code, own.status_code) == (421, 200)


@pytest.mark.usefixtures("service")
def test_a_slow_line_has_the_time_of_an_answer_for_each_part_of_a_large_file(folder: Path) -> None:
    app = FastAPI()
    app.include_router(page_router(Networks(folder / "toy.onnx", folder / "detector.onnx")))
    name = "ort/ort-wasm-simd-threaded.wasm.gz"
    head = {"type": "http", "method": "GET", "path": f"/try/{name}", "query_string": b""}
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()  # the client stays

    async def send(message: Any) -> None:
        sent.append(message)

    with start_blocking_portal() as elsewhere:
        scope = {**head, "headers": [], "http_version": "1.1"}
        elsewhere.call(app, scope, receive, send)
    parts = [message.get("body", b"") for message in sent[1:]]
    whole = (PAGE / name).read_bytes()
    assert b"".join(parts) == whole and max(map(len, parts)) <= 1 << 16
    assert (b"content-length", str(len(whole)).encode()) in sent[0]["headers"]


@pytest.mark.parametrize("path", ["nothing", "lib", "../v1/model", "%2e%2e/v1/model", "lib/../sw"])
def test_nothing_else_can_be_had_from_there(service: Running, path: str) -> None:
    answer = httpx.get(f"{service.url}/try/{path}")
    assert answer.status_code in (401, 404, 429)


def test_the_page_is_not_part_of_the_description(service: Running) -> None:
    assert not [p for p in httpx.get(f"{service.url}/openapi.json").json()["paths"] if "try" in p]
    httpx.get(f"{service.url}/try/about.json")
    assert service.metric("requests_total", route="/try", status="200") > 0


@pytest.mark.parametrize(
    ("networks", "has_keys", "is_there"),
    [
        (Networks(), False, True),
        (Networks(), True, True),
        (Networks(detector_side_px=640), True, True),
        (Networks(model=Path("own.onnx")), False, True),
        (Networks(model=Path("own.onnx")), True, False),
        (Networks(detector=Path("own.onnx")), True, False),
    ],
)
def test_own_networks_are_not_handed_to_everybody(
    networks: Networks, has_keys: bool, is_there: bool
) -> None:
    assert (page_of(networks, has_keys) is not None) is is_there


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_browser_judges_with_them(service: Running, tmp_path: Path) -> None:
    from support.toy_detector import crowd
    from support.toy_model import GREEN, RED

    Image.fromarray(crowd((3, 2, RED), (12, 7, GREEN))).save(tmp_path / "two.png")
    with ThreadPoolExecutor(1) as elsewhere:  # a browser of other tests may hold this thread's loop
        elsewhere.submit(_judge_in_chromium, service.url, tmp_path / "two.png").result()


def _judge_in_chromium(url: str, photo: Path) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        page = browser.new_page(locale="en-GB")
        page.set_default_timeout(WAIT_S * 1000)
        page.goto(f"{url}/try/")
        page.locator("#files").set_input_files(photo)
        page.get_by_text("1 photo · 2 faces: 1 mask worn, 1 no mask").wait_for()
        kept = page.evaluate("navigator.serviceWorker.ready.then(({scope}) => scope)")
        assert kept == f"{url}/try/"
        assert json.loads(page.evaluate("caches.keys().then(JSON.stringify)"))
        browser.close()
