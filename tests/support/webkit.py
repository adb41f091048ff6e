"""WebKitGTK's MiniBrowser on a screen that nobody sees, driven by WebDriver.

See https://www.w3.org/TR/webdriver2/; Debian has both in `webkit2gtk-driver`, the screen in `xvfb`.
"""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from support.ports import free_port
from support.programs import running as program
from support.waiting import until

DRIVER, SCREEN = shutil.which("WebKitWebDriver"), shutil.which("Xvfb")
BROWSER = next(iter(sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))), None)
HAS_WEBKIT = bool(DRIVER and SCREEN and BROWSER)
WAIT_S = 180.0

_SETTINGS = {
    "GDK_BACKEND": "x11",
    "NO_AT_BRIDGE": "1",
    # its sandbox needs rights that a container does not give; the pages here are our own
    "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
}


# a drawn one, which asks nobody
_CAMERA = ("--enable-media-stream=1", "--enable-mock-capture-devices=1")


class WebKit:
    """One window of a WebKit that runs; does what `support.web_browsers.Firefox` does."""

    def __init__(self, address: str) -> None:
        self._address = address
        options = {"binary": str(BROWSER), "args": ["--automation", *_CAMERA]}
        wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        session = self.ask("POST", "/session", {"capabilities": wanted})
        self._session = f"/session/{session['sessionId']}"
        limits = {"script": WAIT_S * 1000, "pageLoad": WAIT_S * 1000}
        self.ask("POST", f"{self._session}/timeouts", limits)

    def ask(self, method: str, path: str, values: Any = None) -> Any:
        """One command, and what it answers."""
        content = None if values is None else json.dumps(values).encode()
        request = urllib.request.Request(f"{self._address}{path}", content, method=method)
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            return json.load(answer)["value"]

    def open(self, url: str) -> None:
        self.ask("POST", f"{self._session}/url", {"url": url})

    def evaluate(self, script: str) -> Any:
        """What an expression gives, awaited; as JSON holds it."""
        told = f"""const [tell] = arguments;
            const told = (value) => tell(JSON.stringify({{ value }}));
            const failed = (error) => tell(JSON.stringify({{ error: String(error) }}));
            Promise.resolve().then(() => ({script})).then(told, failed);"""
        answer = self.ask("POST", f"{self._session}/execute/async", {"script": told, "args": []})
        result = json.loads(answer)
        assert "error" not in result, result["error"]
        return result.get("value")

    def wait_for(self, condition: str) -> None:
        """Until an expression of the page is true."""
        self.evaluate(
            f"""new Promise((resolve) => {{
                const look = () => ({condition}) ? resolve(true) : setTimeout(look, 50);
                look();
            }})"""
        )

    def close(self) -> None:
        self.ask("DELETE", self._session)


@contextmanager
def webkit(folder: Path) -> Iterator[WebKit]:
    """A WebKit that keeps what it keeps in a folder."""
    assert DRIVER is not None and SCREEN is not None
    port = free_port()
    with ExitStack() as running:
        read, write = os.pipe()
        size = ("-screen", "0", "1280x900x24")
        screen = [SCREEN, "-displayfd", str(write), "-nolisten", "tcp", *size]
        running.enter_context(program(screen, folder / "screen.txt", handed=(write,)))
        os.close(write)
        with os.fdopen(read) as told:
            display = f":{told.readline().strip()}"
        homes = {f"XDG_{kind}_HOME": str(folder / kind) for kind in ("DATA", "CACHE", "CONFIG")}
        variables = {**os.environ, **_SETTINGS, **homes, "DISPLAY": display}
        driver = [DRIVER, f"--port={port}", "--host=127.0.0.1"]
        running.enter_context(program(driver, folder / "log.txt", variables))
        address = f"http://127.0.0.1:{port}"
        until(lambda: _answers(f"{address}/status"), "the driver answers")
        window = WebKit(address)
        running.callback(window.close)
        yield window


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=WAIT_S):
            return True
    except OSError:
        return False
