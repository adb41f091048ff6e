"""The page about the service: complete, without a key, and loading nothing from anywhere.

Run: pytest tests/process/test_service_docs.py
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from support.service_server import GatedAnalyzer, Running, png, running
from support.toy_model import RED, plain

from maskwatch.pipeline import Networks
from maskwatch.service.pages import docs_html


class Seen(HTMLParser):
    """Which tags there are and where they lead; that each is closed."""

    EMPTY = frozenset({"meta", "input", "link", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.forms: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [
            str(values[name]) for name in ("src", "href", "action") if name in values
        ]
        if tag == "form":
            self.forms.append((str(values["data-method"]), str(values["data-path"])))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(GatedAnalyzer(tmp_path_factory.mktemp("networks")), keys=["k" * 24]) as service:
        yield service


def read(text: str) -> Seen:
    seen = Seen()
    seen.feed(text)
    assert seen.open == []
    return seen


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_page_needs_no_key_and_loads_nothing(service: Running, path: str) -> None:
    answer = httpx.get(service.url + path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert read(answer.text).addresses == ["openapi.json"]  # there is no page to try
    head = httpx.head(service.url + path)
    assert (head.status_code, head.content) == (200, b"")


def test_every_route_of_the_document_is_told_with_an_example(service: Running) -> None:
    text = httpx.get(f"{service.url}/docs").text
    document = httpx.get(f"{service.url}/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path}</code><h2>{operation['summary']}" in text
    assert {"/docs", "/"}.isdisjoint(document["paths"])
    assert read(text).forms == [
        ("POST", "v1/analyze"),
        ("GET", "v1/model"),
        ("GET", "health"),
        ("GET", "ready"),
        ("GET", "metrics"),
    ]


def test_a_browser_runs_what_stands_on_the_page_and_nothing_else(service: Running) -> None:
    answer = httpx.get(f"{service.url}/docs")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_the_page_may_ask_and_pages_from_elsewhere_may_not(service: Running) -> None:
    files, key = [("images", ("a.png", png(plain(RED))))], {"x-api-key": "k" * 24}
    url = f"{service.url}/v1/analyze"
    own = httpx.post(url, files=files, headers={**key, "origin": service.url})
    assert own.status_code == 200 and "access-control-allow-origin" not in own.headers
    for origin in ("https://example.org", "null", f"{service.url}0", "http://localhost:1"):
        other = httpx.post(url, files=files, headers={**key, "origin": origin})
        assert (other.status_code, other.json()["type"]) == (403, "foreign_page")


def test_the_page_that_judges_in_the_browser_is_named_where_it_is(tmp_path: Path) -> None:
    with running(GatedAnalyzer(tmp_path), page=Networks()) as service:
        assert read(httpx.get(service.url).text).addresses == ["try/", "openapi.json"]


def test_what_a_document_says_is_text() -> None:
    operation = {"summary": "<b>", "responses": {"200": {"description": "</table>"}}}
    document = {
        "info": {"title": "<script>", "version": "1", "description": "a `<i>`\n\nb"},
        "paths": {'/"><script>': {"get": operation}},
    }
    seen = read(docs_html(document, has_page=False))
    assert seen.forms == [("GET", '"><script>')]
