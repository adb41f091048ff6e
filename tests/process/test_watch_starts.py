"""`maskwatch watch` begins anew where power was cut: on a full disk, and after a clock was wrong.

Run: pytest tests/process/test_watch_starts.py
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from support.alert_factory import alert, event
from support.http_endpoint import endpoint
from support.ports import free_port
from support.small_disk import small_disk
from support.statistics_factory import entry
from support.waiting import until
from test_cli_watch import EVER, RULE, named, networks, watching

from maskwatch.store.statistics import StatisticsStore
from maskwatch.watch.event_store import EventStore
from maskwatch.watch.outbox import Changes, Delivery

__all__ = ["networks"]


def settings(store: Path, url: str) -> dict[str, Any]:
    """Of one camera, which is away."""
    return {
        "cameras": [named("door", f"http://127.0.0.1:{free_port()}/")],
        "rules": [RULE],
        "webhooks": [{"name": "ops", "url": url}],
        "store": str(store),
    }


def test_what_waits_is_told_by_a_program_that_begins_on_a_full_disk(
    networks: list[str], tmp_path: Path
) -> None:
    waits = Delivery(alert("one"), "ops")
    with small_disk(tmp_path / "small") as disk, endpoint() as there:
        store = EventStore(disk.folder / "s.sqlite3")
        store.write([], Changes({waits.key: waits}, {}))
        disk.fill()
        with watching(networks, tmp_path, **settings(disk.folder / "s.sqlite3", there.url)) as one:
            until(lambda: there.requests)
            disk.free()
            until(lambda: not store.waiting())
            assert one.end() == 0
    assert there.keys() == ["one"]


def test_what_a_wrong_clock_has_dated_is_of_today(networks: list[str], tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"
    store, counts, began_s = EventStore(path), StatisticsStore(path), time.time()
    store.write([event(began_s + 1e8), event(5.0)])
    counts.add([entry("2099-01-01"), entry("1970-01-01")])
    with endpoint() as there, watching(networks, tmp_path, **settings(path, there.url)) as program:
        until(lambda: all(e.time_s >= began_s for e in store.events(*EVER)), "events of today")
        until(lambda: len(counts.entries(*EVER)) == 1, "counts of today")
        assert program.end() == 0
    assert all(one.time_s <= time.time() for one in store.events(*EVER))
    assert counts.entries(began_s - 3600, time.time())[0].count.people == 2
