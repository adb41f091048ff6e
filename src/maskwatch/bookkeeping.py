"""From the reports of live video into the statistics, without making the video wait."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Lock, Thread, main_thread

from maskwatch.errors import StoreError
from maskwatch.schema import FrameReport, MaskState
from maskwatch.store import Entry, StatisticsStore, bucket_start
from maskwatch.tally import Changes, Count, PeopleCounter

_LOG = logging.getLogger(__name__)

FLUSH_S = 1.0
"""What is counted reaches the file after so many seconds."""

# how long the thread may take to see that the program ends
_BEAT_S = 0.1


class Ledger:
    """Collects the counts of all cameras of this process and writes them to one store.

    Threads may share it. A write that fails is tried again every second, and nothing that was
    counted is lost meanwhile; the log names a failure once.

    Attributes:
        store: where the counts go.
        error: why the last write failed, None if it did not.
    """

    def __init__(self, store: StatisticsStore) -> None:
        """Begin with nothing; the file is not touched before there is something to write."""
        self.error: StoreError | None = None
        self.store = store
        self._pending: dict[tuple[int, str, MaskState], Count] = {}
        self._changed = Lock()  # guards what is pending
        self._writing = Lock()  # held by whoever writes, so that none is written twice
        self._working = False

    def note(self, source: str, changes: Changes) -> None:
        """Take in what a camera counted; a thread writes it within a second or so."""
        if not changes:
            return
        with self._changed:
            self._merge(
                {(period, source, state): count for (period, state), count in changes.items()}
            )
            if not self._working:
                Thread(target=self._work, name="statistics").start()
                self._working = True

    def flush(self) -> None:
        """Write now what there is.

        Raises:
            StoreError: the file cannot be written; what is pending stays so.
        """
        with self._writing:
            with self._changed:
                taken, self._pending = self._pending, {}
            if not taken:
                return
            try:
                self.store.add(Entry(*key, count) for key, count in taken.items())
                self.error = None
            except StoreError as error:
                with self._changed:
                    self._merge(taken)
                if self.error is None or self.error.fault is not error.fault:
                    _LOG.error("statistics: %s", error)
                self.error = error
                raise

    def purge(self) -> None:
        """Delete everything, also what was not written yet.

        Raises:
            StoreError: the file cannot be written; nothing was deleted there.
        """
        with self._writing:
            with self._changed:
                self._pending = {}
            self.store.purge()

    def _merge(self, more: dict[tuple[int, str, MaskState], Count]) -> None:
        for key, count in more.items():
            self._pending[key] = self._pending.get(key, Count()) + count

    def _work(self) -> None:
        """Write every second, until nothing is left or the program ends, which waits for it."""
        while True:
            ends_s = time.monotonic() + FLUSH_S
            while main_thread().is_alive() and (left_s := ends_s - time.monotonic()) > 0:
                time.sleep(min(left_s, _BEAT_S))
            failed = False
            try:
                self.flush()
            except StoreError:
                failed = True
            with self._changed:
                if not self._pending or (failed and not main_thread().is_alive()):
                    self._working = False
                    return


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
