"""Counts survive crashes, crowds and clocks; every trouble with their file is one line.

Run: pytest tests/process/test_store.py
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fakes import WITHOUT_ROOT
from support.statistics_factory import entry, history

from maskwatch.errors import StoreError, StoreFault
from maskwatch.live.counting import Count
from maskwatch.schema import MaskState
from maskwatch.store import file as store_file
from maskwatch.store.statistics import BUCKET_S, Entry, StatisticsStore, bucket_start, default_path

MASK, NO_MASK, INCORRECT, UNSURE = MaskState
EVER = (0, 1e12)
JAKARTA, BERLIN, UTC = ZoneInfo("Asia/Jakarta"), ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "that is new?" / "statistics.sqlite3"


@pytest.fixture
def store(path: Path) -> StatisticsStore:
    return StatisticsStore(path)


def people(store: StatisticsStore) -> int:
    return sum(entry.count.people for entry in store.entries(*EVER))


def test_nothing_is_made_before_something_is_kept(store: StatisticsStore, path: Path) -> None:
    assert store.entries(*EVER) == []
    assert store.span() is None
    assert store.by_day(UTC, FIRST, LAST) == store.by_hour(UTC, FIRST, LAST) == {}
    store.purge()
    assert not path.parent.exists()


def test_counts_add_up(store: StatisticsStore, path: Path) -> None:
    store.add([entry(people=2, face_s=5), entry(state=NO_MASK)])
    store.add([entry(people=1, face_s=2.5), entry(source="gate")])
    assert store.entries(*EVER) == [
        entry(people=3, face_s=7.5),
        entry(state=NO_MASK),
        entry(source="gate"),
    ]
    store.add([])
    assert people(store) == 5
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # closed cleanly


def test_what_is_kept_of_people_are_counts_and_no_more(store: StatisticsStore, path: Path) -> None:
    store.add([entry()])
    with closing(sqlite3.connect(path)) as database:
        tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        columns = [row[1] for row in database.execute("PRAGMA table_info(counts)")]
        others = {name for (name,) in tables} - {"counts"}
        assert others == {"events", "waiting_alerts", "rules"}  # only `maskwatch watch` fills them
        for name in others:
            assert database.execute(f"SELECT count(*) FROM {name}").fetchone() == (0,)
        assert columns == ["start_s", "source", "state", "people", "face_s"]
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert database.execute("PRAGMA user_version").fetchone() == (4,)


def test_a_correction_moves_a_person_and_never_counts_below_nobody(store: StatisticsStore) -> None:
    store.add([entry(state=UNSURE)])
    store.add([entry(state=UNSURE, people=-1, face_s=0), entry(state=MASK)])
    assert {e.state: e.count.people for e in store.entries(*EVER)} == {UNSURE: 0, MASK: 1}
    store.purge()
    store.add([entry(state=UNSURE, people=-1, face_s=0)])
    store.add([entry(state=UNSURE, people=-1, face_s=1)])
    assert people(store) == 0


@pytest.mark.parametrize(
    ("time_s", "start_s"),
    [(0, 0), (1199.9, 0), (1200, 1200), (1_800_000_001.5, 1_800_000_000)],
)
def test_time_is_kept_to_twenty_minutes(time_s: float, start_s: int) -> None:
    assert bucket_start(time_s) == start_s


def test_a_span_begins_with_its_first_moment_and_ends_before_its_last(
    store: StatisticsStore,
) -> None:
    store.add([entry(f"2026-11-24T08:{minute}") for minute in ("00", "20", "40")])
    start_s = entry().start_s
    assert store.span() == (start_s, start_s + 2 * BUCKET_S)
    assert len(store.entries(start_s, start_s + 2 * BUCKET_S)) == 2
    store.purge(before_s=start_s + BUCKET_S)
    assert store.span() == (start_s + BUCKET_S, start_s + 2 * BUCKET_S)


@pytest.mark.parametrize(
    ("when", "zone", "day", "hour"),
    [
        ("2026-11-24T08:00", UTC, date(2026, 11, 24), 8),
        ("2026-11-24T16:40", JAKARTA, date(2026, 11, 24), 23),
        ("2026-11-24T17:00", JAKARTA, date(2026, 11, 25), 0),
        # both sides of the night in which clocks are put back, and of that they are put forward
        ("2026-10-25T00:40", BERLIN, date(2026, 10, 25), 2),
        ("2026-10-25T01:00", BERLIN, date(2026, 10, 25), 2),
        ("2026-03-29T00:40", BERLIN, date(2026, 3, 29), 1),
        ("2026-03-29T01:00", BERLIN, date(2026, 3, 29), 3),
        ("2026-06-01T22:00", BERLIN, date(2026, 6, 2), 0),
        ("2026-11-24T18:20", ZoneInfo("Asia/Kathmandu"), date(2026, 11, 25), 0),
        ("2026-11-24T02:00", ZoneInfo("America/Los_Angeles"), date(2026, 11, 23), 18),
    ],
)
def test_days_and_hours_are_those_of_the_zone(
    store: StatisticsStore, when: str, zone: ZoneInfo, day: date, hour: int
) -> None:
    store.add([entry(when, people=3), entry(when, NO_MASK, source="gate")])
    sums = {MASK: Count(3, 10.0), NO_MASK: Count(1, 10.0)}
    assert store.by_day(zone, FIRST, LAST) == {day: sums}
    assert store.by_hour(zone, FIRST, LAST) == {hour: sums}
    assert store.by_day(zone, day, day) == {day: sums}
    before, after = day - timedelta(days=1), day + timedelta(days=1)
    assert store.by_day(zone, FIRST, before) == store.by_hour(zone, after, LAST) == {}


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 72), st.sampled_from(["a", "b"]), st.sampled_from(MaskState),
            st.integers(0, 9), st.floats(0, 100),
        ),
        max_size=30,
    ),
    st.integers(1, 5),
)  # fmt: skip
def test_whatever_is_added_in_whatever_portions_is_summed(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[int, str, MaskState, int, float]],
    portion: int,
) -> None:
    store = StatisticsStore(tmp_path_factory.mktemp("store") / "s.sqlite3")
    begin_s = entry("2026-03-28T12:00").start_s
    entries = [Entry(begin_s + i * BUCKET_S, s, w, Count(n, f)) for i, s, w, n, f in rows]
    for start in range(0, len(entries), portion):
        store.add(entries[start : start + portion])
    expected: dict[tuple[int, str, MaskState], Count] = {}
    for one in entries:
        key = one.start_s, one.source, one.state
        expected[key] = expected.get(key, Count()) + one.count
    kept = {(e.start_s, e.source, e.state): e.count for e in store.entries(*EVER)}
    assert kept.keys() == expected.keys()
    assert all(kept[key].people == count.people for key, count in expected.items())
    assert all(kept[key].face_s == pytest.approx(c.face_s) for key, c in expected.items())
    for sums in (store.by_day(BERLIN, FIRST, LAST), store.by_hour(BERLIN, FIRST, LAST)):
        total = sum(count.people for states in sums.values() for count in states.values())
        assert total == sum(e.count.people for e in entries)


def test_what_is_deleted_is_gone_from_the_file(store: StatisticsStore, path: Path) -> None:
    store.add([entry(source=f"the door of ward {number}") for number in range(50)])
    assert b"door of ward 7" in path.read_bytes()
    store.purge()
    assert b"door of ward" not in path.read_bytes()
    assert store.span() is None


def test_a_year_of_four_cameras_is_summed_at_once(
    store: StatisticsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database sums: what comes out of it is a few hundred rows, and no more."""
    entries = history(days=365, sources=4)
    store.add(entries)
    taken: list[int] = []
    read = StatisticsStore._read

    def counted(self: StatisticsStore, *query: object) -> list[tuple]:
        rows = read(self, *query)
        taken.append(len(rows))
        return rows

    monkeypatch.setattr(StatisticsStore, "_read", counted)
    assert len(store.by_day(UTC, FIRST, LAST)) == 365
    assert len(store.by_hour(UTC, FIRST, LAST)) == 24
    assert taken == [365 * 4, 24 * 4]


