"""What can be taken away from the photo page, as files; without Streamlit."""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from PIL import Image

from maskwatch.app.pictures import jpeg
from maskwatch.app.session_photos import Photo, told_apart
from maskwatch.draw import annotate
from maskwatch.report import Result, to_csv, to_jsonl
from maskwatch.schema import FrameReport
from maskwatch.sources import load_image
from maskwatch.style import Words

_LONGEST = 100
# characters of a name; file systems take 255 bytes, and a character may be four of them

# what Windows does not take in a name, and what is no character to be seen
_UNFIT = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_DEVICES = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE)


def csv_file(results: Iterable[Result]) -> str:
    """One row a face, as `maskwatch predict --format csv` writes it."""
    return "".join(f"{line}\n" for line in to_csv(results))


def json_file(results: Iterable[Result]) -> str:
    """One line a photo, as `maskwatch predict --format jsonl` writes it."""
    return "".join(f"{line}\n" for line in to_jsonl(results))


def zip_file(found: Sequence[tuple[Photo, FrameReport]], words: Words) -> bytes:
    """Every photo in its full size with what was found drawn on it, one JPEG each."""
    names = zip_names([photo.name for photo, _ in found])
    content = io.BytesIO()
    # pictures are compressed already
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, (photo, report) in zip(names, found, strict=True):
            marked_rgb = annotate(load_image(photo.content), report, words=words)
            archive.writestr(name, jpeg(Image.fromarray(marked_rgb), quality=92))
    return content.getvalue()


def zip_names(names: Sequence[str]) -> list[str]:
    """Names for JPEGs in an archive, safe on every system, of which no two are the same.

    None is absolute, leads out of the folder or names a device; capitals make no difference.
    """
    return told_apart((f"{_safe_stem(name)}.jpg" for name in names), str.casefold)


def _safe_stem(name: str) -> str:
    last = PurePosixPath(name.replace("\\", "/")).name
    stem = last.rpartition(".")[0] or last
    kept = "".join(
        c for c in unicodedata.normalize("NFC", stem) if unicodedata.category(c)[0] != "C"
    )
    stem = _UNFIT.sub("_", kept)[:_LONGEST].strip(" .")
    if not stem or _DEVICES.match(stem.partition(".")[0]):
        stem = f"photo {stem}".strip()
    return stem
