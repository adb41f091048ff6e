"""Kept counts -> text for other programs: CSV and JSON, times in UTC."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from maskwatch.store import BUCKET_S, Entry

STATISTICS_SCHEMA = "maskwatch.statistics/1"

CSV_COLUMNS = ("start_utc", "source", "state", "people", "face_s")


def entries_to_csv(entries: Iterable[Entry]) -> str:
    """A header, then one row for each source and state of 20 minutes."""
    table = io.StringIO()
    writer = csv.DictWriter(table, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(entry_row(entry) for entry in entries)
    return table.getvalue()


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
