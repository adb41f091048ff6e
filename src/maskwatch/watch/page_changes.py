"""Zones and hours that were set on the page: a file beside the store, which people can read.

What stands there takes the place of what the settings say. The settings themselves are never
written: they have comments, an order and variables, which are their owner's.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from maskwatch.errors import SettingError
from maskwatch.files import write_text
from maskwatch.io.settings import read_settings
from maskwatch.watch.config import WatchConfig, store_path
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
    return read_settings(path, PageChanges, "changes") if path.exists() else PageChanges()


def save_changes(config: WatchConfig, changes: PageChanges) -> None:
    """Write them, whole or not at all.

    Raises:
        SettingError: the file cannot be written.
    """
    import yaml

    text = yaml.safe_dump(_plain(asdict(changes)), allow_unicode=True, sort_keys=False)
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
