"""A real mail server on the loopback that keeps what it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller

from support.ports import free_port


@dataclass
class MailCatcher:
    """Where it listens, and the mails that came, in order."""

    port: int
    mails: list[bytes] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope.content)
        return "250 OK"


@contextmanager
def mail_catcher() -> Iterator[MailCatcher]:
    """Take mails until the block ends."""
    catcher = MailCatcher(free_port())
    server = Controller(catcher, "127.0.0.1", catcher.port)
    server.start()
    try:
        yield catcher
    finally:
        server.stop()
