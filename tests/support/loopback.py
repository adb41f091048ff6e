"""Live sessions without a browser or a page: both ends of real WebRTC connections in one process.

The server's end is streamlit-webrtc's own, with the `Watcher` of the live page; the browser's is a
peer whose camera shows a picture with the number of each frame on it, so that delays can be told.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import weakref
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription, VideoStreamTrack
from aiortc.contrib.media import MediaRelay
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from streamlit_webrtc.webrtc import WebRtcMode, WebRtcWorker

from maskwatch import Analyzer, Stream
from maskwatch.app.i18n import load_catalogue
from maskwatch.app.watcher import Watcher
from support.waiting import LIMIT_S, until

T = TypeVar("T")
DIRECT = RTCConfiguration(iceServers=[])
WAIT_S = LIMIT_S
# the number of a frame stands in its upper edge, a bit a block
BITS, BLOCK_PX = 16, 16


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(WAIT_S)

    def close(self) -> None:
        self.run(self.loop.shutdown_default_executor())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(WAIT_S)
        self.loop.close()


class Server:
    """What streamlit-webrtc keeps once for all sessions: a loop and a relay."""

    def __init__(self) -> None:
        self._loop = Loop("server")
        self.loop = self._loop.loop
        self.close = self._loop.close
        asyncio.set_event_loop(self.loop)
        self.relay = MediaRelay()
        asyncio.set_event_loop(None)

    def connect(self, watcher: Watcher, offer: RTCSessionDescription) -> WebRtcWorker[Any, Any]:
        """The server side of a session, as the page makes it."""
        nothing = dict.fromkeys(
            (
                "source_video_track",
                "source_audio_track",
                "sink_video_track",
                "sink_audio_track",
                "player_factory",
                "in_recorder_factory",
                "out_recorder_factory",
                "video_frame_callback",
                "audio_frame_callback",
                "queued_video_frames_callback",
                "queued_audio_frames_callback",
                "on_video_ended",
                "on_audio_ended",
                "audio_processor_factory",
            )
        )
        worker: WebRtcWorker[Any, Any] = WebRtcWorker(
            mode=WebRtcMode.SENDRECV,
            rtc_configuration=DIRECT,
            video_processor_factory=lambda: watcher,
            async_processing=False,
            video_receiver_size=4,
            audio_receiver_size=4,
            sendback_video=True,
            sendback_audio=True,
            loop=self.loop,
            relay=self.relay,
            **nothing,
        )
        worker.process_offer(offer.sdp, offer.type, timeout=WAIT_S)
        return worker


class Camera(VideoStreamTrack):
    """Shows a picture with the number of the frame on it; the picture may be changed."""

    def __init__(self, image_rgb: np.ndarray, rate_fps: int) -> None:
        super().__init__()
        self.image_rgb = image_rgb
        self.sent_s: list[float] = []
        self._rate_fps = rate_fps
        self._began_s = time.monotonic()

    async def recv(self) -> av.VideoFrame:
        if self.readyState != "live":
            raise MediaStreamError
        number = len(self.sent_s)
        due_s = self._began_s + number / self._rate_fps
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        frame = av.VideoFrame.from_ndarray(numbered(self.image_rgb, number), format="rgb24")
        frame.pts = number * 90_000 // self._rate_fps
        frame.time_base = Fraction(1, 90_000)
        self.sent_s.append(time.monotonic())
        return frame


class Browser:
    """The other side of a session."""

    def __init__(self, loop: Loop, camera: Camera) -> None:
        self._loop = loop
        self.camera = camera
        self.shown_rgb: np.ndarray | None = None
        self.frames = 0
        self.delays_s: list[float] = []
        self._task: asyncio.Task[None] | None = None
        self._peer = loop.run(self._new_peer())

    async def _new_peer(self) -> RTCPeerConnection:
        peer = RTCPeerConnection(DIRECT)
        peer.addTrack(self.camera)
        peer.on("track", self._follow)
        await peer.setLocalDescription(await peer.createOffer())
        return peer

    @property
    def offer(self) -> RTCSessionDescription:
        return self._peer.localDescription

    def take(self, answer: RTCSessionDescription) -> None:
        self._loop.run(self._peer.setRemoteDescription(answer))

    def close(self) -> None:
        self._loop.run(self._close())

    async def _close(self) -> None:
        await self._peer.close()
        if self._task:  # it waits for ever where the server has hung up
            self._task.cancel()

    def _follow(self, track: MediaStreamTrack) -> None:
        self._task = asyncio.ensure_future(self._watch(track))

    async def _watch(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            assert isinstance(frame, av.VideoFrame)
            self.shown_rgb = frame.to_ndarray(format="rgb24")
            self.frames += 1
            number = read_number(self.shown_rgb)
            if number is not None and number < len(self.camera.sent_s):
                self.delays_s.append(time.monotonic() - self.camera.sent_s[number])


class Session:
    """A browser connected to the server."""

    def __init__(self, server: Server, browsers: Loop, watcher: Watcher, camera: Camera) -> None:
        self.watcher = watcher
        self.browser = Browser(browsers, camera)
        self.worker = server.connect(watcher, self.browser.offer)
        self.browser.take(self.worker.local_description)

    def close(self, server_first: bool = True) -> None:
        """End it from either side; the other follows."""
        if server_first:
            self.worker.stop()
            self.browser.close()
        else:
            self.browser.close()
            self.worker.stop()


def numbered(image_rgb: np.ndarray, number: int) -> np.ndarray:
    bits = number << 1 | 1  # the first tells a number from a notice
    marked = image_rgb.copy()
    for bit in range(BITS):
        value = 255 if bits >> bit & 1 else 0
        marked[:BLOCK_PX, bit * BLOCK_PX : (bit + 1) * BLOCK_PX] = value
    return marked


def read_number(image_rgb: np.ndarray) -> int | None:
    """The number on a frame; None on a notice, which has none."""
    blocks = image_rgb[:BLOCK_PX, : BITS * BLOCK_PX].reshape(BLOCK_PX, BITS, BLOCK_PX, 3)
    means = blocks.mean(axis=(0, 2, 3))
    if means[0] < 128:
        return None
    return sum(1 << bit for bit in range(BITS) if means[bit] > 128) >> 1


class Soak:
    """Opens and closes sessions and counts what stays."""

    def __init__(self, analyzer: Analyzer, image_rgb: np.ndarray, rate_fps: int = 15) -> None:
        self._analyzer = analyzer
        self._image_rgb = image_rgb
        self._rate_fps = rate_fps
        self._server, self._browsers = Server(), Loop("browsers")
        self._alive: weakref.WeakSet[object] = weakref.WeakSet()
        self._opened = 0
        self.delays_s: list[float] = []

    def round(self, at_once: int, frames: int) -> None:
        """Open so many sessions, let each browser see so many judged frames, close them."""
        with ThreadPoolExecutor(at_once) as executor:
            list(executor.map(self._session, range(at_once), [frames] * at_once))

    def _session(self, index: int, frames: int) -> None:
        stream = Stream(self._analyzer)
        watcher = Watcher(stream, load_catalogue("en"))
        camera = Camera(self._image_rgb, self._rate_fps)
        session = Session(self._server, self._browsers, watcher, camera)
        self._alive.update((stream, watcher, session, session.worker, session.browser))
        self._opened += 1
        try:
            until(lambda: len(session.browser.delays_s) >= frames, f"{frames} judged frames")
            self.delays_s += session.browser.delays_s
        finally:
            session.close(server_first=index % 2 == 0)

    def count(self) -> dict[str, float]:
        """What is there now, a moment after the last session was closed."""
        until(lambda: not any(t.name == "watcher" for t in threading.enumerate()), "watchers end")
        for loop in (self._server.loop, self._browsers.loop):
            until(lambda loop=loop: len(asyncio.all_tasks(loop)) <= 0, "tasks end")
        gc.collect()
        return {
            "opened": self._opened,
            "alive": len(self._alive),
            # of Python, but for those of pools, which come one by one and stay
            "threads": sum(not t.name.startswith("asyncio_") for t in threading.enumerate()),
            "all_threads": len(list(Path("/proc/self/task").iterdir())),
            "files": len(list(Path("/proc/self/fd").iterdir())),
            "memory_mb": round(_memory_mb(), 1),
        }

    def close(self) -> None:
        self._server.close()
        self._browsers.close()


def _memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
