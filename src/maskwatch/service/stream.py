"""One WebSocket: frames in, reports out, the newest frame first; a Stream of its own."""

from __future__ import annotations

import asyncio
import json
import math
import time
from contextlib import suppress
from functools import partial
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from maskwatch.io.cameras import Latest
from maskwatch.io.report import Result
from maskwatch.live.loop import Arrived, Judge, Judged, frame_document
from maskwatch.service.engine import Engine, SwitchCounter, to_entry
from maskwatch.stream import Stream

_BAD_MESSAGE, _TOO_LARGE, _AWAY = 1008, 1009, 1001
_GOODBYE_S = 1.0
"""How long a client may take to accept that its stream is closed."""


class Closed(Exception):
    """The stream is over.

    Attributes:
        code: to close with, None where the other side has closed it.
        reason: one line.
    """

    def __init__(self, code: int | None = None, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Session:
    """One client's stream, from its first frame to its last."""

    def __init__(self, socket: WebSocket, engine: Engine) -> None:
        self._socket = socket
        self._engine = engine
        self._waiting: Latest[Arrived[bytes]] = Latest()
        self._something_waits = asyncio.Event()
        self._frames = 0
        self._time_s: float | None = None
        self._own_clock = True
        self._switches = SwitchCounter()

    async def run(self) -> None:
        """Answer frames until either side has had enough."""
        tasks = {asyncio.create_task(self._read()), asyncio.create_task(self._answer())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except Closed as end:
            if end.code is not None:
                # it has gone meanwhile, or takes nothing, so not this either
                with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
                    async with asyncio.timeout(_GOODBYE_S):
                        await self._socket.close(end.code, end.reason)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        """Keep the newest frame; never wait for it to be judged."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise Closed
            if (text := message.get("text")) is not None:
                self._time_s = _time_of(text)
            else:
                self._keep(message["bytes"])

    def _keep(self, content: bytes) -> None:
        # the server of `maskwatch serve` lets none of these through, others may
        if len(content) > self._engine.limits.body_bytes:
            raise Closed(_TOO_LARGE, "the frame is over the limit")
        now_s = time.monotonic()
        time_s, self._time_s = self._time_s, None
        if not self._frames:
            self._own_clock = time_s is None
        elif self._own_clock is not (time_s is None):
            raise Closed(_BAD_MESSAGE, "give a time with every frame or with none")
        taken_s = now_s if time_s is None else time_s  # on the clock of the client, if it has one
        if self._waiting.put(Arrived(content, taken_s, self._frames, now_s)):
            self._engine.metrics.dropped_frames.inc()
        self._frames += 1
        self._something_waits.set()

    async def _answer(self) -> None:
        judge = Judge(Stream(self._engine.analyzer), [self._count_switches])
        while True:
            try:
                async with asyncio.timeout(self._engine.limits.idle_s):
                    await self._something_waits.wait()
            except TimeoutError:
                raise Closed(_AWAY, "no frame for too long") from None
            self._something_waits.clear()
            frame, dropped = self._waiting.take(0), self._waiting.dropped
            assert frame is not None
            see = partial(judge.see, frame, dropped)
            result = await self._engine.judge("stream", frame.content, see)
            try:
                async with asyncio.timeout(self._engine.limits.answer_s):
                    await self._socket.send_text(json.dumps(_answer(frame, dropped, result)))
            except TimeoutError:
                raise Closed(_AWAY, "answers are not taken") from None
            except WebSocketDisconnect:
                raise Closed from None
            self._engine.metrics.frame_age_seconds.observe(time.monotonic() - frame.arrived_s)
            self._engine.metrics.count("stream", result)

    def _count_switches(self, judged: Judged) -> None:
        switches = self._switches.count(judged.report.faces)
        self._engine.metrics.label_switches.inc(switches)


def _answer(frame: Arrived[bytes], dropped: int, result: Result) -> dict[str, Any]:
    """What `maskwatch live --format jsonl` prints of a frame."""
    latency_s = time.monotonic() - frame.arrived_s
    about = frame_document(frame.index, frame.time_s, dropped, latency_s)
    return about | to_entry(result)


def _time_of(text: str) -> float:
    """The time of the next frame."""
    try:
        message = json.loads(text)
        (time_s,) = message.values()
        if set(message) == {"time_s"} and math.isfinite(time_s):
            return float(time_s)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        pass
    raise Closed(_BAD_MESSAGE, 'a text message must be {"time_s": seconds}')
