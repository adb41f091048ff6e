"""Statistics in one SQLite file: how many people showed what, in sums of 20 minutes.

Nothing about a person is in them: no picture, no track, no time finer than 20 minutes.
"""

from __future__ import annotations

import math
import os
import sys
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path

from maskwatch.files import home_folder
from maskwatch.live.counting import Changes, Count, PeopleCounter
from maskwatch.schema import FrameReport, MaskState
from maskwatch.store.clock import believable, in_calendar
from maskwatch.store.file import WRITE, BackgroundWriter, StoreFile

BUCKET_S = 20 * 60
"""Counts are summed over so many seconds; all that is known of when something was seen."""

CLAIMED = "visitors' browsers"
"""Source of what visitors' browsers say they counted: kept apart, for nobody here saw it."""

# a correction may concern people who have been deleted meanwhile
_ADD = """
    INSERT INTO counts VALUES (:start_s, :source, :state, max(0, :people), max(0, :face_s))
    ON CONFLICT DO UPDATE
    SET people = max(0, people + :people), face_s = max(0, face_s + :face_s)
"""

_MISDATED = "start_s < ? OR start_s > ?"
_DATE_ANEW = f"""
    INSERT INTO counts
    SELECT ?, source, state, sum(people), sum(face_s) FROM counts WHERE {_MISDATED}
    GROUP BY source, state
    ON CONFLICT DO UPDATE
    SET people = people + excluded.people, face_s = face_s + excluded.face_s
"""

# offsets says from when until when a time zone is how many seconds ahead of UTC
_SUMS = """
    WITH offsets (from_s, until_s, offset_s) AS (VALUES {places})
    SELECT {period} AS period, state, sum(people), sum(face_s)
    FROM offsets JOIN counts ON start_s >= from_s AND start_s < until_s
    WHERE (source = ?) = ?
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
    """The statistics in the user's folder for data, or, without one, under the current folder."""
    home = home_folder()
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
        return self._read(_entry, select, (from_s, until_s))

    def each_entry(self) -> Iterator[Entry]:
        """All that is kept, oldest first; in years there is more than memory holds.

        Raises:
            StoreError: the file cannot be read; told when the first one is asked for, or later.
        """
        return self._each(_entry, "SELECT * FROM counts ORDER BY 1, 2, 3")

    def span(self) -> tuple[int, int] | None:
        """Where the first and the last 20 minutes begin that are kept; None if there are none.

        Raises:
            StoreError: the file cannot be read.
        """
        select = (
            "SELECT start_s FROM counts ORDER BY 1 {order} LIMIT 1"  # uses the key, reads no more
        )
        first, last = (self._read(_start, select.format(order=order)) for order in ("ASC", "DESC"))
        return (first[0], last[0]) if first and last else None

    def has_claims(self) -> bool:
        """Whether anything is kept that visitors' browsers claimed.

        Raises:
            StoreError: the file cannot be read.
        """
        return bool(self._read(int, "SELECT 1 FROM counts WHERE source = ? LIMIT 1", (CLAIMED,)))

    def by_day(
        self, zone: tzinfo, first: date, last: date, claimed: bool = False
    ) -> dict[date, Sums]:
        """Sums of each day that has any, in order.

        Args:
            zone: where days begin at midnight.
            first: first day.
            last: last day, included.
            claimed: what visitors' browsers claimed, instead of all the rest.

        Raises:
            StoreError: the file cannot be read.
        """
        epoch = date(1970, 1, 1)
        sums = self._sums(_DAY, zone, first, last, claimed)
        return {epoch + timedelta(days=number): day for number, day in sums.items()}

    def by_hour(
        self, zone: tzinfo, first: date, last: date, claimed: bool = False
    ) -> dict[int, Sums]:
        """Sums of each hour of the day, 0 to 23, that has any; arguments as for by_day.

        Where the offset of a zone is no multiple of 20 minutes, the 20 minutes around the full hour
        are part of the hour in which they begin.

        Raises:
            StoreError: the file cannot be read.
        """
        return self._sums(_HOUR, zone, first, last, claimed)

    def take_for_new(self, now_s: float) -> None:
        """Count what is of no moment that can be true as of now: the clock was put right.

        Else it would be among the counts of the last hours for years, and go as late.

        Args:
            now_s: UTC seconds since the epoch; where it cannot be true, nothing is dated by it.

        Raises:
            StoreError: the file cannot be written; nothing was.
        """
        select = f"SELECT 1 FROM counts WHERE {_MISDATED} LIMIT 1"
        span = believable(now_s)
        if span is None or not self._read(int, select, span):
            return
        with self._opened("rw", WRITE) as database:
            database.execute(_DATE_ANEW, (bucket_start(now_s), *span))
            database.execute(f"DELETE FROM counts WHERE {_MISDATED}", span)

    def purge(self, before_s: float = math.inf) -> None:
        """Delete what began before a moment (UTC seconds since the epoch), everything by default.

        What is deleted is also overwritten in the file.

        Raises:
            StoreError: the file cannot be written; nothing was deleted.
        """
        self._delete({"counts": "start_s"}, before_s)

    def _sums(
        self, period: str, zone: tzinfo, first: date, last: date, claimed: bool
    ) -> dict[int, Sums]:
        offsets = zone_offsets(zone, *day_span(zone, first, last))
        places = ", ".join(["(?, ?, ?)"] * len(offsets))
        values = [*(value for offset in offsets for value in offset), CLAIMED, claimed]
        sums: dict[int, Sums] = {}
        select = _SUMS.format(places=places, period=period)
        for number, state, count in self._read(_sum, select, values):
            sums.setdefault(number, {})[state] = count
        return sums


