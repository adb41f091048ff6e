"""The notebook as it is committed: run to its end, without faces, paths of a machine or warnings.

Running it takes minutes and the public sets (`make notebook`), so no test does.

Run: pytest tests/package/test_notebook.py
"""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.paths import ROOT

sys.path.append(str(ROOT / "scripts"))

NOTEBOOK = ROOT / "docs" / "notebook" / "report_retold.ipynb"

Cell = dict[str, Any]


@pytest.fixture(scope="module")
def cells() -> list[Cell]:
    document = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    found: list[Cell] = document["cells"]
    return found


@pytest.fixture(scope="module")
def code(cells: list[Cell]) -> list[Cell]:
    return [cell for cell in cells if cell["cell_type"] == "code"]


def outputs(code: list[Cell]) -> list[dict[str, Any]]:
    return [output for cell in code for output in cell["outputs"]]


def texts(code: list[Cell]) -> list[str]:
    """What the outputs say, apart from pictures."""
    return [
        "".join(text)
        for output in outputs(code)
        for kind, text in {"stream": output.get("text", ""), **output.get("data", {})}.items()
        if not kind.startswith("image/")
    ]


def pictures(code: list[Cell]) -> list[bytes]:
    data = [output.get("data", {}) for output in outputs(code)]
    return [base64.b64decode(one["image/png"]) for one in data if "image/png" in one]


def test_it_was_run_from_start_to_end(code: list[Cell]) -> None:
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))


def test_its_code_fits_the_package_as_it_is_now(code: list[Cell], tmp_path: Path) -> None:
    """Names, calls and fields that the package no longer has would end a run after minutes."""
    script = tmp_path / "notebook.py"
    script.write_text("\n\n".join("".join(cell["source"]) for cell in code), encoding="utf-8")
    habits = ("assignment", "no-untyped-def", "no-untyped-call")  # of notebooks
    checked = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            *(f"--disable-error-code={kind}" for kind in habits),
            script,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout


def test_it_shows_tables_charts_and_no_error(code: list[Cell]) -> None:
    kinds = {output["output_type"] for output in outputs(code)}
    assert kinds == {"stream", "execute_result", "display_data"}
    assert len(pictures(code)) == 5


def test_its_pictures_are_charts_and_no_photos(code: list[Cell]) -> None:
    kinds = {kind for output in outputs(code) for kind in output.get("data", {})}
    assert {kind for kind in kinds if kind.startswith("image/")} == {"image/png"}
    for content in pictures(code):
        image_rgb = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        white = (image_rgb == 255).all(axis=2).mean()
        flat = (image_rgb[:, 1:] == image_rgb[:, :-1]).all(axis=2).mean()
        assert white > 0.4 and flat > 0.85  # photos have hardly two pixels that are alike


def test_it_says_nothing_of_the_machine(cells: list[Cell], code: list[Cell]) -> None:
    said = "\n".join([*texts(code), *("".join(cell["source"]) for cell in cells)])
    private = r"/(home|root|work|tmp|Users|usr)/|[A-Z]:\\|0x[0-9a-f]{6,}|WARNING|Traceback"
    assert re.findall(private, said) == []


def test_its_page_was_written_after_it_was_run() -> None:
    pytest.importorskip("nbformat", reason="needs the extra notebook")
    from run_notebook import as_page  # needs the extra too

    page, charts = as_page(NOTEBOOK)
    assert NOTEBOOK.with_suffix(".md").read_text(encoding="utf-8") == page
    assert {path.name for path in NOTEBOOK.parent.glob("*.png")} == set(charts)
    for name, content in charts.items():
        assert (NOTEBOOK.parent / name).read_bytes() == content
