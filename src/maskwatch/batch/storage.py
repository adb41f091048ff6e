"""SOURCE -> names of pictures, and a name -> what can be read.

A name is a path or an address (s3://bucket/key) and is what the output calls the picture. What lies
in an object store goes through fsspec, which takes credentials and limits from the environment.
"""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from maskwatch.addresses import without_passwords
from maskwatch.batch.rows import UnreachableError
from maskwatch.errors import (
    DataError,
    ImageError,
    ImageFault,
    MissingExtraError,
    SettingError,
)
from maskwatch.sources import IMAGE_SUFFIXES, list_images, load_image

PATH_COLUMN = "image_path"
"""The column of a manifest that names the pictures, as in MaskWatch's own manifests."""

MANIFESTS = (".parquet", ".csv")
MAX_BYTES = 512 * 1024**2
"""The largest object that is fetched; a picture of the most pixels is half of that uncompressed."""

_WAITS_S = (0.5, 2.0, 8.0)
"""How long to wait before each new attempt at a store that did not answer."""


def list_pictures(sources: Iterable[str]) -> list[str]:
    """The names of all pictures, each once, in the order of the sources; folders are sorted.

    Raises:
        ImageError: a source holds no picture at all.
        DataError: a manifest cannot be read or lacks the column, a store cannot be listed.
        SettingError: an address holds a password.
    """
    return list(dict.fromkeys(name for source in sources for name in _expand(source)))


def is_address(name: str) -> bool:
    """Whether a name is one of an object store rather than a path."""
    return "://" in name


def open_store(address: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path in it.

    Raises:
        SettingError: the address holds a password.
        MissingExtraError: fsspec is not installed.
        DataError: the kind of store is unknown or its driver is not installed.
    """
    if without_passwords(address) != address:
        raise SettingError(
            f"{without_passwords(address)}: give passwords and keys in the environment, "
            "not in the address"
        )
    try:
        import fsspec
    except ModuleNotFoundError as error:
        raise MissingExtraError("an object store", "batch") from error
    try:
        store, path = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise DataError(f"{address}: {why(error)}") from error
    return store, str(path)


def read_picture(name: str, folder: str) -> Path | bytes:
    """What `Analyzer.analyze` takes for a name: a path, or the bytes of an object.

    Args:
        name: path or address.
        folder: what a relative path starts from.

    Raises:
        ImageError: it is not there, too large, or (UnreachableError) cannot be fetched now.
    """
    if not is_address(name):
        return Path(folder, name)
    for wait_s in (*_WAITS_S, None):
        try:
            store, path = open_store(name)
            with store.open(path, "rb") as file:
                content: bytes = file.read(MAX_BYTES + 1)
            break
        except (FileNotFoundError, IsADirectoryError) as error:
            raise ImageError(name, "no such file", ImageFault.UNAVAILABLE) from error
        except Exception as error:  # each store raises its own
            if wait_s is None or isinstance(error, PermissionError):
                raise UnreachableError(name, why(error), ImageFault.UNAVAILABLE) from error
            time.sleep(wait_s)
    if len(content) > MAX_BYTES:
        reason = f"over the limit of {MAX_BYTES // 1024**2} MiB"
        raise ImageError(name, reason, ImageFault.TOO_LARGE)
    return content


def why(error: BaseException) -> str:
    """The reason in one line, without passwords."""
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return without_passwords(" ".join(str(error).split())) or type(error).__name__


def _expand(source: str) -> Iterator[str]:
    if source.lower().endswith(MANIFESTS) and (is_address(source) or Path(source).is_file()):
        yield from _read_manifest(source)
    elif is_address(source):
        yield from _list_store(source)
    else:
        names = [str(path) for path in list_images(source)]
        if len(names) == 1 and not Path(names[0]).is_file():
            load_image(names[0])  # raises what is wrong with it
        yield from names


def _list_store(address: str) -> list[str]:
    store, path = open_store(address)
    try:
        if set(path) & set("*?["):
            entries = store.glob(path, detail=True)
            found = [name for name, about in entries.items() if about["type"] == "file"]
        elif store.isdir(path):
            found = [name for name in store.find(path) if _is_picture(name)]
        else:
            found = [path] if store.exists(path) else []
    except Exception as error:  # each store raises its own
        raise DataError(f"{address}: cannot be listed ({why(error)})") from error
    if not found:
        raise ImageError(address, "no pictures there", ImageFault.UNAVAILABLE)
    return [str(store.unstrip_protocol(name)) for name in sorted(found)]


def _is_picture(path: str) -> bool:
    """The rule that holds in local folders."""
    name = PurePosixPath(path)
    return name.suffix.lower() in IMAGE_SUFFIXES and not name.name.startswith(".")


def _read_manifest(address: str) -> Iterator[str]:
    """The pictures a manifest names; relative paths start from its own folder."""
    base = address.rpartition("/")[0] if is_address(address) else str(Path(address).parent)
    reader = _parquet_paths if address.lower().endswith(".parquet") else _csv_paths
    try:
        with _open(address) as file:
            for number, name in enumerate(reader(file, address), start=1):
                if not name:
                    raise DataError(f"{address}: {PATH_COLUMN} is missing in row {number}")
                if is_address(name) or os.path.isabs(name):  # noqa: PTH117
                    yield name
                elif is_address(base):
                    yield f"{base}/{name}"
                else:
                    yield str(Path(base, name))
    except (DataError, SettingError, MissingExtraError):
        raise
    except Exception as error:  # pyarrow's, csv's and each store's own
        raise DataError(f"{address}: not a readable manifest ({why(error)})") from error


@contextmanager
def _open(address: str) -> Iterator[IO[bytes]]:
    if is_address(address):
        store, path = open_store(address)
        with store.open(path, "rb") as file:
            yield file
    else:
        with Path(address).open("rb") as file:
            yield file


def _parquet_paths(file: IO[bytes], address: str) -> Iterator[str | None]:
    import pyarrow.parquet as pq

    table = pq.ParquetFile(file)
    _check_columns(table.schema_arrow.names, address)
    for batch in table.iter_batches(columns=[PATH_COLUMN]):
        yield from map(_text, batch.column(0).to_pylist())


def _csv_paths(file: IO[bytes], address: str) -> Iterator[str | None]:
    with io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
        reader = csv.DictReader(text)
        _check_columns(reader.fieldnames or [], address)
        for row in reader:
            yield row[PATH_COLUMN]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _check_columns(names: Iterable[str], address: str) -> None:
    names = list(names)
    if PATH_COLUMN not in names:
        found = ", ".join(map(str, names)) or "none"
        raise DataError(f"{address}: no column {PATH_COLUMN} (it has: {found})")
