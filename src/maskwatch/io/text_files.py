"""Text files from other programs and for them: the encoding, and no formulas in cells of CSV.

Spreadsheets compute what begins with `=`, `+`, `-` or `@`, and can be made to send or start
something by it. An apostrophe before it makes it text; files of ours that are read again lose it.
Terminals do what some characters tell them to, so these are written out there.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
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


_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Text for a terminal, in which a file name can neither begin a line, nor move or colour it."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like the mark of UTF-16, so it is asked first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEAD_BYTES = 256


def marked_encoding(content: bytes) -> str | None:
    """The encoding of a text by its byte order mark, or by its zeros; None where neither tells.

    Notepad and PowerShell write such text; Latin letters in UTF-16 are every other byte zero.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    head = content[:_HEAD_BYTES]
    if head.count(0) * 4 <= len(head):
        return None
    return "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