def test_several_threads_write_at_once(store: StatisticsStore) -> None:
    threads = [
        threading.Thread(target=lambda: [store.add([entry()]) for _ in range(25)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert people(store) == 100


WRITE = """
import sys
from pathlib import Path
from maskwatch.schema import MaskState
from maskwatch.store.statistics import Entry, StatisticsStore
from maskwatch.live.counting import Count

store = StatisticsStore(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    store.add([Entry(0, "door", MaskState.MASK, Count(1, 1.0)),
               Entry(0, "gate", MaskState.MASK, Count(1, 1.0))])
    print(number + 1, flush=True)
"""


def writing(path: Path, times: int) -> subprocess.Popen[str]:
    """A process that adds a person at the door and one at the gate, and says so, again."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITE, str(path), str(times)], stdout=subprocess.PIPE, text=True
    )


def test_several_processes_write_at_once_also_the_first_time(
    store: StatisticsStore, path: Path
) -> None:
    writers = [writing(path, 25) for _ in range(3)]
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    assert people(store) == 3 * 25 * 2


@pytest.mark.parametrize("writes", [1, 5, 30])
def test_a_writer_that_is_killed_leaves_a_whole_file_with_all_it_had_written(
    store: StatisticsStore, path: Path, writes: int
) -> None:
    writer = writing(path, 10**9)
    for _ in range(writes):
        writer.stdout.readline()
    writer.kill()
    written = writes + len(writer.communicate()[0].splitlines())
    at_door, at_gate = (entry.count.people for entry in store.entries(*EVER))
    assert at_door == at_gate in (written, written + 1)  # both or none; the last word may be lost
    store.add([entry()])
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_writer_that_is_killed_in_the_middle_of_a_transaction_has_written_nothing_of_it(
    store: StatisticsStore, path: Path
) -> None:
    store.add([entry()])
    code = f"""
import os, sqlite3
database = sqlite3.connect({str(path)!r}, isolation_level=None)
database.execute("PRAGMA cache_size = 1")  # so that some of it lies on the disk already
database.execute("BEGIN IMMEDIATE")
database.executemany("INSERT INTO counts VALUES (?, 'door', 'mask', 1, 1.0)",
                     [(i * 1200,) for i in range(20_000)])
os.kill(os.getpid(), {int(signal.SIGKILL)})
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    assert Path(f"{path}-wal").stat().st_size > 100_000
    assert store.entries(*EVER) == [entry()]


def text_file(path: Path) -> None:
    path.write_text("no database, though it has the right name " * 100)


def other_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE recipes (name TEXT)")


def other_application(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA application_id = 17")
        database.execute("PRAGMA user_version = 1")


def of_the_future(path: Path) -> None:
    StatisticsStore(path).add([entry()])
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")


def torn(path: Path) -> None:
    StatisticsStore(path).add(history(days=30))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)


def cut_short(path: Path) -> None:
    StatisticsStore(path).add(history(days=30))
    os.truncate(path, path.stat().st_size // 2)


def spelt_wrong(path: Path) -> None:
    """SQLite quotes it in its message, which Python cannot read then."""
    StatisticsStore(path).add([entry()])
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE counts", b"CREATE \xffABLE counts"))


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (text_file, StoreFault.FOREIGN),
        (other_database, StoreFault.FOREIGN),
        (other_application, StoreFault.FOREIGN),
        (torn, StoreFault.FOREIGN),
        (cut_short, StoreFault.FOREIGN),
        (spelt_wrong, StoreFault.FOREIGN),
        (of_the_future, StoreFault.NEWER),
        (folder, StoreFault.UNAVAILABLE),
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.add(history(days=30)),
        lambda store: store.entries(*EVER),
        lambda store: store.by_day(UTC, FIRST, LAST),
        lambda store: store.purge(),
    ],
    ids=["add", "entries", "by_day", "purge"],
)
def test_a_file_that_is_none_of_ours_is_named_and_left_alone(
    tmp_path: Path,
    spoil: Callable[[Path], None],
    fault: StoreFault,
    call: Callable[[StatisticsStore], object],
) -> None:
    path = tmp_path / "statistics.sqlite3"
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError) as caught:
        call(StatisticsStore(path))
    assert caught.value.fault is fault
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)
    assert before is None or path.read_bytes() == before


