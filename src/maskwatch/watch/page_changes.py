"""What is told on the page of the cameras: zones and hours that were set, wrong answers.

Zones and hours stand in a file beside the store, which people can read, and take the place of what
the settings say. The settings themselves are never written: they have comments, an order and
variables, which are their owner's. A wrong answer is kept with what the face really shows.
"""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from maskwatch.errors import DataError, SettingError
from maskwatch.files import write_text
from maskwatch.io.settings import read_settings, require, yaml_text
from maskwatch.schema import MaskState
from maskwatch.store.corrections import NO_FACE, Correction, CorrectionStore
from maskwatch.watch.config import WatchConfig, store_path
from maskwatch.watch.evidence import EvidenceFolder
from maskwatch.watch.hours import Hours
from maskwatch.watch.zones import Zone, check_zones

_HEAD = "# Written by the page of maskwatch watch; takes the place of what the settings say.\n"


@dataclass(frozen=True, slots=True)
class CameraZones:
    """All zones of one camera."""

    camera: str
    zones: tuple[Zone, ...]

    def __post_init__(self) -> None:
        check_zones(self.zones)


@dataclass(frozen=True, slots=True)
class RuleHours:
    """The hours of one rule; None means at any time."""

    rule: str
    hours: Hours | None


@dataclass(frozen=True, slots=True)
class PageChanges:
    """Everything that was set on the page.

    Attributes:
        zones: of cameras that were changed.
        hours: of rules that were changed.
    """

    zones: tuple[CameraZones, ...] = ()
    hours: tuple[RuleHours, ...] = ()

    def having(self, change: CameraZones | RuleHours) -> PageChanges:
        """These and another one, which takes the place of an earlier one."""
        if isinstance(change, CameraZones):
            others = tuple(one for one in self.zones if one.camera != change.camera)
            return replace(self, zones=(*others, change))
        rest = tuple(one for one in self.hours if one.rule != change.rule)
        return replace(self, hours=(*rest, change))

    def applied(self, config: WatchConfig) -> WatchConfig:
        """The settings with these changes; those of cameras and rules that are gone are nothing.

        Raises:
            SettingError: they do not go together, such as a rule for a zone that is no more.
        """
        zones = {one.camera: one.zones for one in self.zones}
        hours = {one.rule: one.hours for one in self.hours}
        return replace(
            config,
            cameras=tuple(
                replace(one, zones=zones.get(one.name, one.zones)) for one in config.cameras
            ),
            rules=tuple(replace(one, hours=hours.get(one.name, one.hours)) for one in config.rules),
        )


def changes_path(config: WatchConfig) -> Path:
    """Where they stand."""
    return store_path(config).with_suffix(".page.yaml")


def load_changes(config: WatchConfig) -> PageChanges:
    """What was set on the page so far.

    Raises:
        SettingError: the file is not what the page writes.
    """
    path = changes_path(config)
    if not os.path.lexists(path):  # also where its name is too long for any file
        return PageChanges()
    return read_settings(path, PageChanges, "changes")


def save_changes(config: WatchConfig, changes: PageChanges) -> None:
    """Write them, whole or not at all.

    Raises:
        SettingError: the file cannot be written.
    """
    text = yaml_text(_plain(asdict(changes)))
    write_text(changes_path(config), _HEAD + text, SettingError)


def with_changes(config: WatchConfig) -> WatchConfig:
    """The settings as they hold, with what was set on the page.

    Raises:
        SettingError: they do not go together any more; the file says what to look at.
    """
    try:
        return load_changes(config).applied(config)
    except SettingError as error:
        path = changes_path(config)
        if str(error).startswith(str(path)):
            raise
        raise SettingError(f"{path}: {error}; put it right there, or move the file away") from error


def _plain(value: Any) -> Any:
    """Values as YAML has them: lists and texts instead of tuples and members."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, str) else value


_LOG = logging.getLogger(__name__)

_CHOICES = (*(state.value for state in MaskState), NO_FACE)


@dataclass(frozen=True, slots=True)
class EventCorrection:
    """What the face of an event shows.

    Attributes:
        event: its number.
        shows: a state, "unsure" where nobody can tell, or "no_face"; None takes back what was kept.
    """

    event: str
    shows: str | None

    def __post_init__(self) -> None:
        require(self.shows in (*_CHOICES, None), "shows", f"null or one of {', '.join(_CHOICES)}")


class Corrector:
    """Keeps corrected faces of events, and takes them back; for several threads."""

    def __init__(self, evidence: EvidenceFolder, store: CorrectionStore) -> None:
        """Begin with what is kept there.

        Args:
            evidence: keeps the faces of events.
            store: keeps those of them that were corrected.
        """
        self.keep_days = store.keep_days
        self._evidence = evidence
        self._store = store
        self._changing = threading.Lock()

    def correctable(self) -> set[str]:
        """The events whose face is kept."""
        return self._evidence.face_ids()

    def corrected(self) -> dict[str, str]:
        """What was said that faces show, by the numbers of their events."""
        try:
            return {
                one.event_id: NO_FACE if one.right is None else one.right.value
                for one in self._store.entries()
                if one.event_id is not None
            }
        except DataError as error:  # the events are worth more
            _LOG.error("corrections: %s", error)
            return {}

    def correct(self, change: EventCorrection) -> None:
        """Keep what the face of an event shows, in the place of what was kept of it before.

        Raises:
            SettingError: no face of this event is kept.
            DataError: something cannot be read or written.
        """
        with self._changing:
            before = [
                one.correction_id for one in self._store.entries() if one.event_id == change.event
            ]
            if change.shows is not None:
                self._keep(change.event, change.shows)
            self._store.delete(before)

    def _keep(self, event_id: str, shows: str) -> Correction:
        found = self._evidence.find_face(event_id)
        if found is None:
            raise SettingError("event: its face is not kept, or no longer")
        right = None if shows == NO_FACE else MaskState(shows)
        return self._store.keep(
            found.image_rgb, found.face, right, found.source, found.model, event_id
        )
