"""Prints the floors of pyproject.toml as exact versions, to try that each of them really holds.

    python scripts/lowest.py > constraints-lowest.txt      # what `make test-lowest` installs

The tools of developers are left out: what they need does not reach users.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"

_FLOOR = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)(\[[^]]*\])?>=(?P<version>[^;,\s]+)(?P<where>\s*;.*)?"
)
_OWN = re.compile(r"maskwatch\[")
_TOOLS = ("dev", "lock", "scale-test", "fuzz")


def floors(pyproject: str) -> Iterator[str]:
    """A constraint a package, sorted, from the text of a pyproject.toml.

    Raises:
        ValueError: a dependency has no floor, or one package has two.
    """
    project = tomllib.loads(pyproject)["project"]
    parts = project["optional-dependencies"]
    needed = project["dependencies"] + [
        line for part in parts if part not in _TOOLS for line in parts[part]
    ]
    versions: dict[tuple[str, str], str] = {}
    for line in needed:
        if _OWN.match(line):
            continue
        if (floor := _FLOOR.fullmatch(line)) is None:
            raise ValueError(f"pyproject.toml: {line!r} has no floor, such as name>=1.2")
        key = floor["name"].lower(), (floor["where"] or "").strip()
        if versions.setdefault(key, floor["version"]) != floor["version"]:
            raise ValueError(f"pyproject.toml: {floor['name']} has two floors")
    for (name, where), version in sorted(versions.items()):
        yield f"{name}=={version} {where}".rstrip()


def main() -> None:
    """Print them."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    for line in floors(PYPROJECT.read_text(encoding="utf-8")):
        print(line)


if __name__ == "__main__":
    main()
