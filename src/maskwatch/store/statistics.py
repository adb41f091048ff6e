"""Statistics in one SQLite file: how many people showed what, in sums of 20 minutes.

Nothing about a person is in them: no picture, no track, no time finer than 20 minutes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from pathlib import Path

from maskwatch.local_time import day_span, zone_offsets
from maskwatch.schema import MaskState
from maskwatch.store_file import WRITE, StoreFile
from maskwatch.tally import Count

BUCKET_S = 20 * 60
"""Counts are summed over so many seconds; all that is known of when something was seen."""

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


class StatisticsStore(StoreFile):
    """The counts in one file; may be used by several threads and processes at once."""

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
        with self._opened("rwc", WRITE) as database:
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
        with self._opened("rw", WRITE) as database:
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
