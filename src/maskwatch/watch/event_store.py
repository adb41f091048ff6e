"""Events, and the alerts that wait to be sent, in the file of the statistics."""

from __future__ import annotations

from collections.abc import Iterable

from maskwatch.events import Event
from maskwatch.schema import MaskState
from maskwatch.store_file import WRITE, StoreFile
from maskwatch.watch.alerts import Alert, AlertKind, RuleStatus
from maskwatch.watch.queue import Changes, Delivery, RuleKey

_NO_CHANGES = Changes({}, {})

_ADD_EVENT = "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?)"
_ADD_ALERT = """
    INSERT OR IGNORE INTO waiting_alerts (alert_id, sink, kind, rule, camera, time_s, body)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_DELETE_ALERT = "DELETE FROM waiting_alerts WHERE alert_id = ? AND sink = ?"
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
        return [
            Event(event_id, camera, time_s, MaskState(old), MaskState(new), confidence, lasted_s)
            for time_s, event_id, camera, old, new, confidence, lasted_s in self._read(
                select, (from_s, until_s)
            )
        ]

    def waiting(self) -> list[Delivery]:
        """Alerts that wait to be sent, oldest first.

        Raises:
            StoreError: the file cannot be read.
        """
        select = """
            SELECT alert_id, kind, rule, camera, time_s, body, sink FROM waiting_alerts
            ORDER BY place
        """
        return [
            Delivery(Alert(alert_id, AlertKind(kind), *about), sink)
            for alert_id, kind, *about, sink in self._read(select)
        ]

    def rules(self) -> dict[RuleKey, RuleStatus]:
        """What is remembered of rules.

        Raises:
            StoreError: the file cannot be read.
        """
        rows = self._read("SELECT rule, camera, sent_s, raised FROM rules")
        return {
            (rule, camera): RuleStatus(sent, bool(raised)) for rule, camera, sent, raised in rows
        }

    def purge(self, before_s: float) -> int:
        """Delete events and waiting alerts from before a moment (UTC seconds since the epoch).

        What is deleted is also overwritten in the file.

        Returns:
            How many events there were.

        Raises:
            StoreError: the file cannot be written; nothing was deleted.
        """
        if not self._path.exists():
            return 0
        with self._opened("rw", WRITE) as database:
            database.execute("DELETE FROM waiting_alerts WHERE time_s < ?", (before_s,))
            return database.execute("DELETE FROM events WHERE time_s < ?", (before_s,)).rowcount


def _event_row(event: Event) -> tuple[object, ...]:
    return (
        *(event.time_s, event.event_id, event.camera, event.old_state.value),
        *(event.new_state.value, event.confidence, event.old_duration_s),
    )


def _alert_row(delivery: Delivery) -> tuple[object, ...]:
    alert = delivery.alert
    return (
        *(alert.alert_id, delivery.sink, alert.kind.value),
        *(alert.rule, alert.camera, alert.time_s, alert.body),
    )
