"""What a source names: folders, patterns, manifests and object stores, and how they can be wrong.

Run: pytest tests/unit/batch/test_storage_source.py
"""

from __future__ import annotations

import csv
import logging
import zipfile
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.bad_images import encoded

from maskwatch.batch import storage
from maskwatch.batch.plan import UnreachableError
from maskwatch.batch.storage import is_address, list_pictures, open_folder, read_picture
from maskwatch.errors import DataError, ImageError, ImageFault, SettingError


@pytest.fixture
def store() -> Iterator[fsspec.AbstractFileSystem]:
    memory = fsspec.filesystem("memory")
    for name in ("b.jpg", "sub/a.PNG", "sub/deep/c.webp", "notes.txt", "._b.jpg"):
        memory.pipe_file(f"/bucket/{name}", encoded())
    yield memory
    memory.rm("/bucket", recursive=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.jpg", "sub/a.PNG", "notes.txt"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a text" if name == "notes.txt" else encoded())
    return tmp_path / "photos"


def write_manifest(path: Path, names: list[str | None], column: str = "image_path") -> str:
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"label": ["x"] * len(names), column: names}), path)
    else:
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.writer(file)
            writer.writerow(("label", column))
            writer.writerows(("x", name) for name in names)
    return str(path)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_manifest_names_each_picture_once(tmp_path: Path, suffix: str) -> None:
    names: list[str | None] = ["a.jpg", "sub/b, c.jpg", "/abs/d.jpg", "s3://bucket/e.jpg", "a.jpg"]
    manifest = write_manifest(tmp_path / f"list{suffix}", names)
    assert list_pictures([manifest]) == [
        f"{tmp_path}/a.jpg",
        f"{tmp_path}/sub/b, c.jpg",
        "/abs/d.jpg",
        "s3://bucket/e.jpg",
    ]
    assert list_pictures([f"file://{manifest}"])[0] == f"file://{tmp_path}/a.jpg"


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_manifest_without_the_column(tmp_path: Path, suffix: str) -> None:
    manifest = write_manifest(tmp_path / f"list{suffix}", ["a.jpg"], "path")
    with pytest.raises(DataError, match=r"no column image_path \(it has: label, path\)"):
        list_pictures([manifest])


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_manifest_with_a_hole(tmp_path: Path, suffix: str) -> None:
    manifest = write_manifest(tmp_path / f"list{suffix}", ["a.jpg", None])
    with pytest.raises(DataError, match="image_path is missing in row 2"):
        list_pictures([manifest])


@pytest.mark.parametrize("name", ["empty.parquet", "broken.parquet", "empty.csv", "binary.csv"])
def test_a_manifest_that_is_none(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"" if name.startswith("empty") else b"PAR1\xff\xfe\x00" * 50)
    with pytest.raises(
        DataError, match=r"not a readable manifest|no column image_path|not in UTF-8"
    ):
        list_pictures([str(path)])


def test_a_folder_a_pattern_and_a_file(folder: Path) -> None:
    both = [f"{folder}/b.jpg", f"{folder}/sub/a.PNG"]
    assert list_pictures([str(folder)]) == both
    assert list_pictures([f"{folder}/*.jpg", f"{folder}/sub", str(folder)]) == both
    assert list_pictures([f"file://{folder}"]) == [f"file://{name}" for name in both]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone", "no such file"),
        ("gone/*.png", "no such file"),
        ("empty", "a folder without images"),
    ],
)
def test_a_source_without_pictures(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match=reason):
        list_pictures([str(tmp_path / name)])


