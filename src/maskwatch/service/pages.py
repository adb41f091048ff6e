"""The pages of the service: its documentation, and the page that judges in the visitor's browser.

The first is one file that loads nothing, from here or from elsewhere, so it works without a
network: what the OpenAPI document says, for people, and a way to try it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import cache
from html import escape
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse

from maskwatch.pipeline import Networks
from maskwatch.service.limits import NO_ROUTE, Problem
from maskwatch.web.bundle import build_page
from maskwatch.web.server import page_file

PAGE_PATH = "/try"

_PART_BYTES = 1 << 16
"""A client has the time of an answer to take each part; a slow line takes more for a network."""


def is_page(path: str) -> bool:
    """Whether a path is the page's; everybody may open it, as a browser cannot send a key."""
    return path == PAGE_PATH or path.startswith(f"{PAGE_PATH}/")


def page_of(networks: Networks, has_keys: bool) -> Networks | None:
    """What judges in the page of a service; None where there is to be none.

    The page takes the networks to the visitor. Where callers need a key, networks of one's own are
    not handed to everybody.
    """
    own = networks.model is not None or networks.detector is not None
    return None if has_keys and own else networks


def page_router(networks: Networks) -> APIRouter:
    """The routes of the page; its files are put together when they are first asked for."""
    router = APIRouter(include_in_schema=False)
    files: Callable[[], Mapping[str, bytes]] = cache(lambda: build_page(networks))
    first = asyncio.Lock()  # a browser asks for many files at once

    @router.get(PAGE_PATH)
    async def go_to_page() -> Response:
        return RedirectResponse(f"{PAGE_PATH}/")

    @router.get(f"{PAGE_PATH}/{{path:path}}")
    async def page(path: str) -> Response:
        async with first:
            known = await asyncio.to_thread(files)
        found = page_file(known, path)
        if found is None:
            raise Problem(NO_ROUTE)
        headers = {**found.headers, "Content-Length": str(len(found.content))}
        return StreamingResponse(_parts(found.content), headers=headers)

    return router


async def _parts(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), _PART_BYTES):
        yield content[start : start + _PART_BYTES]


DOCS_PATHS = ("/", "/docs")

_STYLE = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 25%, transparent); }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1.1rem; margin: 0; display: inline; }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .6rem 0; padding: .6rem; }
summary { cursor: pointer; }
summary code { font-weight: bold; margin-right: .5rem; }
pre, output { display: block; overflow: auto; max-height: 24rem; padding: .6rem; white-space: pre;
  font: .85rem/1.4 ui-monospace, monospace;
  background: color-mix(in srgb, currentColor 8%, transparent); }
output:empty { display: none; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0; }
tr + tr td { border-top: 1px solid var(--line); }
input, button { font: inherit; margin: .3rem .5rem .3rem 0; }
"""

_SCRIPT = """
for (const form of document.querySelectorAll("form[data-path]")) {
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const shown = form.querySelector("output");
        const key = document.getElementById("key").value;
        const options = { method: form.dataset.method, headers: key ? { "X-API-Key": key } : {} };
        if (options.method === "POST") options.body = new FormData(form);
        shown.textContent = "...";
        try {
            const answer = await fetch(form.dataset.path, options);
            let text = await answer.text();
            try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* it is no JSON */ }
            shown.textContent = `${answer.status} ${answer.statusText}\\n${text}`;
        } catch (error) {
            shown.textContent = String(error);
        }
    });
}
"""


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src {_digest(_STYLE)}; script-src {_digest(_SCRIPT)}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


def docs_router(describe: Callable[[], Mapping[str, Any]], has_page: bool) -> APIRouter:
    """The routes of the page.

    Args:
        describe: gives the OpenAPI document.
        has_page: whether the page that judges in the browser is there, under /try/.
    """
    router = APIRouter(include_in_schema=False)
    content = cache(lambda: docs_html(describe(), has_page))

    async def page() -> HTMLResponse:
        return HTMLResponse(content(), headers=_HEADERS)

    for path in DOCS_PATHS:
        router.add_api_route(path, page)
    return router


def docs_html(document: Mapping[str, Any], has_page: bool) -> str:
    """The whole page from an OpenAPI document."""
    info = document["info"]
    title = f"{info['title']} {info['version']}"
    links = '<a href="openapi.json">OpenAPI document</a> for machines'
    if has_page:
        links = f'<a href="try/">Judge pictures in this browser</a>; {links}'
    operations = "\n".join(
        _operation(path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
{_prose(info["description"])}
<p>{links}.</p>
<p><label>API key, where the service asks for one: <input id="key" type="password"
autocomplete="off"></label></p>
{operations}
</main>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _operation(path: str, method: str, operation: Mapping[str, Any]) -> str:
    """One route: what it is for, what it takes and answers, and a form that asks it."""
    name = f"<code>{method.upper()} {escape(path)}</code><h2>{escape(operation['summary'])}</h2>"
    return f"""<details>
<summary>{name}</summary>
{_prose(operation.get("description", ""))}
{_body(operation)}
{_form(path, method, operation)}
<table><tr><th>Status</th><th>Answer</th></tr>{"".join(_answers(operation))}</table>
</details>"""


def _form(path: str, method: str, operation: Mapping[str, Any]) -> str:
    if "101" in operation["responses"]:  # a WebSocket is no matter of a form
        return ""
    files = (
        '<label>Pictures: <input type="file" name="images" accept="image/*" multiple required>'
        "</label>"
        if "requestBody" in operation
        else ""
    )
    return (
        f'<form data-method="{method.upper()}" data-path="{escape(path.lstrip("/"))}">'
        f"{files}<button>Try it</button><output></output></form>"
    )


def _body(operation: Mapping[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    kinds = ", ".join(f"<code>{escape(kind)}</code>" for kind in content)
    examples = "".join(_shown(one["example"]) for one in content.values() if "example" in one)
    return f"<p>Takes {kinds}.</p>{examples}" if kinds else ""


def _answers(operation: Mapping[str, Any]) -> Iterator[str]:
    for status, answer in sorted(operation["responses"].items()):
        content: Mapping[str, Any] = next(iter(answer.get("content", {}).values()), {})
        examples = [one["value"] for one in content.get("examples", {}).values()]
        if "example" in content:
            examples = [content["example"]]
        shown = "".join(map(_shown, examples[:1]))
        if shown:
            shown = f"<details><summary>Example</summary>{shown}</details>"
        yield f"<tr><td>{status}</td><td>{escape(answer['description'])}{shown}</td></tr>"


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, indent=2)
    return f"<pre>{escape(text)}</pre>"


def _prose(text: str) -> str:
    """Paragraphs, with what stands in backticks as code."""
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text.strip()))
    return "".join(f"<p>{part}</p>" for part in escaped.split("\n\n") if part)
