"""Real servers on the loopback: pictures over HTTP (MJPEG) and over RTSP (H.264).

A script says what each connection gets; it is called with a function that sends a picture.
"""

from __future__ import annotations

import io
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from socketserver import BaseRequestHandler, ThreadingTCPServer

import av
from PIL import Image

from maskwatch.schema import ImageRGB
from support.drawn_video import numbered

Send = Callable[[ImageRGB | bytes], None]
Script = Callable[[Send, int], None]
"""Sends pictures, or raw bytes; the number says which connection it is, from 0 on."""

PAUSE_S = 0.02
over = threading.Event()
"""Set when a test ends, so that no script waits any longer; see serve."""


def counting(send: Send, connection: int = 0) -> None:
    """Pictures with growing numbers, until nobody listens."""
    number = 0
    while not over.wait(PAUSE_S):
        send(numbered(number % 256))
        number += 1


def silent(send: Send, connection: int = 0) -> None:
    """Nothing, but the connection stays open."""
    over.wait(120)


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, handler: type[BaseRequestHandler], script: Script) -> None:
        self.script = script
        self.connections = 0
        super().__init__(("127.0.0.1", 0), handler)


@contextmanager
def serve(handler: type[BaseRequestHandler], script: Script) -> Iterator[str]:
    """Run a server in a thread; gives host and port."""
    over.clear()
    with _Server(handler, script) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            over.set()
            server.shutdown()
            thread.join()


class Mute(BaseRequestHandler):
    """Accepts a connection, and says nothing."""

    def handle(self) -> None:
        silent(lambda _: None)


class Mjpeg(BaseRequestHandler):
    """Answers any request with JPEG pictures, as network cameras do."""

    def handle(self) -> None:
        with suppress(OSError):  # nobody listens any more
            self.request.recv(4096)
            self.request.sendall(
                b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=cut\r\n\r\n"
            )
            _play(self.server, self._send)

    def _send(self, picture: ImageRGB | bytes) -> None:
        if not isinstance(picture, bytes):
            file = io.BytesIO()
            Image.fromarray(picture).save(file, "JPEG")
            head = f"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: {file.tell()}\r\n\r\n"
            picture = head.encode() + file.getvalue() + b"\r\n"
        self.request.sendall(picture)


class Refusing(BaseRequestHandler):
    """A server of either kind that wants another password."""

    def handle(self) -> None:
        while request := self.request.recv(4096).decode():
            protocol = request.split()[2]
            number = next(
                (line for line in request.split("\r\n") if line.startswith("CSeq")), "X: 1"
            )
            self.request.sendall(f"{protocol} 401 Unauthorized\r\n{number}\r\n\r\n".encode())
            if protocol.startswith("HTTP"):
                return


class Rtsp(BaseRequestHandler):
    """Speaks as much RTSP as a player needs, and sends H.264 through the same connection."""

    SDP = (
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n"
        "a=control:track1\r\n"
    )

    def handle(self) -> None:
        with suppress(OSError):
            while request := self._request():
                self._answer(request)
                if request.startswith("PLAY"):
                    self._encoder: av.VideoCodecContext | None = None
                    self._sent = self._pictures = 0
                    _play(self.server, self._send)
                    return

    def _request(self) -> str:
        text = b""
        while not text.endswith(b"\r\n\r\n"):
            part = self.request.recv(1)
            if not part:
                return ""
            text += part
        return text.decode()

    def _answer(self, request: str) -> None:
        lines = request.split("\r\n")
        wanted = next(line for line in lines if line.lower().startswith("cseq"))
        head, body = ["RTSP/1.0 200 OK", wanted, "Session: 1"], ""
        if request.startswith("OPTIONS"):
            head.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
        if request.startswith("DESCRIBE"):
            body = self.SDP
            head += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        if request.startswith("SETUP"):
            head.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        self.request.sendall(("\r\n".join(head) + "\r\n\r\n" + body).encode())

    def _send(self, picture: ImageRGB | bytes) -> None:
        if isinstance(picture, bytes):
            self.request.sendall(picture)
            return
        height, width = picture.shape[:2]
        if self._encoder is None or (self._encoder.width, self._encoder.height) != (width, height):
            self._encoder = _h264(width, height)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = self._pictures
        self._pictures += 1
        units = [
            unit
            for packet in self._encoder.encode(frame)
            for unit in bytes(packet).replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]
        ]
        for unit in units:
            last = 0x80 if unit is units[-1] else 0
            time = self._pictures * 3600 % 2**32
            head = struct.pack(">BBHII", 0x80, last | 96, self._sent % 2**16, time, 1)
            self._sent += 1
            self.request.sendall(struct.pack(">BBH", 0x24, 0, len(head + unit)) + head + unit)


def _h264(width: int, height: int) -> av.VideoCodecContext:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.gop_size = 5
    encoder.options = {"tune": "zerolatency"}
    return encoder


def _play(server: object, send: Send) -> None:
    assert isinstance(server, _Server)
    connection, server.connections = server.connections, server.connections + 1
    server.script(send, connection)
