"""Frozen records from YAML: every mistake is one line that names the key, and no secret is shown.

Run: pytest tests/unit/io/test_settings.py
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.errors import SettingError
from maskwatch.io.settings import Secret, between, read_settings, require, yaml_text


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
    sunroof: bool = False
    ends_px: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        require(self.seats > 0, "seats", "more than 0")


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
        ("wheels: [&w {size_px: 2, name: a}, {<<: *w, size_px: 3}]",
         Car(wheels=(Wheel(2.0, "a"), Wheel(3.0, "a")))),
        ("spare: null", Car()),
        ("spare: {size_px: 1}", Car(spare=Wheel(1.0))),
        ("colours: [blue, red]", Car(colours=(Colour.BLUE, Colour.RED))),
        ("plate: 7", Car(plate=7)),
        ("plate: 'a\n  b'", Car(plate="a b")),
        ("plate: '7'", Car(plate="7")),
        ("sunroof: true", Car(sunroof=True)),
        ("ends_px: [1, 2.5]", Car(ends_px=(1.0, 2.5))),
        ("folder: some/where", Car(folder=Path("some/where"))),
        ("key: a ${B}c${B}", Car(key=Secret("a xyzcxyz"))),
        ("plate: $B {B} $$", Car(plate="$B {B} $$")),
        ("plate: 2026-99-99", Car(plate="2026-99-99")),
        ("plate: 1:30", Car(plate="1:30")),  # a time, not 90
        ("plate: -1:30.5", Car(plate="-1:30.5")),
        ("plate: '010'", Car(plate="010")),
        ("ends_px: [0, 010.5]", Car(ends_px=(0.0, 10.5))),
        ("---\nseats: 0x10", Car(seats=16)),
        ("wheels: [{size_px: 2e0}]", Car(wheels=(Wheel(2.0),))),
        ("\N{BYTE ORDER MARK}seats: 3", Car(seats=3)),
        ("plate: ${ODD}", Car(plate="a: [1] ${B} é\n")),
    ],
)  # fmt: skip
def test_what_a_file_says(tmp_path: Path, text: str, expected: Car) -> None:
    assert read(tmp_path, text, B="xyz", ODD="a: [1] ${B} é\n") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", " car must be a mapping of names to values"),
        ("{", r"1: not valid YAML \(text with"),
        ("seats: 4\nplate: 'a\n b\nseats: 3", "2: not valid YAML"),
        ('seats: 4\nplate: "a\nwheels:\n  - name: b\nkey: "x"', "5: not valid YAML"),
        ('seats: 4\nplate: "a\nkey: x"\nseats: 3', "2: a quote that begins here is not closed$"),
        ("seats: 4\nplate: a\nseats: 3", "3: the same name as in line 1; keep one of them$"),
        ("wheels:\n- {size_px: 2, size_px: 3}", "2: the same name as in line 2; keep one"),
        ("wheels: [{size_px: 2, name: 'a\nseats: 3\nplate: b'}]", "1: a quote that begins here"),
        ("plate: !tag x", "1: not valid YAML .no tag such as"),
        ("seats: " + "9" * 5000, " not valid YAML$"),
        ("seats: " + "9" * 400, "1: seats must be a whole number"),
        ("[" * 20_000, " not valid YAML$"),
        ("wheels:\n\t- size_px: 2", r"2: not valid YAML \(a tab; indent with spaces\)$"),
        ("wheels:\n  - size_px: 2\n\tname: a", r"3: not valid YAML \(a tab; indent with spaces\)"),
        ("spare:\n  size_px: 2\n    name: a", r"3: not valid YAML \(check how this line is ind"),
        ("spare:\n  size_px: 2\n name: a", r"3: not valid YAML \(check how this line is ind"),
        ("wheels:\n  - size_px: 2\n  name: a", r"3: not valid YAML \(check how this line is ind"),
        ("seats: 4\nplate: a: b", r"2: not valid YAML \(text with"),
        ("seats: 4\nwheel:\n  - size_px: 2", "2: car: unknown name, perhaps for wheels"),
        ("seats: 4\nspare:\n  name: a", r"2: spare\.size_px is missing"),
        ("wheels:\n\n  3", "1: wheels must be a list"),
        ("plate: !!binary aGk=", "1: plate must be a text, a number or a list"),
        ("a: &a [*a]", "1: car holds more than anybody can mean"),
        ("a: &a [" + "1, " * 999 + "1]\nb: [" + "*a, " * 999 + "1]", "1: car holds more than"),
        ("{3: 4}", "1: car must have names that are texts"),
        ("doors: 3", "1: car: unknown name; known are wheels, spare,"),
        ("seats: 3\nplates: 3", "2: car: unknown name, perhaps for plate; known are wheels,"),
        ('plate: "a\\0b"', "1: plate must not hold a null character"),
        ('plate: "\\ud800"', "1: car is not valid"),
        ("12345: 12345", "1: car must have names that are texts"),
        ("a12345: ${NOWHERE}", "1: car: the environment has no variable NOWHERE"),
        ("wheels: 3", "1: wheels must be a list"),
        ("wheels: [3]", r"1: wheels\[0\] must be a mapping"),
        ("wheels:\n  - size_px: 2\n  - {}", r"3: wheels\[1\]\.size_px is missing"),
        ("wheels:\n  - size_px: 2\n  - name: a\n    size_px: 10",
         r"4: wheels\[1\]\.size_px must be 1 to 9$"),
        ("wheels: [{size_px: wide}]", r"1: wheels\[0\]\.size_px must be a number"),
        ("wheels: [{size_px: .nan}]", r"1: wheels\[0\]\.size_px must be 1 to 9"),
        ("wheels: [{size_px: 2, age: 1}]",
         r"1: wheels\[0\]: unknown name; known are size_px, name"),
        ("wheels: [{size_px: 2, name: 3}]", r"1: wheels\[0\]\.name must be text, in quotes where"),
        ("spare: {size_px: 0}", r"1: spare\.size_px must be 1 to 9"),
        ("spare: {width: 0}", r"1: spare: unknown name; known are size_px, name"),
        ("colours: [green]", r"1: colours\[0\] must be one of red, blue$"),
        ("colours: [[]]", r"1: colours\[0\] must be one of"),
        ("plate: []", "1: plate must be text"),
        ("plate: true", "1: plate must be text"),
        ("folder: 3", "1: folder must be text"),
        ("ends_px: [1]", r"1: ends_px\[1\] is missing"),
        ("ends_px: [1, 2, 3]", "1: ends_px must be a list of 2 values"),
        ("key: 12345", "1: key must be text, in quotes where it looks like a number$"),
        ("key: ${NOWHERE}", "1: key: the environment has no variable NOWHERE$"),
        ("key: ${EMPTY}", "1: key: the environment has an empty variable EMPTY$"),
        ("seats: 0", "1: seats must be more than 0$"),
        ("seats: 1:30", "1: seats must be a whole number"),
        ("ends_px: [0, 1:30.5]", r"1: ends_px\[1\] must be a number"),
        ("sunroof: true\nseats: 010", r"2: not valid YAML \(a number that begins with 0; leave"),
        ("key: -012345", r"1: not valid YAML \(a number that begins with 0; leave the 0 away, or"),
        ("seats: 4\n---\nseats: 3", r"2: not valid YAML \(a file holds one document; this line"),
        ("seats: 4\n---", r"2: not valid YAML \(a file holds one document; this line begins"),
        ("seats: 1.5", "1: seats must be a whole number"),
        ("seats: true", "1: seats must be a whole number"),
        ("sunroof: 'yes'", "1: sunroof must be true or false"),
        ("\xff", "1: car must be a mapping"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingError, match=rf"car\.yaml:{message}") as caught:
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


TEXTS = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=90)
NUMBERS = st.from_regex(r"[-+]?[0-9]?[.]?[0-9_]{0,3}([eE][-+]?[0-9]{1,2})?", fullmatch=True)


@given(st.lists(st.one_of(TEXTS, NUMBERS), max_size=5))
def test_a_text_that_is_written_is_read_as_the_same(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "car.yaml"
    wheels = [{"size_px": 1.0, "name": text} for text in texts]
    path.write_text(yaml_text({"wheels": wheels}), encoding="utf-8", newline="")
    assert read_settings(path, Car).wheels == tuple(Wheel(1.0, text) for text in texts)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(1, 1_000_000, "1 to 1000000"), (0.01, 3650, "0.01 to 3650"), (1e-9, 1, "1e-09 to 1")],
)
def test_a_range_is_said_in_numbers_that_can_be_typed(low: float, high: float, words: str) -> None:
    with pytest.raises(SettingError, match=f"^size must be {words}$"):
        between("size", high + 1, low, high)
