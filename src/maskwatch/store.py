"""Statistics in one SQLite file: how many people showed what, in sums of 20 minutes.

Nothing about a person is in it: no picture, no track, no time finer than 20 minutes. The file is
made by the first write. Every call opens it, does one short transaction and closes it again, so
any number of threads and processes may use one file, no call holds it for long, and between calls
it is whole and a single file. WAL mode keeps those who read and the one who writes out of each
other's way, and makes a transaction that was cut off as if it had never begun. (The file must not
lie on a network drive: WAL mode needs memory that all users of the file share.)
"""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from pathlib import Path

from maskwatch.errors import StoreError, StoreFault
from maskwatch.local_time import day_span, zone_offsets
from maskwatch.schema import MaskState
from maskwatch.tally import Count

BUCKET_S = 20 * 60
"""Counts are summed over so many seconds; all that is known of when something was seen."""

BUSY_S = 5.0
"""How long a call waits for others that write."""

_RETRY_S = 0.01

_APPLICATION_ID = 0x4D61736B  # "Mask"; tells our file from any other database

# What leads from each version of the file to the next; PRAGMA user_version counts them. Only ever
# add to the end: files of old versions are brought up to date when they are next written.
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
)

_READ, _WRITE = "BEGIN", "BEGIN IMMEDIATE"

# a correction may concern people who have been deleted meanwhile
_ADD = """
    INSERT INTO counts VALUES (:start_s, :source, :state, max(0, :people), max(0, :face_s))
    ON CONFLICT DO UPDATE
    SET people = max(0, people + :people), face_s = max(0, face_s + :face_s)
"""

# offsets says from when until when a time zone is how many seconds ahead of UTC
_SUMS = """
    WITH offsets (from_s, until_s, offset_s) AS (VALUES {places})
    SELECT {period} AS period, state, sum(people), sum(face_s)
    FROM offsets JOIN counts ON start_s >= from_s AND start_s < until_s
    GROUP BY period, state
"""
_DAY, _HOUR = "(start_s + offset_s) / 86400", "(start_s + offset_s) % 86400 / 3600"

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

Sums = dict[MaskState, Count]


@dataclass(frozen=True, slots=True)
class Entry:
    """What one source saw of one state in 20 minutes; added to a store, it may be a correction.

    Attributes:
        start_s: of the 20 minutes, in UTC seconds since the epoch.
        source: name of the camera or door.
        state: what the people showed longest, and the faces at the time.
        count: people who came in these 20 minutes, and seconds of faces.
    """

    start_s: int
    source: str
    state: MaskState
    count: Count


