"""The SQLite file in which everything is kept: opened for a moment, brought up to date, closed.

The file is made by the first write. Every call opens it, does one short transaction and closes it
again, so any number of threads and processes may use one file, no call holds it for long, and
between calls it is whole and a single file. WAL mode keeps those who read and the one who writes
out of each other's way, and makes a transaction that was cut off as if it had never begun. (The
file must not lie on a network drive: WAL mode needs memory that all users of the file share.)

What is in it: counts (statistics.py), and where `maskwatch watch` is used, events and what alerts
wait to be sent (watch/event_store.py).
"""

from __future__ import annotations

import logging
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock, Thread, main_thread
from typing import Any, Generic, TypeVar

from maskwatch.errors import StoreError, StoreFault
from maskwatch.files import DISK_FULL

Row = TypeVar("Row")

BUSY_S = 5.0
"""How long a call waits for others that write."""

_RETRY_S = 0.01

_APPLICATION_ID = 0x4D61736B  # "Mask"; tells our file from any other database

# What leads from each version of the file to the next; PRAGMA user_version counts them. Only ever
# add to the end: files of old versions are brought up to date when they are next used.
_MIGRATIONS = (
    """
    CREATE TABLE counts (
        start_s INTEGER NOT NULL,  -- of the 20 minutes, in UTC seconds since the epoch
        source TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('mask', 'no_mask', 'incorrect_mask', 'unsure')),
        people INTEGER NOT NULL CHECK (people >= 0),
        face_s REAL NOT NULL CHECK (face_s >= 0),
        PRIMARY KEY (start_s, source, state)
    ) WITHOUT ROWID
    """,
    """
    -- beginning with the time, so that they lie in the file in their order; the number is random
    CREATE TABLE events (
        time_s REAL NOT NULL,  -- UTC seconds since the epoch
        event_id TEXT NOT NULL,
        camera TEXT NOT NULL,
        old_state TEXT NOT NULL,
        new_state TEXT NOT NULL CHECK (new_state <> old_state),
        confidence REAL NOT NULL,
        old_duration_s REAL NOT NULL CHECK (old_duration_s >= 0),
        PRIMARY KEY (time_s, event_id)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE waiting_alerts (
        place INTEGER PRIMARY KEY,  -- the oldest is sent first
        alert_id TEXT NOT NULL,
        sink TEXT NOT NULL,
        kind TEXT NOT NULL,
        rule TEXT NOT NULL,
        camera TEXT NOT NULL,
        time_s REAL NOT NULL,
        body TEXT NOT NULL,
        UNIQUE (alert_id, sink)
    )
    """,
    """
    CREATE TABLE rules (
        rule TEXT NOT NULL,
        camera TEXT NOT NULL,
        sent_s REAL,  -- when an alert was last really sent, UTC seconds since the epoch
        raised INTEGER NOT NULL,  -- whether the last alert waits for its all-clear
        PRIMARY KEY (rule, camera)
    ) WITHOUT ROWID
    """,
)

READ, WRITE = "BEGIN", "BEGIN IMMEDIATE"
"""How a transaction begins; one that writes does so at once, for it could not wait later."""

_FAULTS = {
    StoreFault.UNAVAILABLE: "cannot be opened or written; check the folder and its permissions",
    StoreFault.FULL: "cannot be written; the disk is full or failing",
    StoreFault.FOREIGN: "is damaged or no statistics of MaskWatch; move it away, or name another",
    StoreFault.NEWER: "was written by a newer MaskWatch; update this one, or name another file",
    StoreFault.BUSY: f"was in use by others for more than {BUSY_S:.0f} seconds",
}
_SQLITE_FAULTS = {
    sqlite3.SQLITE_BUSY: StoreFault.BUSY,
    sqlite3.SQLITE_LOCKED: StoreFault.BUSY,
    sqlite3.SQLITE_FULL: StoreFault.FULL,
    sqlite3.SQLITE_IOERR: StoreFault.FULL,
    sqlite3.SQLITE_CANTOPEN: StoreFault.UNAVAILABLE,
    sqlite3.SQLITE_READONLY: StoreFault.UNAVAILABLE,
    sqlite3.SQLITE_PERM: StoreFault.UNAVAILABLE,
}


