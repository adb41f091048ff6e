"""Scripts and benchmarks that are asked for help do nothing else.

Run: pytest tests/package/test_helps.py
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.contract_factory import FOLDER
from support.paths import ROOT

PROGRAMS = [
    path
    for folder in ("benchmarks", "scripts")
    for path in sorted((ROOT / folder).glob("*.py"))
]  # fmt: skip


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_each_reads_its_arguments(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "argparse.ArgumentParser(" in text or "@click.command(" in text


@pytest.mark.parametrize(
    "name",
    ["scripts/make_contract.py", "scripts/file_map.py", "scripts/check_site.py",
     "benchmarks/tracking.py", "scripts/with_pauses.sh", "scripts/check_image.sh"],
)  # fmt: skip
def test_help_is_all_that_it_gives(name: str) -> None:
    before = [path.stat().st_mtime_ns for path in sorted(FOLDER.glob("*.json"))]
    command = [sys.executable] if name.endswith(".py") else ["bash"]
    done = subprocess.run(
        [*command, ROOT / name, "--help"], capture_output=True, text=True, timeout=120
    )
    assert Path(name).name in done.stdout, done.stderr
    assert [path.stat().st_mtime_ns for path in sorted(FOLDER.glob("*.json"))] == before


def test_a_site_that_is_not_named_is_no_traceback() -> None:
    command = [sys.executable, ROOT / "scripts" / "check_site.py"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "required: site" in done.stderr and "Traceback" not in done.stderr
