"""Text in the cells of CSV files, so that no spreadsheet takes the name of a file for a formula.

Spreadsheets compute what begins with `=`, `+`, `-` or `@`, and can be made to send or start
something by it. An apostrophe before it makes it text; files of ours that are read again lose it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_line(cells: Iterable[object]) -> str:
    """A row without its end, each cell harmless."""
    line = io.StringIO()
    # csv quotes the characters of the end it writes, and no others of that kind
    csv.writer(line, lineterminator="\r\n").writerow(map(harmless, cells))
    return line.getvalue().removesuffix("\r\n")


def harmless(cell: object) -> object:
    """A cell as it is written: text that would be a formula gets an apostrophe, numbers stay."""
    return f"'{cell}" if isinstance(cell, str) and _is_formula(cell) else cell


def meant(cell: str) -> str:
    """What a cell that `harmless` wrote says."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell[1:]) else cell


def _is_formula(text: str) -> bool:
    # an apostrophe of one's own before it gets another, so that each text has its own cell
    return text.lstrip("'").startswith(_FORMULA)
