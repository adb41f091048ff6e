"""Labels of the public sets that looking showed wrong: a CSV file that anyone can read and extend.

A line names a face by the hash of its picture and by its box, says what its label was and what it
should be: one of the three, `unclear` where mouth and nose are behind a hand, a scarf or a phone,
or `drop` for what is no face. The shipped file was made by going through whole classes of a set,
whatever a model said of them, so that correcting a test part favours no model.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.errors import DataError
from maskwatch.files import writing
from maskwatch.io.text_files import harmless, meant
from maskwatch.training.data.catalog import LABELS, PUBLIC_SETS, ROW_LABELS, Layout
from maskwatch.training.data.files import read_rows, why
from maskwatch.training.data.manifest import BOX, tidy
from maskwatch.vision.detect import iou_matrix

SHIPPED = Path(__file__).with_name("label_corrections.csv")
COLUMNS = ("source", "file", "sha256", *BOX, "was", "label", "reason")
DROP = "drop"

BOX_TOLERANCE_PX = 0.01
"""Drawn boxes are told apart to a hundredth of a pixel, as in the data hash."""

SAME_FACE_IOU = 0.5
"""From this overlap on, a found box is the one that was corrected: detectors draw faces unlike.

Of the shipped corrections of found faces, our own detector reaches 0.5 with 87 %, 0.7 with 69 %.
"""


@dataclass(frozen=True, slots=True)
class Corrected:
    """A manifest after its corrections.

    Attributes:
        table: the manifest.
        relabelled: rows with another label than before.
        dropped: rows that were left out.
        unmatched: lines about a set of the manifest that match none of its rows.
    """

    table: pd.DataFrame
    relabelled: int
    dropped: int
    unmatched: int


def read_corrections(path: Path = SHIPPED) -> pd.DataFrame:
    """Reads and checks a file of corrections.

    Returns:
        A table with `COLUMNS`: the box as four floats (NaN: the whole picture), the rest as text.

    Raises:
        DataError: the file cannot be read, or a line of it makes no sense.
    """
    if not path.is_file():
        raise DataError(f"{path}: {'is not a file' if path.exists() else 'no such corrections'}")
    try:
        (_, header), *rows = read_rows(path, strict=True) or [(1, [])]
    except (OSError, LookupError, ValueError, csv.Error) as error:
        raise DataError(f"{path}: not a readable CSV file ({why(error)})") from error
    if tuple(header) != COLUMNS:
        raise DataError(f"{path}: its first line must be {','.join(COLUMNS)}")
    lines = [[meant(cell) for cell in row] for _, row in rows]
    seen: set[tuple[str, ...]] = set()
    for (number, _), line in zip(rows, lines, strict=True):
        reason = _fault(line) or ("says the same face again" if _face(line) in seen else None)
        if reason:
            raise DataError(f"{path}, line {number}: {reason}")
        seen.add(_face(line))
    table = pd.DataFrame(lines, columns=list(COLUMNS), dtype=object)
    for name in BOX:
        table[name] = np.array([side or "nan" for side in table[name]], float)
    return table


def write_corrections(table: pd.DataFrame, path: Path) -> None:
    """Writes corrections, sorted so that two versions of a file compare well.

    Args:
        table: with `COLUMNS`.
        path: CSV file to write.

    Raises:
        DataError: the file cannot be written.
    """
    ordered = table.sort_values(["source", "file", *BOX], na_position="first", kind="stable")
    cells = ordered.assign(
        **{name: ordered[name].map(harmless) for name in COLUMNS if name not in BOX},
        **{name: ordered[name].map(_number) for name in BOX},
    )
    with writing(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(cells[list(COLUMNS)].itertuples(index=False))


def apply_corrections(table: pd.DataFrame, corrections: pd.DataFrame) -> Corrected:
    """Corrects a manifest; the rows that no line is about stay as they are.

    Args:
        table: a manifest.
        corrections: see `read_corrections`.
    """
    clean = tidy(table)
    given = clean["label"].to_numpy(object)
    boxes = clean[list(BOX)].to_numpy(float)
    rows_of = clean.groupby("sha256").indices
    labels = given.copy()
    sources = set(clean["source"])
    unmatched = 0
    for line in corrections.itertuples():
        rows = rows_of.get(line.sha256, np.empty(0, np.intp))
        rows = rows[given[rows] == line.was]
        box = np.array([getattr(line, name) for name in BOX], float)
        rows = rows[_same_face(boxes[rows], box, _is_drawn(str(line.source)))]
        labels[rows] = line.label
        unmatched += line.source in sources and not rows.size
    kept = labels != DROP
    relabelled = int((labels != given)[kept].sum())
    corrected = tidy(clean.assign(label=labels)[kept])
    return Corrected(corrected, relabelled, int((~kept).sum()), unmatched)


def _same_face(
    boxes: NDArray[np.float64], box: NDArray[np.float64], drawn: bool
) -> NDArray[np.bool_]:
    """Which of (n, 4) boxes of a picture are that face; no box is the whole picture."""
    whole = np.isnan(boxes[:, 0])
    if np.isnan(box).any():
        return whole
    same = ~whole & (np.abs(boxes - box).max(axis=1, initial=0) <= BOX_TOLERANCE_PX + 1e-9)
    if not drawn and not same.any():
        same = ~whole & (iou_matrix(np.nan_to_num(boxes), box[None])[:, 0] >= SAME_FACE_IOU)
    return np.asarray(same)


def _is_drawn(source: str) -> bool:
    """Whether a set brings its own boxes; those of any other set are found by a detector."""
    public = PUBLIC_SETS.get(source)
    return public is not None and public.layout is not Layout.FOLDERS


def _fault(line: Sequence[str]) -> str | None:
    """What is wrong with a line, if anything."""
    if len(line) != len(COLUMNS):
        return f"has {len(line)} cells, not {len(COLUMNS)}"
    cells = dict(zip(COLUMNS, line, strict=True))
    if len(cells["sha256"]) != 64 or set(cells["sha256"]) - set("0123456789abcdef"):
        return f"sha256 {cells['sha256']!r} is not 64 digits of 0-9 and a-f"
    if cells["was"] not in LABELS:
        return f"was {cells['was']!r} is none of {', '.join(LABELS)}"
    if cells["label"] not in (*ROW_LABELS, DROP):
        return f"label {cells['label']!r} is none of {', '.join(ROW_LABELS)}, {DROP}"
    if cells["label"] == cells["was"]:
        return f"label {cells['label']} is what it was"
    return _box_fault([cells[name] for name in BOX])


def _box_fault(cells: Sequence[str]) -> str | None:
    if not any(cells):
        return None
    try:
        left, top, right, bottom = map(float, cells)
    except ValueError:
        return f"its box {', '.join(cells)} is not four numbers, nor four empty cells"
    if not np.isfinite([left, top, right, bottom]).all() or left >= right or top >= bottom:
        return f"its box {', '.join(cells)} is empty"
    return None


def _face(line: Sequence[str]) -> tuple[str, ...]:
    """What tells one line's face from another's."""
    cells = dict(zip(COLUMNS, line, strict=True))
    return (cells["sha256"], cells["was"], *(_number(float(cells[n] or "nan")) for n in BOX))


def _number(value: float) -> str:
    """A side of a box as short as it goes; nothing for none."""
    return "" if np.isnan(value) else f"{value:.2f}".rstrip("0").rstrip(".")
