"""Takes alerts from the queue to one sink, again and again until it has them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from threading import Event, Thread
from typing import Protocol

from maskwatch.video_live import Patience, pause_before
from maskwatch.watch.queue import AlertQueue, Delivery

_LOG = logging.getLogger(__name__)

PATIENCE = Patience(first_pause_s=1.0, longest_pause_s=300.0)
"""Pauses between attempts that fail: doubled each time, cut by up to a half at random."""

SET_ASIDE_AFTER = 8
"""An alert that was answered and not taken so often lets the others go first."""

_BEAT_S = 0.2
# the last attempt may be going on when the program ends; what it sent is sent again, if need be
_FAREWELL_S = 12.0


class Outcome(StrEnum):
    """What became of an attempt."""

    SENT = "sent"
    UNREACHABLE = "unreachable"
    NOT_NOW = "not_now"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an attempt, and why; no password is in it."""

    outcome: Outcome
    reason: str = ""


class Sink(Protocol):
    """Somewhere to tell alerts."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    def send(self, delivery: Delivery) -> Answer:
        """Try once; takes some seconds at most and does not raise."""
        ...


class Sender:
    """Sends what waits for one sink, in order, in a thread of its own."""

    def __init__(
        self, sink: Sink, queue: AlertQueue, now_s: Callable[[], float] = time.time
    ) -> None:
        """Begin; the thread starts with `start`.

        Args:
            sink: where to send.
            queue: what waits.
            now_s: UTC seconds since the epoch.
        """
        self._sink = sink
        self._queue = queue
        self._now_s = now_s
        self._failures = 0  # in a row, of all alerts
        self._refusals = 0  # in a row, of the one that is next
        self._stopping = Event()
        # a daemon: what a server that hangs was to get is still in the queue
        self._thread = Thread(target=self._work, name=f"alerts to {sink.name}", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Begin no other attempt, and wait for the last one."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_FAREWELL_S)

    def step(self, timeout_s: float = 0.0) -> float:
        """Try to send what is next, if anything comes up in time; how long to pause then."""
        delivery = self._queue.next(self._sink.name, timeout_s)
        if delivery is None:
            return 0.0
        answer = self._sink.send(delivery)
        if answer.outcome in (Outcome.SENT, Outcome.NEVER):
            return self._end(delivery, answer)
        return self._wait(delivery, answer)

    def _end(self, delivery: Delivery, answer: Answer) -> float:
        if answer.outcome is Outcome.SENT:
            self._queue.sent(delivery, self._now_s())
            if self._failures:
                _LOG.warning("alerts to %s: sent again", self._sink.name)
        else:
            self._queue.give_up(delivery)
            _LOG.error(
                "alerts to %s: %s is given up: %s",
                *(self._sink.name, delivery.alert.alert_id, answer.reason),
            )
        self._failures = self._refusals = 0
        return 0.0

    def _wait(self, delivery: Delivery, answer: Answer) -> float:
        if not self._failures:
            _LOG.warning(
                "alerts to %s: %s; they wait and are tried again", self._sink.name, answer.reason
            )
        pause_s = pause_before(self._failures, PATIENCE)
        self._failures += 1
        self._refusals = self._refusals + 1 if answer.outcome is Outcome.NOT_NOW else 0
        if self._refusals >= SET_ASIDE_AFTER:  # it may be this one, and not the server
            self._queue.set_aside(delivery)
            self._refusals = 0
        return pause_s

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(self.step(_BEAT_S))
