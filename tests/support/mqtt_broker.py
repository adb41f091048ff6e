"""A real mosquitto on the loopback, and a second client that notes all it hears."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from support.ports import free_port
from support.waiting import until

# Debian keeps it among the servers, out of the way of users
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Mosquitto:
    """A broker that can be stopped and started again at the same port, and then knows nothing."""

    def __init__(self, folder: Path, settings: str = "allow_anonymous true") -> None:
        if MOSQUITTO is None:
            pytest.skip("needs mosquitto")
        self.port = free_port()
        self._settings = folder / "mosquitto.conf"
        self._settings.write_text(f"listener {self.port} 127.0.0.1\nuser root\n{settings}\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [MOSQUITTO, "-c", str(self._settings)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def mosquitto(folder: Path, settings: str = "allow_anonymous true") -> Iterator[Mosquitto]:
    broker = Mosquitto(folder, settings)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


class Listener:
    """Notes the newest message of each topic, and all alerts.

    Attributes:
        heard: newest text by topic.
        retained: topics whose message the broker had kept.
        alerts: texts of all alerts, in order.
        pictures: those that came, in order.
        subscribed: how often it has begun to listen.
    """

    def __init__(self, port: int, username: str = "", password: str = "") -> None:
        self.heard: dict[str, str] = {}
        self.retained: set[str] = set()
        self.alerts: list[str] = []
        self.pictures: list[bytes] = []
        self.subscribed = 0
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        if username:
            self._client.username_pw_set(username, password)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("#", 1)
        self._client.on_subscribe = self._count
        self._client.on_message = self._note
        self._client.connect_async("127.0.0.1", port)
        self._client.loop_start()

    def _count(self, *_: object) -> None:
        self.subscribed += 1

    def _note(self, _: object, __: object, message: paho.MQTTMessage) -> None:
        if message.retain:
            self.retained.add(message.topic)
        if message.topic.endswith("/picture"):
            self.pictures.append(message.payload)
            return
        self.heard[message.topic] = message.payload.decode()
        if message.topic.endswith("/alert"):
            self.alerts.append(message.payload.decode())

    def until(self, topic: str, text: str) -> None:
        """Wait until this is the newest message of a topic."""
        until(lambda: self.heard.get(topic) == text)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def listening(port: int, username: str = "", password: str = "") -> Iterator[Listener]:
    listener = Listener(port, username, password)
    until(lambda: listener.subscribed)
    try:
        yield listener
    finally:
        listener.close()
