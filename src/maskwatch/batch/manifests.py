"""The names in a list of pictures: a Parquet or CSV file with a column for them."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator
from typing import IO

from maskwatch.errors import DataError
from maskwatch.io.text_files import marked_encoding

PATH_COLUMN = "image_path"
"""The column of a manifest that names the pictures, as in MaskWatch's own manifests."""

_HEAD_BYTES = 256


def parquet_paths(file: IO[bytes], address: str) -> Iterator[str | None]:
    """The names in a Parquet file, row by row; None where there is none."""
    import pyarrow.parquet as pq

    table = pq.ParquetFile(file)
    _check_columns(table.schema_arrow.names, address)
    for batch in table.iter_batches(columns=[PATH_COLUMN]):
        yield from map(_text, batch.column(0).to_pylist())


def csv_paths(file: IO[bytes], address: str) -> Iterator[str | None]:
    """The same of a CSV file."""
    encoding = marked_encoding(file.read(_HEAD_BYTES)) or "utf-8"
    file.seek(0)
    with io.TextIOWrapper(file, encoding, newline="") as text:
        # in many countries spreadsheets write a semicolon for the comma
        separator = max(",;\t", key=text.readline().count)
        text.seek(0)
        # strict, for a quote that is never closed would swallow all the names after it
        reader = csv.DictReader(text, strict=True, delimiter=separator)
        _check_columns(reader.fieldnames or [], address)
        for row in reader:
            if any(row.get(None, ())):  # of a name with a comma only the beginning would be left
                raise DataError(
                    f"{address}: line {reader.line_num} has more cells than the first line; "
                    "put names with a separator in quotes"
                )
            yield row[PATH_COLUMN]


def _text(value: object) -> str | None:
    if isinstance(value, bytes):  # a column that does not say that it is text
        return os.fsdecode(value)
    return None if value is None else str(value)


def _check_columns(names: Iterable[str], address: str) -> None:
    names = list(names)
    if PATH_COLUMN not in names:
        found = ", ".join(map(str, names)) or "none"
        raise DataError(f"{address}: no column {PATH_COLUMN} (it has: {found})")
