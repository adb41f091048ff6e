"""YAML that people write -> frozen records that check themselves.

A record is a frozen dataclass: its types say what its values must be (pydantic looks), and its
`__post_init__` what else (`require`, `between`, by the name of the attribute alone). Every mistake
is a SettingError of one line that names file, line and key and never the value: where somebody has
mistyped, the value may be a password.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import re
import types
import typing
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from maskwatch.errors import MissingExtraError, SettingError

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError
    from pydantic_core import CoreSchema, ErrorDetails
    from yaml import Mark, MarkedYAMLError, Node, SafeDumper, SafeLoader

Record = TypeVar("Record")
Place = tuple[int | str, ...]
"""Keys and positions on the way to a value."""

# far more than anybody writes by hand; a few lines of YAML can stand for thousands of millions
_MOST_VALUES = 100_000
_DEEPEST = 50
_CLOSE = 0.75  # of two names, for one to be a slip of the other
_SETTING = re.compile(r"\s*(- )?\w+:(\s|$)")
_NAME = re.compile(r"\s+(- )?\w+")
# what PyYAML says of a line that begins at the wrong column
_MISPLACED = re.compile(r"expected <block end>, but found '(<block \w+ start>|\?|-)'")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_WAY = re.compile(r"\w+(?:\[\d+\]|\.\w+)*")
# YAML 1.1, which PyYAML reads and writes, takes 1e-4 for text
_FLOAT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$")
_FLOAT_RULE = ("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))
_TEXT, _OCTAL = "tag:yaml.org,2002:str", "a leading zero"  # the second stands for nothing
_ZERO = re.compile(r"[-+]?0[0-7_]+$")  # 010 would be 8
_WORDS = {
    "missing": "is missing",
    "dataclass_type": "must be a mapping of names to values",
    "tuple_type": "must be a list",
    "string_type": "must be text, in quotes where it looks like a number",
    "path_type": "must be text",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
}


class Secret(str):
    """A text that no message and no representation shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"

    @classmethod
    def __get_pydantic_core_schema__(cls, _kind: object, _handler: object) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


def require(fine: bool, name: str, valid: str) -> None:
    """Raise a SettingError that says what is valid, unless it is fine."""
    if not fine:
        raise SettingError(f"{name} must be {valid}")


def between(name: str, value: float, low: float, high: float) -> None:
    """Raise a SettingError unless low <= value <= high."""
    require(low <= value <= high, name, f"{low:.12g} to {high:.12g}")


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
        MissingExtraError: pydantic or PyYAML is not installed.
    """
    try:
        import yaml  # noqa: F401 - parts of some extras only
        from pydantic import ValidationError
    except ModuleNotFoundError:
        raise MissingExtraError("reading settings", "watch") from None
    tree, document = _parse(path, what)
    # no error is the cause of another here: what YAML and pydantic say quotes what they read
    try:
        plain = _plain(document, variables)
        (record,) = _adapter(kind).validate_json(json.dumps([plain]))
    except (_Misplaced, ValidationError) as error:
        place, message = _mistake(error, kind, what)
        raise SettingError(f"{path}{_line(_node(tree, place))}: {message}") from None
    assert isinstance(record, kind)
    return record


def read_values(document: object, kind: type[Record], what: str = "settings") -> Record:
    """Plain values, as JSON has them, into a frozen record; see read_settings.

    Raises:
        SettingError: they hold an unknown name, or a value out of its range.
    """
    from pydantic import ValidationError

    try:
        (record,) = _adapter(kind).validate_json(json.dumps([document]))
    except ValidationError as error:
        place, message = _mistake(error, kind, what)
        wrong = SettingError(message)
        wrong.place = place
        raise wrong from None
    assert isinstance(record, kind)
    return record


def _adapter(kind: type) -> TypeAdapter[Any]:
    """Looks at a list of one record: a record by itself would have to bring the rules along."""
    from pydantic import ConfigDict, TypeAdapter

    rules = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)
    wanted: Any = types.GenericAlias(tuple, (kind,))
    return TypeAdapter(wanted, config=rules)


def _parse(path: Path, what: str) -> tuple[Node | None, Any]:
    """A file of YAML as its tree, which knows the lines, and as values."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8-sig")
        loader = _loader()(text)
        tree = loader.get_single_node()
        repeated = _repeated(tree)  # asked before `<<` brings names in that the mapping replaces
        values = None if tree is None else loader.construct_document(tree)
        opened = _open_quote(text)
    except OSError as error:
        raise SettingError(f"{path}: cannot read the {what} ({error.strerror})") from error
    except UnicodeDecodeError:
        raise SettingError(f"{path}: not valid YAML (not in UTF-8)") from None
    except yaml.MarkedYAMLError as error:
        where = error.context_mark if isinstance(error, yaml.scanner.ScannerError) else None
        line = _line(where or error.problem_mark)  # a quote that is not closed is seen at the end
        raise SettingError(f"{path}{line}: not valid YAML ({_why_no_yaml(error, text)})") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise SettingError(f"{path}: not valid YAML") from None
    if opened is not None:
        raise SettingError(f"{path}{_line(opened)}: a quote that begins here is not closed")
    if repeated is not None:
        first, again = map(_line, repeated)
        raise SettingError(f"{path}{again}: the same name as in line {first[1:]}; keep one of them")
    return tree, values


