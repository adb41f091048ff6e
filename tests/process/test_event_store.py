"""Events and waiting alerts survive crashes, crowds, full and busy disks, and go when they shall.

Run: pytest tests/process/test_event_store.py
"""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from support.alert_factory import NOON_S, alert, event
from support.paths import TESTS
from support.small_disk import SmallDisk, small_disk
from support.statistics_factory import entry
from support.waiting import until

from maskwatch.errors import StoreError, StoreFault
from maskwatch.schema import MaskState
from maskwatch.store import file as store_file
from maskwatch.store.file import _MIGRATIONS
from maskwatch.store.statistics import StatisticsStore
from maskwatch.watch import event_store as event_store_module
from maskwatch.watch.event_store import EventStore, EventWriter
from maskwatch.watch.outbox import AlertQueue, Changes, Delivery
from maskwatch.watch.rules import RuleStatus

EVER = (0, 1e12)
HOUR_S = 3600.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "s.sqlite3"


@pytest.fixture
def store(path: Path) -> EventStore:
    return EventStore(path)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writers write after a moment instead of a second."""
    monkeypatch.setattr(store_file, "FLUSH_S", 0.05)


def come(*deliveries: Delivery) -> Changes:
    return Changes({delivery.key: delivery for delivery in deliveries}, {})


def test_nothing_is_made_before_something_is_kept(store: EventStore, path: Path) -> None:
    assert store.events(*EVER) == store.waiting() == []
    assert store.rules() == {} and store.purge(1e12) == 0
    assert not path.parent.exists()


def test_what_is_written_is_read_again(store: EventStore, path: Path) -> None:
    later, first = event(NOON_S + 5, new_state=MaskState.UNSURE), event(NOON_S, "é gate")
    store.write([replace(later, old_state=MaskState.MASK), first])
    store.write([first])  # again, after a failure of which nobody knows how far it got
    assert store.events(*EVER) == [first, replace(later, old_state=MaskState.MASK)]
    assert store.events(NOON_S, NOON_S + 5) == [first]
    deliveries = [Delivery(alert(), sink) for sink in ("web", "mqtt")]
    rules = {("bare", "door"): RuleStatus(NOON_S, True), ("bare", "gate"): RuleStatus()}
    store.write([], replace(come(*deliveries), rules=rules))
    assert store.waiting() == deliveries and store.rules() == rules
    store.write([], Changes({deliveries[0].key: None}, {("bare", "door"): RuleStatus(NOON_S + 1)}))
    assert store.waiting() == [deliveries[1]]
    assert store.rules()["bare", "door"] == RuleStatus(NOON_S + 1, False)
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # closed cleanly


def test_events_and_counts_share_a_file_and_neither_deletes_the_other(
    store: EventStore, path: Path
) -> None:
    statistics = StatisticsStore(path)
    statistics.add([entry()])
    store.write([event()])
    statistics.purge()
    assert len(store.events(*EVER)) == 1
    statistics.add([entry()])
    store.purge(1e12)
    assert len(statistics.entries(*EVER)) == 1 and store.events(*EVER) == []


def test_ten_thousand_events_are_leafed_through_and_each_comes_once(store: EventStore) -> None:
    """Of a frame with many faces all have one time, also where a leaf ends."""
    events = [event(NOON_S + number // 7) for number in range(10_000)]
    store.write(events)
    leafed: list[str] = []
    before = 1e12, ""
    while found := store.newest(100, before):
        leafed += [one.event_id for one in found]
        before = found[-1].time_s, found[-1].event_id
    assert len(leafed) == 10_000 and set(leafed) == {one.event_id for one in events}
    assert store.newest(9, (NOON_S, "g")) == []


def test_what_is_kept_of_an_event_and_no_more(store: EventStore, path: Path) -> None:
    store.write([event()])
    with closing(sqlite3.connect(path)) as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(events)")]
    assert columns == [
        "time_s",
        "event_id",
        "camera",
        "old_state",
        "new_state",
        "confidence",
        "old_duration_s",
    ]


def test_what_is_older_is_deleted_and_gone_from_the_file(store: EventStore, path: Path) -> None:
    old = [event(NOON_S - i, f"the old ward {i}") for i in range(1, 50)]
    waiting = [Delivery(alert(time_s=NOON_S + s, camera=f"camera {s}"), "web") for s in (-1, 0)]
    store.write([*old, event(NOON_S)], come(*waiting))
    assert b"the old ward 7" in path.read_bytes()
    assert store.purge(NOON_S) == 49
    assert [one.time_s for one in store.events(*EVER)] == [NOON_S]
    assert store.waiting() == [waiting[1]]
    assert b"the old ward" not in path.read_bytes() and b"camera -1" not in path.read_bytes()


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE events SET camera = CAST(x'ff' AS TEXT)",
        "UPDATE events SET old_state = 'hat'",
        "UPDATE waiting_alerts SET kind = 'hat'",
        "UPDATE waiting_alerts SET body = '{'",
        "UPDATE waiting_alerts SET body = '[]'",
    ],
)
def test_what_can_be_nothing_of_ours_is_said_in_one_line(
    store: EventStore, path: Path, harm: str
) -> None:
    store.write([event()], come(Delivery(alert(), "web")))
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(harm)
    with pytest.raises(StoreError, match="is damaged") as caught:
        store.events(*EVER)
        store.waiting()
    assert caught.value.fault is StoreFault.FOREIGN and "\n" not in str(caught.value)


def test_a_value_that_is_gone_is_said_in_one_line(store: EventStore, path: Path) -> None:
    """A few damaged bits say that there is nothing where there is always something."""
    store.write([], come(Delivery(alert(), "web")))
    for harm in (
        "UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '')",
        "UPDATE waiting_alerts SET body = NULL",
    ):
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("PRAGMA writable_schema = ON")
            database.execute(harm)
    with pytest.raises(StoreError, match="is damaged") as caught:
        store.waiting()
    assert caught.value.fault is StoreFault.FOREIGN


@pytest.mark.parametrize(
    "call", [lambda s: s.events(*EVER), lambda s: s.purge(NOON_S), lambda s: s.write([event()])]
)
def test_a_name_that_no_file_can_have_is_one_line(
    tmp_path: Path, call: Callable[[EventStore], object]
) -> None:
    with pytest.raises(StoreError) as caught:
        call(EventStore(tmp_path / ("n" * 300)))
    assert caught.value.fault is StoreFault.UNAVAILABLE


@pytest.mark.parametrize("reads", [True, False])
def test_a_file_from_before_there_were_events_keeps_its_counts(path: Path, reads: bool) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(_MIGRATIONS[0])
        database.execute("INSERT INTO counts VALUES (1200, 'door', 'mask', 3, 4.5)")
        database.execute(f"PRAGMA application_id = {store_file._APPLICATION_ID}")
        database.execute("PRAGMA user_version = 1")
    store = EventStore(path)
    if reads:
        assert store.events(*EVER) == []
    else:
        store.write([event()])
    assert StatisticsStore(path).entries(*EVER)[0].count.people == 3
    store.write([event()])
    assert len(store.events(*EVER)) == 2 - reads


WRITE = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from support.alert_factory import alert, event
from maskwatch.watch.event_store import EventStore
from maskwatch.watch.outbox import Changes, Delivery

store = EventStore(Path(sys.argv[1]))
for number in range(10**9):
    one = Delivery(alert(str(number)), "web")
    store.write([event(float(number))], Changes({one.key: one}, {}))
    print(number + 1, flush=True)
"""


