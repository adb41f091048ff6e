"""Plain JSON values -> frozen records that keep to their types, and back; what differs is named."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar

Record = TypeVar("Record")


def read_record(kind: type[Record], value: object, where: str = "") -> Record:
    """A record from plain values; names that it does not have are left aside.

    Args:
        kind: a dataclass whose fields are records, `tuple[T, ...]`, `Mapping[str, T]`, optional
            values, enumerations, str, bool, int or float.
        value: what `json.loads` gives.
        where: what to call it in messages.

    Raises:
        ValueError: something is missing or of another kind.
    """
    _check(isinstance(value, dict), where or "the document", "a mapping of names to values")
    assert isinstance(value, dict)
    values = {}
    for name, hint in _hints(typing.cast(Any, kind)).items():
        place = f"{where}.{name}" if where else name
        if name not in value:
            raise ValueError(f"{place} is missing")
        values[name] = _value(hint, value[name], place)
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}" if where else str(error)) from error


def to_json(value: Any) -> Any:
    """Plain JSON values of a record, which `read_record` makes the same record of."""
    if dataclasses.is_dataclass(value):
        return {
            field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    return value.value if isinstance(value, Enum) else value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _value(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return read_record(typing.cast("type[Any]", hint), value, where)
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:  # T | None
        return None if value is None else _value(parts[0], value, where)
    if origin is tuple:
        _check(isinstance(value, list), where, "a list")
        return tuple(_value(parts[0], item, f"{where}[{n}]") for n, item in enumerate(value))
    if origin is Mapping:
        _check(isinstance(value, dict), where, "a mapping of names to values")
        return {key: _value(parts[1], item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(hint, type) and issubclass(hint, Enum):
        _check(value in [member.value for member in hint], where, f"one of {', '.join(hint)}")
        return hint(value)
    if hint is float:
        _check(isinstance(value, int | float) and not isinstance(value, bool), where, "a number")
        return float(value)
    _check(type(value) is hint, where, f"of the type {hint.__name__}")
    return value


def _check(fine: bool, where: str, wanted: str) -> None:
    if not fine:
        raise ValueError(f"{where} must be {wanted}")