class StoreFile:
    """One file; may be used by several threads and processes at once."""

    def __init__(self, path: Path) -> None:
        """Remember where; nothing is opened or made yet."""
        self._path = path.absolute()

    def _read(self, make: Callable[..., Row], select: str, values: Iterable[Any] = ()) -> list[Row]:
        """What is made of each row of a query; nothing as long as there is no file.

        Args:
            make: takes the columns; raises ValueError or TypeError where they can be nothing of
                ours.
            select: the query.
            values: for its question marks.
        """
        return list(self._each(make, select, values))

    def _each(
        self, make: Callable[..., Row], select: str, values: Iterable[Any] = ()
    ) -> Iterator[Row]:
        """The same one after the other, for what may be more than memory holds.

        Others read and write meanwhile; what they change is not among these.
        """
        if not self.exists():
            return
        with self._opened("rw", READ) as database:
            for row in database.execute(select, tuple(values)):
                try:
                    made = make(*row)
                except (ValueError, TypeError) as error:
                    raise self._error(StoreFault.FOREIGN) from error
                yield made

    def _delete(self, times: Mapping[str, str], before_s: float) -> list[int]:
        """Delete, and overwrite in the file, what is from before a moment, all or nothing.

        Args:
            times: by the name of a table, the column that tells when.
            before_s: UTC seconds since the epoch.

        Returns:
            How many rows there were, of each table.
        """
        if not self.exists():
            return [0] * len(times)
        with self._opened("rw", WRITE) as database:
            deletes = (f"DELETE FROM {table} WHERE {time} < ?" for table, time in times.items())
            return [database.execute(delete, (before_s,)).rowcount for delete in deletes]

    def exists(self) -> bool:
        """Whether anything was ever kept there.

        Raises:
            StoreError: that cannot be seen.
        """
        try:
            return self._path.exists()
        except OSError as error:  # its name is too long, or its folder must not be read
            raise self._error(StoreFault.UNAVAILABLE) from error

    @contextmanager
    def _opened(self, mode: str, begin: str) -> Generator[sqlite3.Connection]:
        """The file in one transaction.

        Args:
            mode: of SQLite's: rw, or rwc to make what is missing.
            begin: READ or WRITE.
        """
        try:
            if mode == "rwc":
                self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._begun(mode, begin)) as database:
                yield database
                database.execute("COMMIT")
                if mode == "rwc":  # not before, the file might have been somebody else's
                    _use_wal(database)
        except OSError as error:
            full = error.errno in DISK_FULL
            raise self._error(StoreFault.FULL if full else StoreFault.UNAVAILABLE) from error
        # Python cannot read what SQLite says of a damaged file where it quotes the damage
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._error(_SQLITE_FAULTS.get(_kind(error), StoreFault.FOREIGN)) from error

    def _begun(self, mode: str, begin: str) -> sqlite3.Connection:
        """A connection in its transaction, as soon as others let it begin.

        SQLite waits for others by itself, but not where one of them switches the file to WAL mode
        just now, or closes it as the last of all. A full disk has no room for the memory that all
        users of the file share; who reads needs none of it while there are no others.
        """
        address, ends_s = f"{self._path.as_uri()}?mode={mode}", time.monotonic() + BUSY_S
        locking = "NORMAL"
        while True:
            database = sqlite3.connect(address, BUSY_S, isolation_level=None, uri=True)
            try:
                database.execute(f"PRAGMA locking_mode = {locking}")
                self._begin(database, begin)
            except Exception as error:
                database.close()
                if begin == READ and locking == "NORMAL" and _lacks_room_to_share(error):
                    locking = "EXCLUSIVE"
                    continue
                is_busy = _kind(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                if not is_busy or time.monotonic() >= ends_s:
                    raise
                time.sleep(_RETRY_S)
            else:
                return database

    def _begin(self, database: sqlite3.Connection, begin: str) -> None:
        """Start the transaction in a file that has all tables; a failure undoes it all."""
        database.execute("PRAGMA secure_delete = ON")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(begin)
        if begin == READ and self._version(database) < len(_MIGRATIONS):
            database.execute("COMMIT")  # whoever has begun to read cannot wait to write
            database.execute(WRITE)
        self._bring_up_to_date(database)

    def _bring_up_to_date(self, database: sqlite3.Connection) -> None:
        """Make the tables in a new file, and what has been added since in an old one."""
        version = self._version(database)
        if version == len(_MIGRATIONS):
            return
        for migration in _MIGRATIONS[version:]:
            database.execute(migration)
        database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")

    def _version(self, database: sqlite3.Connection) -> int:
        """How many migrations the file has seen; 0 if it is new."""
        numbers = (
            database.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("user_version", "application_id")
        )
        version, application_id = numbers
        tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application_id != _APPLICATION_ID and (version or application_id or tables):
            raise self._error(StoreFault.FOREIGN)
        if version > len(_MIGRATIONS):
            raise self._error(StoreFault.NEWER)
        return int(version)

    def _error(self, fault: StoreFault) -> StoreError:
        return StoreError(self._path, _FAULTS[fault], fault)


def _kind(error: Exception) -> int:
    """The kind of an error, without what SQLite adds to it; Python's own have none."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _lacks_room_to_share(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_SHMSIZE


def _use_wal(database: sqlite3.Connection) -> None:
    """Once for a file; where somebody else is at it just now, the next write does it."""
    with suppress(sqlite3.OperationalError):
        database.execute("PRAGMA journal_mode = WAL")


# What comes while video is judged reaches the disk a moment later, without making it wait.

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
        self._failing: str | None = None
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
            except Exception as error:
                with self._changed:
                    self._put_back(batch)
                self._note_failure(error)
                raise
            self.error, self._failing = None, None

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

    def _note_failure(self, error: Exception) -> None:
        """The log names a failure once, until it is another one or things are written again."""
        failing, said = type(error).__name__, f"not written ({type(error).__name__})"
        if isinstance(error, StoreError):
            self.error, failing, said = error, error.fault, str(error)
        if failing != self._failing:
            _LOG.error("%s: %s", self.name, said)
        self._failing = failing

    def _work(self) -> None:
        """Write every second, until nothing is left or the program ends, which waits for it."""
        while True:
            ends_s = time.monotonic() + FLUSH_S
            while main_thread().is_alive() and (left_s := ends_s - time.monotonic()) > 0:
                time.sleep(min(left_s, _BEAT_S))
            failed = False
            try:
                self.flush()
            except Exception:  # the machine may have no memory left for it just now, say
                failed = True
            with self._changed:
                if not self._has_more() or (failed and not main_thread().is_alive()):
                    self._working = False
                    return