@pytest.mark.parametrize("writes", [1, 20])
def test_a_writer_that_is_killed_leaves_a_whole_file_with_all_it_had_written(
    store: EventStore, path: Path, writes: int
) -> None:
    tests = str(TESTS)
    command = [sys.executable, "-c", WRITE, str(path), tests]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for _ in range(writes):
        writer.stdout.readline()
    writer.kill()
    written = writes + len(writer.communicate()[0].splitlines())
    events, alerts = len(store.events(*EVER)), len(store.waiting())
    assert events == alerts in (written, written + 1)  # both or none; the last word may be lost
    store.write([event()])
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


RUN = """
import os, signal, sys, time
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from support.alert_factory import alert, event
from maskwatch.watch.event_store import EventStore
from maskwatch.watch.event_store import EventWriter
from maskwatch.watch.outbox import AlertQueue

queue = AlertQueue(["web"])
event_writer = EventWriter(EventStore(Path(sys.argv[1])), queue)
for number in range(10**9):
    event_writer.note([event(float(number))])
    queue.add(alert(str(number)))
    print(number, flush=True)
    time.sleep(0.01)
"""


def test_a_program_that_is_killed_loses_no_more_than_the_last_moments(
    store: EventStore, path: Path
) -> None:
    command = [sys.executable, "-c", RUN, str(path), str(TESTS)]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    until(lambda: len(store.events(*EVER)) >= 50)
    program.send_signal(signal.SIGKILL)
    noted = program.communicate()[0].splitlines()
    kept = {int(one.time_s) for one in store.events(*EVER)}
    # the last write says how far it came, and nothing before is lost
    assert kept == set(range(len(kept)))
    waiting = [int(one.alert.alert_id) for one in store.waiting()]
    assert waiting == list(range(len(waiting))) and abs(len(waiting) - len(kept)) <= 1
    assert len(kept) <= len(noted) + 1


