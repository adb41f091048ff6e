"""The one Analyzer of the service and the threads it works in; the event loop never computes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from maskwatch.errors import ImageError
from maskwatch.pipeline import Analyzer
from maskwatch.report import Result, to_document
from maskwatch.runtime import available_cpus
from maskwatch.service.limits import Limits
from maskwatch.service.metrics import Metrics
from maskwatch.service.problems import one_line
from maskwatch.service.rate import Slots
from maskwatch.sources import load_image

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Upload:
    """An image as a client sent it.

    Attributes:
        content: the bytes of an image file.
        source: what the client calls it, None where it has no name.
    """

    content: bytes
    source: str | None = None


class Engine:
    """Judges what clients send, a thread a core, and knows how the service fares.

    Each thread judges one image after the other. Putting the faces of several callers into one
    batch was measured and is no faster: benchmarks/service_batching.py.

    Attributes:
        analyzer: what judges.
        limits: how much is accepted.
        metrics: what happened.
        calls: those under way.
        sessions: the streams that are open.
        warm: whether every thread has judged a picture.
        ending: whether the service was told to end.
    """

    def __init__(self, analyzer: Analyzer, limits: Limits) -> None:
        self.analyzer = analyzer
        self.limits = limits
        self.metrics = Metrics(analyzer)
        self.calls = Slots(limits.calls, "calls")
        self.sessions = Slots(limits.sessions, "streams")
        self.metrics.watch("calls", "Calls under way.", lambda: self.calls.taken)
        self.metrics.watch("sessions", "Streams that are open.", lambda: self.sessions.taken)
        self.warm = False
        self.ending = False
        self._threads = available_cpus()
        self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="judge")

    async def warm_up(self) -> None:
        """Judge a grey picture in every thread: the first one of each is slow."""
        grey = np.full((480, 640, 3), 128, np.uint8)
        await asyncio.gather(
            *(self.run("warm-up", self.analyzer.analyze, grey) for _ in range(self._threads))
        )
        self.warm = True

    def end(self) -> None:
        """No longer be ready; what is under way goes on."""
        self.ending = True

    def close(self) -> None:
        """Let go of the threads; what they are at is not waited for."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def judge_all(self, uploads: Sequence[Upload]) -> list[Result]:
        """Judge the images of one call; others get their turn between them."""
        turns = asyncio.Semaphore(self._threads)

        async def judge(upload: Upload) -> Result:
            async with turns:
                result = await self.run("analyze", self._judge, upload)
            self.metrics.count("analyze", result)
            return result

        return await asyncio.gather(*map(judge, uploads))

    async def run(self, door: str, function: Callable[..., T], *arguments: object) -> T:
        """Call a function in a thread as soon as one is free; what waits can be cancelled."""
        asked_s = time.perf_counter()

        def timed() -> T:
            began_s = time.perf_counter()
            self.metrics.wait_seconds.labels(door).observe(began_s - asked_s)
            try:
                return function(*arguments)
            finally:
                took_s = time.perf_counter() - began_s
                self.metrics.analysis_seconds.labels(door).observe(took_s)

        return await asyncio.get_running_loop().run_in_executor(self._executor, timed)

    def _judge(self, upload: Upload) -> Result:
        try:
            image_rgb = load_image(upload.content, self.limits.image_pixels)
        except ImageError as error:
            return error
        return self.analyzer.analyze(image_rgb)


def to_entry(result: Result, source: str | None = None) -> dict[str, Any]:
    """What a client is told of an image: its report, or why there is none."""
    document = to_document(result) | {"source": source}
    if isinstance(result, ImageError):
        document |= {"error": one_line(result.reason), "fault": result.fault.value}
    return document
