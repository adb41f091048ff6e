"""Plain values, as YAML or JSON hold them -> frozen records that check themselves.

A record is a frozen dataclass; its types say what its values must be, and its `__post_init__` what
else (`require`, `between`, by the name of the attribute alone: the place within the file is added
here). Every mistake is a SettingError of one line that names the key.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from maskwatch.errors import SettingError

Record = TypeVar("Record")


class Secret(str):
    """A text that no message and no representation shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"


_VARIABLE = re.compile(r"\$\{(\w+)\}")


def require(fine: bool, name: str, value: object, valid: str) -> None:
    """Raise a SettingError that says what is valid, unless the value is fine."""
    if not fine:
        raise SettingError(f"{name} must be {valid}, not {value!r}")


def between(name: str, value: float, low: float, high: float) -> None:
    """Raise a SettingError unless low <= value <= high."""
    require(low <= value <= high, name, value, f"{low:g} to {high:g}")


def read_settings(
    path: Path,
    kind: type[Record],
    what: str = "recipe",
    variables: Mapping[str, str] | None = None,
) -> Record:
    """Read a YAML file into a frozen record, whatever is not in it at its default.

    Args:
        path: the file.
        kind: the record.
        what: what the file is called in messages.
        variables: what may stand for `${NAME}` in texts; None leaves texts as they are.

    Raises:
        SettingError: it is not YAML, holds an unknown name, or a value out of its range.
    """
    import yaml  # a part of some extras only

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"{path}: cannot read the {what} ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise SettingError(f"{path}: not valid YAML ({reason})") from error
    try:
        record = _Reader(what, variables).record(kind, document, "")
    except SettingError as error:
        raise SettingError(f"{path}: {error}") from error
    assert isinstance(record, kind)
    return record


@dataclasses.dataclass(frozen=True, slots=True)
class _Reader:
    what: str
    variables: Mapping[str, str] | None

    def record(self, kind: Any, values: Any, where: str) -> Any:
        """Make a record, naming the first key that does not fit."""
        if not isinstance(values, dict):
            name = where.rstrip(".") or self.what
            raise SettingError(f"{name} must be a mapping of names to values")
        hints = typing.get_type_hints(kind)
        unknown = [key for key in values if key not in hints]
        if unknown:
            raise SettingError(f"unknown {where}{unknown[0]}; known are {', '.join(hints)}")
        for field in dataclasses.fields(kind):
            if field.default is dataclasses.MISSING and field.name not in values:
                raise SettingError(f"{where}{field.name} is missing")
        ready = {
            name: self.value(hints[name], value, where + name) for name, value in values.items()
        }
        try:
            return kind(**ready)
        except SettingError as error:
            raise SettingError(f"{where}{error}") from error

    def value(self, hint: Any, value: Any, where: str) -> Any:
        """Make one value of the wanted type."""
        if isinstance(hint, types.UnionType):
            return self._any_of(hint, value, where)
        if dataclasses.is_dataclass(hint):
            return self.record(hint, value, f"{where}.")
        if isinstance(hint, types.GenericAlias):
            return self._list(typing.get_args(hint), value, where)
        if isinstance(hint, type) and issubclass(hint, StrEnum):
            valid = ", ".join(hint)
            require(value in list(hint), where, value, f"one of {valid}")
            return hint(value)
        if hint is Path and isinstance(value, str):
            return Path(self._text(value, where))
        if hint is Secret:
            if not isinstance(value, str):
                raise SettingError(f"{where} must be text, in quotes where it looks like a number")
            return Secret(self._text(value, where))
        if hint is str and isinstance(value, str):
            return self._text(value, where)
        if hint is float and isinstance(value, int | str) and not isinstance(value, bool):
            try:
                return float(value)  # YAML reads 1e-4 as text
            except ValueError:
                pass
        if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
            name = "text" if hint in (str, Path) else hint.__name__
            raise SettingError(f"{where} must be {name}, not {value!r}")
        return value

    def _any_of(self, hint: types.UnionType, value: Any, where: str) -> Any:
        """A value of one of several types, the first where it is of none of them."""
        kinds = typing.get_args(hint)
        if value is None and types.NoneType in kinds:
            return None
        return self.value(next((k for k in kinds if type(value) is k), kinds[0]), value, where)

    def _list(self, kinds: tuple[Any, ...], value: Any, where: str) -> Any:
        """As many values as the record wants, or any number of one kind."""
        if kinds[-1] is Ellipsis:
            if not isinstance(value, list):
                raise SettingError(f"{where} must be a list, not {value!r}")
            return tuple(
                self.value(kinds[0], item, f"{where}[{index}]") for index, item in enumerate(value)
            )
        if not isinstance(value, list) or len(value) != len(kinds):
            raise SettingError(f"{where} must be a list of {len(kinds)} values, not {value!r}")
        return tuple(self.value(kind, item, where) for kind, item in zip(kinds, value, strict=True))

    def _text(self, value: str, where: str) -> str:
        """The text with each `${NAME}` replaced."""
        if self.variables is None:
            return value
        for name in _VARIABLE.findall(value):
            if not self.variables.get(name):  # an empty password would be worse than none
                raise SettingError(f"{where}: the environment has no variable {name}")
        variables = self.variables
        return _VARIABLE.sub(lambda found: variables[found[1]], value)
