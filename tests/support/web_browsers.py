"""The page that needs no server, on a server of the tests, and the browsers that open it.

Chromium is driven by Playwright, Firefox by WebDriver BiDi, which both browsers of the system speak
without a driver of their own; see https://www.w3.org/TR/webdriver-bidi/.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from maskwatch.pipeline import Networks
from maskwatch.web.bundle import build_page
from maskwatch.web.server import page_server
from support.contract_factory import FOLDER as CONTRACT
from support.programs import running
from support.waiting import until

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
WAIT_S = 180.0

_SETTINGS = {
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "media.navigator.permission.disabled": True,  # no question for the camera
    "media.navigator.streams.fake": True,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.server": "",
}


@cache
def page_files() -> dict[str, bytes]:
    """The page with the networks that ship."""
    return build_page(Networks())


@dataclass
class WebServer:
    """Hands out the page, and what a test lays beside it.

    Attributes:
        url: where, without a slash at the end.
        files: by path; a test may add some.
    """

    url: str
    files: dict[str, bytes] = field(repr=False)


@contextmanager
def web_server() -> Iterator[WebServer]:
    """A server of the page and the contract until the block ends."""
    files = dict(page_files())
    files |= {f"contract/{path.name}": path.read_bytes() for path in CONTRACT.iterdir()}
    with page_server(files, 0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield WebServer(f"http://127.0.0.1:{server.server_port}", files)
        finally:
            server.shutdown()
            thread.join(WAIT_S)


class Firefox:
    """One window of a Firefox that runs."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.ask("session.new", capabilities={})
        tree = self.ask("browsingContext.getTree")
        self._window = tree["contexts"][0]["context"]

    def ask(self, method: str, **params: Any) -> Any:
        """One command, and what it answers; what else it says meanwhile gives it no more time."""
        number, end_s = next(self._numbers), time.monotonic() + WAIT_S
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(timeout=max(0.0, end_s - time.monotonic())))
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return answer["result"]

    def open(self, url: str) -> None:
        self.ask("browsingContext.navigate", context=self._window, url=url, wait="complete")

    def evaluate(self, script: str) -> Any:
        """What an expression gives, awaited; as JSON holds it."""
        result = self.ask(
            "script.evaluate",
            expression=f"Promise.resolve({script}).then(JSON.stringify)",
            target={"context": self._window},
            awaitPromise=True,
        )
        assert result["type"] == "success", result
        text = result["result"].get("value")
        return None if text is None else json.loads(text)

    def wait_for(self, condition: str) -> None:
        """Until an expression of the page is true."""
        self.evaluate(
            f"""new Promise((resolve) => {{
                const look = () => ({condition}) ? resolve(true) : setTimeout(look, 50);
                look();
            }})"""
        )


@contextmanager
def firefox(folder: Path) -> Iterator[Firefox]:
    """A Firefox with a profile of its own in a folder, without a window on a screen."""
    assert FIREFOX is not None
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in _SETTINGS.items()]
    (folder / "user.js").write_text("\n".join(lines))
    command = [FIREFOX, "--headless", "--no-remote", "--remote-debugging-port", "0"]
    log = folder / "log.txt"
    with running([*command, "--profile", folder], log) as process:
        said = re.compile(r"BiDi listening on (ws://\S+)")
        until(lambda: said.search(log.read_text()) or process.poll() is not None, log)
        match = said.search(log.read_text())
        assert match is not None, log.read_text()
        # a ping that is answered late would end it, on a machine that stands still for a moment
        limits = {"open_timeout": WAIT_S, "ping_interval": None, "close_timeout": WAIT_S}
        with connect(f"{match[1]}/session", max_size=None, proxy=None, **limits) as socket:
            yield Firefox(socket)
