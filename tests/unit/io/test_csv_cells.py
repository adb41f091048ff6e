"""No cell of a CSV file of ours is a formula, and each still says what it said.

Run: pytest tests/unit/io/test_csv_cells.py
"""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import fakes

from maskwatch.io.report import to_csv
from maskwatch.io.text_files import harmless, meant
from maskwatch.live.counting import Count
from maskwatch.live.events import Event
from maskwatch.schema import MaskState
from maskwatch.store.export import entries_to_csv, export_events
from maskwatch.store.statistics import Entry
from maskwatch.training.data.corrections import BOX, COLUMNS, read_corrections, write_corrections

FORMULAS = ("=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1")
SIGNS = tuple("=+-@\t\r")


@pytest.mark.parametrize("text", [*FORMULAS, "'=1", "''-x"])
def test_what_would_be_a_formula_is_text(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("cell", ["", "a=1", "photo.jpg", "'quoted'", "'", -1.5, -1, None])
def test_all_else_stays_as_it_is(cell: object) -> None:
    assert harmless(cell) == cell


@given(st.text(st.sampled_from("'=+-@a \t")) | st.text())
def test_what_was_meant_comes_back(text: str) -> None:
    written = harmless(text)
    assert isinstance(written, str) and not written.startswith(SIGNS)
    assert meant(written) == text


@pytest.mark.parametrize("name", FORMULAS)
def test_no_file_of_ours_has_a_formula(tmp_path: Path, name: str) -> None:
    report = replace(fakes.report(), source=name)
    events = tmp_path / "events.csv"
    export_events([Event("-1", name, 0.0, MaskState.MASK, MaskState.NO_MASK, 0.9, 1.0)], events)
    for text in (
        "\n".join(to_csv([report])),
        entries_to_csv([Entry(0, name, MaskState.MASK, Count(1, 1.0))]),
        events.read_text(),
    ):
        cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
        assert cells and not any(cell.startswith(SIGNS) for cell in cells)


def test_corrections_are_read_as_they_were_meant(tmp_path: Path) -> None:
    line = dict.fromkeys(COLUMNS, "") | {
        "source": "=set",
        "file": "-1.jpg",
        "sha256": "0" * 64,
        "was": "mask",
        "label": "no_mask",
        "reason": "@x",
        **dict.fromkeys(BOX, float("nan")),
    }
    path = tmp_path / "corrections.csv"
    write_corrections(pd.DataFrame([line], columns=list(COLUMNS)), path)
    assert "'=set,'-1.jpg" in path.read_text()
    (read,) = read_corrections(path).to_dict("records")
    assert {key: read[key] for key in ("source", "file", "reason")} == {
        "source": "=set",
        "file": "-1.jpg",
        "reason": "@x",
    }
