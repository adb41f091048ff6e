"""What live video shows reaches the statistics within a second or so, and trouble loses nothing.

Run: pytest tests/process/test_statistics_writer.py
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support import fakes
from support.paths import TESTS
from support.statistics_factory import entry
from support.waiting import LIMIT_S, until

from maskwatch.errors import StoreError, StoreFault
from maskwatch.live.counting import Count
from maskwatch.schema import MaskState
from maskwatch.store import file
from maskwatch.store.statistics import BUCKET_S, CameraCounter, StatisticsStore, StatisticsWriter

MASK, NO_MASK, INCORRECT, UNSURE = MaskState
NOON = entry("2026-11-24T12:00").start_s


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StatisticsStore:
    monkeypatch.setattr(file, "FLUSH_S", 0.05)
    return StatisticsStore(tmp_path / "folder" / "statistics.sqlite3")


def kept(store: StatisticsStore) -> dict[tuple[int, str, MaskState], Count]:
    return {(e.start_s, e.source, e.state): e.count for e in store.entries(0, 1e12)}


def at_work() -> bool:
    return any(thread.name == "statistics" for thread in threading.enumerate())


def show(keeper: CameraCounter, state: MaskState, *times_s: float, track_id: int = 1) -> None:
    for time_s in times_s:
        keeper.add(fakes.report(fakes.tracked(state, track_id=track_id)), time_s)


def test_where_nobody_is_seen_nothing_is_written(store: StatisticsStore, tmp_path: Path) -> None:
    until(lambda: not at_work())  # what another test in this process left
    writer = StatisticsWriter(store)
    keeper = CameraCounter("door", writer)
    for time_s in range(5):
        keeper.add(fakes.report(), time_s)
    writer.flush()
    assert not at_work()
    assert not (tmp_path / "folder").exists()


def test_what_is_seen_is_written_and_then_nothing_is_left_running(store: StatisticsStore) -> None:
    writer = StatisticsWriter(store)
    show(CameraCounter("door", writer, lambda: NOON + 5), MASK, *range(4))
    until(lambda: kept(store))
    until(lambda: not at_work())
    assert kept(store) == {(NOON, "door", MASK): Count(1, 3.0)}
    assert writer.error is None


def test_two_cameras_add_up_and_a_person_belongs_to_the_minutes_in_which_it_came(
    store: StatisticsStore,
) -> None:
    writer, now_s = StatisticsWriter(store), [NOON + BUCKET_S - 1.0]
    door, gate = (CameraCounter(name, writer, lambda: now_s[0]) for name in ("door", "gate"))
    show(door, UNSURE, 0, 1)
    show(gate, NO_MASK, 0, 1)
    writer.flush()
    now_s[0] += 2
    show(door, MASK, 2, 3)
    show(gate, NO_MASK, 2, 3, track_id=2)
    writer.flush()
    assert kept(store) == {
        (NOON, "door", UNSURE): Count(0, 1.0),
        (NOON, "door", MASK): Count(1, 0.0),  # that is what it has shown longest by now
        (NOON + BUCKET_S, "door", MASK): Count(0, 2.0),
        (NOON, "gate", NO_MASK): Count(1, 1.0),
        (NOON + BUCKET_S, "gate", NO_MASK): Count(1, 2.0),
    }
    until(lambda: not at_work())


def test_trouble_is_told_once_and_what_was_counted_is_written_when_it_is_over(
    store: StatisticsStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "folder").touch()  # so no folder can be made there
    writer = StatisticsWriter(store)
    keeper = CameraCounter("door", writer, lambda: NOON)
    show(keeper, MASK, 0, 1)
    until(lambda: writer.error)
    assert writer.error.fault is StoreFault.UNAVAILABLE
    show(keeper, MASK, 2, 3)  # the video goes on
    with pytest.raises(StoreError):
        writer.flush()
    (record,) = caplog.records
    assert "cannot be opened or written" in record.getMessage() and not record.exc_info
    (tmp_path / "folder").unlink()
    until(lambda: writer.error is None)
    until(lambda: not at_work())
    assert kept(store) == {(NOON, "door", MASK): Count(1, 3.0)}


def test_a_machine_without_memory_for_a_moment_loses_nothing(
    store: StatisticsStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries = []

    def fail(entries: object) -> None:
        tries.append(entries)
        raise MemoryError  # as SQLite has it

    writer = StatisticsWriter(store)
    with monkeypatch.context() as short:
        short.setattr(store, "add", fail)
        show(CameraCounter("door", writer, lambda: NOON), MASK, 0, 1)
        until(lambda: len(tries) > 2)
        assert at_work()
    until(lambda: kept(store) == {(NOON, "door", MASK): Count(1, 1)})
    assert caplog.messages == ["statistics: not written (MemoryError)"]


def test_deleting_everything_also_deletes_what_was_not_written_yet(
    store: StatisticsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file, "FLUSH_S", 0.5)
    writer = StatisticsWriter(store)
    keeper = CameraCounter("door", writer, lambda: NOON)
    show(keeper, MASK, 0, 1)
    writer.flush()
    show(keeper, MASK, 2, 3, track_id=2)
    writer.purge()
    until(lambda: not at_work())
    assert kept(store) == {}


def test_many_threads_share_a_writer(store: StatisticsStore) -> None:
    writer = StatisticsWriter(store)
    cameras = [CameraCounter(f"door {i % 2}", writer, lambda: NOON) for i in range(8)]
    threads = [threading.Thread(target=show, args=(one, MASK, *range(200))) for one in cameras]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: not at_work())
    assert kept(store) == {(NOON, f"door {i}", MASK): Count(4, 4 * 199.0) for i in range(2)}


SESSION = """
import itertools, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from support import fakes
from maskwatch.store.statistics import CameraCounter, StatisticsWriter
from maskwatch.store.statistics import StatisticsStore

keeper = CameraCounter("door", StatisticsWriter(StatisticsStore(Path(sys.argv[1]))), lambda: 0.0)
for frame in range(int(sys.argv[3])):
    keeper.add(fakes.report(fakes.tracked()), frame / 20)
    time.sleep(float(sys.argv[4]))
"""


def session(path: Path, frames: int, pause_s: float) -> subprocess.Popen[bytes]:
    tests = str(TESTS)
    return subprocess.Popen(
        [sys.executable, "-c", SESSION, str(path), tests, str(frames), str(pause_s)]
    )


def test_a_program_that_ends_writes_what_it_counted(store: StatisticsStore, tmp_path: Path) -> None:
    assert session(tmp_path / "s.sqlite3", 41, 0.0).wait(LIMIT_S) == 0
    assert kept(StatisticsStore(tmp_path / "s.sqlite3")) == {(0, "door", MASK): Count(1, 2.0)}


def test_a_program_that_is_killed_has_written_all_but_the_last_moments(tmp_path: Path) -> None:
    store = StatisticsStore(tmp_path / "s.sqlite3")
    program = session(tmp_path / "s.sqlite3", 10**6, 0.02)
    until(lambda: kept(store).get((0, "door", MASK), Count()).face_s > 1)
    before = kept(store)[0, "door", MASK]
    program.send_signal(signal.SIGKILL)
    program.wait(LIMIT_S)
    after = kept(store)[0, "door", MASK]
    assert after.people == before.people == 1
    assert after.face_s >= before.face_s
    store.add([entry()])
    assert len(kept(store)) == 2
