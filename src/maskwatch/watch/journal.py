"""Events, and what becomes of alerts, on their way to the disk."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable

from maskwatch.background_writer import BackgroundWriter
from maskwatch.events import Event
from maskwatch.store_events import EventStore
from maskwatch.watch.queue import AlertQueue, Changes

_LOG = logging.getLogger(__name__)

MOST_EVENTS = 100_000
"""So many events wait for a disk that cannot be written; then the oldest is given up."""

_Batch = tuple[list[Event], Changes]


class Journal(BackgroundWriter[_Batch]):
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
