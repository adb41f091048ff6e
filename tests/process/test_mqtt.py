"""A real broker: devices for Home Assistant, states that are kept, alerts that are confirmed.

Run: pytest tests/process/test_mqtt.py
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from support.alert_factory import NOON_S, alert
from support.mqtt_broker import Listener, Mosquitto, listening, mosquitto
from support.ports import free_port
from support.raw_server import answering
from support.waiting import LIMIT_S, until
from test_webhook import certificate

from maskwatch.io.settings import Secret
from maskwatch.schema import MaskState
from maskwatch.watch.config import MqttConfig
from maskwatch.watch.mqtt import Broker, Topics, plain_id
from maskwatch.watch.outbox import AlertQueue, Delivery, Outcome, Sender
from maskwatch.watch.pictures import Picture
from maskwatch.watch.status import CameraView, Condition

MASK, NO_MASK, INCORRECT, UNSURE = MaskState
CAMERAS = ("door", "west gate")
LIVE = CameraView("door", Condition.LIVE, {MASK: 2, NO_MASK: 1}, violation=True)
GATE = plain_id("west gate")


@contextmanager
def connected(port: int, **settings: Any) -> Iterator[Broker]:
    broker = Broker(MqttConfig("127.0.0.1", port, **settings), CAMERAS)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
def listener(server: Mosquitto) -> Iterator[Listener]:
    with listening(server.port) as client:
        yield client


def state(heard: dict[str, str], camera: str = "door") -> dict[str, Any]:
    return json.loads(heard.get(f"maskwatch/{camera}/state", "{}"))


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("door", "door"),
        ("Gate-1_b", "Gate-1_b"),
        ("west gate", "west_gate_5e0ae3bb"),
        ("門", None),
        ("玄", None),
    ],
)
def test_names_in_topics(name: str, plain: str | None) -> None:
    made = plain_id(name)
    assert made.isascii() and set(made) <= set("-_") | set(filter(str.isalnum, made))
    assert plain is None or made.startswith(plain.rsplit("_", 1)[0])
    assert (made == name) == (plain == name)
    assert (
        len({plain_id(other) for other in ("門", "玄", "west gate", "west_gate", "west.gate")}) == 5
    )


def test_pictures_are_an_entity_of_their_own_where_they_are_told() -> None:
    topics = Topics("maskwatch", "homeassistant", "image/jpeg")
    *others, (topic, text) = topics.discovered("door")
    assert others == Topics("maskwatch", "homeassistant").discovered("door")
    config = json.loads(text)
    assert topic == "homeassistant/image/maskwatch_door/picture/config"
    assert config["image_topic"] == "maskwatch/door/picture"
    assert config["content_type"] == "image/jpeg" and "state_topic" not in config


def test_a_picture_comes_before_its_alert_and_the_broker_keeps_none(
    server: Mosquitto, listener: Listener
) -> None:
    kept = {"e1": Picture(bytes(range(256)), "image/png")}
    config = MqttConfig("127.0.0.1", server.port, picture=True)
    broker = Broker(config, CAMERAS, "image/png", kept.get)
    broker.start()
    try:
        listener.until("maskwatch/status", "online")
        for event_id in ("e1", "gone"):
            sent = broker.send(Delivery(alert(event=event_id), "mqtt"))
            assert sent.outcome is Outcome.SENT
        until(lambda: len(listener.alerts) == 2)
        assert listener.pictures == [kept["e1"].content]
    finally:
        broker.stop()
    with listening(server.port) as later:
        later.until("maskwatch/status", "offline")
        assert later.pictures == [] and "maskwatch/door/picture" not in later.retained


def test_no_two_cameras_of_any_programs_are_one_device() -> None:
    pairs = [
        ("clinic", "hall_1"), ("clinic_hall", "1"), ("clinic/hall", "1"), ("clinic-hall", "1"),
        ("clinic", "hall-1"), ("clinic_hall_1", "x"), ("clinic/hall_1", "x"),
        ("clinic", "hall_1_x"),
    ]  # fmt: skip
    devices = set()
    for base, camera in pairs:
        for where, text in Topics(base, "homeassistant").discovered(camera):
            config = json.loads(text)
            devices |= {(base, camera, *config["device"]["identifiers"], where.split("/")[2])}
            assert re.fullmatch("[A-Za-z0-9_-]+", config["unique_id"])
    assert len(devices) == len({device for *_, device in devices}) == len(pairs)
    assert ("clinic", "hall_1", "clinic_hall_1", "clinic_hall_1") in devices  # as it always was


def test_each_camera_is_a_device_with_five_entities() -> None:
    topics = Topics("site/maskwatch", "homeassistant")
    configs = {topic: json.loads(text) for topic, text in topics.discovered("west gate")}
    assert len(configs) == 5
    assert all(topic.startswith("homeassistant/") for topic in configs)
    assert all(topic.endswith("/config") and len(topic.split("/")) == 5 for topic in configs)
    numbers = [config["unique_id"] for config in configs.values()]
    assert len(set(numbers)) == 5
    assert len({json.dumps(config["device"]) for config in configs.values()}) == 1
    kinds = sorted(topic.split("/")[1] for topic in configs)
    assert kinds == ["binary_sensor"] + ["sensor"] * 4
    for topic, config in configs.items():
        key = topic.split("/")[3]
        assert config["value_template"] == f"{{{{ value_json.{key} }}}}"
        assert config["state_topic"] == f"site/maskwatch/{GATE}/state"
        assert [one["topic"] for one in config["availability"]] == [
            "site/maskwatch/status",
            f"site/maskwatch/{GATE}/status",
        ]
        assert config["availability_mode"] == "all"
    others = {json.loads(text)["unique_id"] for _, text in topics.discovered("door")}
    assert not others & set(numbers)
    seen = dict(topics.seen(LIVE))
    said = json.loads(seen["site/maskwatch/door/state"])
    assert said == {"mask": 2, "no_mask": 1, "incorrect_mask": 0, "unsure": 0, "violation": "ON"}
    assert {config["value_template"][14:-3] for config in configs.values()} == set(said)


@pytest.mark.parametrize("condition", [each for each in Condition if each is not Condition.LIVE])
def test_nothing_is_said_of_a_camera_without_pictures_but_that(condition: Condition) -> None:
    view = CameraView("door", condition, {MASK: 2})
    assert Topics("m", "h").seen(view) == [("m/door/status", "offline")]


def test_who_comes_later_learns_everything_at_once(server: Mosquitto) -> None:
    with connected(server.port) as broker:
        broker.show(LIVE)
        with listening(server.port) as late:
            late.until("maskwatch/status", "online")
            late.until("maskwatch/door/status", "online")
            until(lambda: state(late.heard))
            until(lambda: len([t for t in late.heard if t.startswith("homeassistant/")]) == 10)
            assert state(late.heard)["no_mask"] == 1
            assert late.heard[f"maskwatch/{GATE}/status"] == "offline"
            assert f"maskwatch/{GATE}/state" not in late.heard


def test_changes_are_told_and_the_end_too(server: Mosquitto, listener: Listener) -> None:
    with connected(server.port) as broker:
        broker.show(LIVE)
        until(lambda: state(listener.heard).get("violation") == "ON")
        broker.show(CameraView("door", Condition.LIVE, {MASK: 1}))
        until(lambda: state(listener.heard).get("violation") == "OFF")
        broker.show(CameraView("door", Condition.LOST))
        listener.until("maskwatch/door/status", "offline")
        assert state(listener.heard)["mask"] == 1  # what was last known, marked as no longer so
    listener.until("maskwatch/status", "offline")


KILLED = """
import sys, time
from maskwatch.watch.config import MqttConfig
from maskwatch.watch.mqtt import Broker
Broker(MqttConfig("127.0.0.1", int(sys.argv[1])), ["door"]).start()
time.sleep(600)
"""


def test_the_broker_says_so_when_the_program_is_killed(
    server: Mosquitto, listener: Listener
) -> None:
    program = subprocess.Popen([sys.executable, "-c", KILLED, str(server.port)])
    try:
        listener.until("maskwatch/status", "online")
    finally:
        program.kill()
        program.wait()
    listener.until("maskwatch/status", "offline")


def test_a_broker_that_starts_anew_is_told_everything_again_and_no_alert_is_lost(
    server: Mosquitto, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    queue = AlertQueue(["mqtt"])
    with connected(server.port) as broker:
        sender = Sender(broker, queue, lambda: NOON_S)
        broker.show(LIVE)
        queue.add(alert("one"))
        until(lambda: sender.step() == 0 and not queue.lengths()["mqtt"])
        until(lambda: listener.alerts)  # a killed broker passes on nothing, confirmed or not
        server.stop()
        until(lambda: not broker._client.is_connected())
        queue.add(alert("two"))
        queue.add(alert("three"))
        assert sender.step() > 0 and queue.lengths() == {"mqtt": 2}
        broker.show(CameraView("door", Condition.LIVE, {MASK: 5}))
        listener.heard.clear()
        server.start()
        until(lambda: state(listener.heard).get("mask") == 5)
        until(lambda: len([t for t in listener.heard if t.startswith("homeassistant/")]) == 10)
        until(lambda: not (sender.step() or queue.lengths()["mqtt"]))
        until(lambda: len(listener.alerts) == 3)
    assert [json.loads(text)["id"] for text in listener.alerts] == ["one", "two", "three"]
    assert not any(topic.endswith("/alert") for topic in listener.retained)
    said = [message for message in caplog.messages if message.startswith("mqtt: ")]
    assert said[0].startswith(f"mqtt: 127.0.0.1:{server.port}: ") and len(said) <= 3
    assert said[-1] == "mqtt: connected again"


def test_a_broker_that_is_not_there_is_no_reason_to_wait(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    with connected(port) as broker:
        broker.show(LIVE)
        until(lambda: caplog.messages)
        answer = broker.send(Delivery(alert(), "mqtt"))
        assert answer.outcome is Outcome.UNREACHABLE
        assert answer.reason == "the broker cannot be reached"
    assert caplog.messages == [
        f"mqtt: 127.0.0.1:{port}: the broker cannot be reached; trying again"
    ]


def test_user_and_password(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    hashes = tmp_path / "users"
    tool = subprocess.run(
        ["mosquitto_passwd", "-c", "-b", str(hashes), "watch", "s3cret"], capture_output=True
    )
    if tool.returncode:
        pytest.skip("needs mosquitto_passwd")
    settings = f"allow_anonymous false\npassword_file {hashes}"
    with mosquitto(tmp_path, settings) as server:
        until(lambda: _accepts(server.port))
        wrong = {"username": Secret("watch"), "password": Secret("hidden")}
        with connected(server.port, **wrong) as broker:
            until(lambda: caplog.messages)
            assert broker.send(Delivery(alert(), "mqtt")).outcome is Outcome.UNREACHABLE
        assert "turns this program away (Not authorized)" in caplog.text
        assert "hidden" not in caplog.text
        right = {"username": Secret("watch"), "password": Secret("s3cret")}
        with (
            connected(server.port, **right) as broker,
            listening(server.port, "watch", "s3cret") as listener,
        ):
            listener.until("maskwatch/status", "online")
            assert broker.send(Delivery(alert("one"), "mqtt")).outcome is Outcome.SENT


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# paho leaves the closing of a connection whose handshake failed to the collector of garbage
@pytest.mark.filterwarnings("ignore:.*SSLSocket:pytest.PytestUnraisableExceptionWarning")
def test_with_tls_the_certificate_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pem = certificate(tmp_path)
    settings = f"allow_anonymous true\ncertfile {pem}\nkeyfile {pem}"
    with mosquitto(tmp_path, settings) as server:
        until(lambda: _accepts(server.port))
        broker = Broker(MqttConfig("localhost", server.port, tls=True), CAMERAS)
        broker.start()
        until(lambda: caplog.messages)
        broker.stop()
        assert "or its certificate is not trusted" in caplog.text
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        broker = Broker(MqttConfig("localhost", server.port, tls=True), CAMERAS)
        broker.start()
        one = Delivery(alert(), "mqtt")
        until(lambda: broker.send(one).outcome is Outcome.SENT)
        broker.stop()
    assert ssl.get_default_verify_paths().openssl_cafile_env == "SSL_CERT_FILE"


@pytest.mark.parametrize(
    ("settings", "port"), [({}, 1883), ({"tls": True}, 8883), ({"port": 99, "tls": True}, 99)]
)
def test_the_usual_ports(settings: dict[str, Any], port: int) -> None:
    assert MqttConfig("broker", **settings).address == ("broker", port)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x20\x02",
        b"\x20\x7f" + b"\xff" * 127,
        b"\x20\x02\x00\x00\x30\x02\x00\xff",
        b"\x20\x02\x00\x00\xf0\x00\x00\x00",
        b"\x20\x02\x00\x00\x62\x02\xff\xff\x40\x01\x00",
        b"\xff" * 200,
    ],
)
def test_no_answer_of_a_broker_ends_its_thread(
    said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[object] = []
    monkeypatch.setattr("threading.excepthook", ended.append)
    with answering([said]) as there, connected(there.port) as broker:
        until(lambda: there.answered)
        assert broker.send(Delivery(alert("a"), "mqtt")).outcome is not Outcome.SENT
        until(lambda: there.answered > 1 or broker._complained)
    assert ended == []


def test_a_connection_that_comes_up_during_the_goodbye_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, may = Event(), Event()
    with answering([]) as there:
        broker = Broker(MqttConfig("127.0.0.1", there.port), CAMERAS)
        client = broker._client
        client.on_pre_connect = lambda *_: begun.set() or may.wait(LIMIT_S)  # type: ignore[func-returns-value]
        end = client.loop_stop
        monkeypatch.setattr(client, "loop_stop", lambda: may.set() or end())  # type: ignore[func-returns-value]
        broker.start()
        assert begun.wait(LIMIT_S)
        broker.stop()
        connection = client.socket()
        assert connection is None or connection.fileno() == -1


@pytest.mark.parametrize("host", ["exa..mple", "a" * 64 + ".example"])
def test_a_name_that_is_none_ends_no_thread(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[object] = []
    monkeypatch.setattr("threading.excepthook", ended.append)
    config = MqttConfig("broker.local")
    object.__setattr__(config, "host", host)  # the settings refuse it; a resolver may as well
    broker = Broker(config, CAMERAS)
    broker.start()
    try:
        until(lambda: broker._complained)
        answer = broker.send(Delivery(alert("a"), "mqtt"))
        assert answer.outcome is Outcome.UNREACHABLE and "UnicodeError" in answer.reason
    finally:
        broker.stop()
    assert ended == []
