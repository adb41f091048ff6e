"""Alerts that wait to be sent, oldest first, and what is remembered of the rules.

All of it lives in memory and is written to the disk by an EventWriter within a second or so, so
that a disk which is full or busy delays no alert, and a program which is killed or started anew
sends what still waits: each alert to each sink at least once, always under the same number.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from threading import Condition, Event, Thread
from typing import Protocol

from maskwatch.io.cameras import pause_before
from maskwatch.io.connections import RetryPolicy
from maskwatch.watch.rules import Alert, AlertKind, RuleStatus

_LOG = logging.getLogger(__name__)

# of alerts that gave way, the first is logged, and then each hundredth
_LOG_EVERY = 100

RuleKey = tuple[str, str]
"""Names of rule and place."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An alert that waits for one sink."""

    alert: Alert
    sink: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others."""
        return self.alert.alert_id, self.sink


@dataclass(frozen=True, slots=True)
class Changes:
    """What the disk does not know yet.

    Attributes:
        waiting: deliveries by their keys; None for one that waits no more.
        rules: what is remembered of rules.
    """

    waiting: Mapping[tuple[str, str], Delivery | None]
    rules: Mapping[RuleKey, RuleStatus]

    def __bool__(self) -> bool:
        return bool(self.waiting or self.rules)


class AlertQueue:
    """What waits for each sink; shared by all threads.

    Attributes:
        on_change: called after each change, from the thread that made it.
    """

    def __init__(
        self,
        sinks: Sequence[str],
        limit: int = 1000,
        waiting: Iterable[Delivery] = (),
        rules: Mapping[RuleKey, RuleStatus] | None = None,
    ) -> None:
        """Begin with what an earlier run left.

        Args:
            sinks: their names.
            limit: so many alerts may wait for each; then the oldest gives way.
            waiting: oldest first; what waits for a sink that is no more is given up.
            rules: what is remembered of them.
        """
        self.on_change: Callable[[], None] = lambda: None
        self._limit = limit
        self._waiting: dict[str, dict[str, Delivery]] = {sink: {} for sink in sinks}
        self._dropped = dict.fromkeys(sinks, 0)
        self._rules = dict(rules or {})
        self._changed = Condition()
        self._new_waiting: dict[tuple[str, str], Delivery | None] = {}
        self._new_rules: dict[RuleKey, RuleStatus] = {}
        gone = 0
        for delivery in waiting:
            if delivery.sink in self._waiting:
                self._waiting[delivery.sink][delivery.alert.alert_id] = delivery
            else:
                self._new_waiting[delivery.key] = None
                gone += 1
        if gone:
            _LOG.warning("%d alerts waited for a sink that is no more; they are given up", gone)
        for sink in self._waiting:
            self._bound(sink)

    def add(self, alert: Alert) -> None:
        """Let an alert wait for every sink."""
        with self._changed:
            key = alert.rule, alert.place
            raised = alert.kind is AlertKind.VIOLATION
            self._remember(key, replace(self._rules.get(key, RuleStatus()), raised=raised))
            for sink, waiting in self._waiting.items():
                delivery = Delivery(alert, sink)
                waiting[alert.alert_id] = delivery
                self._new_waiting[delivery.key] = delivery
                self._bound(sink)
            self._changed.notify_all()
        self.on_change()

    def status(self, rule: str, place: str) -> RuleStatus:
        """What is remembered of a rule at a place; see rules.place_name."""
        with self._changed:
            return self._rules.get((rule, place), RuleStatus())

    def next(self, sink: str, timeout_s: float = 0.0) -> Delivery | None:
        """The one to be sent next, None if none comes up in time; it stays in the queue."""
        with self._changed:
            waiting = self._waiting[sink]
            self._changed.wait_for(lambda: waiting, timeout_s)
            return next(iter(waiting.values()), None)

    def sent(self, delivery: Delivery, utc_s: float) -> None:
        """Its sink has it; of a violation, the rule is silent from when that came up.

        Args:
            delivery: what was sent.
            utc_s: now, in UTC seconds since the epoch.
        """
        with self._changed:
            self._remove(delivery)
            key = delivery.alert.rule, delivery.alert.place
            if delivery.alert.kind is AlertKind.VIOLATION:
                status = self._rules.get(key, RuleStatus())
                # what lies ahead is from before the clock was put back
                known_s = status.sent_s if status.sent_s and status.sent_s <= utc_s else 0.0
                sent_s = max(known_s, min(delivery.alert.time_s, utc_s))
                self._remember(key, replace(status, sent_s=sent_s))
        self.on_change()

    def give_up(self, delivery: Delivery) -> None:
        """Its sink will never take it."""
        with self._changed:
            self._remove(delivery)
        self.on_change()

    def set_aside(self, delivery: Delivery) -> None:
        """Let the others go first."""
        with self._changed:
            waiting = self._waiting[delivery.sink]
            if delivery.alert.alert_id in waiting:
                waiting[delivery.alert.alert_id] = waiting.pop(delivery.alert.alert_id)

    def lengths(self) -> dict[str, int]:
        """How many alerts wait for each sink."""
        with self._changed:
            return {sink: len(waiting) for sink, waiting in self._waiting.items()}

    def dropped(self) -> dict[str, int]:
        """How many alerts gave way to newer ones, by sink."""
        with self._changed:
            return dict(self._dropped)

    def take_changes(self) -> Changes:
        """What is to be written to the disk now."""
        with self._changed:
            changes = Changes(self._new_waiting, self._new_rules)
            self._new_waiting, self._new_rules = {}, {}
            return changes

    def put_back(self, changes: Changes) -> None:
        """What could not be written; newer changes stand."""
        with self._changed:
            merged = {**changes.waiting, **self._new_waiting}
            self._new_waiting = {
                key: delivery
                for key, delivery in merged.items()
                # what came and went meanwhile, the disk has never seen
                if delivery is not None or changes.waiting.get(key) is None
            }
            self._new_rules = {**changes.rules, **self._new_rules}

    def has_changes(self) -> bool:
        """Whether there is something to be written."""
        with self._changed:
            return bool(self._new_waiting or self._new_rules)

    def _remember(self, key: RuleKey, status: RuleStatus) -> None:
        self._rules[key] = self._new_rules[key] = status

    def _remove(self, delivery: Delivery) -> None:
        self._waiting[delivery.sink].pop(delivery.alert.alert_id, None)
        if self._new_waiting.pop(delivery.key, None) is None:  # else the disk has never seen it
            self._new_waiting[delivery.key] = None

    def _bound(self, sink: str) -> None:
        waiting = self._waiting[sink]
        while len(waiting) > self._limit:
            self._remove(next(iter(waiting.values())))
            if self._dropped[sink] % _LOG_EVERY == 0:
                _LOG.warning(
                    "alerts to %s: more than %d wait, the oldest is given up (%d so far)",
                    sink,
                    self._limit,
                    self._dropped[sink] + 1,
                )
            self._dropped[sink] += 1


# Takes alerts from the queue to one sink, again and again until it has them.

RETRY_POLICY = RetryPolicy(first_pause_s=1.0, longest_pause_s=300.0)
"""Pauses between attempts that fail: doubled each time, cut by up to a half at random."""

SET_ASIDE_AFTER = 8
"""An alert that was answered and not taken so often lets the others go first."""

_BEAT_S = 0.2
# the last attempts may be going on when the program ends; what they sent is sent again, if need be
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
        """Try once; takes some seconds at most. What it raises counts as a refusal for now."""
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
        """Begin no other attempt; only notes it."""
        self._stopping.set()

    def wait(self, timeout_s: float) -> None:
        """Until the last attempt is over, or the time is."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def step(self, timeout_s: float = 0.0) -> float:
        """Try to send what is next, if anything comes up in time; how long to pause then."""
        delivery = self._queue.next(self._sink.name, timeout_s)
        if delivery is None:
            return 0.0
        try:
            answer = self._sink.send(delivery)
        except Exception as error:  # whatever a server makes a library stumble over, alerts go on
            answer = Answer(Outcome.NOT_NOW, f"fails ({type(error).__name__})")
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
                self._sink.name,
                delivery.alert.alert_id,
                answer.reason,
            )
        self._failures = self._refusals = 0
        return 0.0

    def _wait(self, delivery: Delivery, answer: Answer) -> float:
        if not self._failures:
            _LOG.warning(
                "alerts to %s: %s; they wait and are tried again", self._sink.name, answer.reason
            )
        pause_s = pause_before(self._failures, RETRY_POLICY)
        self._failures += 1
        self._refusals = self._refusals + 1 if answer.outcome is Outcome.NOT_NOW else 0
        if self._refusals >= SET_ASIDE_AFTER:  # it may be this one, and not the server
            self._queue.set_aside(delivery)
            self._refusals = 0
        return pause_s

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                pause_s = self.step(_BEAT_S)
            except Exception as error:  # the machine has no memory or thread left for it, say
                _LOG.error("alerts to %s: fail (%s)", self._sink.name, type(error).__name__)
                pause_s = RETRY_POLICY.longest_pause_s
            self._stopping.wait(pause_s)


def end_all(senders: Sequence[Sender]) -> None:
    """Have all of them stop, and wait for their last attempts, which go on side by side."""
    for sender in senders:
        sender.stop()
    end_s = time.monotonic() + _FAREWELL_S
    for sender in senders:
        sender.wait(max(0.0, end_s - time.monotonic()))
