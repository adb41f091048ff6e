"""Alerts and states to an MQTT broker, in words that Home Assistant knows.

What the cameras see is told as it changes and kept by the broker; after a time without connection
all of it is told again, so nothing of it has to wait in a queue (QoS 0): paho would send what waits
there after what is told anew, and the broker would keep what is long over. What it keeps of cameras
that have another name now, or are no more, is taken back. An alert counts as sent when the broker
has confirmed it (QoS 1).
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from maskwatch._version import __version__
from maskwatch.io.style import STYLES
from maskwatch.schema import MaskState
from maskwatch.watch.config import MQTT_SINK, MqttConfig
from maskwatch.watch.outbox import Answer, Delivery, Outcome
from maskwatch.watch.pictures import FindPicture, no_picture, picture_of
from maskwatch.watch.rules import Alert
from maskwatch.watch.status import CameraView, Condition

_LOG = logging.getLogger(__name__)

_KEEP_ALIVE_S = 30
_CONFIRMED_S = 10.0
_LONGEST_PAUSE_S = 30
_GOODBYE_S = 1.0
_MOST_UNCONFIRMED = 20
"""Of a broker that takes alerts and confirms none; those that come then are not handed to paho."""


class _Client(paho.Client):
    """One whose thread goes on, whatever it stumbles over: paho's own ends, and says nothing.

    Attributes:
        stopping: set it before `loop_stop`.
    """

    def __init__(self, complain: Callable[[str], None]) -> None:
        super().__init__(CallbackAPIVersion.VERSION2)
        self.stopping = Event()
        self._complain = complain

    def loop_forever(
        self, timeout: float = 1.0, retry_first_connection: bool = False
    ) -> MQTTErrorCode:
        """What paho's thread does."""
        while not self.stopping.is_set():
            try:
                return super().loop_forever(timeout, retry_first_connection)
            except Exception as error:  # a name that is none, an answer that is no MQTT, ...
                self._complain(f"its name or answer cannot be understood ({type(error).__name__})")
                self.stopping.wait(_LONGEST_PAUSE_S)
                self.connect_async(self.host, self.port, self.keepalive)
        return MQTTErrorCode.MQTT_ERR_SUCCESS


class Broker:
    """One connection, made anew whenever it is lost; may be used by several threads. A Sink."""

    name = MQTT_SINK

    def __init__(
        self,
        config: MqttConfig,
        cameras: Iterable[str],
        picture_type: str | None = None,
        find_picture: FindPicture = no_picture,
    ) -> None:
        """Nothing is connected yet.

        Args:
            config: where to, and how.
            cameras: their names.
            picture_type: media type of the pictures that are told; None where none are.
            find_picture: of an event, where it is still kept.
        """
        self._config = config
        self._find_picture = find_picture
        self._topics = Topics(config.topic, config.discovery, picture_type)
        self._views = {name: CameraView(name, Condition.STARTING) for name in cameras}
        self._told: dict[str, str] = {}  # what the broker knows, by topic
        self._telling = Lock()
        self._complained = ""
        self._has_asked = False  # for what the broker keeps from before
        self._on_its_way: tuple[str, paho.MQTTMessageInfo] | None = None
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
        self._client.stopping.set()
        self._client.disconnect()
        self._client.loop_stop()
        if (begun := self._client.socket()) is not None:  # it came up meanwhile, and paho leaves it
            begun.close()

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
        try:
            message = self._send_once(delivery.alert)
            message.wait_for_publish(_CONFIRMED_S)
            confirmed = message.is_published()
        except (RuntimeError, ValueError):  # paho's words for a connection that has just gone
            self._on_its_way, confirmed = None, False
        return Answer(Outcome.SENT) if confirmed else Answer(Outcome.UNREACHABLE, "not confirmed")

    def _send_once(self, alert: Alert) -> paho.MQTTMessageInfo:
        """An alert that is not confirmed stays with paho, which sends it at the next connection.

        Its picture does not: a broker may hang up for that is too large.
        """
        if self._on_its_way is None or self._on_its_way[0] != alert.alert_id:
            self._send_picture(alert)  # first, so that it is there for who hears the alert
            topic = self._topics.of(alert.camera, "alert")
            self._on_its_way = alert.alert_id, self._client.publish(topic, alert.body, qos=1)
        return self._on_its_way[1]

    def _send_picture(self, alert: Alert) -> None:
        """Neither broker nor paho keep it, for that would be longer than it may be kept."""
        picture = picture_of(alert, self._config.picture, self._find_picture)
        if picture is not None:
            self._client.publish(self._topics.of(alert.camera, "picture"), picture.content)

    def _make_client(self) -> _Client:
        config = self._config
        client = _Client(self._complain)
        if config.username:
            client.username_pw_set(config.username, config.password or None)
        if config.tls:
            client.tls_set()  # the authorities of the system, or those of SSL_CERT_FILE
        client.will_set(self._topics.status, OFFLINE, qos=1, retain=True)
        client.max_queued_messages_set(_MOST_UNCONFIRMED)
        client.reconnect_delay_set(1, _LONGEST_PAUSE_S)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
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
        if not self._has_asked:  # once, for there are brokers that hang up on who may not ask
            self._has_asked = True
            client.subscribe(self._topics.any_discovered)

    def _on_message(self, client: paho.Client, _: Any, message: paho.MQTTMessage) -> None:
        """Take back what was told of a camera that is no more; what is empty is not kept."""
        if message.retain:
            for topic in self._topics.left_over(message.topic, message.payload, self._views):
                self._publish(topic, "")

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
        return self._client.publish(topic, text, retain=True)


