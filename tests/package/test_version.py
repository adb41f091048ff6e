"""The version is told once, and the changelog begins with it.

Run: pytest tests/package/test_version.py
"""

from __future__ import annotations

import re
from datetime import date

from support.paths import ROOT

from maskwatch import __version__

CHANGELOG = ROOT / "CHANGELOG.md"


def test_the_changelog_begins_with_this_version() -> None:
    headings = re.findall(r"^## (.*)$", CHANGELOG.read_text(encoding="utf-8"), re.MULTILINE)
    released = [heading for heading in headings if heading != "Unreleased"]
    version, day = re.fullmatch(r"\[([\d.]+)\] - ([\d-]{10})", released[0]).groups()
    date.fromisoformat(day)
    # while something is unreleased, the version may be ahead: 0.2.0.dev0
    assert __version__ == version or (headings[0] == "Unreleased" and "dev" in __version__)
