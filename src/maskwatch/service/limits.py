"""What the service bears: sizes, numbers and times, each with the answer for going beyond it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from maskwatch.errors import SettingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of everything is accepted.

    Attributes:
        body_bytes: of one call, and of one frame of a stream; 413.
        image_pixels: of one picture, before it is decoded; 422, a picture among others an entry.
        images: of one call; 413.
        calls: under way at once, from the first byte of the body to the answer; 503.
        sessions: streams at once; 503.
        connections: open at once; beyond them whoever has asked for nothing the longest is hung up
            on, and where all have a request under way the new one gets 503.
        rate_per_s: calls and new streams of one client, with as many in reserve as fit in a
            second; 429.
        header_s: until a request has begun with all its headers; the connection is closed.
        body_s: until the body is there; 408.
        answer_s: from then until the answer; 503. Also until an answer is taken; the connection is
            closed.
        idle_s: without a frame; the stream is closed.
        shutdown_s: for what is under way when the service is told to end.
    """

    body_bytes: int = 20_000_000
    image_pixels: int = 50_000_000
    images: int = 16
    calls: int = 16
    sessions: int = 8
    connections: int = 256
    rate_per_s: float = 100.0
    header_s: float = 10.0
    body_s: float = 15.0
    answer_s: float = 30.0
    idle_s: float = 60.0
    shutdown_s: int = 30

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise SettingError(f"limit {field.name}: must be above 0, not {value}")
