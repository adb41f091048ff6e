"""From the reports of live video into the statistics, without making the video wait."""

from __future__ import annotations

import time
from collections.abc import Callable

from maskwatch.background_writer import BackgroundWriter
from maskwatch.schema import FrameReport, MaskState
from maskwatch.store import Entry, StatisticsStore, bucket_start
from maskwatch.tally import Changes, Count, PeopleCounter

_Counts = dict[tuple[int, str, MaskState], Count]


class Ledger(BackgroundWriter[_Counts]):
    """Collects the counts of all cameras of this process and writes them to one store.

    Attributes:
        store: where the counts go.
    """

    name = "statistics"

    def __init__(self, store: StatisticsStore) -> None:
        """Begin with nothing; the file is not touched before there is something to write."""
        super().__init__()
        self.store = store
        self._pending: _Counts = {}

    def note(self, source: str, changes: Changes) -> None:
        """Take in what a camera counted; a thread writes it within a second or so."""
        if not changes:
            return
        with self._changed:
            self._merge(
                {(period, source, state): count for (period, state), count in changes.items()}
            )
        self.wake()

    def purge(self) -> None:
        """Delete everything, also what was not written yet.

        Raises:
            StoreError: the file cannot be written; nothing was deleted there.
        """
        with self._writing:
            with self._changed:
                self._pending = {}
            self.store.purge()

    def _has_more(self) -> bool:
        return bool(self._pending)

    def _take(self) -> _Counts:
        taken, self._pending = self._pending, {}
        return taken

    def _put_back(self, batch: _Counts) -> None:
        self._merge(batch)

    def _write(self, batch: _Counts) -> None:
        self.store.add(Entry(*key, count) for key, count in batch.items())

    def _merge(self, more: _Counts) -> None:
        for key, count in more.items():
            self._pending[key] = self._pending.get(key, Count()) + count


class Bookkeeper:
    """Counts what one camera shows, from now on, into a ledger; not for several threads."""

    def __init__(self, source: str, ledger: Ledger, now_s: Callable[[], float] = time.time) -> None:
        """Begin with nobody seen.

        Args:
            source: name under which it is counted.
            ledger: where the counts go.
            now_s: UTC seconds since the epoch.
        """
        self._source = source
        self._ledger = ledger
        self._now_s = now_s
        self._counter = PeopleCounter()

    def forget_faces(self) -> None:
        """From now on the numbers of tracks begin anew."""
        self._counter.forget_faces()

    def add(self, report: FrameReport, time_s: float) -> None:
        """Take in the next frame; see PeopleCounter.add."""
        changes = self._counter.add(report, time_s, bucket_start(self._now_s()))
        self._ledger.note(self._source, changes)
