"""Checks the built documentation site: nothing of it is missing, and nothing comes from elsewhere.

    python scripts/check_site.py site     # after `zensical build`, as `make docs` does

`zensical build --strict` checks links between pages. This also looks at what is left then: pictures
and files that pages show or link to, and whatever a browser would fetch from another server.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

# a link is followed when somebody clicks on it; these are fetched at once
_LOADED = {"stylesheet", "preconnect", "dns-prefetch", "preload", "prefetch", "icon", "manifest"}
_IN_STYLES = re.compile(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^\s\"')]+")


class _Page(HTMLParser):
    """What a page loads, what it links to, and what can be linked to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = {name: value or "" for name, value in attrs}
        self.anchors |= {of[name] for name in ("id", "name") if name in of}
        self.loads += [of[name] for name in ("src", "data", "poster") if of.get(name)]
        self.loads += [part.split()[0] for part in of.get("srcset", "").split(",") if part.strip()]
        if tag == "link" and _LOADED & set(of.get("rel", "").split()):
            self.loads.append(of["href"])
        elif tag == "a" and of.get("href"):
            self.links.append(of["href"])


def problems(site: Path) -> list[str]:
    """What is wrong with the site, one line each."""
    site = site.resolve()
    paths = sorted(site.rglob("*.html"))
    if not paths:
        return [f"{site}: no page in it; build it first"]
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in paths}
    found = [f"{path.relative_to(site)}: loads {url}" for path, url in _from_elsewhere(site, pages)]
    for path, page in pages.items():
        if path.name == "404.html":  # served for any address, so its links are from the root
            continue
        wrong = [url for url in (*page.loads, *page.links) if not _is_there(path, url, pages)]
        found += [f"{path.relative_to(site)}: {url} is not there" for url in dict.fromkeys(wrong)]
    return found


def _from_elsewhere(site: Path, pages: dict[Path, _Page]) -> Iterator[tuple[Path, str]]:
    for path, page in pages.items():
        for url in page.loads:
            if urlsplit(url).netloc:
                yield path, url
    for path in sorted(site.rglob("*.css")):
        for found in _IN_STYLES.findall(path.read_text(encoding="utf-8")):
            yield path, found


def _is_there(path: Path, url: str, pages: dict[Path, _Page]) -> bool:
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        return True
    address, anchor = urldefrag(url)
    target = (path.parent / unquote(address)).resolve() if address else path
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return False
    return not anchor or target not in pages or unquote(anchor) in pages[target].anchors


def main() -> None:
    """Says what is wrong with the site; exit code 1 if anything is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("site", type=Path, help="folder of the built site")
    found = problems(parser.parse_args().site)
    print("\n".join(found) or "every link leads somewhere, and nothing is loaded from elsewhere")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
