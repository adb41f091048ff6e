"""What cannot be written shows before the work for it, and trying leaves nothing behind.

Run: pytest tests/unit/training/data/test_outputs.py
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from maskwatch.errors import DataError
from maskwatch.training.data import outputs
from maskwatch.training.data.outputs import require_file, require_folder


def test_a_folder_is_made_and_stays_empty(tmp_path):
    require_folder(tmp_path / "new" / "folder")
    require_file(tmp_path / "new" / "folder" / "file.json")
    assert list(tmp_path.rglob("*")) == [tmp_path / "new", tmp_path / "new" / "folder"]


def test_a_file_that_is_there_stays_as_it_is(tmp_path):
    (tmp_path / "file.json").write_text("x")
    require_file(tmp_path / "file.json")
    assert (tmp_path / "file.json").read_text() == "x"


def test_what_is_no_file_is_not_tried():
    require_file(Path(os.devnull))


def test_a_folder_that_is_there_may_take_no_file(tmp_path, monkeypatch):
    def refuse(dir: Path) -> None:  # noqa: A002  # the name of the real one
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(outputs, "TemporaryFile", refuse)
    for require, path in ((require_folder, tmp_path), (require_file, tmp_path / "file.json")):
        with pytest.raises(DataError) as caught:
            require(path)
        assert str(caught.value) == f"{tmp_path}: cannot be written (read-only file system)"
