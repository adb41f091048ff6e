"""Frozen records from YAML: every mistake is one line that names the key, and no secret is shown.

Run: pytest tests/test_records.py
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest

from maskwatch.errors import SettingError
from maskwatch.settings import Secret, between, read_settings, require


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


NO_KEY = Secret("")


@dataclass(frozen=True)
class Wheel:
    size_px: float
    name: str = "wheel"

    def __post_init__(self) -> None:
        between("size_px", self.size_px, 1, 9)


@dataclass(frozen=True)
class Car:
    wheels: tuple[Wheel, ...] = ()
    spare: Wheel | None = None
    colours: tuple[Colour, ...] = (Colour.RED,)
    plate: str | int = "none"
    folder: Path | None = None
    key: Secret = NO_KEY
    seats: int = 4

    def __post_init__(self) -> None:
        require(self.seats > 0, "seats", self.seats, "more than 0")


def read(tmp_path: Path, text: str, **variables: str) -> Car:
    (tmp_path / "car.yaml").write_text(text, encoding="utf-8")
    return read_settings(tmp_path / "car.yaml", Car, "car", variables)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", Car()),
        ("wheels: []", Car()),
        ("wheels: [{size_px: 2}, {size_px: 3.5, name: left}]",
         Car(wheels=(Wheel(2.0), Wheel(3.5, "left")))),
        ("spare: null", Car()),
        ("spare: {size_px: 1}", Car(spare=Wheel(1.0))),
        ("colours: [blue, red]", Car(colours=(Colour.BLUE, Colour.RED))),
        ("plate: 7", Car(plate=7)),
        ("plate: '7'", Car(plate="7")),
        ("folder: some/where", Car(folder=Path("some/where"))),
        ("key: a ${B}c${B}", Car(key=Secret("a xyzcxyz"))),
        ("plate: $B {B} $$", Car(plate="$B {B} $$")),
        ("plate: ${ODD}", Car(plate="a: [1] ${B} é\n")),
    ],
)  # fmt: skip
def test_what_a_file_says(tmp_path: Path, text: str, expected: Car) -> None:
    assert read(tmp_path, text, B="xyz", ODD="a: [1] ${B} é\n") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "car must be a mapping of names to values"),
        ("{", "not valid YAML"),
        ("doors: 3", "unknown doors; known are wheels, spare,"),
        ("wheels: 3", "wheels must be a list, not 3"),
        ("wheels: [3]", r"wheels\[0\] must be a mapping"),
        ("wheels: [{size_px: 2}, {}]", r"wheels\[1\]\.size_px is missing"),
        ("wheels: [{size_px: 2}, {size_px: 10}]", r"wheels\[1\]\.size_px must be 1 to 9, not 10"),
        ("wheels: [{size_px: wide}]", r"wheels\[0\]\.size_px must be float, not 'wide'"),
        ("wheels: [{size_px: 2, age: 1}]", r"unknown wheels\[0\]\.age; known are size_px, name"),
        ("wheels: [{size_px: 2, name: 3}]", r"wheels\[0\]\.name must be text, not 3"),
        ("spare: {size_px: 0}", r"spare\.size_px must be 1 to 9"),
        ("colours: [green]", r"colours\[0\] must be one of red, blue, not 'green'"),
        ("colours: [[]]", r"colours\[0\] must be one of"),
        ("plate: []", r"plate must be text, not \[\]"),
        ("plate: true", "plate must be text, not True"),
        ("folder: 3", "folder must be text, not 3"),
        ("key: 12345", "key must be text, in quotes where it looks like a number$"),
        ("key: ${NOWHERE}", "key: the environment has no variable NOWHERE$"),
        ("key: ${EMPTY}", "key: the environment has no variable EMPTY$"),
        ("seats: 0", "seats must be more than 0, not 0"),
        ("seats: 1.5", "seats must be int, not 1.5"),
        ("\xff", "car must be a mapping"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingError, match=rf"car\.yaml: {message}") as caught:
        read(tmp_path, text, EMPTY="")
    assert "\n" not in str(caught.value) and "12345" not in str(caught.value)


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"none\.yaml: cannot read the car \(No such file"):
        read_settings(tmp_path / "none.yaml", Car, "car")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingError, match=r"bytes\.yaml: not valid YAML"):
        read_settings(tmp_path / "bytes.yaml", Car, "car")


def test_a_secret_shows_in_no_representation() -> None:
    car = Car(key=Secret("hidden"))
    assert "hidden" not in repr(car) and f"{car!r}".count("***") == 1
    assert car.key == "hidden"
