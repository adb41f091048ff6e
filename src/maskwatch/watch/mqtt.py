"""Alerts and states to an MQTT broker; the words are in home_assistant.py.

What the cameras see is told as it changes and kept by the broker; after a time without connection
all of it is told again, so nothing of it has to wait in a queue. An alert counts as sent when the
broker has confirmed it (QoS 1).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from threading import Lock
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from maskwatch.watch.config import MQTT_SINK, MqttConfig
from maskwatch.watch.home_assistant import OFFLINE, ONLINE, Message, Topics
from maskwatch.watch.queue import Delivery
from maskwatch.watch.sending import Answer, Outcome
from maskwatch.watch.view import CameraView, Condition

_LOG = logging.getLogger(__name__)

_KEEP_ALIVE_S = 30
_CONFIRMED_S = 10.0
_LONGEST_PAUSE_S = 30
_GOODBYE_S = 1.0


class Broker:
    """One connection, made anew whenever it is lost; may be used by several threads. A Sink."""

    name = MQTT_SINK

    def __init__(self, config: MqttConfig, cameras: Iterable[str]) -> None:
        """Nothing is connected yet.

        Args:
            config: where to, and how.
            cameras: their names.
        """
        self._config = config
        self._topics = Topics(config.topic, config.discovery)
        self._views = {name: CameraView(name, Condition.STARTING) for name in cameras}
        self._told: dict[str, str] = {}  # what the broker knows, by topic
        self._telling = Lock()
        self._complained = ""
        self._client = self._make_client()

    def start(self) -> None:
        """Begin to connect; a thread goes on with that until `stop`."""
        self._client.connect_async(*self._config.address, keepalive=_KEEP_ALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        """Say goodbye, if there is a connection, and end the thread."""
        if self._client.is_connected():
            for name in self._views:
                self._publish(self._topics.of(name, "status"), OFFLINE)
            with suppress(RuntimeError, ValueError):  # it has just gone; there is a last will
                self._publish(self._topics.status, OFFLINE).wait_for_publish(_GOODBYE_S)
        self._client.disconnect()
        self._client.loop_stop()

    def show(self, view: CameraView) -> None:
        """Tell what has changed of a camera."""
        with self._telling:
            self._views[view.name] = view
            if self._client.is_connected():
                self._tell(self._topics.seen(view))

    def send(self, delivery: Delivery) -> Answer:
        """Publish an alert and wait until the broker has confirmed it."""
        if not self._client.is_connected():
            reason = self._complained or "the broker cannot be reached"
            return Answer(Outcome.UNREACHABLE, reason)
        topic = self._topics.of(delivery.alert.camera, "alert")
        try:
            message = self._client.publish(topic, delivery.alert.body, qos=1)
            message.wait_for_publish(_CONFIRMED_S)
            confirmed = message.is_published()
        except (RuntimeError, ValueError):  # paho's words for a connection that has just gone
            confirmed = False
        return Answer(Outcome.SENT) if confirmed else Answer(Outcome.UNREACHABLE, "not confirmed")

    def _make_client(self) -> paho.Client:
        config = self._config
        client = paho.Client(CallbackAPIVersion.VERSION2)
        if config.username:
            client.username_pw_set(config.username, config.password or None)
        if config.tls:
            client.tls_set()  # the authorities of the system, or those of SSL_CERT_FILE
        client.will_set(self._topics.status, OFFLINE, qos=1, retain=True)
        client.reconnect_delay_set(1, _LONGEST_PAUSE_S)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        return client

    def _on_connect(self, client: paho.Client, _: Any, __: Any, code: Any, ___: Any) -> None:
        if code.is_failure:
            self._complain(f"the broker turns this program away ({code})")
            return
        if self._complained:
            _LOG.warning("mqtt: connected again")
        self._complained = ""
        with self._telling:
            self._told = {}  # it may be another broker, or have forgotten everything
            self._tell([(self._topics.status, ONLINE)])
            for name, view in self._views.items():
                self._tell(self._topics.discovered(name))
                self._tell(self._topics.seen(view))

    def _on_connect_fail(self, client: paho.Client, _: Any) -> None:
        or_else = ", or its certificate is not trusted" if self._config.tls else ""
        self._complain(f"the broker cannot be reached{or_else}")

    def _on_disconnect(self, client: paho.Client, _: Any, __: Any, code: Any, ___: Any) -> None:
        if code.is_failure and not self._complained:
            self._complain(f"the connection is lost ({code})")

    def _complain(self, reason: str) -> None:
        """Log a reason once, until it is another one or the connection is there again."""
        if reason != self._complained:
            host, port = self._config.address
            _LOG.warning("mqtt: %s:%d: %s; trying again", host, port, reason)
        self._complained = reason

    def _tell(self, messages: Iterable[Message]) -> None:
        for topic, text in messages:
            if self._told.get(topic) != text:
                self._publish(topic, text)
                self._told[topic] = text

    def _publish(self, topic: str, text: str) -> paho.MQTTMessageInfo:
        return self._client.publish(topic, text, qos=1, retain=True)
