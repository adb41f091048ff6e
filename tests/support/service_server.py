"""A real service on loopback for tests: uvicorn in a thread, toy networks, a gate to hold it at."""

from __future__ import annotations

import io
import logging
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from maskwatch import Analyzer
from maskwatch.pipeline import Networks
from maskwatch.service.app import create_app
from maskwatch.service.engine import Engine, OneLine
from maskwatch.service.guard import KeyRing
from maskwatch.service.limits import Limits
from maskwatch.service.server import Server, listen
from support.toy_detector import write_toy_detector
from support.toy_model import write_toy_model
from support.waiting import LIMIT_S, until

WAIT_S = LIMIT_S
PLENTY = 1e6
"""A rate that no test reaches."""


class Gate:
    """Holds whoever comes until it is opened; tells how many came."""

    def __init__(self) -> None:
        self._came = threading.Semaphore(0)
        self._open = threading.Event()
        self._open.set()

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()

    def await_one(self) -> None:
        """Until somebody stands before it, or went through, who was not waited for yet."""
        assert self._came.acquire(timeout=WAIT_S), "nobody came"

    def pass_through(self) -> None:
        self._came.release()
        assert self._open.wait(WAIT_S), "never opened"


class GatedAnalyzer(Analyzer):
    """The real one on toy networks, but each picture of 77 pixels width stops at the gate."""

    WIDTH_PX = 77

    def __init__(self, folder: Path) -> None:
        super().__init__(write_toy_model(folder), write_toy_detector(folder, live_side_px=320))
        self.gate = Gate()

    def analyze(self, image: Any, boxes: Any = None) -> Any:
        self._pass(image)
        return super().analyze(image, boxes)

    def find_live(self, image_rgb: Any, window_xyxy: Any = None) -> Any:
        self._pass(image_rgb)
        return super().find_live(image_rgb, window_xyxy)

    def _pass(self, image: Any) -> None:
        if isinstance(image, np.ndarray) and image.shape[1] == self.WIDTH_PX:
            self.gate.pass_through()


@dataclass
class Running:
    """A service that runs.

    Attributes:
        url: where.
        engine: what judges in it.
        server: what serves it.
        log: what it has written so far.
    """

    url: str
    engine: Engine
    server: Server
    log: io.StringIO = field(repr=False)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def gate(self) -> Gate:
        assert isinstance(self.engine.analyzer, GatedAnalyzer)
        return self.engine.analyzer.gate

    def metric(self, name: str, **labels: str) -> float:
        """A number of /metrics, 0 where it is not there yet."""
        value = self.engine.metrics.registry.get_sample_value(f"maskwatch_{name}", labels)
        return value or 0.0


@contextmanager
def running(
    analyzer: Analyzer,
    keys: Sequence[str] = (),
    origins: Sequence[str] = (),
    hosts: Sequence[str] = (),
    page: Networks | None = None,
    send_buffer_bytes: int | None = None,
    **limits: float,
) -> Iterator[Running]:
    """A service until the block ends; its log must then be clean.

    With `send_buffer_bytes` the system keeps no more than about that many for a client that does
    not read, rather than the megabytes that it takes otherwise.
    """
    bounds = Limits(**{"rate_per_s": PLENTY, "shutdown_s": 5, **limits})
    engine = Engine(analyzer, bounds)
    app = create_app(engine, KeyRing(keys), origins, hosts, page)
    server = Server(app, bounds, engine.end)
    listener = listen("127.0.0.1", 0, local_only=True)
    if send_buffer_bytes is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer_bytes)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with noted_log() as log:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            until(lambda: _is_ready(url), "ready")
            yield Running(url, engine, server, log)
        finally:
            if isinstance(analyzer, GatedAnalyzer):
                analyzer.gate.open()
            server.stop()
            thread.join(WAIT_S)
            assert not thread.is_alive()
    check_log(log.getvalue())


def _is_ready(url: str) -> bool:
    """Where the time to ask is short, a machine that stands still has it hung up on."""
    try:
        return httpx.get(f"{url}/ready").status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def noted_log() -> Iterator[io.StringIO]:
    """Everything that is logged meanwhile, as the service writes it."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(OneLine())
    root, ours = logging.getLogger(), logging.getLogger("maskwatch.service")
    before = ours.level
    # Streamlit, which tests of the pages bring into this process, keeps these to itself
    others = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.access")]
    to_root = [other.propagate for other in others]
    root.addHandler(handler)
    ours.setLevel(logging.INFO)
    for other in others:
        other.propagate = True
    try:
        yield log
    finally:
        root.removeHandler(handler)
        ours.setLevel(before)
        for other, propagate in zip(others, to_root, strict=True):
            other.propagate = propagate


def check_log(log: str) -> None:
    """No traceback, no path and no client in it; a line an event."""
    for word in ("Traceback", "File ", ".py", "site-packages", str(Path.cwd()), "/tmp", "secret"):
        assert word not in log, log
    for line in log.splitlines():
        assert line.split()[2] in ("INFO", "WARNING", "ERROR"), log


def png(image_rgb: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image_rgb).save(content, "PNG")
    return content.getvalue()


def held_picture() -> np.ndarray:
    """One that stops at the gate."""
    return np.full((60, GatedAnalyzer.WIDTH_PX, 3), 128, np.uint8)
