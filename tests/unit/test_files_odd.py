"""Files to write whose names are links in a circle, and archives of a clock that is far off.

Run: pytest tests/unit/test_files_odd.py
"""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path

import pytest

from maskwatch.errors import SettingError
from maskwatch.files import require_file, write_text
from maskwatch.io.zip_files import zip_entry


def test_links_in_a_circle_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.symlink_to("b.csv")
    (tmp_path / "b.csv").symlink_to("a.csv")
    for write in (require_file, lambda path, error: write_text(path, "x", error)):
        with pytest.raises(SettingError, match=r"a\.csv: cannot be written \(too many "):
            write(path, SettingError)
    assert path.is_symlink()


@pytest.mark.parametrize(
    ("now_s", "year"), [(0.0, 1980), (1_796_000_000.0, 2026), (5_000_000_000.0, 2107)]
)
def test_an_archive_says_a_time_that_it_can(now_s: float, year: int) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zip_entry("a.jpg", now_s=now_s), b"x")
    (entry,) = zipfile.ZipFile(content).infolist()
    assert entry.date_time[0] == year


def test_it_is_as_one_that_is_named_only() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", b"x" * 99)
        archive.writestr(zip_entry("b.txt", zipfile.ZIP_DEFLATED), b"x" * 99)
    one, other = zipfile.ZipFile(content).infolist()
    for name in ("compress_type", "compress_size", "external_attr", "create_system"):
        assert getattr(one, name) == getattr(other, name)
    assert time.mktime((*other.date_time, 0, 0, -1)) - time.mktime((*one.date_time, 0, 0, -1)) >= 0
