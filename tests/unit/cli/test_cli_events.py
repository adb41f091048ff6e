"""`maskwatch events`: kept events and counts as files of three kinds, and what is deleted.

Run: pytest tests/unit/cli/test_cli_events.py
"""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys
import tracemalloc
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from click.testing import CliRunner, Result
from support import fakes
from support.alert_factory import NOON_S, alert, event
from support.statistics_factory import entry

from maskwatch.cli.main import cli
from maskwatch.errors import pip_extra
from maskwatch.schema import MaskState
from maskwatch.store import export
from maskwatch.store.export import EVENT_COLUMNS
from maskwatch.store.statistics import StatisticsStore
from maskwatch.watch.event_store import EventStore
from maskwatch.watch.evidence import EvidenceFolder
from maskwatch.watch.outbox import Changes, Delivery

DAY_S = 86_400.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with two events and two counts, of noon and the day after."""
    kept = tmp_path / "s.sqlite3"
    waiting = Delivery(alert(), "ops")
    EventStore(kept).write(
        [event(NOON_S, 'the "east" gate, left'), event(NOON_S + DAY_S, "é", MaskState.MASK)],
        Changes({waiting.key: waiting}, {}),
    )
    StatisticsStore(kept).add([entry("2026-11-24T12:00"), entry("2026-11-25T12:00", people=3)])
    return kept


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_years_of_events_are_never_in_memory_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setattr(export, "_ROWS", 100)
    EventStore(tmp_path / "s.sqlite3").write(event(NOON_S + i, "door") for i in range(10_000))
    out = tmp_path / f"events.{suffix}"
    run("export", out, "--store", tmp_path / "s.sqlite3")  # loads what it needs
    tracemalloc.start()
    try:
        result = run("export", out, "--store", tmp_path / "s.sqlite3")
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.stdout == f"10,000 events written to {out}\n"
    times = [row["time_utc"] for row in read(out)]
    assert len(set(times)) == 10_000 and times == sorted(times)
    assert most_bytes < 1e6  # the events alone would be three times as much


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["events", *map(str, arguments)], catch_exceptions=False)


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of any kind; in CSV all is text."""
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path).to_pylist()
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


KINDS = pytest.mark.parametrize("kind", [".csv", ".jsonl", ".parquet"])


