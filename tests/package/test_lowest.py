"""Every dependency has one floor, and the floors are told as exact versions to try.

Run: pytest tests/package/test_lowest.py
"""

from __future__ import annotations

import sys

import pytest
from support.paths import ROOT

sys.path.append(str(ROOT / "scripts"))
from lowest import PYPROJECT, floors


def project(needs: list[str], **parts: list[str]) -> str:
    lines = [f"{name} = {part}" for name, part in parts.items()]
    head = f"[project]\ndependencies = {needs}\n[project.optional-dependencies]\n"
    return head + "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (project([]), []),
        (project(["b>=2", "A-b[c]>=1.5"]), ["a-b==1.5", "b==2"]),
        (project(["a>=1"], live=["a>=1", "maskwatch[x]"], dev=["t>=1"]), ["a==1"]),
        (
            project(["a>=1; os_name == 'nt'", "a>=2; os_name != 'nt'"]),
            ["a==2 ; os_name != 'nt'", "a==1 ; os_name == 'nt'"],
        ),
    ],
)
def test_floors(text: str, expected: list[str]) -> None:
    assert list(floors(text)) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (project(["a"]), "'a' has no floor"),
        (project(["a==1"]), "'a==1' has no floor"),
        (project(["a>=1"], live=["a>=2"]), "a has two floors"),
    ],
)
def test_what_is_no_floor(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        list(floors(text))


def test_our_own_floors_stand_in_the_locked_set_or_below() -> None:
    from packaging.requirements import Requirement

    locked = {
        line.partition("==")[0].lower().replace("_", "-"): line.partition("==")[2].strip()
        for line in (PYPROJECT.parent / "constraints.txt").read_text().splitlines()
    }
    own = [Requirement(line) for line in floors(PYPROJECT.read_text(encoding="utf-8"))]
    assert len(own) > 20
    for floor in own:
        (exact,) = floor.specifier
        if (version := locked.get(floor.name)) is not None:
            assert Requirement(f"{floor.name}>={exact.version}").specifier.contains(version)
