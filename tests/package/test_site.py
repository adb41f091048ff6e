"""The documentation site: it builds, every link leads somewhere, nothing comes from elsewhere.

Run: pytest tests/package/test_site.py
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.paths import ROOT

sys.path.append(str(ROOT / "scripts"))
from check_site import problems

PAGE = '<html><head>{head}</head><body><h1 id="top">x</h1>{body}</body></html>'


def site(tmp_path: Path, head: str = "", body: str = "") -> Path:
    (tmp_path / "other").mkdir()
    (tmp_path / "index.html").write_text(PAGE.format(head=head, body=body))
    (tmp_path / "other" / "index.html").write_text(PAGE.format(head="", body=""))
    (tmp_path / "a b.png").write_bytes(b"")
    return tmp_path


def test_a_folder_without_pages(tmp_path: Path) -> None:
    assert problems(tmp_path) == [f"{tmp_path}: no page in it; build it first"]


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("", ""),
        ("", '<a href="other/#top">x</a><a href="#top">x</a><a href=".">x</a>'),
        ("", '<img src="a%20b.png"><a href="a%20b.png">x</a>'),
        ("", '<a href="https://example.org/x">a link is followed when it is clicked</a>'),
        ('<link rel="canonical" href="https://example.org/">', '<a href="mailto:a@b.org">x</a>'),
        ("", '<img src="data:image/png;base64,AA==">'),
    ],
)
def test_what_is_fine(tmp_path: Path, head: str, body: str) -> None:
    assert problems(site(tmp_path, head, body)) == []


@pytest.mark.parametrize(
    ("head", "body", "problem"),
    [
        ("", '<a href="gone/">x</a>', "gone/ is not there"),
        ("", '<img src="gone.png">', "gone.png is not there"),
        ("", '<a href="other/#gone">x</a>', "other/#gone is not there"),
        ("", '<a href="#gone">x</a>', "#gone is not there"),
        ('<link rel="stylesheet" href="//fonts.example/x.css">', "", "loads //fonts.example/x.css"),
        ('<link rel="preconnect" href="https://a.example">', "", "loads https://a.example"),
        ('<script src="https://a.example/x.js"></script>', "", "loads https://a.example/x.js"),
        ("", '<img srcset="https://a.example/x.png 2x">', "loads https://a.example/x.png"),
    ],
)
def test_what_is_wrong(tmp_path: Path, head: str, body: str, problem: str) -> None:
    assert problems(site(tmp_path, head, body)) == [f"index.html: {problem}"]


def test_a_style_sheet_that_loads_a_font(tmp_path: Path) -> None:
    built = site(tmp_path)
    (built / "x.css").write_text("@import 'https://fonts.example/x'; a { background: url(y.png) }")
    (problem,) = problems(built)
    assert "https://fonts.example/x" in problem


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it, apart from the working tree."""
    if find_spec("zensical") is None:
        pytest.skip("needs the extra docs (pip install 'maskwatch[docs]')")
    folder = tmp_path_factory.mktemp("site")
    for name in ("zensical.toml", "CONTRIBUTING.md"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "docs", folder / "docs")
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    build = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert build.returncode == 0, build.stdout + build.stderr
    return folder / "site"


def test_the_site_is_whole_and_loads_nothing_from_elsewhere(built: Path) -> None:
    assert problems(built) == []


def test_every_page_can_be_reached_from_the_menu(built: Path) -> None:
    menu = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    assert [str(page) for page in pages if f'"{page.as_posix()}"' not in menu] == []
