"""Events, and the alerts that wait to be sent, in the file of the statistics."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from maskwatch.live.events import Event
from maskwatch.schema import MaskState
from maskwatch.store.clock import believable, in_calendar
from maskwatch.store.file import WRITE, BackgroundWriter, StoreFile
from maskwatch.watch.outbox import AlertQueue, Changes, Delivery, RuleKey
from maskwatch.watch.rules import Alert, AlertKind, RuleStatus

_NO_CHANGES = Changes({}, {})

_ADD_EVENT = "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?)"
_ADD_ALERT = """
    INSERT OR IGNORE INTO waiting_alerts (alert_id, sink, kind, rule, camera, time_s, body)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_DELETE_ALERT = "DELETE FROM waiting_alerts WHERE alert_id = ? AND sink = ?"
_MISDATED = "SELECT 1 FROM events WHERE time_s < ? OR time_s > ? LIMIT 1"
_DATE_ANEW = "UPDATE events SET time_s = ? WHERE time_s < ? OR time_s > ?"
_SET_RULE = "INSERT OR REPLACE INTO rules VALUES (?, ?, ?, ?)"


class EventStore(StoreFile):
    """The events and waiting alerts in one file; for several threads and processes at once."""

    def write(self, events: Iterable[Event], changes: Changes = _NO_CHANGES) -> None:
        """Add events and take in what has changed in a queue of alerts, all or nothing.

        Raises:
            StoreError: the file cannot be written; nothing was.
        """
        gone = [key for key, delivery in changes.waiting.items() if delivery is None]
        come = [delivery for delivery in changes.waiting.values() if delivery is not None]
        rules = [(*key, one.sent_s, one.raised) for key, one in changes.rules.items()]
        with self._opened("rwc", WRITE) as database:
            database.executemany(_ADD_EVENT, map(_event_row, events))
            database.executemany(_DELETE_ALERT, gone)
            database.executemany(_ADD_ALERT, map(_alert_row, come))
            database.executemany(_SET_RULE, rules)

    def events(self, from_s: float, until_s: float) -> list[Event]:
        """The events of a span of time, oldest first.

        Args:
            from_s: UTC seconds since the epoch.
            until_s: the same, not included.

        Raises:
            StoreError: the file cannot be read.
        """
        select = "SELECT * FROM events WHERE time_s >= ? AND time_s < ? ORDER BY 1, 2"
        return self._read(_event, select, (from_s, until_s))

    def each_event(self) -> Iterator[Event]:
        """All events, oldest first; in years there are more than memory holds.

        Raises:
            StoreError: the file cannot be read; told when the first one is asked for, or later.
        """
        return self._each(_event, "SELECT * FROM events ORDER BY 1, 2")

    def newest(
        self,
        most: int,
        before: tuple[float, str],
        camera: str | None = None,
        states: Collection[MaskState] = tuple(MaskState),
        event_id: str | None = None,
    ) -> list[Event]:
        """The last events before one, newest first.

        Args:
            most: no more than so many.
            before: time (UTC seconds since the epoch) and number of an event, which is not
                included; of one frame's events, which have one time, the number tells which come.
            camera: only of this one.
            states: only where one of these came about.
            event_id: only this one.

        Raises:
            StoreError: the file cannot be read.
        """
        marks = ", ".join("?" * len(states))
        before_s, after_id = before
        wanted = [f"time_s <= ? AND (time_s < ? OR event_id > ?) AND new_state IN ({marks})"]
        values: list[object] = [before_s, before_s, after_id, *(state.value for state in states)]
        for column, value in (("camera", camera), ("event_id", event_id)):
            if value is not None:
                wanted.append(f"{column} = ?")
                values.append(value)
        select = f"SELECT * FROM events WHERE {' AND '.join(wanted)} ORDER BY 1 DESC, 2 LIMIT ?"
        return self._read(_event, select, (*values, most))

    def waiting(self) -> list[Delivery]:
        """Alerts that wait to be sent, oldest first.

        Raises:
            StoreError: the file cannot be read.
        """
        select = """
            SELECT sink, alert_id, kind, rule, camera, time_s, body FROM waiting_alerts
            ORDER BY place
        """
        return self._read(_delivery, select)

    def rules(self) -> dict[RuleKey, RuleStatus]:
        """What is remembered of rules.

        Raises:
            StoreError: the file cannot be read.
        """
        return dict(self._read(_rule, "SELECT rule, camera, sent_s, raised FROM rules"))

    def take_for_new(self, now_s: float) -> None:
        """Date events of no moment that can be true today: the clock was put right.

        Else they would stand above all newer ones for years, and go as late.

        Args:
            now_s: UTC seconds since the epoch; where it cannot be true, nothing is dated by it.

        Raises:
            StoreError: the file cannot be written; nothing was.
        """
        span = believable(now_s)
        if span is None or not self._read(int, _MISDATED, span):
            return
        with self._opened("rw", WRITE) as database:
            database.execute(_DATE_ANEW, (now_s, *span))

    def purge(self, before_s: float) -> int:
        """Delete events and waiting alerts from before a moment (UTC seconds since the epoch).

        What is deleted is also overwritten in the file.

        Returns:
            How many events there were.

        Raises:
            StoreError: the file cannot be written; nothing was deleted.
        """
        return self._delete({"events": "time_s", "waiting_alerts": "time_s"}, before_s)[0]


