"""Write the map of the package into CONTRIBUTING.md: every module, in the words of its docstring.

Run: .venv/bin/python scripts/file_map.py
"""

from __future__ import annotations

import argparse
import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "maskwatch"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
HEADING = "## What each file is for\n"


def first_sentence(path: Path) -> str:
    """What a module's docstring says first, on one line."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(docstring.split("\n\n")[0].split()).split(". ")[0].rstrip(".:")


def file_map() -> str:
    """The section of CONTRIBUTING.md: a table for each folder."""
    lines = [HEADING, "Written by `scripts/file_map.py` from the first sentence of each.\n"]
    for folder in sorted({path.parent for path in PACKAGE.rglob("*.py")}):
        name = folder.relative_to(PACKAGE.parent).as_posix()
        lines.append(f"**{name}/**: {first_sentence(folder / '__init__.py')}\n")
        files = [path for path in sorted(folder.glob("*.py")) if path.name != "__init__.py"]
        if files:
            lines += ["| | |", "|---|---|"]
            lines += [f"| `{path.name}` | {_cell(first_sentence(path))} |" for path in files]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def with_map(text: str) -> str:
    """CONTRIBUTING.md with its last section written anew."""
    return text.partition(HEADING)[0].rstrip() + "\n\n" + file_map()


def main() -> None:
    """Write it."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    CONTRIBUTING.write_text(with_map(CONTRIBUTING.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
