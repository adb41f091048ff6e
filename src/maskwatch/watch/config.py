"""What `maskwatch watch` is told: a YAML file read into frozen records that check themselves."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from maskwatch.errors import SettingError, VideoError
from maskwatch.io.settings import Secret, between, read_settings, require
from maskwatch.io.video import open_source
from maskwatch.store.statistics import CLAIMED, default_path
from maskwatch.watch.pictures import PictureKind
from maskwatch.watch.rules import Rule
from maskwatch.watch.zones import Zone, ZoneKind, check_name, check_once, check_zones

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_NONE = Secret("")
_KEY_PREFIX = "whsec_"

_MOST_MQTT_BYTES = 60_000
"""Of a text, of which MQTT takes 65,535; a topic grows by the names of a camera and its values."""

KEY_CHARACTERS = 20
"""A key for the page has so many or more, for it must not be guessed."""

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
        zones: where it looks and where it does not; none means everywhere.
    """

    name: str
    source: str | int = field(repr=False)
    steadiness: float = 0.5
    zones: tuple[Zone, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name)
        require(self.name != CLAIMED, "name", "another, for what browsers count is kept under it")
        between("steadiness", self.steadiness, 0, 1)
        check_zones(self.zones)
        require(self.source != "", "source", "a camera, an address or a file")
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
        timeout_s: how long an attempt may take in all.
        picture: whether it gets the picture of each violation, as long as that is kept.
    """

    name: str
    url: Secret
    secret: Secret = _NONE
    timeout_s: float = 10.0
    picture: bool = False

    def __post_init__(self) -> None:
        check_name(self.name)
        between("timeout_s", self.timeout_s, 0.1, 60)
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise SettingError("url is no address") from None
        if not host or not self.url.isprintable() or " " in self.url:
            raise SettingError("url is no address")
        if parts.username or parts.password:
            raise SettingError("url must hold no password; sign with secret instead")
        if parts.scheme != "https" and not (parts.scheme == "http" and self.is_here):
            raise SettingError("url must begin with https:// (http:// only on this machine)")
        try:
            signing_key(self.secret)
        except ValueError:
            valid = f"the key itself, or {_KEY_PREFIX} and all of the key in base64"
            raise SettingError(f"secret must be {valid}") from None

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine."""
        return urlsplit(self.url).hostname in _THIS_MACHINE


