"""Cameras that have another name now, or are no more: a real broker, and what it keeps of them.

Run: pytest tests/process/test_mqtt_renamed.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from support.mqtt_broker import Listener, Mosquitto, listening, mosquitto
from support.waiting import until

from maskwatch.watch.config import MqttConfig
from maskwatch.watch.mqtt import Broker, Topics
from maskwatch.watch.status import CameraView, Condition

OURS = Topics("maskwatch", "homeassistant", "image/png")
BY_ITSELF = "homeassistant/sensor/lamp/power/config"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path) as server:
        yield server


@contextmanager
def watching(server: Mosquitto, *cameras: str, pictures: bool = False) -> Iterator[Listener]:
    """A whole run that is live at each of its cameras, and one who has heard it all."""
    config = MqttConfig("127.0.0.1", server.port, picture=pictures)
    broker = Broker(config, cameras, "image/png" if pictures else None)
    with listening(server.port) as listener:
        broker.start()
        try:
            for name in cameras:
                broker.show(CameraView(name, Condition.LIVE))
                listener.until(OURS.of(name, "status"), "online")
            yield listener
        finally:
            broker.stop()
        listener.until(OURS.status, "offline")


def until_kept(server: Mosquitto, topics: set[str]) -> None:
    """What a broker tells whoever comes later is this and no more."""
    with listening(server.port) as listener:
        until(lambda: {t for t in listener.retained if listener.heard.get(t)} == topics)


def told_of(*cameras: str) -> set[str]:
    """What it is to keep of cameras without pictures."""
    plain = Topics("maskwatch", "homeassistant")
    devices = {topic for name in cameras for topic, _ in plain.discovered(name)}
    return devices | {OURS.of(name, what) for name in cameras for what in ("status", "state")}


def keep(server: Mosquitto, topic: str, text: str) -> None:
    """Another program tells something that the broker keeps."""
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect_async("127.0.0.1", server.port)
    client.loop_start()
    until(client.is_connected)
    client.publish(topic, text, qos=1, retain=True).wait_for_publish()
    client.disconnect()
    client.loop_stop()


def test_a_renamed_camera_leaves_home_assistant(server: Mosquitto) -> None:
    with watching(server, "west gate", "hall", pictures=True):
        pass
    pictures = {OURS.discovered(name)[-1][0] for name in ("west gate", "hall")}
    with watching(server, "entrance", "hall") as listener:
        for topic in told_of("west gate") | pictures:
            listener.until(topic, "")
    until_kept(server, told_of("entrance", "hall") | {OURS.status})


@pytest.mark.parametrize(
    "text",
    [
        "", "no JSON", "[]", "{}", "\xff", "[" * 100_000,
        json.dumps({"availability": None}),
        json.dumps({"availability": [{"topic": "maskwatch/status"}]}),
        json.dumps({"availability": [{"topic": "lamp/status"}, {"topic": "maskwatch/x/status"}]}),
        json.dumps({"availability": [{"topic": "maskwatch/status"}, {"topic": "lamp/status"}]}),
        json.dumps({"availability": [{"topic": "maskwatch/status"}, {"topic": 7}]}),
        json.dumps(
            {"availability": [{"topic": "maskwatch/status"}, {"topic": "maskwatch/+/status"}]}
        ),
    ],
)  # fmt: skip
def test_devices_of_others_stay(text: str) -> None:
    assert OURS.left_over(BY_ITSELF, text.encode("latin-1"), ["door"]) == []


def test_what_another_program_keeps_at_the_same_broker_stays(server: Mosquitto) -> None:
    theirs = Topics("other", "homeassistant")
    others = dict(theirs.discovered("door")) | {BY_ITSELF: json.dumps({"name": "lamp"})}
    for topic, text in others.items():
        keep(server, topic, text)
    with watching(server, "old"):
        pass
    with watching(server, "door") as listener:
        for topic in told_of("old"):
            listener.until(topic, "")
    until_kept(server, told_of("door") | {OURS.status} | others.keys())


def test_the_broker_is_asked_once(server: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    """There are brokers that hang up on who may not ask: alerts must get through all the same."""
    asked: list[str] = []
    broker = Broker(MqttConfig("127.0.0.1", server.port), ["door"])
    monkeypatch.setattr(broker._client, "subscribe", asked.append)
    broker.start()
    try:
        until(lambda: asked)
        server.stop()
        until(lambda: not broker._client.is_connected())
        server.start()
        with listening(server.port) as listener:
            listener.until(OURS.status, "online")
    finally:
        broker.stop()
    assert asked == ["homeassistant/+/+/+/config"]