def _entry(start_s: int, source: str, state: str, people: int, face_s: float) -> Entry:
    count = Count(int(people), float(face_s))  # SQLite keeps any text in a column of numbers
    return Entry(_start(start_s), source, MaskState(state), count)


def _start(start_s: int) -> int:
    in_calendar(start_s)  # whoever shows it makes a date of it
    return start_s


def _sum(number: int, state: str, people: int, face_s: float) -> tuple[int, MaskState, Count]:
    return number, MaskState(state), Count(people, face_s)


# From the reports of live video into the statistics, without making the video wait.

_Counts = dict[tuple[int, str, MaskState], Count]


class StatisticsWriter(BackgroundWriter[_Counts]):
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


class CameraCounter:
    """Counts what one camera shows, from now on, for a writer; not for several threads."""

    def __init__(
        self, source: str, writer: StatisticsWriter, now_s: Callable[[], float] = time.time
    ) -> None:
        """Begin with nobody seen.

        Args:
            source: name under which it is counted.
            writer: where the counts go.
            now_s: UTC seconds since the epoch.
        """
        self._source = source
        self._writer = writer
        self._now_s = now_s
        self._counter = PeopleCounter()

    def add(self, report: FrameReport, time_s: float) -> None:
        """Take in the next frame; see PeopleCounter.add."""
        changes = self._counter.add(report, time_s, bucket_start(self._now_s()))
        self._writer.note(self._source, changes)


# Days and hours of a time zone, for data that is kept in UTC.

_DAY_S = 24 * 60 * 60


def day_span(zone: tzinfo, first: date, last: date) -> tuple[int, int]:
    """From when until when these days last, in UTC seconds since the epoch."""
    begin, end = (
        datetime(day.year, day.month, day.day, tzinfo=zone)
        for day in (first, last + timedelta(days=1))
    )
    return int(begin.timestamp()), int(end.timestamp())


def zone_offsets(zone: tzinfo, from_s: int, until_s: int) -> list[tuple[int, int, int]]:
    """How many seconds a zone is ahead of UTC, for a database that knows no zones.

    Args:
        zone: changes its offset at most once within 24 hours.
        from_s: UTC seconds since the epoch.
        until_s: the same, later.

    Returns:
        Spans (from_s, until_s, offset_s) without gaps, in order.
    """
    starts_s = [from_s]
    for day_s in range(from_s, until_s, _DAY_S):
        next_s = min(day_s + _DAY_S, until_s - 1)
        ahead_s = _ahead_s(zone, day_s)
        if _ahead_s(zone, next_s) != ahead_s:  # the change may be at the very end of a day
            changed = partial(_differs, zone, ahead_s)
            starts_s.append(bisect_left(range(next_s), True, day_s, key=changed))
    ends_s = [*starts_s[1:], until_s]
    return [
        (start, end, _ahead_s(zone, start)) for start, end in zip(starts_s, ends_s, strict=True)
    ]


def _differs(zone: tzinfo, ahead_s: int, time_s: int) -> bool:
    return _ahead_s(zone, time_s) != ahead_s


def _ahead_s(zone: tzinfo, time_s: int) -> int:
    ahead = datetime.fromtimestamp(time_s, UTC).astimezone(zone).utcoffset() or timedelta()
    return int(ahead.total_seconds())