def test_what_is_missing_among_others_is_left_to_its_row(folder: Path) -> None:
    manifest = write_manifest(folder / "list.csv", ["gone.jpg"])
    assert list_pictures([manifest]) == [f"{folder}/gone.jpg"]


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("memory://bucket", ["b.jpg", "sub/a.PNG", "sub/deep/c.webp"]),
        ("memory://bucket/sub/", ["sub/a.PNG", "sub/deep/c.webp"]),
        ("memory://bucket/*.jpg", ["._b.jpg", "b.jpg"]),
        ("memory://bucket/**/*.webp", ["sub/deep/c.webp"]),
        ("memory://bucket/notes.txt", ["notes.txt"]),
    ],
)
def test_an_object_store(store: fsspec.AbstractFileSystem, address: str, found: list[str]) -> None:
    names = list_pictures([address])
    assert names == [f"memory:///bucket/{name}" for name in found]
    assert all(is_address(name) for name in names)
    assert read_picture(names[0], "") == encoded()


def test_brackets_in_a_store_and_what_is_left_out_of_it(
    store: fsspec.AbstractFileSystem, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("d.jpg", "e.HEIC", "IMG_1"):
        store.pipe_file(f"/bucket/set [1]/{name}", encoded())
    (only,) = list_pictures(["memory://bucket/set [1]/*.jpg"])
    assert only == "memory:///bucket/set [1]/d.jpg"
    with caplog.at_level(logging.WARNING):
        assert len(list_pictures(["memory://bucket/set [1]"])) == 2
    assert caplog.messages == ["memory://bucket/set [1]: 1 files without a suffix are left out"]


def test_a_manifest_in_a_store(store: fsspec.AbstractFileSystem, tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path / "list.csv", ["sub/a.PNG", "memory://bucket/b.jpg"])
    store.pipe_file("/bucket/list.csv", Path(manifest).read_bytes())
    assert list_pictures(["memory://bucket/list.csv"]) == [
        "memory://bucket/sub/a.PNG",
        "memory://bucket/b.jpg",
    ]


@pytest.mark.parametrize("address", ["memory://nowhere", "memory://bucket/*.gif"])
def test_nothing_in_a_store(store: fsspec.AbstractFileSystem, address: str) -> None:
    with pytest.raises(ImageError, match="no pictures there"):
        list_pictures([address])


@pytest.mark.parametrize(
    ("address", "error", "said"),
    [
        ("nonsense://bucket", DataError, "Protocol not known"),
        ("gs://bucket", DataError, "gcsfs"),
        ("ftp://me:secret@host/photos", SettingError, r"ftp://\*\*\*@host/\.\.\.: give pass"),
    ],
)
def test_a_store_that_cannot_be_opened(address: str, error: type[Exception], said: str) -> None:
    if "gs:" in address:
        try:
            import gcsfs  # noqa: F401
        except ImportError:
            pass
        else:
            pytest.skip("gcsfs is installed")
    with pytest.raises(error, match=said) as caught:
        list_pictures([address])
    assert "secret" not in str(caught.value)


def test_a_path_starts_from_the_folder() -> None:
    assert read_picture("a/b.jpg", "/photos") == Path("/photos/a/b.jpg")
    assert read_picture("/a/b.jpg", "/photos") == Path("/a/b.jpg")


def test_an_object_that_is_not_there() -> None:
    with pytest.raises(ImageError, match="no such file") as caught:
        read_picture("memory://bucket/gone.jpg", "")
    assert not isinstance(caught.value, UnreachableError)


def test_an_object_that_is_too_large(
    store: fsspec.AbstractFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "MAX_BYTES", 100)
    with pytest.raises(ImageError, match="over the limit") as caught:
        read_picture("memory://bucket/b.jpg", "")
    assert caught.value.fault is ImageFault.TOO_LARGE


class Moody(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """A store that fails so many times before it answers."""

    protocol = "moody"
    failures: list[Exception] = []  # noqa: RUF012

    def open(self, path: str, mode: str = "rb", **_: object) -> object:
        if Moody.failures:
            raise Moody.failures.pop()
        return fsspec.filesystem("memory").open("/bucket/b.jpg", mode)


@pytest.mark.parametrize(
    ("failures", "reason"),
    [
        ([], None),
        ([TimeoutError()] * 3, None),
        ([OSError(5, "Input/output error"), ConnectionError("reset")], None),
        ([ConnectionError("reset at https://me:secret@host/x")] * 4, "reset at"),
        ([PermissionError("key AKIA123")], "permission denied"),
    ],
)
def test_a_store_is_asked_again(
    store: fsspec.AbstractFileSystem,
    monkeypatch: pytest.MonkeyPatch,
    failures: list[Exception],
    reason: str | None,
) -> None:
    monkeypatch.setattr(storage, "_READ_WAITS_S", (0.0, 0.0, 0.0))
    fsspec.register_implementation("moody", Moody, clobber=True)
    monkeypatch.setattr(Moody, "failures", list(failures))
    if reason is None:
        assert read_picture("moody://b.jpg", "") == encoded()
    else:
        with pytest.raises(UnreachableError, match=reason) as caught:
            read_picture("moody://b.jpg", "")
        assert "secret" not in str(caught.value) and "AKIA" not in str(caught.value)
    assert Moody.failures == []


def test_a_listed_name_is_no_chain_of_stores(tmp_path: Path) -> None:
    """What follows `::` would be read from elsewhere, under the name of this one."""
    other = tmp_path / "b.jpg"
    other.write_bytes(b"other")
    (tmp_path / "memory:" / "x").mkdir(parents=True)
    folder = tmp_path / "photos"
    folder.mkdir()
    named = folder / "a::b.jpg"
    named.write_bytes(b"this one")
    (listed,) = list_pictures([f"file://{folder}"])
    assert listed == f"file://{named}" and read_picture(listed, "/") == b"this one"
    manifest = write_manifest(tmp_path / "list.csv", [f"file://{named}"])
    assert [read_picture(name, "/") for name in list_pictures([manifest])] == [b"this one"]


def test_a_source_may_be_a_chain(store: fsspec.AbstractFileSystem) -> None:
    assert list_pictures(["simplecache::memory://bucket/sub"]) == [
        "memory:///bucket/sub/a.PNG",
        "memory:///bucket/sub/deep/c.webp",
    ]


def test_a_manifest_behind_a_chain_names_pictures_that_can_be_read(
    store: fsspec.AbstractFileSystem,
) -> None:
    store.pipe_file("/bucket/list.csv", b"image_path\nb.jpg\n")
    (name,) = list_pictures(["simplecache::memory://bucket/list.csv"])
    assert read_picture(name, "/") == encoded()


@pytest.mark.parametrize("place", ["in", "in/*.jpg", "list.csv"])
def test_an_archive_is_to_be_unpacked(tmp_path: Path, place: str) -> None:
    """Of the names in it none could be read, for each leaves out where the archive is."""
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("in/a.jpg", encoded())
        archive.writestr("list.csv", "image_path\nin/a.jpg\n")
    with pytest.raises(DataError, match="unpack it first"):
        list_pictures([f"zip://{place}::{tmp_path}/photos.zip"])


@pytest.mark.parametrize("address", ["memory://", "memory:///", "simplecache::memory://"])
def test_an_address_whose_variable_is_empty(address: str) -> None:
    for use in (list_pictures, lambda addresses: open_folder(*addresses)):
        with pytest.raises(SettingError, match="names nothing in the store"):
            use([address])


def test_a_name_that_is_cut_at_its_comma_is_told(tmp_path: Path) -> None:
    manifest = tmp_path / "list.csv"
    manifest.write_text("image_path,label\na.jpg,x,\nb, c.jpg,x\n")
    with pytest.raises(DataError, match="line 3 has more cells than the first line"):
        list_pictures([str(manifest)])
    manifest.write_text("image_path,label\na.jpg,x,\n")
    assert list_pictures([str(manifest)]) == [f"{tmp_path}/a.jpg"]


@pytest.mark.parametrize("name", ["n" * 300, "n" * 300 + ".csv", "n" * 300 + ".png"])
def test_a_name_that_no_file_can_have(name: str) -> None:
    with pytest.raises(ImageError, match="file name too long"):
        list_pictures([name])
