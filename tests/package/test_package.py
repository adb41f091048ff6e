"""What is in the wheel and the source distribution, and that the wheel works by itself.

Run: pytest tests/package/test_package.py
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

sys.path.append(str(ROOT / "scripts"))
from check_package import (
    NEEDED,
    ROOT,
    build,
    check_contents,
    sdist_faults,
    try_wheel,
    wheel_faults,
)

ABOUT = ("LICENSE", "THIRD_PARTY.md")
WHEEL = {
    **dict.fromkeys(NEEDED, 1000),
    **{f"maskwatch-1.dist-info/licenses/{name}": 1000 for name in ABOUT},
    "maskwatch-1.dist-info/RECORD": 10,
    "maskwatch/__init__.py": 10,
}
TRACKED = [
    "tests/pages/test_photos_page.py",
    "src/maskwatch/__init__.py",
    *(f"src/{name}" for name in NEEDED if "/recipes/" not in name),
    *(name.removeprefix("maskwatch/") for name in NEEDED if "/recipes/" in name),
]


def test_a_wheel_as_it_should_be() -> None:
    assert wheel_faults(WHEEL, TRACKED) == []


@pytest.mark.parametrize(
    ("added", "fault"),
    [
        ("maskwatch/photo.jpg", "photo.jpg: does not belong there"),
        ("tests/pages/test_session.py", "tests/pages/test_session.py: does not belong there"),
        ("maskwatch/__pycache__/a.pyc", "a.pyc: of a kind that no wheel has held so far"),
        ("maskwatch/faces.parquet", "faces.parquet: of a kind that no wheel has held so far"),
    ],
)
def test_what_does_not_belong_into_a_wheel(added: str, fault: str) -> None:
    assert any(fault in line for line in wheel_faults({**WHEEL, added: 10}, TRACKED))


def test_what_a_wheel_lacks() -> None:
    network = "maskwatch/models/detector.onnx"
    without = {name: size for name, size in WHEEL.items() if name != network}
    assert f"{network}: was left out" in wheel_faults(without, TRACKED)
    # even where it is not tracked either
    untracked = [path for path in TRACKED if path != f"src/{network}"]
    assert wheel_faults(without, untracked) == [f"{network}: is missing"]
    without = {name: size for name, size in WHEEL.items() if "THIRD_PARTY" not in name}
    assert wheel_faults(without, TRACKED) == ["THIRD_PARTY.md: is missing"]


def test_large_files_are_networks_only() -> None:
    names = ("maskwatch/__init__.py", "maskwatch/models/detector.onnx")
    large = {**WHEEL, **dict.fromkeys(names, 2_000_000)}
    assert wheel_faults(large, TRACKED) == ["maskwatch/__init__.py: 2.0 MB, more than 1"]


def test_a_source_distribution() -> None:
    tracked = ["README.md", "src/maskwatch/a.py"]
    complete = [*tracked, "PKG-INFO"]
    assert sdist_faults(complete, tracked) == []
    (fault,) = sdist_faults([*complete, "data/x.jpg"], tracked)
    assert fault == "data/x.jpg: does not belong there"
    (fault,) = sdist_faults(complete[1:], tracked)
    assert fault.endswith(": was left out")


@pytest.mark.slow
def test_both_are_built_and_the_wheel_works_without_the_source_tree(tmp_path: Path) -> None:
    if subprocess.run(["git", "-C", ROOT, "rev-parse"], capture_output=True).returncode:
        pytest.skip("what belongs into a package is told by git")
    sdist, wheel = build(tmp_path / "dist")
    assert check_contents(sdist, wheel) == []
    assert try_wheel(wheel, tmp_path).endswith("\nAll is well.\n")