@KINDS
@pytest.mark.parametrize("counts", [False, True])
def test_where_nothing_was_ever_kept_no_file_says_that_nobody_came(
    tmp_path: Path, kind: str, counts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "none.sqlite3"
    monkeypatch.setattr("maskwatch.cli.events.default_path", lambda: store)
    out = tmp_path / f"out{kind}"
    options = ["--counts"] if counts else []
    result = run("export", out, *options)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert f"{store}: nothing was ever kept there" in result.stderr
    assert not out.exists() and not store.exists()
    assert run("purge", "--older-than", 0).exit_code == 0  # as every night, from the first on
    StatisticsStore(store).add([])
    assert run("export", out, *options).stdout.startswith("0 ")
    assert read(out) == []
    if kind == ".csv" and not counts:
        assert out.read_text() == ",".join(EVENT_COLUMNS) + "\n"


@pytest.mark.parametrize("command", [["export", "out.csv"], ["purge", "--older-than", "0"]])
def test_a_store_that_is_not_there_is_a_mistake(
    tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("out.csv").write_text("of yesterday")
    result = run(*command, "--store", "typo.sqlite3")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "--store typo.sqlite3: no such file" in result.stderr
    assert Path("out.csv").read_text() == "of yesterday"
    assert [one.name for one in tmp_path.iterdir()] == ["out.csv"]


@KINDS
def test_events(path: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"out{kind}"
    result = run("export", out, "--store", path)
    assert (result.exit_code, result.stdout) == (0, f"2 events written to {out}\n")
    first, second = read(out)
    assert list(first) == list(EVENT_COLUMNS)
    assert first.pop("event_id") != second["event_id"]
    assert {key: str(value) for key, value in first.items()} == {
        "time_utc": "2026-11-24T12:00:00.000Z",
        "camera": 'the "east" gate, left',
        "old_state": "unsure",
        "new_state": "no_mask",
        "confidence": "0.97",
        "old_duration_s": "1.25",
    }
    assert second["camera"] == "é"


@KINDS
def test_counts(path: Path, tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"out{kind.upper()}"
    result = run("export", out, "--counts", "--store", path)
    assert result.exit_code == 0 and "2 counts written to " in result.stdout
    rows = read(out.rename(tmp_path / f"out{kind}"))
    assert {key: str(value) for key, value in rows[1].items()} == {
        "start_utc": "2026-11-25T12:00:00Z",
        "source": "door",
        "state": "mask",
        "people": "3",
        "face_s": "10.0",
    }


def test_a_name_of_another_kind_or_a_place_that_cannot_be_written(
    path: Path, tmp_path: Path
) -> None:
    result = run("export", tmp_path / "out.xlsx", "--store", path)
    assert result.exit_code == 2
    assert "the name must end in .csv, .jsonl, .parquet" in result.stderr
    for kind in ("csv", "jsonl", "parquet"):
        result = run("export", path / f"out.{kind}", "--store", path)
        assert result.exit_code == 2
        assert "cannot be written (not a directory)" in result.stderr


def test_parquet_without_pyarrow_says_what_to_install(path: Path, tmp_path: Path) -> None:
    code = "import sys; sys.modules['pyarrow'] = None; from maskwatch.cli.main import main; main()"
    out = tmp_path / "out.parquet"
    command = [sys.executable, "-c", code, "events", "export", str(out), "--store", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (f"Error: writing Parquet needs more packages: {pip_extra('batch')}\n")
    assert not out.exists()


def left(path: Path) -> tuple[int, int, int]:
    store = EventStore(path)
    counts = StatisticsStore(path).entries(0, 1e12)
    return len(store.events(0, 1e12)), len(counts), len(store.waiting())


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("1970-01-02", (2, 2, 1)),
        ("2026-11-24", (2, 2, 1)),
        ("2026-11-25", (1, 1, 0)),
        ("2026-11-27", (0, 0, 0)),
    ],
)
def test_what_is_from_before_a_day_is_deleted(
    path: Path, before: str, expected: tuple[int, int, int]
) -> None:
    """(Noon is the same day in all zones but the most western and eastern.)"""
    result = run("purge", "--before", before, "--store", path)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{2 - expected[0]} event")
    assert left(path) == expected


def test_what_is_older_than_some_days_is_deleted(path: Path) -> None:
    days = (datetime.now(UTC).timestamp() - NOON_S) / DAY_S
    recent = event(datetime.now(UTC).timestamp() - DAY_S)
    EventStore(path).write([recent])
    assert run("purge", "--older-than", 2 + max(0, days), "--store", path).exit_code == 0
    assert recent in EventStore(path).events(0, 1e12)
    run("purge", "--older-than", 0.5, "--store", path)
    assert recent not in EventStore(path).events(0, 1e12)


def test_no_days_delete_everything_also_what_a_clock_that_was_ahead_has_dated(
    path: Path, tmp_path: Path
) -> None:
    folder, ahead = tmp_path / "crops", event(datetime.now(UTC).timestamp() + 300 * DAY_S)
    EventStore(path).write([ahead])
    image, face = np.zeros((9, 9, 3), np.uint8), fakes.verdict(box_xyxy=(0, 0, 9, 9))
    EvidenceFolder(folder, 90).keep(ahead, image, fakes.report(face), face)
    result = run("purge", "--older-than", 0, "--store", path, "--evidence", folder)
    assert result.exit_code == 0 and "1 picture deleted" in result.stdout
    assert left(path) == (0, 0, 0) and list(folder.iterdir()) == []


def test_pictures_are_deleted_where_their_folder_is_named(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "crops"
    for days in (0, 3):
        image = np.zeros((9, 9, 3), np.uint8)
        face = fakes.verdict(box_xyxy=(0, 0, 9, 9))
        one = event(NOON_S + days * DAY_S)
        EvidenceFolder(folder, 90).keep(one, image, fakes.report(face), face)
    run("purge", "--before", "2026-11-26", "--store", path)
    assert len(list(folder.iterdir())) == 2
    result = run("purge", "--before", "2026-11-26", "--store", path, "--evidence", folder)
    assert "1 picture deleted" in result.stdout and len(list(folder.iterdir())) == 1


def test_where_the_folder_of_pictures_is_not_there_nothing_is_deleted(path: Path) -> None:
    result = run("purge", "--older-than", 0, "--store", path, "--evidence", "evidnce")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "--evidence evidnce: no such folder" in result.stderr
    assert left(path) == (2, 2, 1)


@pytest.mark.parametrize(
    "options",
    [[], ["--before", "2026-11-24", "--older-than", "3"], ["--before", "soon"],
     ["--older-than", "-1"], ["--older-than", "1e300"]],
)  # fmt: skip
def test_wrong_usage_deletes_nothing(path: Path, options: list[str]) -> None:
    assert run("purge", *options, "--store", path).exit_code == 2
    assert left(path) == (2, 2, 1)


def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("no database " * 100)
    for arguments in (["purge", "--older-than", "0"], ["export", tmp_path / "out.csv"]):
        result = run(*arguments, "--store", other)
        assert result.exit_code == 1 and "is damaged or no statistics of MaskWatch" in result.stderr
    assert other.read_text() == "no database " * 100


@KINDS
@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("counts", "start_s", 2**62),
        ("counts", "start_s", -(2**62)),
        ("counts", "people", "many"),
        ("events", "time_s", 1e300),
        ("events", "time_s", -1e20),
        ("events", "confidence", "sure"),
    ],
)
def test_a_row_that_nobody_can_have_written_is_one_line(
    path: Path, tmp_path: Path, kind: str, table: str, column: str, value: object
) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        first = f"(SELECT min({'start_s' if table == 'counts' else 'time_s'}) FROM {table})"
        of_it = f"{'start_s' if table == 'counts' else 'time_s'} = {first}"
        database.execute(f"UPDATE {table} SET {column} = ? WHERE {of_it}", (value,))
    out = tmp_path / f"out{kind}"
    options = ["--counts"] if table == "counts" else []
    result = run("export", out, *options, "--store", path)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "damaged" in result.stderr and not out.exists()
