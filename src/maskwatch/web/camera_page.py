"""The page of many cameras put together; `maskwatch watch --page` hands it out."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from maskwatch.io.style import Words
from maskwatch.schema import MaskState
from maskwatch.web.bundle import PAGE, as_json, styles, with_words, words_in

POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' blob:; "
    "style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load, and where from: its own host only."""

_OWN = Path(__file__).with_name("cameras")
_SHARED = (
    "style.css",
    "icon.svg",
    "dom.js",
    "lib/number.js",
    "lib/schema.js",
    "lib/text.js",
    "words.js",
)
_SECTIONS = ("format", "states", "counts", "picture", "video_faults", "cameras")


def build_camera_page() -> dict[str, bytes]:
    """All files of the page by their path."""
    files = {name: (PAGE / name).read_bytes() for name in _SHARED}
    files |= {path.name: path.read_bytes() for path in sorted(_OWN.iterdir()) if path.is_file()}
    catalogues = words_in(_SECTIONS)
    files |= {f"words/{code}.json": as_json(words) for code, words in catalogues.items()}
    files["index.html"] = with_words(files["index.html"], catalogues["en"])
    languages = {code: words["cameras"]["language"] for code, words in catalogues.items()}
    files["about.json"] = as_json({"languages": languages, "styles": styles()})
    return files


@cache
def picture_words() -> dict[str, Words]:
    """What is written on pictures, by the code of the language."""
    return {
        code: Words(
            labels={state: words["states"][state] for state in MaskState},
            seconds_ago=words["picture"]["seconds_ago"],
            in_doubt=words["picture"]["in_doubt"],
            status=words["picture"]["status"],
            decimal_mark=words["format"]["decimal_mark"],
        )
        for code, words in words_in(("states", "picture", "format")).items()
    }
