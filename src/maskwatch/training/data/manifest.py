"""The manifest: one Parquet table that names every face of a training, validation or test set.

Every step of the training path takes this table and returns a new one. On disk the paths are
relative to the manifest's own folder, so a manifest moved together with its pictures still works.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.api.types import is_numeric_dtype

from maskwatch.errors import DataError
from maskwatch.files import writing
from maskwatch.training.data.catalog import ROW_LABELS, SYNTHETIC

BOX = ("x_min", "y_min", "x_max", "y_max")
COLUMNS = ("image_path", *BOX, "label", "source", "sha256", "group", "split")
PARTS = ("train", "val", "test")
HASH_KEY = b"maskwatch.data_sha256"
"""Key of the data hash in the metadata of the Parquet file."""


def read_manifest(path: Path) -> pd.DataFrame:
    """Reads and checks a manifest.

    Returns:
        A table with `COLUMNS`: `image_path` absolute, the box in float pixels of the upright
        picture (four NaN: the whole picture), `label` one of catalog.ROW_LABELS, `sha256` of the
        file's bytes, `group` and `split` None where they are not known yet.

    Raises:
        DataError: the file is no manifest, holds wrong values or names pictures that are gone.
    """
    try:
        is_file, is_there = path.is_file(), path.exists()
    except OSError as error:  # it may not be looked for, or the name is too long
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if not is_file:
        raise DataError(f"{path}: {'is not a file' if is_there else 'no such manifest'}")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors derive from these two
        raise DataError(f"{path}: not a readable manifest (not Parquet, or damaged)") from error
    _check_values(table, path)
    folder = path.absolute().parent
    table["image_path"] = [os.path.normpath(folder / name) for name in table["image_path"]]
    _check_files(table["image_path"], path)
    return tidy(table)


def require_real(table: pd.DataFrame) -> pd.DataFrame:
    """The manifest itself, if none of its pictures was made from others.

    Grouped or split anew, a made picture would stand on another side than the photo it shows.

    Raises:
        DataError: it holds synthetic pictures.
    """
    if (table["source"] == SYNTHETIC).any():
        raise DataError("the manifest holds synthetic pictures already; give the one without them")
    return table


def write_manifest(table: pd.DataFrame, path: Path) -> None:
    """Writes a manifest in one step, with its data hash in the metadata.

    Raises:
        DataError: the table lacks columns or holds wrong values, or the folder cannot be written.
    """
    _check_values(table, path)
    folder = path.absolute().parent
    stored = tidy(table)
    stored["image_path"] = [
        Path(os.path.relpath(name, folder)).as_posix() for name in stored["image_path"]
    ]
    arrow = pa.Table.from_pandas(stored, schema=_SCHEMA, preserve_index=False)
    arrow = arrow.replace_schema_metadata({HASH_KEY: data_sha256(table).encode()})
    with writing(path) as part:
        pq.write_table(arrow, part)


def data_sha256(table: pd.DataFrame) -> str:
    """Hash of what the rows say, whatever their order and wherever the pictures lie.

    Covers source, sha256 of the picture, box (to a hundredth of a pixel), label, group and split.
    """
    columns = ("source", "sha256", *BOX, "label", "group", "split")
    rows = zip(*(map(_plain, table[name]) for name in columns), strict=True)
    lines = sorted(json.dumps(row) for row in rows)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def tidy(table: pd.DataFrame) -> pd.DataFrame:
    """A copy with exactly `COLUMNS`, float boxes, and None (not NaN) for missing text."""
    clean = table.loc[:, list(COLUMNS)].reset_index(drop=True)
    for name in COLUMNS:
        if name in BOX:
            clean[name] = clean[name].astype("float64")
        else:
            text = clean[name].astype(object)
            clean[name] = text.where(text.notna(), None)
    return clean


def has_box(table: pd.DataFrame) -> pd.Series[bool]:
    """True for the rows that are a face in a box, False for whole pictures."""
    return table[BOX[0]].notna()


_SCHEMA = pa.schema(
    [(name, pa.float64() if name in BOX else pa.string()) for name in COLUMNS],
)


def _plain(value: object) -> str | float | None:
    if isinstance(value, str):
        return value
    return None if value is None or value != value else round(float(str(value)), 2)


def _check_values(table: pd.DataFrame, path: Path) -> None:
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise DataError(f"{path}: not a manifest, it lacks the columns {', '.join(missing)}")
    for name in ("image_path", "source", "sha256"):
        if table[name].isna().any():
            raise DataError(f"{path}: {name} is missing in {int(table[name].isna().sum())} rows")
    for name in (name for name in COLUMNS if name not in BOX):
        if not all(isinstance(value, str) for value in table[name].dropna()):
            raise DataError(f"{path}: {name} is not a column of text")
    for name in BOX:
        if table[name].notna().any() and not is_numeric_dtype(table[name]):
            raise DataError(f"{path}: {name} is not a column of numbers")
    _check_known(table["label"], ROW_LABELS, path)
    _check_known(table["split"].dropna(), PARTS, path)
    boxes = table.loc[:, list(BOX)].astype("float64")
    broken = boxes.isna().any(axis=1) & ~boxes.isna().all(axis=1)
    broken |= (boxes["x_max"] <= boxes["x_min"]) | (boxes["y_max"] <= boxes["y_min"])
    broken |= boxes.isin([np.inf, -np.inf]).any(axis=1)
    if broken.any():
        name = table.loc[broken, "image_path"].iloc[0]
        raise DataError(
            f"{path}: {int(broken.sum())} rows have an empty or endless box, first: {name}"
        )


def _check_known(values: pd.Series[str], allowed: Sequence[str], path: Path) -> None:
    wrong = sorted({str(value) for value in values} - set(allowed))
    if wrong:
        raise DataError(
            f"{path}: {values.name} {', '.join(wrong[:3])} is none of {', '.join(allowed)}"
        )


def _check_files(paths: pd.Series[str], path: Path) -> None:
    # not Path.is_file, which raises where a name is too long or a folder may not be looked into
    gone = [name for name in dict.fromkeys(paths) if not os.path.isfile(name)]  # noqa: PTH113
    if gone:
        shown = ", ".join(gone[:3])
        raise DataError(f"{path}: {len(gone)} of its pictures are gone, first: {shown}")