def _event(
    time_s: float,
    event_id: str,
    camera: str,
    old: str,
    new: str,
    confidence: float,
    lasted_s: float,
) -> Event:
    in_calendar(time_s)  # whoever shows it makes a date of it
    return Event(event_id, camera, time_s, MaskState(old), MaskState(new), confidence, lasted_s)


def _delivery(sink: str, alert_id: str, kind: str, *about: Any) -> Delivery:
    alert = Alert(alert_id, AlertKind(kind), *about)
    if not isinstance(json.loads(alert.body), dict):
        raise ValueError("the body of an alert")
    return Delivery(alert, sink)


def _rule(rule: str, camera: str, sent_s: float | None, raised: int) -> tuple[RuleKey, RuleStatus]:
    return (rule, camera), RuleStatus(sent_s, bool(raised))


def _event_row(event: Event) -> tuple[object, ...]:
    return (
        event.time_s,
        event.event_id,
        event.camera,
        event.old_state.value,
        event.new_state.value,
        event.confidence,
        event.old_duration_s,
    )


def _alert_row(delivery: Delivery) -> tuple[object, ...]:
    alert = delivery.alert
    return (
        alert.alert_id,
        delivery.sink,
        alert.kind.value,
        alert.rule,
        alert.camera,
        alert.time_s,
        alert.body,
    )


# Events, and what becomes of alerts, on their way to the disk.

_LOG = logging.getLogger(__name__)

MOST_EVENTS = 100_000
"""So many events wait for a disk that cannot be written; then the oldest is given up."""

_Batch = tuple[list[Event], Changes]


class EventWriter(BackgroundWriter[_Batch]):
    """Writes the events of all cameras, and each change of the queue, to one store.

    Attributes:
        lost: how many events were given up.
    """

    name = "events"

    def __init__(self, store: EventStore, queue: AlertQueue) -> None:
        """Begin with no event; from now on changes of the queue are written."""
        super().__init__()
        self.lost = 0
        self._store = store
        self._queue = queue
        self._events: deque[Event] = deque()
        queue.on_change = self.wake

    def note(self, events: Iterable[Event]) -> None:
        """Take in events; a thread writes them within a second or so."""
        with self._changed:
            self._events.extend(events)
            self._bound()
            if not self._events:
                return
        self.wake()

    def _has_more(self) -> bool:
        return bool(self._events) or self._queue.has_changes()

    def _take(self) -> _Batch:
        events = list(self._events)
        self._events.clear()
        return events, self._queue.take_changes()

    def _put_back(self, batch: _Batch) -> None:
        events, changes = batch
        self._events.extendleft(reversed(events))
        self._bound()
        self._queue.put_back(changes)

    def _write(self, batch: _Batch) -> None:
        self._store.write(*batch)

    def _bound(self) -> None:
        while len(self._events) > MOST_EVENTS:
            self._events.popleft()
            if not self.lost:
                _LOG.error("more than %d events wait for the disk; the oldest go", MOST_EVENTS)
            self.lost += 1
