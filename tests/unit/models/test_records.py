"""Plain JSON values become records that keep to their types, or one line that says where not.

Run: pytest tests/unit/models/test_records.py
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwatch.models.records import read_record, to_json


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Leaf:
    number: float
    maybe: int | None

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError("number must not be negative")


@dataclass(frozen=True, slots=True)
class Tree:
    name: str
    leaves: tuple[Leaf, ...]
    by_name: Mapping[str, Leaf]
    colour: Colour


LEAF = {"number": 1, "maybe": None}
TREE: dict[str, Any] = {"name": "a", "leaves": [LEAF], "by_name": {"b": LEAF}, "colour": "red"}


def test_values_become_records_and_unknown_names_are_left_aside() -> None:
    tree = read_record(Tree, TREE | {"more": 1})
    assert tree == Tree("a", (Leaf(1.0, None),), {"b": Leaf(1.0, None)}, Colour.RED)
    assert isinstance(tree.leaves[0].number, float)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (None, "the document must be a mapping"),
        ([], "the document must be a mapping"),
        ({"name": 1}, "name must be of the type str"),
        ({"leaves": {}}, "leaves must be a list"),
        ({"leaves": [LEAF, 3]}, r"leaves\[1\] must be a mapping"),
        ({"leaves": [{"number": "1", "maybe": 2}]}, r"leaves\[0\].number must be a number"),
        ({"leaves": [{"number": True, "maybe": 2}]}, r"leaves\[0\].number must be a number"),
        ({"leaves": [{"number": 1, "maybe": 2.0}]}, r"leaves\[0\].maybe must be of the type int"),
        ({"leaves": [{"number": 1}]}, r"leaves\[0\].maybe is missing"),
        ({"leaves": [{"number": -1, "maybe": 1}]}, r"leaves\[0\]: number must not be negative"),
        ({"by_name": []}, "by_name must be a mapping"),
        ({"by_name": {"x": None}}, r"by_name\['x'\] must be a mapping"),
        ({"colour": "green"}, "colour must be one of red, blue"),
    ],
)
def test_what_does_not_fit_is_named(changed: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        read_record(Tree, TREE | changed if isinstance(changed, dict) else changed)


LEAVES = st.builds(
    Leaf, st.floats(0, 1e9, allow_nan=False), st.none() | st.integers(-(2**40), 2**40)
)


@settings(deadline=None)
@given(
    st.builds(
        Tree,
        st.text(),
        st.lists(LEAVES).map(tuple),
        st.dictionaries(st.text(), LEAVES),
        st.sampled_from(Colour),
    )
)
def test_what_is_written_is_read_again(tree: Tree) -> None:
    assert read_record(Tree, json.loads(json.dumps(to_json(tree)))) == tree
