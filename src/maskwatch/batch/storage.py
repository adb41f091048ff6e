"""SOURCE -> names of pictures, and a name -> what can be read.

A name is a path or an address (s3://bucket/key) and is what the output calls the picture. What lies
in an object store goes through fsspec, which takes credentials and limits from the environment.
"""

from __future__ import annotations

import io
import logging
import os
import time
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol

from maskwatch.batch.manifests import PATH_COLUMN, csv_paths, parquet_paths
from maskwatch.batch.plan import COLUMNS, Row, UnreachableError
from maskwatch.errors import (
    BatchError,
    DataError,
    ImageError,
    ImageFault,
    MissingExtraError,
    SettingError,
)
from maskwatch.files import writing
from maskwatch.io.addresses import holds_password, shown_address, without_addresses
from maskwatch.io.folders import literal_folders
from maskwatch.io.image_kinds import counts_as_picture
from maskwatch.io.images import list_images, load_image

_LOG = logging.getLogger(__name__)

MANIFESTS = (".parquet", ".csv")
MAX_BYTES = 512 * 1024**2
"""The largest object that is fetched; a picture of the most pixels is half of that uncompressed."""

_READ_WAITS_S = (0.5, 2.0, 8.0)
"""How long to wait before each new attempt at a store that did not answer."""


def list_pictures(sources: Iterable[str]) -> list[str]:
    """The names of all pictures, each once, in the order of the sources; folders are sorted.

    A picture that is missing among several sources is left to its row, as one in a manifest is.

    Raises:
        ImageError: a source holds no picture at all.
        DataError: a manifest cannot be read, lacks the column or names no picture, a store cannot
            be listed.
        SettingError: an address holds a password.
    """
    sources = list(sources)
    alone = len(sources) == 1
    return list(dict.fromkeys(name for source in sources for name in _expand(source, alone)))


def is_address(name: str) -> bool:
    """Whether a name is one of an object store rather than a path."""
    return "://" in name


