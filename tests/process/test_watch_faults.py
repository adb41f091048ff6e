"""`maskwatch watch` killed again and again, on a full disk, and without its broker for a while.

Run: pytest tests/process/test_watch_faults.py
"""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.http_endpoint import endpoint
from support.mqtt_broker import listening, mosquitto
from support.paths import TESTS
from support.small_disk import small_disk
from support.stream_servers import Mjpeg, serve
from support.waiting import LIMIT_S, until
from test_cli_watch import BARE, MASKED, RULE, Stage, named, networks, watching
from test_event_store import RUN

from maskwatch.schema import MaskState
from maskwatch.store.statistics import StatisticsStore
from maskwatch.watch.event_store import EventStore

__all__ = ["networks"]

EVER = (0, 1e12)


def is_whole(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_program_that_is_killed_again_and_again_loses_only_the_last_moments_of_each_life(
    tmp_path: Path,
) -> None:
    """Each life notes its events in their order, so that a hole would show."""
    path = tmp_path / "s.sqlite3"
    draw = random.Random(0)
    kept = 0
    for _ in range(5):
        command = [sys.executable, "-c", RUN, str(path), str(TESTS)]
        program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert program.stdout
        until(lambda kept=kept: len(EventStore(path).events(*EVER)) > kept)  # it has begun to write
        for _ in range(draw.randint(110, 200)):  # and is somewhere between two writes
            program.stdout.readline()
        program.send_signal(signal.SIGKILL)
        program.communicate()
        assert is_whole(path)
        numbers = Counter(int(one.time_s) for one in EventStore(path).events(*EVER))
        assert numbers.total() > kept
        kept = numbers.total()
        # no life has a later event without all that came before it
        assert list(numbers) == list(range(len(numbers)))
        assert list(numbers.values()) == sorted(numbers.values(), reverse=True)
    waiting = [int(one.alert.alert_id) for one in EventStore(path).waiting()]
    assert waiting == list(range(len(waiting)))


def test_what_a_killed_program_left_is_deleted_in_time_by_the_next_one(
    networks: list[str], tmp_path: Path
) -> None:
    faces = tmp_path / "evidence" / "faces"
    faces.mkdir(parents=True)
    old = f"20200101T000000Z_{'0' * 32}"
    left = [
        faces / f"{old}.png",
        faces / f".{old}.01234567.part.png",
        faces.parent / f"{old}.jpg",
        faces.parent / f".{old}.01234567.part.jpg",
    ]
    for path in left:
        path.touch()
    stage = Stage()
    with serve(Mjpeg, stage.show) as host:
        settings: dict[str, Any] = {
            "cameras": [named("door", f"http://{host}/")],
            "evidence": {"folder": str(faces.parent), "keep_days": 1},
        }
        with watching(networks, tmp_path, **settings):
            until(lambda: not any(path.exists() for path in left))


def test_a_watch_on_a_full_disk_goes_on_tells_and_writes_it_all_down_later(
    networks: list[str], tmp_path: Path
) -> None:
    stage = Stage()
    with small_disk(tmp_path / "small") as disk, serve(Mjpeg, stage.show) as host:
        path = disk.folder / "s.sqlite3"
        with endpoint() as there:
            settings: dict[str, Any] = {
                "cameras": [named("door", f"http://{host}/")],
                "rules": [RULE],
                "webhooks": [{"name": "ops", "url": there.url}],
                "store": str(path),
            }
            with watching(networks, tmp_path, **settings) as program:
                stage.bare_again(program)
                until(lambda: path.exists() and len(EventStore(path).events(*EVER)) >= 2)
                until(lambda: there.requests and not EventStore(path).waiting())
                told = len(there.requests)
                disk.fill()
                for _ in range(3):
                    stage.bare_again(program)
                until(lambda: "the disk is full" in program.errors)
                until(lambda: len(there.requests) >= told + 3)
                assert program.process.poll() is None
                disk.free()
                until(lambda: len(EventStore(path).events(*EVER)) >= 8)
                assert program.end() == 0
        for name in ("events", "statistics"):
            assert program.errors.count(f"{name}: ") <= 2  # not a line a second
        kept = EventStore(path).events(*EVER)
        for before, after in pairwise(kept):  # a hole would show: there is one face at a time
            assert after.old_state in (before.new_state, MaskState.UNSURE)
        bare = [one for one in kept if one.new_state is MaskState.NO_MASK]
        assert len(set(there.keys())) == len(there.requests) <= len(bare)
        counted = StatisticsStore(path).entries(*EVER)
        assert sum(entry.count.people for entry in counted) >= 1
        assert EventStore(path).waiting() == []
        assert is_whole(path)


def test_a_broker_that_starts_anew_in_the_middle_gets_every_alert(
    networks: list[str], tmp_path: Path
) -> None:
    stage = Stage()
    with (
        mosquitto(tmp_path) as server,
        listening(server.port) as listener,
        serve(Mjpeg, stage.show) as host,
    ):
        settings = {
            "cameras": [named("door", f"http://{host}/")],
            "rules": [RULE],
            "mqtt": {"host": "127.0.0.1", "port": server.port},
        }
        with watching(networks, tmp_path, **settings) as program:
            stage.bare_again(program)
            until(lambda: listener.alerts)
            server.stop()
            until(lambda: "mqtt: " in program.errors)
            stage.bare_again(program)
            store = EventStore(tmp_path / "s.sqlite3")
            until(store.waiting)  # it is on the disk while the broker is away
            listener.heard.clear()
            program.process.send_signal(signal.SIGSTOP)  # alerts are for those who listen already
            heard_before = listener.subscribed
            server.start()
            until(lambda: listener.subscribed > heard_before)
            program.process.send_signal(signal.SIGCONT)
            until(lambda: not store.waiting())
            until(lambda: listener.heard.get("maskwatch/door/status") == "online")
            assert program.end() == 0
        numbers = [json.loads(text)["id"] for text in listener.alerts]
        violations = [text for text in listener.alerts if json.loads(text)["kind"] == "violation"]
    assert len(set(numbers)) == len(numbers)
    assert len(violations) >= 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_for_its_own_words_does_not_end_a_watch(
    networks: list[str], tmp_path: Path
) -> None:
    stage = Stage()
    stage.picture = MASKED
    path = tmp_path / "watch.yaml"
    store = tmp_path / "s.sqlite3"
    with serve(Mjpeg, stage.show) as host, Path("/dev/full").open("w") as full:
        cameras = [named("door", f"http://{host}/")]
        path.write_text(
            json.dumps({"cameras": cameras, "status_every_s": 0.1, "store": str(store)})
        )
        command = [sys.executable, "-m", "maskwatch", "watch", str(path), *networks]
        with subprocess.Popen(command, stdout=full, stderr=full) as program:
            until(lambda: store.exists() and EventStore(store).events(*EVER))
            assert program.poll() is None
            stage.picture = BARE
            until(lambda: len(EventStore(store).events(*EVER)) >= 2)
            program.send_signal(signal.SIGTERM)
            assert program.wait(LIMIT_S) == 0


def test_a_second_program_on_the_same_store_is_refused_and_undoes_nothing(
    networks: list[str], tmp_path: Path
) -> None:
    stage = Stage()
    (tmp_path / "second").mkdir()
    with serve(Mjpeg, stage.show) as host, endpoint(500) as there:
        settings: dict[str, Any] = {
            "cameras": [named("door", f"http://{host}/")],
            "rules": [RULE],
            "store": str(tmp_path / "s.sqlite3"),
        }
        first = {**settings, "webhooks": [{"name": "ops", "url": there.url}]}
        second = {**settings, "webhooks": [{"name": "others", "url": there.url}]}
        with watching(networks, tmp_path, **first) as program:
            stage.bare_again(program)
            until(EventStore(tmp_path / "s.sqlite3").waiting)
            with watching(networks, tmp_path / "second", **second) as refused:
                assert refused.end(0) == 1
            store = tmp_path / "s.sqlite3"
            said = "is used by another maskwatch watch; give each its own store"
            assert refused.errors == f"Error: {store}: {said}\n"
            assert program.end() == 0
        assert {one.sink for one in EventStore(store).waiting()} == {"ops"}


def test_ended_by_a_signal_it_has_not_failed_whatever_became_of_a_film(
    networks: list[str], tmp_path: Path
) -> None:
    stage = Stage()
    with serve(Mjpeg, stage.show) as host:
        cameras = [
            named("missing", str(tmp_path / "missing.mp4")),
            named("door", f"http://{host}/"),
        ]
        with watching(networks, tmp_path, cameras=cameras) as program:
            until(lambda: program.last.get("missing", {}).get("condition") == "failed")
            until(lambda: program.last.get("door", {}).get("condition") == "live")
            assert program.end() == 0