# The words of MQTT topics and messages, so that Home Assistant shows each camera as a device.
#
#     maskwatch/status             online, or offline (the last will)
#     maskwatch/CAMERA/status      online as long as its pictures come
#     maskwatch/CAMERA/state       {"mask": 2, "no_mask": 0, ..., "violation": "OFF"}
#     maskwatch/CAMERA/alert       one alert, as a webhook gets it
#     maskwatch/CAMERA/picture     the picture of the newest violation, where that is asked for
#     homeassistant/...            what Home Assistant is to make of them
#
# All but alerts and pictures are retained: whoever comes later knows the state at once.

ONLINE, OFFLINE = "online", "offline"

Message = tuple[str, str]
"""Topic and text."""

_ICONS = {
    MaskState.MASK: "mdi:face-mask",
    MaskState.NO_MASK: "mdi:face-man-outline",
    MaskState.INCORRECT_MASK: "mdi:face-mask-outline",
    MaskState.UNSURE: "mdi:help-circle-outline",
}


def plain_id(name: str) -> str:
    """A name in the few characters that every broker and Home Assistant take, and its own."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name)
    if plain == name:
        return name
    return f"{plain}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Topics:
    """Where what is said.

    Attributes:
        base: all topics begin with it, but those of the discovery.
        discovery: where Home Assistant looks for devices.
        picture_type: media type of the pictures that are told; None where none are.
    """

    base: str
    discovery: str
    picture_type: str | None = None

    @property
    def status(self) -> str:
        """Whether the program runs."""
        return f"{self.base}/status"

    def of(self, camera: str, what: str) -> str:
        """The status, state, alerts or pictures of a camera."""
        return f"{self.base}/{plain_id(camera)}/{what}"

    def discovered(self, camera: str) -> list[Message]:
        """What makes a device of a camera: sensors for states and violations, perhaps a picture."""
        sensors = [
            self._entity(
                camera,
                "sensor",
                state.value,
                STYLES[state].label,
                **self._value(camera, state.value),
                state_class="measurement",
                unit_of_measurement="people",
                icon=_ICONS[state],
            )
            for state in MaskState
        ]
        about = self._value(camera, "violation") | {"device_class": "problem"}
        violation = self._entity(camera, "binary_sensor", "violation", "Violation", **about)
        if self.picture_type is None:
            return [*sensors, violation]
        about = {"image_topic": self.of(camera, "picture"), "content_type": self.picture_type}
        picture = self._entity(camera, "image", "picture", "Last violation", **about)
        return [*sensors, violation, picture]

    @property
    def any_discovered(self) -> str:
        """All that Home Assistant is told of devices, ours and others."""
        return f"{self.discovery}/+/+/+/config"

    def left_over(
        self, topic: str, content: bytes | bytearray, cameras: Iterable[str]
    ) -> list[str]:
        """What a broker is to forget, where this message is of a device of ours that is no more.

        Args:
            topic: of a message of the discovery.
            content: what it says.
            cameras: names of those that there are.
        """
        known = {self.of(name, "status"): name for name in cameras}
        try:
            program, camera = (str(one["topic"]) for one in json.loads(content)["availability"])
        except (ValueError, KeyError, TypeError, RecursionError):  # it is of another program
            return []
        ours = rf"{re.escape(self.base)}/[A-Za-z0-9_-]+/status"
        if program != self.status or not re.fullmatch(ours, camera):
            return []
        if camera not in known:
            return [topic, camera, camera.removesuffix("status") + "state"]
        told = (one for one, _ in self.discovered(known[camera]))
        return [] if topic in told else [topic]  # pictures are no longer told, say

    def seen(self, view: CameraView) -> list[Message]:
        """What is to be said of a camera now; nothing is said of what is not known."""
        status = ONLINE if view.condition is Condition.LIVE else OFFLINE
        messages = [(self.of(view.name, "status"), status)]
        if view.condition is Condition.LIVE:
            state: dict[str, object] = {s.value: view.in_view.get(s, 0) for s in MaskState}
            state["violation"] = "ON" if view.violation else "OFF"
            messages.append((self.of(view.name, "state"), json.dumps(state)))
        return messages

    @property
    def _program_id(self) -> str:
        """Without "_" but before a number; else "a_b" with "c" would be "a" with "b_c"."""
        if re.fullmatch("[A-Za-z0-9-]+", self.base):
            return self.base
        number = hashlib.sha256(self.base.encode()).hexdigest()[:8]
        return f"{re.sub('[^A-Za-z0-9-]+', '-', self.base)}_{number}"

    def _value(self, camera: str, key: str) -> dict[str, str]:
        """Where a sensor finds its value."""
        return {
            "state_topic": self.of(camera, "state"),
            "value_template": f"{{{{ value_json.{key} }}}}",
        }

    def _entity(self, camera: str, kind: str, key: str, name: str, **more: str) -> Message:
        device = f"{self._program_id}_{plain_id(camera)}"
        about = {
            "name": name,
            "unique_id": f"{device}_{key}",
            "availability": [{"topic": self.status}, {"topic": self.of(camera, "status")}],
            "availability_mode": "all",
            "device": {
                "identifiers": [device],
                "name": f"MaskWatch {camera}",
                "manufacturer": "MaskWatch",
                "sw_version": __version__,
            },
            "origin": {"name": "MaskWatch", "sw_version": __version__},
            **more,
        }
        return f"{self.discovery}/{kind}/{device}/{key}/config", json.dumps(about)