def test_several_threads_and_stores_write_at_once(store: EventStore, path: Path) -> None:
    def write(number: int) -> None:
        for _ in range(20):
            EventStore(path).write([event(camera=f"door {number}")])
            StatisticsStore(path).add([entry()])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.events(*EVER)) == 80
    assert StatisticsStore(path).entries(*EVER)[0].count.people == 80


def writer_of(store: EventStore) -> tuple[AlertQueue, EventWriter]:
    queue = AlertQueue(["web"])
    return queue, EventWriter(store, queue)


def at_rest() -> bool:
    return not any(thread.name == "events" for thread in threading.enumerate())


@pytest.mark.usefixtures("soon")
def test_what_is_noted_is_written_and_then_nothing_is_left_running(store: EventStore) -> None:
    until(at_rest)  # what another test in this process left
    queue, event_writer = writer_of(store)
    event_writer.note([])
    assert at_rest()
    one = event()
    event_writer.note([one])
    queue.add(alert("first"))
    until(lambda: store.events(*EVER) == [one] and store.waiting())
    delivery = queue.next("web")
    assert delivery
    queue.sent(delivery, NOON_S)
    until(lambda: not store.waiting())
    until(at_rest)
    assert store.rules() == {("bare", "door"): RuleStatus(NOON_S, True)}
    assert event_writer.error is None


@pytest.mark.usefixtures("soon")
def test_a_busy_file_delays_what_is_kept_and_nothing_else(
    store: EventStore,
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(store_file, "BUSY_S", 0.05)
    store.write([event()])
    queue, event_writer = writer_of(store)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        event_writer.note([event()])
        queue.add(alert("one"))
        queue.add(alert("two"))
        until(lambda: event_writer.error)
        assert event_writer.error.fault is StoreFault.BUSY
        delivery = queue.next("web")
        assert delivery and delivery.alert.alert_id == "one"
        queue.sent(delivery, NOON_S)  # alerts go out meanwhile
        with pytest.raises(StoreError):
            event_writer.flush()
    until(lambda: len(store.events(*EVER)) == 2)
    until(at_rest)
    assert [one.alert.alert_id for one in store.waiting()] == ["two"]
    assert len([m for m in caplog.messages if "in use by others" in m]) == 1


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of one megabyte."""
    with small_disk(tmp_path / "small") as disk:
        yield disk


@pytest.mark.usefixtures("soon")
def test_a_full_disk_loses_nothing_and_holds_up_no_alert(
    disk: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    store = EventStore(disk.folder / "s.sqlite3")
    first = event()
    store.write([first])
    disk.fill()
    queue, event_writer = writer_of(store)
    more = [event(NOON_S + i, "a camera with a long name" * 2) for i in range(1, 500)]
    event_writer.note(more)
    queue.add(alert("one"))
    queue.add(alert("two"))
    until(lambda: event_writer.error)
    assert event_writer.error.fault is StoreFault.FULL
    delivery = queue.next("web")
    assert delivery
    queue.sent(delivery, NOON_S)
    disk.free()
    until(at_rest)
    assert store.events(*EVER) == [first, *more]
    assert [one.alert.alert_id for one in store.waiting()] == ["two"]
    assert len([m for m in caplog.messages if "the disk is full" in m]) == 1


def test_what_waits_is_read_on_a_full_disk(disk: SmallDisk) -> None:
    """A program that begins anew there must tell people, though there is no room for an index."""
    store, statistics = (kind(disk.folder / "s.sqlite3") for kind in (EventStore, StatisticsStore))
    first, waits = event(), Delivery(alert("one"), "web")
    store.write([first], come(waits))
    statistics.add([entry()])
    disk.fill()
    assert store.waiting() == [waits] and store.rules() == {}
    assert store.events(*EVER) == [first] and statistics.entries(*EVER) == [entry()]
    with pytest.raises(StoreError) as caught:
        store.write([event()])
    assert caught.value.fault is StoreFault.FULL
    disk.free()
    store.write([event(NOON_S + 1)])
    assert len(store.events(*EVER)) == 2 and store.waiting() == [waits]


def test_events_that_wait_for_a_disk_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(event_store_module, "MOST_EVENTS", 5)
    (tmp_path / "file").touch()
    _, event_writer = writer_of(EventStore(tmp_path / "file" / "s.sqlite3"))
    monkeypatch.setattr(event_writer, "wake", lambda: None)
    for number in range(4):
        event_writer.note([event(float(10 * number)), event(10.0 * number + 1)])
        with pytest.raises(StoreError):
            event_writer.flush()
    assert event_writer.lost == 3
    assert [one.time_s for one in event_writer._events] == [11, 20, 21, 30, 31]
    assert len([m for m in caplog.messages if "more than 5 events" in m]) == 1