def signing_key(secret: str) -> bytes:
    """The key in a secret that is shared with a web server.

    Raises:
        ValueError: it should hold one in base64, and does not.
    """
    if not secret.startswith(_KEY_PREFIX):
        return secret.encode()
    key = base64.b64decode(secret.removeprefix(_KEY_PREFIX), validate=True)
    if not key:
        raise ValueError("no key")
    return key


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
        picture: whether it gets the picture of each violation; the broker keeps none.
    """

    host: str
    port: int | None = None
    tls: bool = False
    username: Secret = _NONE
    password: Secret = _NONE
    topic: str = "maskwatch"
    discovery: str = "homeassistant"
    picture: bool = False

    def __post_init__(self) -> None:
        plain = _names_a_machine(self.host) and not set(self.host) & set(" /@:")
        require(plain, "host", "the name or number of a machine, and no more")
        between("port", self.address[1], 1, 65535)
        for name in ("topic", "discovery"):
            value = getattr(self, name)
            fine = bool(value) and value.isprintable() and not set(value) & set("+#$ ")
            fine = fine and value.strip("/") == value
            require(fine, name, "a topic without + # $, spaces and / at its ends")
        for name in ("topic", "discovery", "username", "password"):
            fits = len(getattr(self, name).encode()) <= _MOST_MQTT_BYTES
            require(fits, name, f"{_MOST_MQTT_BYTES:,} bytes or fewer")
        if self.password and not self.username:
            raise SettingError("username is missing, though there is a password")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port if self.port is not None else 8883 if self.tls else 1883


@dataclass(frozen=True, slots=True)
class AppriseConfig:
    """People who are told in the way of Apprise: ntfy, e-mail, Slack, Teams, Telegram and others.

    Attributes:
        name: in messages and in the queue.
        url: as Apprise has it, such as ntfys://TOPIC; of one receiver, for of several Apprise does
            not say which has it already.
        picture: whether they get the picture of each violation, as long as that is kept.
    """

    name: str
    url: Secret
    picture: bool = False

    def __post_init__(self) -> None:
        from maskwatch.watch.apprise_sink import service_at  # Apprise is an extra of its own

        check_name(self.name)
        valid = "the address of one receiver; give each of several a name and url of its own"
        require(len(service_at(self.url)) <= 1, "url", valid)


@dataclass(frozen=True, slots=True)
class EvidenceConfig:
    """Where to keep a picture of each violation; nothing is kept unless this is given.

    Attributes:
        folder: for nothing else; ~ is the user's.
        keep_days: older pictures are deleted by themselves.
        picture: how much they show.
    """

    folder: Path
    keep_days: float
    picture: PictureKind = PictureKind.COARSE

    def __post_init__(self) -> None:
        between("keep_days", self.keep_days, 0.01, 90)
        object.__setattr__(self, "folder", _folder(self.folder))


@dataclass(frozen=True, slots=True)
class CorrectionsConfig:
    """Where faces are kept whose answer an owner corrects on the page; nothing unless it is given.

    Attributes:
        folder: for nothing else; ~ is the user's.
        keep_days: older ones are deleted by themselves.
    """

    folder: Path
    keep_days: float = 90.0

    def __post_init__(self) -> None:
        between("keep_days", self.keep_days, 0.01, 3650)
        object.__setattr__(self, "folder", _folder(self.folder))


@dataclass(frozen=True, slots=True)
class PageConfig:
    """The page of the cameras, which `--page` opens.

    Attributes:
        owner_keys: open everything: pictures, and settings that are changed on the page.
        viewer_keys: open what the cameras count, events and states, and neither of those.
        url: where people find the page, for links in alerts; none leaves the links out.
    """

    owner_keys: tuple[Secret, ...] = ()
    viewer_keys: tuple[Secret, ...] = ()
    url: str | None = None

    def __post_init__(self) -> None:
        require(bool(self.owner_keys or self.viewer_keys), "owner_keys", "at least one key")
        for kind in ("owner_keys", "viewer_keys"):
            for index, key in enumerate(getattr(self, kind)):
                # as it comes with each request, of which no more is left than this
                plain = key.isascii() and key.isprintable() and key == key.strip()
                valid = f"{KEY_CHARACTERS} characters or more, of ASCII and without spaces around"
                require(plain and len(key) >= KEY_CHARACTERS, f"{kind}[{index}]", valid)
        both = set(self.owner_keys) & set(self.viewer_keys)
        require(not both, "viewer_keys", "other keys than owner_keys")
        require(self.url is None or _is_page(self.url), "url", "an https:// address")


@dataclass(frozen=True, slots=True)
class WatchConfig:
    """Everything that `maskwatch watch` is told.

    Attributes:
        cameras: at least one.
        store: file of the events and counts, ~ is the user's folder; None is the one of the user.
        rules: when to tell of what.
        webhooks: who is told.
        mqtt: who is told as well.
        apprise: people who are told.
        evidence: whether pictures are kept.
        corrections: whether wrong answers can be corrected.
        page: who may open the page of the cameras.
        status_every_s: how often a line for each camera is printed.
        queue_limit: so many alerts may wait for each sink; then the oldest is given up.
    """

    cameras: tuple[CameraConfig, ...]
    store: Path | None = None
    rules: tuple[Rule, ...] = ()
    webhooks: tuple[WebhookConfig, ...] = ()
    mqtt: MqttConfig | None = None
    apprise: tuple[AppriseConfig, ...] = ()
    evidence: EvidenceConfig | None = None
    corrections: CorrectionsConfig | None = None
    page: PageConfig | None = None
    status_every_s: float = 10.0
    queue_limit: int = 1000

    def __post_init__(self) -> None:
        between("status_every_s", self.status_every_s, 0.1, 3600)
        between("queue_limit", self.queue_limit, 1, 100_000)
        require(self.store is None or bool(self.store.name), "store", "the name of a file")
        if self.store is not None:
            object.__setattr__(self, "store", _expanded("store", self.store))
        if not self.cameras:
            raise SettingError("cameras must name at least one")
        names = [camera.name for camera in self.cameras]
        check_once("cameras", names)
        check_once("rules", [rule.name for rule in self.rules])
        taken = [MQTT_SINK] if self.mqtt else []
        check_once("webhooks", [webhook.name for webhook in self.webhooks], taken)
        taken += [webhook.name for webhook in self.webhooks]
        check_once("apprise", [one.name for one in self.apprise], taken)
        for index, rule in enumerate(self.rules):
            known = set(rule.cameras) <= set(names)
            require(known, f"rules[{index}].cameras", "names of cameras that are there")
            watched = [camera for camera in self.cameras if rule.concerns(camera.name)]
            zones = {
                zone.name
                for camera in watched
                for zone in camera.zones
                if zone.kind is ZoneKind.INCLUDE
            }
            known = set(rule.zones) <= zones
            require(known, f"rules[{index}].zones", "names of zones that its cameras look at")
        for index, webhook in enumerate(self.webhooks):
            named = _names_a_machine(urlsplit(webhook.url).hostname or "")
            require(named, f"webhooks[{index}].url", "an address whose host can have that name")
        self._check_pictures()
        if self.rules and not self.sinks:
            raise SettingError("rules: nobody is told; give webhooks, apprise or mqtt")
        for kind in ("webhooks", "apprise"):
            if getattr(self, kind) and not self.rules:
                raise SettingError(f"{kind}: nothing is told; give rules")

    def _check_pictures(self) -> None:
        if self.evidence is not None:
            return
        asked = [(f"webhooks[{i}]", one.picture) for i, one in enumerate(self.webhooks)]
        asked += [(f"apprise[{i}]", one.picture) for i, one in enumerate(self.apprise)]
        asked += [("mqtt", self.mqtt.picture)] if self.mqtt else []
        for where, wanted in asked:
            require(not wanted, f"{where}.picture", "false, for no evidence is kept")

    @property
    def is_correctable(self) -> bool:
        """Whether events can be corrected: nobody could train on less than whole pictures."""
        whole = self.evidence is not None and self.evidence.picture is PictureKind.WHOLE
        return self.corrections is not None and whole

    @property
    def sinks(self) -> tuple[str, ...]:
        """Names of all who are told alerts."""
        mqtt = [MQTT_SINK] if self.mqtt else []
        webhooks = [one.name for one in self.webhooks]
        return (*webhooks, *(one.name for one in self.apprise), *mqtt)


def store_path(config: WatchConfig) -> Path:
    """The file of the events and counts."""
    return config.store or default_path()


def load_config(path: Path, variables: Mapping[str, str] = os.environ) -> WatchConfig:
    """Read the file.

    Args:
        path: YAML.
        variables: what `${NAME}` in its texts stands for.

    Raises:
        SettingError: it is not YAML, holds an unknown name, or a value out of its range.
    """
    return read_settings(path, WatchConfig, "settings", variables)


def _is_page(url: str) -> bool:
    """Whether an event's number can be put behind it for a link."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return False
    plain = url.isprintable() and not set(url) & set(" #?@")
    return plain and bool(host) and url.startswith(("https://", "http://"))


def _expanded(name: str, path: Path) -> Path:
    """A path whose ~ stands for the user's folder, as in a shell; else a folder would be called ~.

    Raises:
        SettingError: there is no such user, or none whose folder is known.
    """
    try:
        return path.expanduser()
    except RuntimeError:
        raise SettingError(f"{name} must be a path whose ~ is the folder of a user") from None


def _folder(path: Path) -> Path:
    """As _expanded; SettingError also where a file is in the way, for all in it would be lost."""
    folder = _expanded("folder", path)
    ways = filter(os.path.exists, (folder, *folder.parents))
    require(all(map(os.path.isdir, ways)), "folder", "a folder, not a file or a place inside one")
    return folder


def _names_a_machine(host: str) -> bool:
    """Whether it can be looked up: parts of 1 to 63 characters, not too many of them."""
    try:
        return 0 < len(host.encode("idna")) <= 253
    except UnicodeError:
        return False
