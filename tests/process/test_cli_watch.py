"""`maskwatch watch` as a process of its own, with real cameras, servers, disks and signals.

Run: pytest tests/process/test_cli_watch.py
"""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from PIL import Image
from support.drawn_video import write_video
from support.http_endpoint import HANG, endpoint
from support.mqtt_broker import listening, mosquitto
from support.ports import free_port
from support.stream_servers import Mjpeg, Mute, Send, over, serve, silent
from support.toy_detector import crowd, write_toy_detector
from support.toy_model import GREEN, RED, write_toy_model
from support.waiting import LIMIT_S, until

from maskwatch.cli.main import cli
from maskwatch.schema import MaskState
from maskwatch.store.statistics import StatisticsStore
from maskwatch.watch.event_store import EventStore

MASK, NO_MASK, INCORRECT, UNSURE = MaskState
BARE_AT = (3, 2)
MASKED, BARE, EMPTY = crowd((3, 2, RED)), crowd((*BARE_AT, GREEN)), crowd()
RULE = {"name": "bare", "min_duration_s": 0.2, "cool_down_s": 0}
EVER = (0, 1e12)
EVERYBODY_GONE = dict.fromkeys(MaskState, 0)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options for networks that answer at once."""
    folder = tmp_path_factory.mktemp("networks")
    model, detector = write_toy_model(folder), write_toy_detector(folder, live_side_px=320)
    return ["--model", str(model), "--detector", str(detector)]


class Running:
    """The command in a process of its own, and the lines it prints."""

    def __init__(
        self, networks: list[str], folder: Path, settings: dict[str, Any], options: Sequence[str]
    ) -> None:
        path = folder / "watch.yaml"
        whole = {"store": str(folder / "s.sqlite3"), "status_every_s": 0.1, **settings}
        path.write_text(yaml.safe_dump(whole))
        command = [sys.executable, "-m", "maskwatch", "watch", str(path), *networks]
        self.process = subprocess.Popen(
            [*command, "--format", "jsonl", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PASSWORD": "s3cret"},
        )  # fmt: skip
        self.errors = ""
        self.conditions: dict[str, list[str]] = defaultdict(list)
        self.last: dict[str, dict[str, Any]] = {}
        self._threads = [threading.Thread(target=read) for read in (self._read, self._read_errors)]
        for thread in self._threads:
            thread.start()

    def page(self) -> str:
        """Where the page of the cameras is, once it is said."""
        said = re.compile(r"the page of the cameras: (\S+)")
        return until(lambda: said.search(self.errors))[1]

    def _read(self) -> None:
        for line in self.process.stdout or ():
            document = json.loads(line)
            name, condition = document["camera"], document["condition"]
            if [condition] != self.conditions[name][-1:]:
                self.conditions[name].append(condition)
            self.last[name] = document

    def _read_errors(self) -> None:
        for line in self.process.stderr or ():
            self.errors += line

    def end(self, number: int = signal.SIGTERM) -> int:
        if number and self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(LIMIT_S)
        for thread in self._threads:
            thread.join()
        return code


@contextmanager
def watching(
    networks: list[str], folder: Path, options: Sequence[str] = (), **settings: Any
) -> Iterator[Running]:
    program = Running(networks, folder, settings, options)
    try:
        yield program
    finally:
        program.end(signal.SIGKILL)
        for pipe in (program.process.stdout, program.process.stderr):
            if pipe:
                pipe.close()


@contextmanager
def camera(*pictures: np.ndarray) -> Iterator[str]:
    """The address of a camera that shows each picture for a second, the last one for ever."""

    def show(send: Send, connection: int = 0) -> None:
        number = 0
        while not over.wait(0.02):
            send(pictures[min(number // 50, len(pictures) - 1)])
            number += 1

    with serve(Mjpeg, show) as host:
        yield f"http://user:secret@{host}/"


class Stage:
    """A camera that shows what the test says, for as long as it says so."""

    def __init__(self) -> None:
        self.picture = EMPTY

    def show(self, send: Send, connection: int = 0) -> None:
        while not over.wait(0.02):
            send(self.picture)

    def bare_again(self, program: Running) -> None:
        """Somebody wears a mask, and then none for long enough to be told of."""
        for picture, state in ((MASKED, "mask"), (BARE, "no_mask")):
            self.picture = picture
            until(lambda state=state: in_view(program).get(state) == 1)
        frames = program.last["door"]["frames"]
        until(lambda: program.last["door"]["frames"] > frames + 10)


def in_view(program: Running, name: str = "door") -> dict[str, int]:
    """People that a camera sees, by state; empty where that is not known."""
    return program.last.get(name, {}).get("in_view") or {}


def named(name: str, source: object) -> dict[str, object]:
    return {"name": name, "source": source}


def events(folder: Path) -> list[tuple[str, MaskState, MaskState]]:
    kept = EventStore(folder / "s.sqlite3").events(*EVER)
    return [(one.camera, one.old_state, one.new_state) for one in kept]


def clip(path: Path, *pictures: np.ndarray) -> str:
    """A file that shows each picture for a second and a half."""
    return str(write_video(path, [picture for picture in pictures for _ in range(37)]))


def test_files_are_played_to_their_end(networks: list[str], tmp_path: Path) -> None:
    cameras = [
        named("door", clip(tmp_path / "door.mp4", BARE, MASKED)),
        named("gate", clip(tmp_path / "gate.mp4", MASKED)),
    ]
    with watching(networks, tmp_path, cameras=cameras) as program:
        assert program.end(0) == 0
        assert program.errors == ""
        assert program.conditions["door"][-1] == program.conditions["gate"][-1] == "ended"
    seen = events(tmp_path)
    assert [event for event in seen if event[0] == "gate"] == [("gate", UNSURE, MASK)]
    assert [event for event in seen if event[0] == "door"] == [
        ("door", UNSURE, NO_MASK),
        ("door", NO_MASK, MASK),
    ]
    counts = StatisticsStore(tmp_path / "s.sqlite3").entries(*EVER)
    assert {entry.source for entry in counts} == {"door", "gate"}
    assert not (tmp_path / "evidence").exists()
    assert {path.suffix for path in tmp_path.iterdir()} == {".mp4", ".yaml", ".sqlite3", ".lock"}


def test_a_file_that_fails_is_exit_code_1_and_the_others_go_on(
    networks: list[str], tmp_path: Path
) -> None:
    cameras = [
        named("missing", str(tmp_path / "missing.mp4")),
        named("gate", clip(tmp_path / "gate.mp4", MASKED)),
    ]
    with watching(networks, tmp_path, cameras=cameras) as program:
        assert program.end(0) == 1
        assert program.errors == f"missing: {tmp_path / 'missing.mp4'}: no such file\n"
        assert program.conditions["gate"][-1] == "ended"
    assert events(tmp_path) == [("gate", UNSURE, MASK)]


def test_dead_and_mute_cameras_disturb_no_other_and_a_signal_ends_it_in_order(
    networks: list[str], tmp_path: Path
) -> None:
    with camera(BARE) as alive, serve(Mute, silent) as mute:
        dead = f"rtsp://user:${{PASSWORD}}@127.0.0.1:{free_port()}/1"
        cameras = [named("dead", dead), named("door", alive), named("mute", f"http://{mute}/")]
        with watching(networks, tmp_path, cameras=cameras) as program:
            until(lambda: program.last.get("door", {}).get("frames", 0) > 20)
            until(lambda: program.last["dead"]["condition"] == "lost")
            until(lambda: program.conditions["mute"])
            assert program.conditions["mute"][0] == "starting"
            # where the machine has just stood still nobody knows yet
            until(lambda: in_view(program).get("no_mask") == 1)
            assert program.last["dead"]["in_view"] is None
            assert "connection refused" in program.last["dead"]["trouble"]
            assert program.end() == 0
            said = [line.partition(": ") for line in program.errors.splitlines()]
            (dead,) = [line for name, _, line in said if name == "dead"]  # of many attempts
            assert dead.startswith("rtsp://***@127.0.0.1")
            # the mute one is given up after ten seconds, which this may take
            assert {name for name, *_ in said} <= {"dead", "mute"}
    assert ("door", UNSURE, NO_MASK) in events(tmp_path)


def test_a_camera_that_dies_and_comes_back(networks: list[str], tmp_path: Path) -> None:
    def once(send: Send, connection: int) -> None:
        while not over.wait(0.02) and not (connection == 0 and cut.is_set()):
            send(MASKED if connection == 0 else BARE)

    cut = threading.Event()
    with (
        serve(Mjpeg, once) as host,
        watching(networks, tmp_path, cameras=[named("door", f"http://{host}/")]) as program,
    ):
        until(lambda: program.last.get("door", {}).get("frames", 0) > 20)
        cut.set()
        until(lambda: in_view(program).get("no_mask") == 1)
        assert program.end(signal.SIGINT) == 0
        assert "connecting again" in program.errors and "connected again" in program.errors
    assert events(tmp_path)[-1][2] is NO_MASK


def test_violations_are_told_and_evidence_is_kept_where_it_is_asked_for(
    networks: list[str], tmp_path: Path
) -> None:
    evidence, stage = tmp_path / "evidence", Stage()
    with endpoint() as there, serve(Mjpeg, stage.show) as host:
        settings = {
            "cameras": [named("west gate", f"http://{host}/")],
            "rules": [{**RULE, "cool_down_s": 3600}],
            "webhooks": [
                {"name": "ops", "url": there.url, "secret": "${PASSWORD}", "picture": True}
            ],
            "evidence": {"folder": str(evidence), "keep_days": 1},
            "page": {"owner_keys": ["k" * 20], "url": "https://cameras.example.org"},
        }
        with watching(networks, tmp_path, **settings) as program:
            until(lambda: in_view(program, "west gate") == EVERYBODY_GONE)
            stage.picture = BARE
            until(lambda: there.requests)
            stage.picture = EMPTY
            until(lambda: in_view(program, "west gate") == EVERYBODY_GONE)
            assert program.end() == 0
            assert program.errors == ""
    (violation,) = (request.document for request in there.requests)
    assert violation["camera"] == "west gate" and violation["state"] == "no_mask"
    assert there.requests[0].headers["X-MaskWatch-Signature"].startswith("sha256=")
    # where the machine stands still a face is lost, and comes back as somebody else's
    bare = {
        e.event_id
        for e in EventStore(tmp_path / "s.sqlite3").events(*EVER)
        if e.new_state is NO_MASK
    }
    paths = {path.stem.partition("_")[2]: path for path in evidence.iterdir()}
    assert violation["event"] in bare and paths.keys() == bare
    path = paths[violation["event"]]
    assert violation["link"] == f"https://cameras.example.org/#event={violation['event']}"
    assert base64.b64decode(violation["picture"]["base64"]) == path.read_bytes()
    with Image.open(path) as picture:
        assert max(picture.size) <= 8 * 16
    assert EventStore(tmp_path / "s.sqlite3").waiting() == []


def test_a_camera_with_few_pictures_tells_of_who_stays(networks: list[str], tmp_path: Path) -> None:
    def show(send: Send, connection: int = 0) -> None:
        while not over.wait(1.5):
            send(BARE)

    with endpoint() as there, serve(Mjpeg, show) as host:
        settings = {
            "cameras": [named("gate", f"http://{host}/")],
            "rules": [{**RULE, "min_duration_s": 2, "cool_down_s": 3600}],
            "webhooks": [{"name": "ops", "url": there.url}],
        }
        with watching(networks, tmp_path, **settings) as program:
            until(lambda: there.requests)
            until(lambda: (program.last["gate"]["in_view"] or {}).get("no_mask") == 1)
            assert program.end() == 0
    (violation,) = (request.document for request in there.requests)
    assert (violation["state"], violation["people"]) == ("no_mask", 1)
    assert set(events(tmp_path)) == {("gate", UNSURE, NO_MASK)}


def test_what_a_killed_program_had_to_tell_is_told_by_the_next_one_under_the_same_number(
    networks: list[str], tmp_path: Path
) -> None:
    store = EventStore(tmp_path / "s.sqlite3")
    settings = {"rules": [{**RULE, "cool_down_s": 3600}], "queue_limit": 5}
    with camera(BARE) as address, endpoint(500, HANG) as there:
        settings |= {
            "cameras": [named("door", address)],
            "webhooks": [{"name": "ops", "url": there.url}],
        }
        with watching(networks, tmp_path, **settings) as program:
            until(lambda: len(there.requests) >= 2 and store.waiting())
            assert program.end(signal.SIGKILL) == -signal.SIGKILL
            assert program.errors == ("alerts to ops: answers 500; they wait and are tried again\n")
    first = set(there.keys())
    assert len(first) == 1 and [one.alert.alert_id for one in store.waiting()] == [*first]
    with camera(MASKED) as address, endpoint(200) as there:
        settings |= {
            "cameras": [named("door", address)],
            "webhooks": [{"name": "ops", "url": there.url}],
        }
        with watching(networks, tmp_path, **settings) as program:
            until(lambda: there.requests and not store.waiting())
            assert program.end() == 0
    assert there.keys() == [*first]
    assert store.rules()["bare", "door"].sent_s  # from now on it is silent for an hour
    with camera(BARE) as address, endpoint(200) as there:
        settings |= {
            "cameras": [named("door", address)],
            "webhooks": [{"name": "ops", "url": there.url}],
        }
        with watching(networks, tmp_path, **settings) as program:
            until(lambda: program.last.get("door", {}).get("violation"))
            until(lambda: program.last["door"]["frames"] > 100)
            assert program.end() == 0
    assert there.requests == [] and store.waiting() == []


def test_a_server_that_hangs_does_not_hold_up_the_end_or_the_cameras(
    networks: list[str], tmp_path: Path
) -> None:
    with camera(BARE) as address, endpoint(HANG) as there:
        settings = {
            "cameras": [named("door", address)],
            "rules": [RULE],
            "webhooks": [{"name": "ops", "url": there.url, "timeout_s": 2}],
        }
        with watching(networks, tmp_path, **settings) as program:
            until(lambda: there.requests and program.last)
            frames = program.last["door"]["frames"]
            until(lambda: program.last["door"]["frames"] > frames + 10)
            assert program.end() == 0
    # one, or more where the face was lost for long: what is not sent begins no cool-down
    assert EventStore(tmp_path / "s.sqlite3").waiting()


def test_a_broker_hears_of_cameras_and_violations(networks: list[str], tmp_path: Path) -> None:
    with (
        mosquitto(tmp_path) as server,
        listening(server.port) as listener,
        camera(MASKED, BARE) as address,
    ):
        settings = {
            "cameras": [named("door", address)],
            "rules": [RULE],
            "mqtt": {"host": "127.0.0.1", "port": server.port},
        }
        with watching(networks, tmp_path, **settings) as program:
            until(lambda: listener.alerts)
            until(lambda: '"violation": "ON"' in listener.heard.get("maskwatch/door/state", ""))
            assert listener.heard["maskwatch/door/status"] == "online"
            assert program.end() == 0
        listener.until("maskwatch/door/status", "offline")
        listener.until("maskwatch/status", "offline")
        assert json.loads(listener.alerts[0])["camera"] == "door"


def test_lines_for_people(networks: list[str], tmp_path: Path) -> None:
    path = tmp_path / "watch.yaml"
    with camera(BARE) as address:
        cameras = [named("door", address), named("dead", f"http://127.0.0.1:{free_port()}/")]
        store = str(tmp_path / "s.sqlite3")
        path.write_text(yaml.safe_dump({"cameras": cameras, "status_every_s": 1, "store": store}))
        command = [sys.executable, "-m", "maskwatch", "watch", str(path), *networks]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, **pipes, text=True) as program:
            assert program.stdout
            door = dead = ""
            while not ("1 no mask" in door and "  dead: lost " in dead):  # both have begun by then
                door, dead = program.stdout.readline(), program.stdout.readline()
                assert door and dead
            program.stdout.close()  # a reader that has had enough ends it in order
            assert program.wait(LIMIT_S) == 0
    assert "  door: live " in door and " frames/s  latency " in door
    assert "connection refused" in dead


@pytest.mark.parametrize("format_name", ["table", "jsonl"])
def test_the_end_of_a_short_film_is_told(
    networks: list[str], tmp_path: Path, format_name: str
) -> None:
    path, film = tmp_path / "watch.yaml", clip(tmp_path / "door.mp4", BARE)
    settings = {"cameras": [named("door", film)], "store": str(tmp_path / "s.sqlite3")}
    path.write_text(yaml.safe_dump({**settings, "status_every_s": 3600}))
    command = [sys.executable, "-m", "maskwatch", "watch", str(path), "--format", format_name]
    done = subprocess.run([*command, *networks], capture_output=True, text=True, timeout=LIMIT_S)
    assert (done.returncode, done.stderr) == (0, "")
    if format_name == "jsonl":
        assert json.loads(done.stdout)["condition"] == "ended"
    else:
        assert re.fullmatch(r"door: ended; \d+ frames? judged, 1 event\n", done.stdout)


def test_the_check_sees_that_a_film_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "watch.yaml"
    path.write_text(yaml.safe_dump({"cameras": [named("door", str(tmp_path / "door.mp4"))]}))
    done = CliRunner().invoke(cli, ["watch", str(path), "--check"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"Error: door: {tmp_path / 'door.mp4'}: no such file\n"
    (tmp_path / "door.mp4").mkdir()
    done = CliRunner().invoke(cli, ["watch", str(path), "--check"])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"Error: door: {tmp_path / 'door.mp4'}: a folder; ")


def test_a_store_of_somebody_else_is_not_touched(networks: list[str], tmp_path: Path) -> None:
    (tmp_path / "s.sqlite3").write_text("no database " * 100)
    with watching(networks, tmp_path, cameras=[named("door", 0)]) as program:
        assert program.end(0) == 1
        assert "is damaged or no statistics of MaskWatch" in program.errors
        assert program.errors.count("\n") == 1


@pytest.mark.parametrize("module", ["yaml", "av"])
def test_without_the_extra(tmp_path: Path, module: str) -> None:
    (tmp_path / "watch.yaml").write_text("cameras: [{name: door, source: 0}]")
    code = (
        f"import sys; sys.modules[{module!r}] = None; from maskwatch.cli.main import main; main()"
    )
    command = [sys.executable, "-c", code, "watch", str(tmp_path / "watch.yaml"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert f'needs more packages: {sys.executable} -m pip install "maskwatch[' in done.stderr
    assert done.stderr.count("\n") == 1
