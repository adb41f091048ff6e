"""`maskwatch predict --out` on a disk that fills up: it says so, and goes on once there is room.

Run: pytest tests/test_batch_full_disk.py
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from batch_factory import rows_of, run_here, start_driver, toy_networks, write_pictures

from maskwatch.batch.local import judge_here


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_run_on_a_full_disk_keeps_what_is_done_and_goes_on(
    tmp_path: Path, tiny_disk: Path
) -> None:
    networks = toy_networks(tmp_path)
    photos = write_pictures(tmp_path / "photos", 70)
    unbroken = run_here(photos, tmp_path / "unbroken", networks, judge_here)
    out, ballast = tiny_disk / "out", tiny_disk / "ballast"
    ballast.write_bytes(bytes(900_000))
    driver = start_driver(photos, out, networks)
    _, errors = driver.communicate(timeout=120)
    assert driver.returncode == 1
    assert "no space left" in errors and "done and kept" in errors
    assert not list(out.glob(".*"))
    kept = {path.name: path.read_bytes() for path in out.glob("part-*")}
    assert 0 < len(kept) < 35
    ballast.unlink()
    driver = start_driver(photos, out, networks)
    _, errors = driver.communicate(timeout=120)
    assert driver.returncode == 0, errors
    assert rows_of(out) == unbroken
    assert all((out / name).read_bytes() == content for name, content in kept.items())
