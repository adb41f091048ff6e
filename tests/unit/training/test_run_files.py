"""What a run wrote down is read or refused in one line, and one process at a time writes it.

Run: pytest tests/unit/training/test_run_files.py
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.waiting import until

from maskwatch.errors import DataError, SettingError
from maskwatch.files import writing
from maskwatch.training.run_files import (
    HISTORY,
    SCORES,
    locked,
    read_history,
    read_scores,
    remove_parts,
)


@pytest.mark.parametrize(
    "content",
    [
        b"epoch,loss\n1,abc\n",
        b"epoch,loss\n1,0.5,9,9\n",
        b"epoch,loss\n1,0.5\n1,0.5\n2,0.4\n",  # as two processes at once left it
        b"foo\n1\n2\n",
        b"\xff\xfe\x00",
    ],
)
def test_a_history_that_is_damaged_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / HISTORY).write_bytes(content)
    with pytest.raises(DataError, match=r"history\.csv: is damaged.* remove it to go on"):
        read_history(tmp_path)


def test_before_the_first_epoch_there_is_nothing(tmp_path: Path) -> None:
    assert (read_history(tmp_path), read_scores(tmp_path)) == ([], {})


@pytest.mark.parametrize("text", ["", "{", "null", "[1]"])
def test_scores_that_are_damaged_are_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / SCORES).write_text(text)
    with pytest.raises(DataError, match=r"scores\.json: is damaged"):
        read_scores(tmp_path)


def test_only_what_was_begun_and_never_finished_is_removed(tmp_path: Path) -> None:
    with writing(tmp_path / "model.keras") as part:
        part.touch()
        begun = part.name
    (tmp_path / begun).touch()  # as one that was killed leaves it
    for name in ("my.part", ".hidden.part.txt", "a.part.keras"):
        (tmp_path / name).touch()
    remove_parts(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"model.keras", "my.part", ".hidden.part.txt", "a.part.keras"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no such lock")
def test_a_folder_belongs_to_one_process_until_that_has_ended(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from maskwatch.training.run_files import locked
with locked(Path(sys.argv[1])):
    Path(sys.argv[1], "held").touch()
    time.sleep(1000)
"""
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) as other:
        try:
            until((tmp_path / "held").exists, "the other process has the folder")
            refused = pytest.raises(SettingError, match="another process is training there")
            with refused, locked(tmp_path):
                pass
        finally:
            other.kill()
    with locked(tmp_path):
        pass
