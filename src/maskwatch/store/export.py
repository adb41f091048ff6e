"""Kept counts -> text for other programs: CSV and JSON, times in UTC."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from maskwatch.errors import MissingExtraError, SettingError
from maskwatch.files import writing
from maskwatch.io.csv_cells import csv_line
from maskwatch.live.events import Event
from maskwatch.store.statistics import BUCKET_S, Entry

STATISTICS_SCHEMA = "maskwatch.statistics/1"

CSV_COLUMNS = ("start_utc", "source", "state", "people", "face_s")


def entries_to_csv(entries: Iterable[Entry]) -> str:
    """A header, then one row for each source and state of 20 minutes."""
    rows = (entry_row(entry).values() for entry in entries)  # in the order of the columns
    return "".join(f"{csv_line(cells)}\n" for cells in (CSV_COLUMNS, *rows))


def entries_to_json(entries: Iterable[Entry]) -> str:
    """One document; `bucket_s` says for how many seconds from `start_utc` on a count stands."""
    rows = [entry_row(entry) for entry in entries]
    return json.dumps({"schema": STATISTICS_SCHEMA, "bucket_s": BUCKET_S, "counts": rows})


def entry_row(entry: Entry) -> dict[str, Any]:
    """A count in plain values."""
    start = datetime.fromtimestamp(entry.start_s, UTC)
    return {
        "start_utc": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "source": entry.source,
        "state": entry.state.value,
        "people": entry.count.people,
        "face_s": round(entry.count.face_s, 1),
    }


# Kept events and counts -> a file for other programs: CSV, JSON lines or Parquet; times in UTC.

EVENT_COLUMNS = (
    "time_utc",
    "event_id",
    "camera",
    "old_state",
    "new_state",
    "confidence",
    "old_duration_s",
)

Row = Mapping[str, Any]


def export_events(events: Iterable[Event], path: Path) -> None:
    """Write events; the end of the name says how.

    Raises:
        SettingError: the name ends otherwise, or the file cannot be written.
        MissingExtraError: Parquet is wanted and cannot be written here.
    """
    _write(map(event_row, events), EVENT_COLUMNS, path)


def export_counts(entries: Iterable[Entry], path: Path) -> None:
    """Write counts of 20 minutes; see export_events."""
    _write(map(entry_row, entries), CSV_COLUMNS, path)


def event_row(event: Event) -> Row:
    """An event in plain values."""
    moment = datetime.fromtimestamp(event.time_s, UTC)
    return {
        "time_utc": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "event_id": event.event_id,
        "camera": event.camera,
        "old_state": event.old_state.value,
        "new_state": event.new_state.value,
        "confidence": event.confidence,
        "old_duration_s": event.old_duration_s,
    }


def _write(rows: Iterable[Row], columns: Sequence[str], path: Path) -> None:
    write = _FORMATS.get(path.suffix.lower())
    if write is None:
        raise SettingError(f"{path}: the name must end in {', '.join(_FORMATS)}")
    with writing(path, SettingError) as part:
        write(rows, columns, part)


def _write_csv(rows: Iterable[Row], columns: Sequence[str], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{csv_line(columns)}\n")
        file.writelines(f"{csv_line(row[name] for name in columns)}\n" for row in rows)


def _write_jsonl(rows: Iterable[Row], columns: Sequence[str], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _write_parquet(rows: Iterable[Row], columns: Sequence[str], path: Path) -> None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise MissingExtraError("writing Parquet", "batch") from None
    texts = {"time_utc", "start_utc", "event_id", "camera", "source", "state"}
    texts |= {"old_state", "new_state"}
    kinds = {"people": pyarrow.int64()} | dict.fromkeys(texts, pyarrow.string())
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.float64())) for name in columns])
    with path.open("wb") as file:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows), schema), file)


_FORMATS: dict[str, Callable[[Iterable[Row], Sequence[str], Path], None]] = {
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
}
