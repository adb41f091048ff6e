"""Runs the notebook from start to end and writes it down twice: as it is, and as a page.

    make notebook      # or: python scripts/run_notebook.py [NOTEBOOK.ipynb]

The page (NOTEBOOK.md and its pictures beside it) is what the documentation site shows. `--page`
writes it anew without running anything. Nothing of the machine stays in the notebook: no paths, no
times, no warnings of libraries. With MASKWATCH_EVERY, for a part of the pictures, the result goes
to runs/notebook, for the numbers of the documentation are those of the usual part.
"""

from __future__ import annotations

import argparse
import base64
import os
import re
from pathlib import Path
from typing import Any

import nbformat

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "docs" / "notebook" / "report_retold.ipynb"
SETS = ("kaggle-8982", "voc-853", "yolo-800")
CELL_S = 3600


def run(path: Path, out: Path) -> None:
    """Run all cells in the repository's folder and keep what they put out."""
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_S,
        resources={"metadata": {"path": str(ROOT)}},
        extra_arguments=["--log-level=ERROR"],  # it warns of strangers on this very computer
        on_cell_start=lambda cell, cell_index: tell(cell_index, len(notebook.cells)),
    )
    client.execute()
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if kept(output)]
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, out)


def tell(index: int, count: int) -> None:
    """How far it is; some cells take minutes."""
    print(f"cell {index + 1} of {count}", flush=True)


def need_data() -> None:
    """End with what to do where the public sets are not at hand."""
    folder = ROOT / os.environ.get("MASKWATCH_DATA", "../shared/data")
    if lacking := [name for name in SETS if not (folder / name).is_dir()]:
        raise SystemExit(
            f"{folder}: has no {', '.join(lacking)}; name the folder that has them with "
            "MASKWATCH_DATA, or get them with `maskwatch data fetch NAME`"
        )


def place_of_result(path: Path) -> Path:
    """Where the notebook goes that was run."""
    every = os.environ.get("MASKWATCH_EVERY")
    return ROOT / "runs" / "notebook" / f"every-{every}" / path.name if every else path


def kept(output: Any) -> bool:
    """Whether an output is the reader's business; libraries' chatter on stderr is not."""
    return bool(output.get("name") != "stderr")


def write_page(path: Path) -> None:
    """Write the notebook as a page of the site, its charts as files beside it."""
    page, pictures = as_page(path)
    for old in path.parent.glob(f"{path.stem}-*.png"):
        old.unlink()
    for name, content in pictures.items():
        (path.parent / name).write_bytes(content)
    path.with_suffix(".md").write_text(page, encoding="utf-8")


def as_page(path: Path) -> tuple[str, dict[str, bytes]]:
    """The Markdown of a notebook, and its pictures by name."""
    pictures: dict[str, bytes] = {}
    parts = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            parts.append(_shown(output, path.stem, pictures))
    made = f"<!-- written by scripts/run_notebook.py from {path.name} -->"
    download = f"\n*This page is [a notebook]({path.name}) that was run from start to end.*\n"
    title, _, rest = "\n\n".join(parts).partition("\n")
    return f"{made}\n{title}\n{download}{rest}\n", pictures


def _shown(output: Any, stem: str, pictures: dict[str, bytes]) -> str:
    data = output.get("data", {"text/plain": output.get("text", "")})
    if "image/png" in data:
        name = f"{stem}-{len(pictures) + 1}.png"
        pictures[name] = base64.b64decode(data["image/png"])
        return f"![Chart {len(pictures)}]({name})"
    if "text/html" in data:
        return _table(data["text/html"])
    return f"```text\n{data['text/plain'].rstrip()}\n```"


def _table(page: str) -> str:
    """The table that pandas wrote, without its looks, in one block."""
    found = re.search(r"<table.*</table>", page, re.DOTALL)
    plain = re.sub(r"<(table|tr)[^>]*>", r"<\1>", found[0] if found else page)
    return "\n".join(line.strip() for line in plain.splitlines())


def main() -> None:
    """Runs the notebook, unless told not to, and writes its page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebook", type=Path, nargs="?", default=NOTEBOOK)
    parser.add_argument("--page", action="store_true", help="only write the page anew")
    options = parser.parse_args()
    result = options.notebook
    if not options.page:
        need_data()
        result = place_of_result(options.notebook)
        run(options.notebook, result)
    write_page(result)
    print(result)


if __name__ == "__main__":
    main()
