"""Files appear whole or not at all, whatever ends the writing.

Run: pytest tests/unit/test_files.py
"""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from maskwatch import files
from maskwatch.errors import DataError, MaskWatchError, SettingError
from maskwatch.files import (
    explained,
    home_folder,
    require_file,
    require_folder,
    write_text,
    writing,
)


def test_a_new_file_and_one_in_the_place_of_another(tmp_path: Path) -> None:
    tmp_path /= "new/folders"
    path = tmp_path / "a.csv"
    for text in ("one\n", "two\n", ""):
        write_text(path, text)
        assert path.read_bytes() == text.encode()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit, OSError, DataError])
def test_whatever_ends_the_writing_leaves_the_old_file(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    with pytest.raises(MaskWatchError if error is OSError else error), writing(path) as part:
        assert part.suffix == ".csv" and part.parent == tmp_path
        part.write_text("half")
        raise error
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_killed_program_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    code = (
        "import pathlib, sys, time\\n"
        "from maskwatch.files import writing\\n"
        "with writing(pathlib.Path(sys.argv[1])) as part, part.open('w') as file:\\n"
        "    file.write('half'); file.flush(); print('begun', flush=True); time.sleep(600)\\n"
    ).replace("\\n", "\n")
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"begun\n"
        process.send_signal(signal.SIGKILL)
    assert path.read_text() == "old"


def test_rights_and_links_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "a.csv", tmp_path / "link.csv"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    write_text(link, "new")
    assert link.is_symlink() and path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_rights_of_a_new_file_are_those_of_any_other(tmp_path: Path) -> None:
    write_text(tmp_path / "new", "")
    (tmp_path / "other").touch()
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_what_is_no_file_is_written_to_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text(pipe, "through")
        assert os.read(reader, 99) == b"through" and pipe.is_fifo()
    finally:
        os.close(reader)


@pytest.mark.parametrize("error", [DataError, SettingError])
def test_one_message_where_it_cannot_be(tmp_path: Path, error: type[MaskWatchError]) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "a.csv"
    with pytest.raises(error, match=r"a\.csv: cannot be written \(not a directory\)$"):
        write_text(path, "", error)
    (tmp_path / "folder").mkdir()
    with pytest.raises(error, match=r"folder: cannot be written \(is a directory\)$"):
        write_text(tmp_path / "folder", "", error)
    with (
        pytest.raises(error, match=r"x: cannot be written \(no space left"),
        explained(Path("x"), error),
    ):
        raise OSError(28, "No space left on device")


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> None:
        raise KeyError

    monkeypatch.setenv("HOME", "/home/somebody")
    assert home_folder() == Path("/home/somebody")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert home_folder() == Path()


# What cannot be written shows before the work for it, and trying leaves nothing behind.


def test_a_folder_is_made_and_stays_empty(tmp_path: Path) -> None:
    require_folder(tmp_path / "new" / "folder")
    require_file(tmp_path / "new" / "folder" / "file.json")
    assert list(tmp_path.rglob("*")) == [tmp_path / "new", tmp_path / "new" / "folder"]


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "file.json").write_text("x")
    require_file(tmp_path / "file.json")
    assert (tmp_path / "file.json").read_text() == "x"


def test_what_is_no_file_is_not_tried() -> None:
    require_file(Path(os.devnull))


def test_a_folder_that_is_there_may_take_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(dir: Path) -> None:  # noqa: A002  # the name of the real one
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(files, "TemporaryFile", refuse)
    for require, path in ((require_folder, tmp_path), (require_file, tmp_path / "file.json")):
        with pytest.raises(DataError) as caught:
            require(path)
        assert str(caught.value) == f"{tmp_path}: cannot be written (read-only file system)"
