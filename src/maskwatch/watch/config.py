"""What `maskwatch watch` is told: a YAML file read into frozen records that check themselves."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from maskwatch.errors import SettingError, VideoError
from maskwatch.settings import Secret, between, read_settings, require
from maskwatch.smooth import SmoothSettings
from maskwatch.video import open_source
from maskwatch.watch.alerts import Rule, check_name

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")

_NONE = Secret("")

MQTT_SINK = "mqtt"
"""What the broker is called among the sinks."""


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """One camera.

    Attributes:
        name: in events, alerts and counts.
        source: what `maskwatch live` takes: number of a camera, address of a stream, video file. A
            file is played once, at its own speed.
        steadiness: 0 follows each change at once, 1 is calmest.
    """

    name: str
    source: str | int = field(repr=False)
    steadiness: float = 0.5

    def __post_init__(self) -> None:
        check_name(self.name)
        SmoothSettings.from_steadiness(self.steadiness)
        require(self.source != "", "source", self.source, "a camera, an address or a file")
        try:
            open_source(self.address)
        except VideoError as error:
            raise SettingError(f"source: {error}") from error

    @property
    def address(self) -> str:
        """The source as text; a password may be in it."""
        return str(self.source)


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """A web server that is told alerts.

    Attributes:
        name: in messages and in the queue.
        url: https://, or http:// on this machine.
        secret: signs each request; none leaves the signature out.
        timeout_s: how long to wait for an answer.
    """

    name: str
    url: Secret
    secret: Secret = _NONE
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        check_name(self.name)
        between("timeout_s", self.timeout_s, 0.1, 60)
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise SettingError("url is no address") from None
        if not host or any(character.isspace() for character in self.url):
            raise SettingError("url is no address")
        if parts.username or parts.password:
            raise SettingError("url must hold no password; sign with secret instead")
        if parts.scheme != "https" and not (parts.scheme == "http" and host in _THIS_MACHINE):
            raise SettingError("url must begin with https:// (http:// only on this machine)")


@dataclass(frozen=True, slots=True)
class MqttConfig:
    """A broker that is told alerts and what the cameras see, in the way of Home Assistant.

    Attributes:
        host: name or number of the broker.
        port: None is 8883 with TLS and 1883 without.
        tls: encrypt, and check the broker's certificate.
        username: none connects without.
        password: for it.
        topic: all topics begin with it; several programs at one broker need several.
        discovery: where Home Assistant looks for devices.
    """

    host: str
    port: int | None = None
    tls: bool = False
    username: Secret = _NONE
    password: Secret = _NONE
    topic: str = "maskwatch"
    discovery: str = "homeassistant"

    def __post_init__(self) -> None:
        plain = bool(self.host) and not set(self.host) & set(" /@:")
        require(plain, "host", self.host, "the name or number of a machine, and no more")
        between("port", self.address[1], 1, 65535)
        for name in ("topic", "discovery"):
            value = getattr(self, name)
            fine = bool(value) and value.isprintable() and not set(value) & set("+#$ ")
            fine = fine and value.strip("/") == value
            require(fine, name, value, "a topic without + # $, spaces and / at its ends")
        if self.password and not self.username:
            raise SettingError("username is missing, though there is a password")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port if self.port is not None else 8883 if self.tls else 1883


@dataclass(frozen=True, slots=True)
class EvidenceConfig:
    """Where to keep a coarse picture of each violation; nothing is kept unless this is given.

    Attributes:
        folder: for nothing else.
        keep_days: older pictures are deleted by themselves.
    """

    folder: Path
    keep_days: float

    def __post_init__(self) -> None:
        between("keep_days", self.keep_days, 0.01, 90)


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """Everything that `maskwatch watch` is told.

    Attributes:
        cameras: at least one.
        store: file of the events and counts; None is the one of the user.
        rules: when to tell of what.
        webhooks: who is told.
        mqtt: who is told as well.
        evidence: whether coarse pictures are kept.
        status_every_s: how often a line for each camera is printed.
        queue_limit: so many alerts may wait for each sink; then the oldest is given up.
    """

    cameras: tuple[CameraConfig, ...]
    store: Path | None = None
    rules: tuple[Rule, ...] = ()
    webhooks: tuple[WebhookConfig, ...] = ()
    mqtt: MqttConfig | None = None
    evidence: EvidenceConfig | None = None
    status_every_s: float = 10.0
    queue_limit: int = 1000

    def __post_init__(self) -> None:
        between("status_every_s", self.status_every_s, 0.1, 3600)
        between("queue_limit", self.queue_limit, 1, 100_000)
        if not self.cameras:
            raise SettingError("cameras must name at least one")
        names = [camera.name for camera in self.cameras]
        _once("cameras", names)
        _once("rules", [rule.name for rule in self.rules])
        _once("webhooks", list(self.sinks))
        for index, rule in enumerate(self.rules):
            unknown = [name for name in rule.cameras if name not in names]
            known = f"one of {', '.join(names)}"
            require(not unknown, f"rules[{index}].cameras", unknown, known)
        if self.rules and not self.sinks:
            raise SettingError("rules: nobody is told; give webhooks or mqtt")
        if self.webhooks and not self.rules:
            raise SettingError("webhooks: nothing is told; give rules")

    @property
    def sinks(self) -> tuple[str, ...]:
        """Names of all who are told alerts."""
        mqtt = [MQTT_SINK] if self.mqtt else []
        return (*(webhook.name for webhook in self.webhooks), *mqtt)


def load_config(path: Path, variables: Mapping[str, str] = os.environ) -> WatchConfig:
    """Read the file.

    Args:
        path: YAML.
        variables: what `${NAME}` in its texts stands for.

    Raises:
        SettingError: it is not YAML, holds an unknown name, or a value out of its range.
    """
    return read_settings(path, WatchConfig, "settings", variables)


def _once(what: str, names: Sequence[str]) -> None:
    # topics and numbers are made from names without regard to upper and lower case
    lower = [name.casefold() for name in names]
    twice = [name for name, low in zip(names, lower, strict=True) if lower.count(low) > 1]
    if twice:
        raise SettingError(f"{what}: {twice[-1]!r} is there twice; each needs a name of its own")