@lru_cache
def _loader() -> type[SafeLoader]:
    """PyYAML's safe one; what looks like a date or a time stays text, and 1e-4 is a number."""
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {  # noqa: RUF012 - how PyYAML wants it
            first: [(tag, regexp) for tag, regexp in found if not tag.endswith(":timestamp")]
            for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

        def resolve(self, kind: type[Node], value: Any, implicit: Any) -> str:
            tag: str = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
            if tag.endswith((":int", ":float")) and ":" in value:
                return _TEXT  # YAML 1.1 counts in sixties: 1:30 would be 90
            return _OCTAL if tag.endswith(":int") and _ZERO.match(value) else tag

    Loader.add_implicit_resolver(*_FLOAT_RULE)
    return Loader


def yaml_text(document: object) -> str:
    """Plain values, as JSON has them, as YAML that `read_settings` reads as the same."""
    import yaml

    # lines of any length: where one goes on in the next, that may look like another setting
    style: dict[str, Any] = {"allow_unicode": True, "sort_keys": False, "width": math.inf}
    return str(yaml.dump(document, Dumper=_dumper(), **style))


@lru_cache
def _dumper() -> type[SafeDumper]:
    """PyYAML's safe one, with quotes around each text that the loader takes for a number."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    Dumper.add_implicit_resolver(*_FLOAT_RULE)
    return Dumper


def _open_quote(text: str) -> Any:
    """Where a text in quotes begins that swallows settings, up to the quote of another one."""
    import yaml

    lines = text.split("\n")
    for token in yaml.scan(text):
        if isinstance(token, yaml.ScalarToken) and token.style in ("'", '"'):
            swallowed = lines[token.start_mark.line + 1 : token.end_mark.line + 1]
            if any(map(_SETTING.match, swallowed)):
                return token.start_mark
    return None


def _repeated(tree: Node | None) -> tuple[Node, Node] | None:
    """A name that stands twice in one mapping, of which YAML would keep the last in silence."""
    from yaml import MappingNode, ScalarNode, SequenceNode

    left: list[Node | None] = [tree]
    seen: set[int] = set()  # a node may stand at many places, even within itself
    while left:
        here = left.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        if isinstance(here, SequenceNode):
            left += here.value
        elif isinstance(here, MappingNode):
            names: dict[str, Node] = {}
            for key, value in here.value:
                left.append(value)
                if isinstance(key, ScalarNode):
                    if key.value in names:
                        return names[key.value], key
                    names[key.value] = key
    return None


class _Misplaced(Exception):
    """A value that stands for nothing: its place and what is wrong with it."""

    def __init__(self, place: Place, reason: str) -> None:
        super().__init__()
        self.place, self.reason = place, reason


def _plain(document: Any, variables: Mapping[str, str] | None) -> Any:
    """The document as JSON has it, with each `${NAME}` in its texts replaced."""
    left = _MOST_VALUES

    def plain(value: Any, place: Place) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or len(place) > _DEEPEST:
            raise _Misplaced((), " holds more than anybody can mean")
        if isinstance(value, dict):
            if not all(isinstance(key, str) for key in value):
                raise _Misplaced(place, " must have names that are texts")
            return {key: plain(one, (*place, key)) for key, one in value.items()}
        if isinstance(value, list):
            return [plain(one, (*place, number)) for number, one in enumerate(value)]
        if isinstance(value, str):
            if "\0" in value:  # no system takes it in a name, and none of ours in a password
                raise _Misplaced(place, " must not hold a null character")
            return _filled(value, variables, place)
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return value if abs(value) < 2**63 else float("inf")  # longer ones cannot be written
        raise _Misplaced(place, " must be a text, a number or a list")

    return plain(document, ())


def _filled(text: str, variables: Mapping[str, str] | None, place: Place) -> str:
    """The text with each `${NAME}` replaced."""
    if variables is None:
        return text
    for name in _VARIABLE.findall(text):
        if not variables.get(name):  # an empty password would be worse than none
            found = "has an empty" if name in variables else "has no"
            raise _Misplaced(place, f": the environment {found} variable {name}")
    return _VARIABLE.sub(lambda found: variables[found[1]], text)


def _why_no_yaml(error: MarkedYAMLError, text: str) -> str:
    problem = error.problem or ""
    if _OCTAL in problem:
        return "a number that begins with 0; leave the 0 away, or put a text in quotes"
    if problem == "but found another document":
        return "a file holds one document; this line begins another"
    if type(error).__name__ == "ConstructorError":
        return "no tag such as !this is known"
    if r"'\t'" in problem:
        return "a tab; indent with spaces"
    if _MISPLACED.match(problem) or _begins_setting(error.problem_mark, text):
        return "check how this line is indented"
    return "text with : # @ % * ! & or quotes in it must be in quotes"


def _begins_setting(mark: Mark | None, text: str) -> bool:
    """Whether a mark is at the first colon of its line, after the name of a setting."""
    if mark is None:
        return False
    (line,) = text.split("\n")[mark.line : mark.line + 1] or [""]
    return line[mark.column :].startswith(":") and bool(_NAME.fullmatch(line[: mark.column]))


def _mistake(error: ValidationError | _Misplaced, kind: type, what: str) -> tuple[Place, str]:
    """Where the first mistake is, and what is said of it; a name that is none comes first."""
    if isinstance(error, _Misplaced):
        return error.place, (_named(kind, error.place) or what) + error.reason
    order = {"unexpected_keyword_argument": 0, "missing": 2}
    found = min(error.errors(include_url=False), key=lambda one: order.get(one["type"], 1))
    place = tuple(part for part in found["loc"][1:] if part not in ("str", "int"))  # of unions
    named = _named(kind, place)
    if found["type"] == "value_error":  # what a record says of itself, from an attribute's name on
        said = str(found["ctx"]["error"])
        way = _WAY.match(said)
        inner = re.findall(r"\w+", way[0]) if way else ()
        place += tuple(int(part) if part.isdigit() else part for part in inner)
        return place, f"{named}{'.' * bool(named)}{said}"
    if found["type"] == "unexpected_keyword_argument":
        known = list(typing.get_type_hints(_record_at(kind, place)))
        meant = difflib.get_close_matches(str(place[-1]), known, 1, _CLOSE)
        perhaps = f", perhaps for {meant[0]}" if meant else ""
        return place, f"{named or what}: unknown name{perhaps}; known are {', '.join(known)}"
    return place, f"{named or what} {_wanted(found)}"


def _wanted(found: ErrorDetails) -> str:
    """What a value must be."""
    if found["type"] == "enum":
        return "must be one of " + ", ".join(re.findall(r"'([^']*)'", found["ctx"]["expected"]))
    if found["type"] == "too_long":
        return f"must be a list of {found['ctx']['max_length']} values"
    return _WORDS.get(found["type"], "is not valid")


def _named(kind: type, place: Place) -> str:
    """The way to a value, such as cameras[0].source, as far as the record has names for it."""
    words = ""
    for end, part in enumerate(place, start=1):
        if isinstance(part, str) and part not in typing.get_type_hints(
            _record_at(kind, place[:end])
        ):
            break
        words += f"[{part}]" if isinstance(part, int) else f".{part}"
    return words.removeprefix(".")


def _record_at(kind: Any, place: Place) -> Any:
    """The record that the last name of a way is one of, or should be; None where there is none."""
    for part in place[:-1]:
        if isinstance(part, str):
            kind = typing.get_type_hints(kind).get(part)
        while kind is not None and not dataclasses.is_dataclass(kind):  # in a tuple, or else None
            kind = next((one for one in typing.get_args(kind) if isinstance(one, type)), None)
    return kind


def _node(tree: Node | None, place: Place) -> Node | None:
    """The deepest node on the way to a place; that of a key where there is one."""
    from yaml import MappingNode, SequenceNode

    here = shown = tree
    for part in place:
        if isinstance(here, SequenceNode) and isinstance(part, int) and part < len(here.value):
            here = shown = here.value[part]
        elif isinstance(here, MappingNode):
            shown, here = next(
                (pair for pair in here.value if pair[0].value == part), (shown, here)
            )
    return shown


def _line(at: Any) -> str:
    """:LINE of a mark or node, counted from 1."""
    mark = getattr(at, "start_mark", at)
    return f":{mark.line + 1}" if mark is not None else ""
