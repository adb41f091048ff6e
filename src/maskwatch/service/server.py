"""uvicorn, made to wait for nobody for ever and to end in order.

It rests on protocols that uvicorn does not promise to keep, so TESTED_UVICORN says with which
versions it holds, and a test tells when another is installed. Two servers that would need nothing
of the kind were tried against the same clients (docs/LOG.md): neither bounds how many connections
there are, hangs up on who never takes an answer, or ends while such a client is there.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import uvicorn
from h11 import Request
from starlette.types import ASGIApp
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from maskwatch.errors import SettingError
from maskwatch.io.process import stopping_on_signals
from maskwatch.service.engine import logger
from maskwatch.service.guard import KEYS_VARIABLE
from maskwatch.service.limits import BUSY, MALFORMED, MEDIA_TYPE, Limits, Problem
from maskwatch.web.server import why_no_port

TESTED_UVICORN = ("0.54", "0.55")
"""From the first on, below the second: with these tests/process/test_service_faults.py passed."""

# longer than what stands between clients and a service keeps its connections open, usually 60 s:
# else a call now and then goes into one that is just being closed
KEEP_ALIVE_S = 75


class Server(uvicorn.Server):
    """Ends at Ctrl-C or SIGTERM once what was accepted is answered, or a time has passed."""

    def __init__(self, app: ASGIApp, limits: Limits, on_ending: Callable[[], None]) -> None:
        """Prepare to serve.

        Args:
            app: the service.
            limits: how long and how many.
            on_ending: called as soon as the end is asked for.
        """
        protocol = cast(type[asyncio.Protocol], partial(PatientProtocol, limits))
        stream_protocol = cast(type[asyncio.Protocol], partial(PatientWebSocket, limits))
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol,
                # so few come in at once that each can say what it wants before it has to give way
                backlog=max(1, limits.connections // 2),
                ws=stream_protocol,
                ws_max_size=limits.body_bytes,
                ws_per_message_deflate=False,  # pictures are compressed already
                log_config=None,
                access_log=False,
                proxy_headers=False,  # whoever sends one could pass for any client
                server_header=False,
                lifespan="on",
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=limits.shutdown_s,
            )
        )
        self._on_ending = on_ending

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End with exit code 0 instead of being ended; a second signal does end the process."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        with stopping_on_signals(self.stop):
            yield

    def stop(self) -> None:
        """Take no more calls; finish those that are there."""
        self._on_ending()
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say where."""
        await super().startup(sockets)
        for listener in sockets or ():
            host, port = listener.getsockname()[:2]
            logger.info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, and say so."""
        logger.info("ending, once what was accepted is answered")
        await super().shutdown(sockets)
        logger.info("ended")


class TakenInTime(asyncio.Protocol):
    """Hangs up on a client that does not take what it is sent.

    Whatever sends would wait for it for ever, and so would whatever closes the connection.
    """

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _limits: Limits
    _untaken: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        # so that each byte that has to wait is told
        cast(asyncio.Transport, transport).set_write_buffer_limits(0)
        super().connection_made(transport)

    def pause_writing(self) -> None:
        """It takes no more for now."""
        super().pause_writing()
        self._untaken = self.loop.call_later(self._limits.answer_s, self.transport.abort)

    def resume_writing(self) -> None:
        """It has taken everything."""
        super().resume_writing()
        self._forget_untaken()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._forget_untaken()
        super().connection_lost(exc)

    def _forget_untaken(self) -> None:
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None


class PatientWebSocket(TakenInTime, WebSocketsSansIOProtocol):
    """A stream that waits only so long for its client to take an answer."""

    def __init__(self, limits: Limits, **uvicorn_arguments: Any) -> None:
        super().__init__(**uvicorn_arguments)
        self._limits = limits

    async def send(self, message: ASGISendEvent) -> None:
        """Send what the application says."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True  # else uvicorn logs an error for each that is refused


class PatientProtocol(TakenInTime, H11Protocol):
    """HTTP that waits only so long for a client to say what it wants, and bears only so many."""

    def __init__(self, limits: Limits, **uvicorn_arguments: Any) -> None:
        super().__init__(**uvicorn_arguments)
        self._limits = limits
        self._header_timer: asyncio.TimerHandle | None = None
        self._idle_since_s = self.loop.time()

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""
        no_request = self.cycle is None or self.cycle.response_complete
        return no_request and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(transport)
        # asyncio does so for sockets that it opened itself; an answer is written in two parts, and
        # the second would wait for the client to confirm the first, which takes it 40 ms
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(self.connections) > self._limits.connections and not self._make_room():
            most = self._limits.connections
            self._refuse(Problem(BUSY, f"all {most} connections at once are taken"))
        self._wait_for_request()

    def data_received(self, data: bytes) -> None:
        """It has sent something."""
        super().data_received(data)
        if self.transport.get_protocol() is self:  # else it speaks WebSocket by now
            self._wait_for_request()

    def on_response_complete(self) -> None:
        """It has been answered, and may ask again."""
        self._idle_since_s = self.loop.time()
        super().on_response_complete()

    def handle_websocket_upgrade(self, event: Request) -> None:
        """It wants to speak WebSocket; from here on another protocol listens."""
        self._forget_timer()
        self._forget_untaken()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._forget_timer()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(Problem(MALFORMED, "this is no valid HTTP request"))

    def _wait_for_request(self) -> None:
        """Start the timer where no request is under way, unless it runs; stop it where one is."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget_timer()
        elif self._header_timer is None and not self.transport.is_closing():
            self._header_timer = self.loop.call_later(self._limits.header_s, self.transport.close)

    def _forget_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _make_room(self) -> bool:
        """Hang up on whoever has asked for nothing the longest; False if nobody is idle.

        Else those who open connections and say nothing could keep everybody out.
        """
        others = (c for c in self.connections if isinstance(c, PatientProtocol) and c is not self)
        idle = (other for other in others if other.is_idle)
        longest = min(idle, key=lambda other: other._idle_since_s, default=None)
        if longest is None:
            return False
        longest.transport.abort()
        return True

    def _refuse(self, problem: Problem) -> None:
        """Answer without a request, and hang up."""
        body = json.dumps(problem.to_dict()).encode()
        head = [
            f"HTTP/1.1 {problem.kind.status} ",
            f"content-type: {MEDIA_TYPE}",
            f"content-length: {len(body)}",
            "connection: close",
        ]
        if problem.retry_after_s:
            head.append(f"retry-after: {problem.retry_after_s}")
        self.transport.write("\r\n".join((*head, "", "")).encode() + body)
        self.transport.close()


def listen(
    host: str, port: int, local_only: bool, options: tuple[str, str] = ("--host", "--port")
) -> socket.socket:
    """A socket that clients can connect to; port 0 takes any that is free.

    Args:
        host: to listen on.
        port: the same.
        local_only: refuse an address at which other computers could reach it.
        options: by which host and port were given, for messages.

    Raises:
        SettingError: there is none to be had, or other computers could reach it though
            `local_only` says that they must not.
    """
    try:
        (family, *_, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        if local_only and not ipaddress.ip_address(address[0]).is_loopback:
            raise SettingError(
                f"{options[0]} {host}: others could call it there, so it needs an API key; "
                f"put one in {KEYS_VARIABLE} or in --api-key-file"
            )
        return socket.create_server(address[:2], family=family)
    except (OSError, UnicodeError) as error:
        given = f"{options[0]} {host} {options[1]} {port}"
        raise SettingError(f"{given}: {why_no_port(error)}") from error
