"""Kept counts as CSV and JSON: times in UTC, names that hold anything.

Run: pytest tests/unit/store/test_store_export.py
"""

from __future__ import annotations

import csv
import io
import json

from support.statistics_factory import entry

from maskwatch.schema import MaskState
from maskwatch.store.export import CSV_COLUMNS, entries_to_csv, entries_to_json


def test_nothing_is_a_header_and_an_empty_list() -> None:
    assert entries_to_csv([]) == ",".join(CSV_COLUMNS) + "\n"
    assert json.loads(entries_to_json([])) == {
        "schema": "maskwatch.statistics/1",
        "bucket_s": 1200,
        "counts": [],
    }


def test_both_hold_the_same_numbers() -> None:
    entries = [
        entry("2026-11-24T08:20", people=3, face_s=12.34),
        entry("2026-11-24T08:40", MaskState.NO_MASK, source='the "east" gate, left'),
    ]
    rows = json.loads(entries_to_json(entries))["counts"]
    assert rows == [
        {
            "start_utc": "2026-11-24T08:20:00Z",
            "source": "door",
            "state": "mask",
            "people": 3,
            "face_s": 12.3,
        },
        {
            "start_utc": "2026-11-24T08:40:00Z",
            "source": 'the "east" gate, left',
            "state": "no_mask",
            "people": 1,
            "face_s": 10.0,
        },
    ]
    table = csv.DictReader(io.StringIO(entries_to_csv(entries)))
    assert list(table) == [{key: str(value) for key, value in row.items()} for row in rows]
