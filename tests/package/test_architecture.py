"""The house: imports go one way, and the map names every file.

Run: pytest tests/package/test_architecture.py
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.paths import ROOT

sys.path.append(str(ROOT / "scripts"))
import file_map


def test_imports_go_one_way() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    command = [str(tool), "--no-cache", "--config", str(ROOT / "pyproject.toml")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "2 kept, 0 broken" in done.stdout


def test_the_map_of_files_is_what_the_files_say() -> None:
    text = file_map.CONTRIBUTING.read_text(encoding="utf-8")
    assert file_map.with_map(text) == text, "run scripts/file_map.py"
