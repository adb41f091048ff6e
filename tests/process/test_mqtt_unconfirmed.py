"""A broker that confirms late or not at all: what it keeps is what holds, and nothing piles up.

Run: pytest tests/process/test_mqtt_unconfirmed.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.alert_factory import alert
from support.hand_broker import HandBroker, hand_broker
from support.mqtt_broker import listening, mosquitto
from support.waiting import until

from maskwatch.schema import MaskState
from maskwatch.watch import mqtt
from maskwatch.watch.config import MqttConfig
from maskwatch.watch.mqtt import Broker, Topics
from maskwatch.watch.outbox import Delivery, Outcome
from maskwatch.watch.pictures import Picture
from maskwatch.watch.status import CameraView, Condition

BARE = CameraView("door", Condition.LIVE, {MaskState.NO_MASK: 1}, violation=True)
EMPTY = CameraView("door", Condition.LIVE)
STATE, STATUS, ALERT = "maskwatch/door/state", "maskwatch/door/status", "maskwatch/door/alert"


@pytest.fixture
def server() -> Iterator[HandBroker]:
    with hand_broker() as server:
        yield server


@pytest.fixture
def broker(server: HandBroker) -> Iterator[Broker]:
    kept = {"e1": Picture(b"picture", "image/png")}
    config = MqttConfig("127.0.0.1", server.port, picture=True)
    broker = Broker(config, ["door"], "image/png", kept.get)
    broker.start()
    try:
        until(lambda: server.texts(STATUS))
        yield broker
    finally:
        broker.stop()


def test_the_broker_keeps_what_holds_after_a_connection_that_broke(
    server: HandBroker, broker: Broker
) -> None:
    broker.show(BARE)
    until(lambda: server.texts(STATE))
    server.is_open.clear()  # else it may be connected again before anybody sees that it was not
    server.hang_up()
    until(lambda: not broker._client.is_connected())
    broker.show(EMPTY)
    server.is_open.set()
    until(lambda: server.texts(STATE, connection=1))
    broker.show(BARE)  # whatever waited is there before this
    until(lambda: json.loads(server.texts(STATE, connection=1)[-1])["violation"] == "ON")
    said = [json.loads(text)["violation"] for text in server.texts(STATE, connection=1)]
    assert said == ["OFF", "ON"]
    assert server.texts(STATUS, connection=1) == ["online"]


def test_what_cameras_see_waits_for_no_confirmation(server: HandBroker, broker: Broker) -> None:
    for number in range(200):
        broker.show(CameraView("door", Condition.LIVE, {MaskState.MASK: number}))
    until(lambda: len(server.texts(STATE)) == 200)
    assert not broker._client._out_messages  # where paho keeps what is not confirmed


def test_an_alert_that_is_not_confirmed_is_not_handed_over_again(
    server: HandBroker, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Delivery(alert("one", event="e1"), "mqtt")
    with monkeypatch.context() as impatient:
        impatient.setattr(mqtt, "_CONFIRMED_S", 0.01)
        for _ in range(3):
            assert broker.send(one).outcome is Outcome.UNREACHABLE
        for _ in range(3 * mqtt._MOST_UNCONFIRMED):  # the oldest give way, and others come
            assert broker.send(Delivery(alert(), "mqtt")).outcome is Outcome.UNREACHABLE
    assert len(broker._client._out_messages) == mqtt._MOST_UNCONFIRMED
    until(lambda: server.texts(ALERT))
    server.confirms = True
    server.hang_up()
    until(lambda: not broker._client._out_messages)
    last = Delivery(alert("last"), "mqtt")
    until(lambda: broker.send(last).outcome is Outcome.SENT)
    for connection in (0, 1):
        said = [json.loads(text)["id"] for text in server.texts(ALERT, connection)]
        assert len(said) == len(set(said)) and said[0] == "one"


def test_no_picture_waits_for_a_broker(server: HandBroker, broker: Broker) -> None:
    server.confirms = True
    assert broker.send(Delivery(alert(event="e1"), "mqtt")).outcome is Outcome.SENT
    assert server.texts("maskwatch/door/picture") == ["picture"]
    server.confirms = False
    with pytest.MonkeyPatch.context() as impatient:
        impatient.setattr(mqtt, "_CONFIRMED_S", 0.01)
        broker.send(Delivery(alert(event="e1"), "mqtt"))
    (waiting,) = broker._client._out_messages.values()
    assert waiting.topic == ALERT


def test_a_broker_that_hangs_up_for_a_large_picture_still_tells_the_alert(tmp_path: Path) -> None:
    large = {"e1": Picture(bytes(100_000), "image/jpeg")}
    with (
        mosquitto(tmp_path, "allow_anonymous true\nmax_packet_size 20000") as server,
        listening(server.port) as listener,
    ):
        config = MqttConfig("127.0.0.1", server.port, picture=True)
        broker = Broker(config, ["door"], "image/jpeg", large.get)
        broker.start()
        try:
            one = Delivery(alert("one", event="e1"), "mqtt")
            until(lambda: broker.send(one).outcome is Outcome.SENT)
            listener.until("maskwatch/status", "online")
            until(lambda: listener.alerts)  # the broker confirms it before all others have it
            # at least once: where the line breaks before it is confirmed it is sent again
            assert {json.loads(text)["id"] for text in listener.alerts} == {"one"}
        finally:
            broker.stop()
        assert listener.pictures == []


@pytest.mark.parametrize("topic", ["clinic.east", "praxis/m\u00fcller", "a&b", "maskwatch"])
def test_home_assistant_takes_the_devices_of_every_topic(topic: str) -> None:
    # what its discovery looks for; it passes over any other in silence
    taken = re.compile(r"homeassistant/\w+/(?:[a-zA-Z0-9_-]+/)?[a-zA-Z0-9_-]+/config")
    for where, _ in Topics(topic, "homeassistant", "image/png").discovered("west gate"):
        assert taken.fullmatch(where)
