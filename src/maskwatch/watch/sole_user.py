"""One `maskwatch watch` alone at a store: a second one would delete the alerts that wait there.

The lock is SQLite's own, on an empty file beside the store: so it holds on every system, between
programs and within one, and the system gives it back when a program is killed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from maskwatch.errors import StoreError, StoreFault


@contextmanager
def sole_user(store: Path) -> Iterator[None]:
    """Keep others from a store until the block ends.

    A folder that takes no lock takes no store either, so there is nothing to delete: the block runs
    without one, for a full disk must keep nobody from being told.

    Args:
        store: the file; may be missing yet. What the page sets stands in one file for all stores
            that differ only in what follows the last dot, so those count as one.

    Raises:
        StoreError: another one uses it.
    """
    try:
        place = store.resolve().with_suffix(".watch.lock")  # of a link, that of what it leads to
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = sqlite3.connect(place, timeout=0, isolation_level=None)
    except (OSError, RuntimeError, sqlite3.Error):  # of links in a circle Python says the second
        yield
        return
    with closing(lock):
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                reason = "is used by another maskwatch watch; give each its own store"
                raise StoreError(store, reason, StoreFault.BUSY) from None
        yield
