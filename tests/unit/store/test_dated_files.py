"""Files about people: for their owner alone, found by their moment, gone in time.

Run: pytest tests/unit/store/test_dated_files.py
"""

from __future__ import annotations

from pathlib import Path

import pytest

from maskwatch.errors import DataError
from maskwatch.store.dated_files import DAY_S, DatedFiles, moment_of, write_private

NOON_S = 1_795_521_600.0  # 2026-11-24T12:00:00Z
OTHERS = ("notes.txt", "20261124T120000Z_ab.txt", "20261399T999999Z_ab.png", "ab.png")


def dated(folder: Path, *folders: Path) -> DatedFiles:
    return DatedFiles((folder, *folders), "_[a-z]{2}", (".png",))


def fill(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_nobody_but_the_owner_reads_it_whoever_made_the_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    path = tmp_path / "new" / "faces" / "a.png"
    for content in (b"one", b"two"):
        write_private(path, content)
        assert path.read_bytes() == content and mode(path) == 0o600
    assert mode(path.parent) == mode(path.parent.parent) == 0o700 and mode(tmp_path) == 0o755
    write_private(tmp_path / "b.png", b"")
    assert mode(tmp_path / "b.png") == 0o600


@pytest.mark.parametrize("name", ["file/a.png", "n" * 300 + ".png"])
def test_what_cannot_be_written_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        write_private(tmp_path / name, b"")


def test_what_is_older_goes_finished_or_not_and_nothing_else(tmp_path: Path) -> None:
    old = (f"{moment_of(NOON_S)}_ab.png", f".{moment_of(NOON_S)}_cd.01234567.part.png")
    young = f"{moment_of(NOON_S + DAY_S)}_ef.png"
    fill(tmp_path, *old, young, *OTHERS)
    (tmp_path / f"{moment_of(0)}_gh.png").mkdir()
    files = dated(tmp_path, tmp_path / "missing")
    assert files.purge(NOON_S) == []
    assert {path.name for path in files.purge(NOON_S + DAY_S)} == set(old)
    assert names(tmp_path) == {young, *OTHERS, f"{moment_of(0)}_gh.png"}


def test_only_what_is_finished_is_listed(tmp_path: Path) -> None:
    whole = f"{moment_of(NOON_S)}_ab.png"
    fill(tmp_path, whole, f".{moment_of(NOON_S)}_cd.01234567.part.png", "notes.txt")
    assert dated(tmp_path).names(tmp_path) == [whole]
    assert dated(tmp_path).names(tmp_path / "missing") == []


def test_what_lies_ahead_is_dated_today_in_all_folders_alike(tmp_path: Path) -> None:
    """The clock was put right; it is a little out now and then."""
    ahead, soon = (f"{moment_of(NOON_S + s)}_ab.png" for s in (2 * DAY_S, 600))
    for folder in (tmp_path / "a", tmp_path / "b"):
        fill(folder, ahead, soon, *OTHERS)
    files = dated(tmp_path / "a", tmp_path / "b")
    files.take_for_new(NOON_S)
    expected = {f"{moment_of(NOON_S)}_ab.png", soon, *OTHERS}
    assert names(tmp_path / "a") == names(tmp_path / "b") == expected


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / ("n" * 300)):
        with pytest.raises(DataError, match="cannot be read"):
            dated(folder).purge(NOON_S)