def open_store(address: str, chained: bool = True) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path in it.

    Args:
        address: of a store, and what is in it.
        chained: whether `::` leads from one store into the next, as fsspec has it. Names that a
            store or a manifest lists may hold it like any other characters.

    Raises:
        SettingError: the address holds a password, or names nothing.
        MissingExtraError: fsspec is not installed.
        DataError: the kind of store is unknown, its driver is not installed, or it is an archive.
    """
    kind, _, place = address.partition("://")
    if kind != "file" and not place.strip("/"):  # s3://$BUCKET, where the variable is not set
        raise SettingError(f"{address}: names nothing in the store; is a variable empty?")
    if holds_password(address):
        raise SettingError(
            f"{shown_address(address)}: give passwords and keys in the environment, "
            "not in the address"
        )
    try:
        import fsspec
        from fsspec.archive import AbstractArchiveFileSystem
    except ModuleNotFoundError as error:
        raise MissingExtraError("an object store", "batch") from error
    try:
        store, path = fsspec.core.url_to_fs(address if chained else address.partition("::")[0])
    except (ImportError, ValueError) as error:
        raise DataError(f"{address}: {why(error)}") from error
    if isinstance(store, AbstractArchiveFileSystem):  # a name in it alone leads nowhere
        raise DataError(f"{address}: nothing in an archive can be judged; unpack it first")
    return store, str(path if chained else store._strip_protocol(address))


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
    for wait_s in (*_READ_WAITS_S, None):
        try:
            store, path = open_store(name, chained=False)
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
    return without_addresses(" ".join(str(error).split())) or type(error).__name__


def _expand(source: str, alone: bool) -> Iterator[str]:
    if source.lower().endswith(MANIFESTS) and (is_address(source) or _is_file(source)):
        yield from _read_manifest(source)
    elif is_address(source):
        yield from _list_store(source, alone)
    else:
        names = [str(path) for path in list_images(source)]
        if len(names) == 1 and not _is_file(names[0]) and (alone or not _names_picture(source)):
            load_image(names[0])  # raises what is wrong with it
        yield from names


def _names_picture(source: str) -> bool:
    """Whether a source is by its name one picture, rather than a folder or a pattern of several."""
    return counts_as_picture(source) and "*" not in source


def _is_file(name: str) -> bool:
    """Path.is_file raises where the name is too long for any."""
    return os.path.isfile(name)  # noqa: PTH113


def _list_store(address: str, alone: bool) -> list[str]:
    store, path = open_store(address)
    try:
        if store.isdir(path):
            found = list(_pictures_in(store.find(path), address))
        elif store.exists(path):
            found = [path]
        else:
            pattern = literal_folders(path, store.exists)
            entries = store.glob(pattern, detail=True) if set(path) & set("*?[") else {}
            found = [name for name, about in entries.items() if about["type"] == "file"]
    except Exception as error:  # each store raises its own
        raise DataError(f"{address}: cannot be listed ({why(error)})") from error
    if not found and (alone or not _names_picture(address)):
        raise ImageError(address, "no pictures there", ImageFault.UNAVAILABLE)
    if not found:
        return [address]
    return [str(store.unstrip_protocol(name)) for name in sorted(found)]


def _pictures_in(paths: Iterable[str], address: str) -> Iterator[str]:
    """What counts as a picture by its name; of files without a suffix none is looked into here."""
    nameless = 0
    for path in paths:
        if counts_as_picture(path):
            yield path
        else:
            nameless += not PurePosixPath(path).suffix and not path.endswith("/")
    if nameless:
        _LOG.warning("%s: %d files without a suffix are left out", address, nameless)


def _read_manifest(address: str) -> Iterator[str]:
    """The pictures a manifest names; relative paths start from its own folder."""
    place = address.rpartition("::")[2]  # what a chain of stores leads to
    base = place.rpartition("/")[0] if is_address(address) else str(Path(address).parent)
    reader = parquet_paths if address.lower().endswith(".parquet") else csv_paths
    number = 0
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
    except UnicodeDecodeError as error:
        raise DataError(f"{address}: is not in UTF-8; save it as CSV in UTF-8") from error
    except Exception as error:  # pyarrow's, csv's and each store's own
        raise DataError(f"{address}: not a readable manifest ({why(error)})") from error
    if not number:
        raise DataError(f"{address}: names no picture")


@contextmanager
def _open(address: str) -> Iterator[IO[bytes]]:
    if is_address(address):
        store, path = open_store(address)
        with store.open(path, "rb") as file:
            yield file
    else:
        with Path(address).open("rb") as file:
            yield file


# The folder of a run, local or in an object store: whole files appear in it, or none.

_WRITE_WAITS_S = (1.0, 4.0, 16.0)
"""How long to wait before each new attempt at a store that did not take a file."""

_PARQUET_END = b"PAR1"


class Folder(Protocol):
    """Where a run keeps its files."""

    def names(self) -> set[str]:
        """The files in it; none where it does not exist yet."""
        ...

    def cut_off(self, names: Set[str]) -> set[str]:
        """Those of its Parquet files that lack their end: copied onto a disk that was full, say."""
        ...

    def read(self, name: str) -> bytes:
        """The content of a file.

        Raises:
            SettingError: it cannot be read.
        """
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

    def cut_off(self, names: Set[str]) -> set[str]:
        """Those of its Parquet files that lack their end."""
        listed = [name for name in names if name.endswith(".parquet")]
        return {name for name in listed if not _ends_whole(self._path / name)}

    def read(self, name: str) -> bytes:
        """The content of a file."""
        try:
            return (self._path / name).read_bytes()
        except OSError as error:
            raise SettingError(f"--out {self._path / name}: {why(error)}") from error

    def write(self, name: str, content: bytes) -> None:
        """Make a file appear, whole."""
        with writing(self._path / name, BatchError) as part:
            part.write_bytes(content)


def _ends_whole(path: Path) -> bool:
    """Whether a file ends as Parquet files do; one that cannot be read does not."""
    try:
        with path.open("rb") as file:
            file.seek(-len(_PARQUET_END), os.SEEK_END)
            return file.read() == _PARQUET_END
    except OSError:  # also of a file that is shorter
        return False


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

    def cut_off(self, names: Set[str]) -> set[str]:
        """None: to look into each would take long, and a store takes no half of an object."""
        return set()

    def read(self, name: str) -> bytes:
        """The content of an object."""
        try:
            content: bytes = self._store.cat_file(f"{self._path}/{name}")
        except Exception as error:  # each store raises its own
            raise SettingError(f"--out {self._address}/{name}: {why(error)}") from error
        return content

    def write(self, name: str, content: bytes) -> None:
        """Make an object appear, whole."""
        for wait_s in (*_WRITE_WAITS_S, None):
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
