"""What comes while video is judged reaches the disk a moment later, without making it wait."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from threading import Lock, Thread, main_thread
from typing import Generic, TypeVar

from maskwatch.errors import StoreError

_LOG = logging.getLogger(__name__)
Batch = TypeVar("Batch")

FLUSH_S = 1.0
"""What was noted reaches the file after so many seconds."""

# how long the thread may take to see that the program ends
_BEAT_S = 0.1


class BackgroundWriter(ABC, Generic[Batch]):
    """Collects things and writes them to a store every second, in a thread while there are any.

    Threads may share it. A write that fails is tried again every second, and nothing that was noted
    is lost meanwhile; the log names a failure once. Derived classes note things while they hold
    `_changed`, and call `wake` afterwards.

    Attributes:
        name: of what is written, in messages.
        error: why the last write failed, None if it did not.
    """

    name: str

    def __init__(self) -> None:
        self.error: StoreError | None = None
        self._changed = Lock()  # guards what is pending
        self._writing = Lock()  # held by whoever writes, so that none is written twice
        self._working = False

    def wake(self) -> None:
        """There is something to write; see that it is done."""
        with self._changed:
            if not self._working:
                Thread(target=self._work, name=self.name).start()
                self._working = True

    def flush(self) -> None:
        """Write now what there is.

        Raises:
            StoreError: the file cannot be written; what is pending stays so.
        """
        with self._writing:
            with self._changed:
                if not self._has_more():
                    return
                batch = self._take()
            try:
                self._write(batch)
                self.error = None
            except StoreError as error:
                with self._changed:
                    self._put_back(batch)
                if self.error is None or self.error.fault is not error.fault:
                    _LOG.error("%s: %s", self.name, error)
                self.error = error
                raise

    @abstractmethod
    def _has_more(self) -> bool:
        """Whether something is pending."""

    @abstractmethod
    def _take(self) -> Batch:
        """What is pending, which from now on is no more."""

    @abstractmethod
    def _put_back(self, batch: Batch) -> None:
        """It could not be written, and is pending again."""

    @abstractmethod
    def _write(self, batch: Batch) -> None:
        """Write to the store, all or nothing.

        Raises:
            StoreError: it cannot be written.
        """

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
                if not self._has_more() or (failed and not main_thread().is_alive()):
                    self._working = False
                    return
