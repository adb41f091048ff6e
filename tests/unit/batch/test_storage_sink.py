"""Files of a run appear whole or not at all, on disks that are full and in stores.

Run: pytest tests/unit/batch/test_storage_sink.py
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.fakes import WITHOUT_ROOT, report, verdict
from support.small_disk import small_disk

from maskwatch.batch import storage
from maskwatch.batch.plan import COLUMNS, error_row, face_rows
from maskwatch.batch.storage import LocalFolder, StoreFolder, encode_rows, open_folder
from maskwatch.errors import BatchError, SettingError
from maskwatch.schema import MaskState


@pytest.fixture(params=["disk", "file", "memory"])
def out(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A folder that does not exist yet."""
    if request.param == "memory":
        yield "memory://runs/out"
        fsspec.filesystem("memory").rm("/runs", recursive=True)
    else:
        yield f"{'file://' if request.param == 'file' else ''}{tmp_path}/deep/out"


def test_what_is_written_is_there(out: str) -> None:
    folder = open_folder(out)
    assert folder.names() == set()
    folder.write("a", b"one")
    folder.write("b", b"")
    folder.write("a", b"two")
    assert folder.names() == {"a", "b"}
    assert (folder.read("a"), folder.read("b")) == (b"two", b"")


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "64k") as disk:
        folder = LocalFolder(disk.folder)
        folder.write("fits", bytes(10_000))
        with pytest.raises(BatchError, match=r"too large: cannot be written \(no space left"):
            folder.write("too large", bytes(1_000_000))
        assert folder.names() == {"fits"}
        folder.write("fits too", bytes(10_000))


def test_a_folder_that_may_not_be_written_to(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    code = f"""
from maskwatch.batch.storage import *
{WITHOUT_ROOT}
try:
    LocalFolder(Path({str(tmp_path / "out")!r})).write("a", b"")
except BatchError as error:
    print(error)
"""
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    tmp_path.chmod(0o755)
    assert "a: cannot be written (permission denied)" in seen.stdout


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(SettingError, match=r"--out .*: not a directory"):
        open_folder(str(tmp_path / "out")).names()


def test_a_store_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_WRITE_WAITS_S", (0.0, 0.0))
    folder = StoreFolder("memory://runs/out")
    take = folder._store.pipe_file
    failures: list[Exception] = [TimeoutError(), ConnectionError("reset")]

    def moody(path: str, content: bytes) -> None:
        if failures:
            raise failures.pop()
        take(path, content)

    monkeypatch.setattr(folder._store, "pipe_file", moody)
    folder.write("a", b"one")
    assert folder.read("a") == b"one"
    failures += [ConnectionError("reset")] * 3
    with pytest.raises(BatchError, match=r"memory://runs/out/b: cannot be written \(reset\)"):
        folder.write("b", b"")
    failures[:] = [PermissionError("key AKIA123")]
    with pytest.raises(BatchError, match="permission denied"):
        folder.write("b", b"")
    monkeypatch.undo()
    assert folder.names() == {"a"}
    folder._store.rm("/runs", recursive=True)


def test_no_password_in_the_address() -> None:
    with pytest.raises(SettingError, match=r"ftp://\*\*\*@host"):
        open_folder("ftp://me:secret@host/out")


def test_rows_as_parquet() -> None:
    crowd = report(verdict(), verdict(MaskState.UNSURE), source="x")
    rows = [
        *face_rows("crowd.png", crowd, "hash m", "hash d"),
        *face_rows("nobody.png", report(), "hash m", "hash d"),
        error_row("odd \udcff.png", "empty file", "empty"),
    ]
    table = pq.read_table(pa.BufferReader(encode_rows(rows)))
    assert table.column_names == list(COLUMNS)
    assert table["source"].to_pylist()[1:] == ["crowd.png", "nobody.png", r"odd \udcff.png"]
    assert table["status"].to_pylist() == ["face", "face", "no_face", "error"]
    assert table["face"].to_pylist() == [0, 1, None, None]
    assert table["state"].to_pylist() == ["mask", "unsure", None, None]
    assert table["error"].to_pylist() == [None, None, None, "empty file"]
    assert table["model_sha256"].to_pylist() == ["hash m"] * 3 + [None]
    assert table["detector_sha256"].to_pylist() == [None] * 4  # no network looked for faces
    assert pq.read_table(pa.BufferReader(encode_rows([]))).column_names == list(COLUMNS)


def test_files_that_were_cut_off_are_told_from_whole_ones(tmp_path: Path) -> None:
    whole = encode_rows([error_row("a.jpg", "no such file", "unavailable")])
    for name, content in {"whole": whole, "half": whole[:-9], "empty": b""}.items():
        (tmp_path / f"{name}.parquet").write_bytes(content)
    (tmp_path / "notes.txt").touch()
    folder = LocalFolder(tmp_path)
    assert folder.cut_off(folder.names()) == {"half.parquet", "empty.parquet"}