def bucket_start(time_s: float) -> int:
    """Where the 20 minutes around a moment begin, in UTC seconds since the epoch."""
    return int(time_s // BUCKET_S) * BUCKET_S


def default_path() -> Path:
    """The statistics in the user's folder for data, where the system keeps such things."""
    home = Path.home()
    if sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        folder = home / "Library" / "Application Support"
    else:
        folder = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return folder / "maskwatch" / "statistics.sqlite3"


class StatisticsStore:
    """The counts in one file; may be used by several threads and processes at once."""

    def __init__(self, path: Path) -> None:
        """Remember where; nothing is opened or made yet."""
        self._path = path.absolute()

    def add(self, entries: Iterable[Entry]) -> None:
        """Add to the counts, all or nothing.

        Raises:
            StoreError: the file cannot be written; nothing was added.
        """
        rows = [
            {
                "start_s": entry.start_s,
                "source": entry.source,
                "state": entry.state.value,
                "people": entry.count.people,
                "face_s": entry.count.face_s,
            }
            for entry in entries
        ]
        with self._opened("rwc", _WRITE) as database:
            database.executemany(_ADD, rows)

    def entries(self, from_s: float, until_s: float) -> list[Entry]:
        """All that is kept of a span of time, oldest first.

        Args:
            from_s: UTC seconds since the epoch.
            until_s: the same, not included.

        Raises:
            StoreError: the file cannot be read.
        """
        select = "SELECT * FROM counts WHERE start_s >= ? AND start_s < ? ORDER BY 1, 2, 3"
        return [
            Entry(start_s, source, MaskState(state), Count(people, face_s))
            for start_s, source, state, people, face_s in self._read(select, (from_s, until_s))
        ]

    def span(self) -> tuple[int, int] | None:
        """Where the first and the last 20 minutes begin that are kept; None if there are none.

        Raises:
            StoreError: the file cannot be read.
        """
        select = (
            "SELECT start_s FROM counts ORDER BY 1 {order} LIMIT 1"  # uses the key, reads no more
        )
        rows = [self._read(select.format(order=order)) for order in ("ASC", "DESC")]
        return (rows[0][0][0], rows[1][0][0]) if all(rows) else None

    def by_day(self, zone: tzinfo, first: date, last: date) -> dict[date, Sums]:
        """Sums of each day that has any, in order.

        Args:
            zone: where days begin at midnight.
            first: first day.
            last: last day, included.

        Raises:
            StoreError: the file cannot be read.
        """
        epoch = date(1970, 1, 1)
        sums = self._sums(_DAY, zone, first, last)
        return {epoch + timedelta(days=number): day for number, day in sums.items()}

    def by_hour(self, zone: tzinfo, first: date, last: date) -> dict[int, Sums]:
        """Sums of each hour of the day, 0 to 23, that has any; arguments as for by_day.

        Where the offset of a zone is no multiple of 20 minutes, the 20 minutes around the full hour
        are part of the hour in which they begin.

        Raises:
            StoreError: the file cannot be read.
        """
        return self._sums(_HOUR, zone, first, last)

    def purge(self, before_s: float | None = None) -> None:
        """Delete what began before a moment (UTC seconds since the epoch), or everything.

        What is deleted is also overwritten in the file.

        Raises:
            StoreError: the file cannot be written; nothing was deleted.
        """
        if not self._path.exists():
            return
        with self._opened("rw", _WRITE) as database:
            if before_s is None:
                database.execute("DELETE FROM counts")
            else:
                database.execute("DELETE FROM counts WHERE start_s < ?", (before_s,))

    def _sums(self, period: str, zone: tzinfo, first: date, last: date) -> dict[int, Sums]:
        offsets = zone_offsets(zone, *day_span(zone, first, last))
        places = ", ".join(["(?, ?, ?)"] * len(offsets))
        values = [value for offset in offsets for value in offset]
        sums: dict[int, Sums] = {}
        select = _SUMS.format(places=places, period=period)
        for number, state, people, face_s in self._read(select, values):
            sums.setdefault(number, {})[MaskState(state)] = Count(people, face_s)
        return sums

    def _read(self, select: str, values: Iterable[float] = ()) -> list[tuple]:  # type: ignore[type-arg]
        """The rows of a query; none as long as there is no file."""
        if not self._path.exists():
            return []
        with self._opened("rw", _READ) as database:
            return database.execute(select, tuple(values)).fetchall()

    @contextmanager
    def _opened(self, mode: str, begin: str) -> Generator[sqlite3.Connection]:
        """The file in one transaction.

        Args:
            mode: of SQLite's: rw, or rwc to make what is missing.
            begin: starts the transaction. One that writes does so at once (IMMEDIATE), for it could
                not wait for its turn later.
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
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)
            raise self._error(StoreFault.FULL if full else StoreFault.UNAVAILABLE) from error
        except sqlite3.Error as error:
            code = error.sqlite_errorcode & 0xFF  # without what SQLite adds to the kind
            raise self._error(_SQLITE_FAULTS.get(code, StoreFault.FOREIGN)) from error

    def _begun(self, mode: str, begin: str) -> sqlite3.Connection:
        """A connection in its transaction, as soon as others let it begin.

        SQLite waits for others by itself, but not where one of them switches the file to WAL mode
        just now, or closes it as the last of all.
        """
        address, ends_s = f"{self._path.as_uri()}?mode={mode}", time.monotonic() + BUSY_S
        while True:
            database = sqlite3.connect(address, BUSY_S, isolation_level=None, uri=True)
            try:
                database.execute("PRAGMA secure_delete = ON")
                database.execute("PRAGMA synchronous = NORMAL")
                database.execute(begin)
                self._bring_up_to_date(database)  # a failure undoes it all: the file is closed
            except Exception as error:
                database.close()
                code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
                is_busy = code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                if not is_busy or time.monotonic() >= ends_s:
                    raise
                time.sleep(_RETRY_S)
            else:
                return database

    def _bring_up_to_date(self, database: sqlite3.Connection) -> None:
        """Make the table in a new file, and what has been added since in an old one."""
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


def _use_wal(database: sqlite3.Connection) -> None:
    """Once for a file; where somebody else is at it just now, the next write does it."""
    with suppress(sqlite3.OperationalError):
        database.execute("PRAGMA journal_mode = WAL")
