"""The folder of a run, local or in an object store: whole files appear in it, or none."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from maskwatch.batch.rows import COLUMNS, Row
from maskwatch.batch.source import is_address, open_store, why
from maskwatch.errors import BatchError, SettingError

_WAITS_S = (1.0, 4.0, 16.0)
"""How long to wait before each new attempt at a store that did not take a file."""


class Folder(Protocol):
    """Where a run keeps its files."""

    def names(self) -> set[str]:
        """The files in it; none where it does not exist yet."""
        ...

    def read(self, name: str) -> bytes:
        """The content of a file."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Make a file appear, whole.

        Raises:
            BatchError: it cannot be written.
        """
        ...


class LocalFolder:
    """A folder on a disk: files are written under another name, then renamed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> set[str]:
        """The files in it."""
        try:
            return {entry.name for entry in os.scandir(self._path)}
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise SettingError(f"--out {self._path}: {why(error)}") from error

    def read(self, name: str) -> bytes:
        """The content of a file."""
        return (self._path / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        """Make a file appear, whole."""
        part = self._path / f".{name}.{os.getpid()}.part"
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # a name must not outlive what it names
            part.replace(self._path / name)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise BatchError(f"{self._path / name}: cannot be written ({why(error)})") from error


class StoreFolder:
    """A prefix in an object store: an object appears when it has arrived whole."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._store, self._path = open_store(self._address)

    def names(self) -> set[str]:
        """The objects in it."""
        try:
            self._store.invalidate_cache()
            return {str(path).rpartition("/")[2] for path in self._store.ls(self._path, False)}
        except FileNotFoundError:
            return set()
        except Exception as error:  # each store raises its own
            raise SettingError(f"--out {self._address}: {why(error)}") from error

    def read(self, name: str) -> bytes:
        """The content of an object."""
        content: bytes = self._store.cat_file(f"{self._path}/{name}")
        return content

    def write(self, name: str, content: bytes) -> None:
        """Make an object appear, whole."""
        for wait_s in (*_WAITS_S, None):
            try:
                self._store.pipe_file(f"{self._path}/{name}", content)
                return
            except Exception as error:  # each store raises its own
                if wait_s is None or isinstance(error, PermissionError | FileNotFoundError):
                    address = f"{self._address}/{name}"
                    raise BatchError(f"{address}: cannot be written ({why(error)})") from error
                time.sleep(wait_s)


def open_folder(address: str) -> Folder:
    """The folder at a path or an address; `open_store` says what it raises."""
    if address.startswith("file://"):  # so that it is written like any other folder on a disk
        return LocalFolder(Path(open_store(address)[1]))
    return StoreFolder(address) if is_address(address) else LocalFolder(Path(address))


def encode_rows(rows: Iterable[Row]) -> bytes:
    """Rows -> a Parquet file with `COLUMNS`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in COLUMNS.items()])
    table = pa.Table.from_pylist([_readable(row) for row in rows], schema=schema)
    content = io.BytesIO()
    pq.write_table(table, content, compression="zstd")
    return content.getvalue()


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose texts are all valid; a file name need not be."""
    return {
        key: value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
        for key, value in row.items()
    }