def test_an_empty_file_is_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "statistics.sqlite3"
    path.touch()
    store = StatisticsStore(path)
    assert store.span() is None
    store.add([entry()])
    assert people(store) == 1


def test_a_folder_cannot_be_made_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError) as caught:
        StatisticsStore(tmp_path / "file" / "statistics.sqlite3").add([entry()])
    assert caught.value.fault is StoreFault.UNAVAILABLE


def run_without_root(code: str, *arguments: Path) -> str:
    """What a process prints that may not write everywhere."""
    head = "import sys\nfrom pathlib import Path\nsys.path[:0] = sys.argv[-1].split(':')\n"
    imports = "from maskwatch.store.statistics import *\nfrom maskwatch.errors import *\n"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            head + imports + WITHOUT_ROOT + code,
            *arguments,
            ":".join(sys.path),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


ADD = """
try:
    StatisticsStore(Path(sys.argv[1])).add([Entry(0, "door", MaskState.MASK, Count(1, 1.0))])
except StoreError as error:
    print(error.fault)
"""


def test_a_folder_that_must_not_be_written_is_one_message(tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir()
    shut.chmod(0o555)
    assert run_without_root(ADD, shut / "statistics.sqlite3") == StoreFault.UNAVAILABLE
    assert run_without_root(ADD, shut / "new" / "statistics.sqlite3") == StoreFault.UNAVAILABLE


def test_a_full_disk_is_one_message_and_loses_nothing_that_was_kept(
    store: StatisticsStore, path: Path
) -> None:
    """A process that may make no larger files meets the same failure of a write."""
    store.add(history(days=30))
    code = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    StatisticsStore(Path(sys.argv[1])).add(
        [Entry(i * BUCKET_S, "gate", MaskState.MASK, Count(1, 1.0)) for i in range(50_000)]
    )
except StoreError as error:
    print(error.fault)
"""
    imports = (
        "import sys\nfrom maskwatch.errors import *\nfrom maskwatch.store.statistics import *\n"
    )
    before = store.entries(*EVER)
    done = subprocess.run(
        [sys.executable, "-c", imports + code, str(path)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.strip() == StoreFault.FULL, done.stderr
    assert store.entries(*EVER) == before


def test_whoever_never_ends_writing_is_waited_for_in_vain(
    store: StatisticsStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_file, "BUSY_S", 0.2)
    store.add([entry()])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError) as caught:
            store.add([entry()])
        assert caught.value.fault is StoreFault.BUSY
        assert people(store) == 1  # reading goes on
    store.add([entry()])
    assert people(store) == 2


@pytest.mark.parametrize(
    ("system", "variables", "expected"),
    [
        ("linux", {}, "home/.local/share"),
        ("linux", {"XDG_DATA_HOME": "elsewhere"}, "elsewhere"),
        ("darwin", {}, "home/Library/Application Support"),
        ("win32", {"LOCALAPPDATA": "local"}, "local"),
    ],
)
def test_the_file_lies_where_the_system_keeps_such_things(
    monkeypatch: pytest.MonkeyPatch, system: str, variables: dict[str, str], expected: str
) -> None:
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(Path, "home", lambda: Path("home"))
    assert default_path() == Path(expected) / "maskwatch" / "statistics.sqlite3"


def test_a_copy_of_the_file_alone_is_whole(store: StatisticsStore, path: Path) -> None:
    store.add(history(days=2))
    shutil.copy(path, path.parent / "copy.sqlite3")
    assert people(StatisticsStore(path.parent / "copy.sqlite3")) == people(store)
