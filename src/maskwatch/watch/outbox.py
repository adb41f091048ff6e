"""Alerts that wait to be sent, oldest first, and what is remembered of the rules.

All of it lives in memory and is written to the disk by a Journal within a second or so, so that a
disk which is full or busy delays no alert, and a program which is killed or started anew sends what
still waits: each alert to each sink at least once, always under the same number.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Condition

from maskwatch.watch.alerts import Alert, AlertKind, RuleStatus

_LOG = logging.getLogger(__name__)

# of alerts that gave way, the first is logged, and then each hundredth
_LOG_EVERY = 100

RuleKey = tuple[str, str]
"""Names of rule and camera."""


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
            key = alert.rule, alert.camera
            raised = alert.kind is AlertKind.VIOLATION
            self._remember(key, replace(self._rules.get(key, RuleStatus()), raised=raised))
            for sink, waiting in self._waiting.items():
                delivery = Delivery(alert, sink)
                waiting[alert.alert_id] = delivery
                self._new_waiting[delivery.key] = delivery
                self._bound(sink)
            self._changed.notify_all()
        self.on_change()

    def status(self, rule: str, camera: str) -> RuleStatus:
        """What is remembered of a rule at a camera."""
        with self._changed:
            return self._rules.get((rule, camera), RuleStatus())

    def next(self, sink: str, timeout_s: float = 0.0) -> Delivery | None:
        """The one to be sent next, None if none comes up in time; it stays in the queue."""
        with self._changed:
            waiting = self._waiting[sink]
            self._changed.wait_for(lambda: waiting, timeout_s)
            return next(iter(waiting.values()), None)

    def sent(self, delivery: Delivery, utc_s: float) -> None:
        """Its sink has it; of a violation, the cool-down of the rule begins."""
        with self._changed:
            self._remove(delivery)
            key = delivery.alert.rule, delivery.alert.camera
            if delivery.alert.kind is AlertKind.VIOLATION:
                self._remember(key, replace(self._rules.get(key, RuleStatus()), sent_s=utc_s))
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
                    *(sink, self._limit, self._dropped[sink] + 1),
                )
            self._dropped[sink] += 1
