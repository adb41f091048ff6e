"""An MQTT broker by hand that confirms only what it is told to, and can hang up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from support.waiting import until

_CONNECT, _PUBLISH, _PING = 1, 3, 12


@dataclass(frozen=True)
class Published:
    """A message as it came.

    Attributes:
        connection: number of the connection, from 0 on.
        topic: where.
        text: what.
    """

    connection: int
    topic: str
    text: str


class HandBroker:
    """Takes one connection after the other.

    Attributes:
        port: where.
        heard: all messages so far.
        confirms: whether those that ask for it are confirmed from now on.
        is_open: set as long as it answers who connects.
    """

    def __init__(self) -> None:
        self.heard: list[Published] = []
        self.confirms = False
        self.is_open = threading.Event()
        self.is_open.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def texts(self, topic: str, connection: int | None = None) -> list[str]:
        """What was said of a topic, through one connection if it is named."""
        return [
            one.text
            for one in self.heard
            if one.topic == topic and connection in (None, one.connection)
        ]

    def hang_up(self) -> None:
        """End the newest connection."""
        until(lambda: self._connections)
        with suppress(OSError):  # it has gone by itself
            self._connections[-1].shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End everything."""
        self.is_open.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.is_open.wait()
            number = len(self._connections)
            self._connections.append(connection)
            with connection, suppress(OSError), connection.makefile("rb") as packets:
                while head := packets.read(1):
                    content = packets.read(_length(packets.read))
                    self._answer(connection, number, head[0], content)

    def _answer(self, connection: socket.socket, number: int, head: int, content: bytes) -> None:
        kind, qos = head >> 4, head >> 1 & 3
        if kind == _CONNECT:
            connection.sendall(b"\x20\x02\x00\x00")
        elif kind == _PING:
            connection.sendall(b"\xd0\x00")
        elif kind == _PUBLISH:
            end = 2 + int.from_bytes(content[:2], "big")
            topic, rest = content[2:end].decode(), content[end:]
            if qos and self.confirms:
                connection.sendall(b"\x40\x02" + rest[:2])
            text = rest[2 if qos else 0 :].decode("utf-8", "replace")
            self.heard.append(Published(number, topic, text))


def _length(read: Callable[[int], bytes]) -> int:
    length = shift = 0
    while True:
        (byte,) = read(1)
        length |= (byte & 127) << shift
        if byte < 128:
            return length
        shift += 7


@contextmanager
def hand_broker() -> Iterator[HandBroker]:
    """One until the block ends."""
    broker = HandBroker()
    try:
        yield broker
    finally:
        broker.close()
