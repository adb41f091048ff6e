"""The files of a set: listed, decoded whatever wrote them, and pictures found by their labels.

Labels and pictures go by different names: tools change .png into .jpg, keep paths of another
computer, and lay both into folders of their own. Macs write accents in two parts (NFD), others in
one (NFC). Two pictures that fit alike are never chosen between in silence.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from unicodedata import normalize

from maskwatch.errors import DataError
from maskwatch.io.folders import walk_once
from maskwatch.io.image_kinds import IMAGE_SUFFIXES
from maskwatch.io.text_files import marked_encoding
from maskwatch.training.data.labels import Problem

FORM_FOLDERS = frozenset(
    {"images", "image", "imgs", "img", "jpegimages", "pictures", "photos"}
    | {"labels", "label", "annotations", "annotation", "annots", "xmls", "xml", "txt"}
)
"""Folders that hold pictures or labels of what their parent is; they tell nothing else apart."""

LABEL_SUFFIXES = frozenset({".txt", ".xml"})
"""Of label files that are named like their picture."""

_DECLARED = re.compile(rb"<\?xml[^>]{0,100}encoding\s*=\s*[\"']([\w.-]+)")

_DECIMAL_COMMA = re.compile(r"(-?\d+),(\d+)")


def decode(content: bytes) -> str:
    """Text of unknown encoding: by its mark, its zeros, its XML declaration, UTF-8 or Windows'.

    Raises:
        LookupError: the XML declaration names an encoding that does not exist.
        ValueError: the content is not in the encoding that it begins with.
    """
    if encoding := marked_encoding(content):
        return content.decode(encoding)
    if declared := _DECLARED.match(content):
        return content.decode(declared[1].decode("ascii"))
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def file_sha256(path: Path) -> str:
    """Hash of the bytes of a file, of which only a little is in memory at once.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_text(path: Path) -> str:
    """The text of a file, see `decode`.

    Raises:
        OSError, LookupError, ValueError: it cannot be read; `why` tells it in words.
    """
    return decode(path.read_bytes())


def read_rows(path: Path, *, strict: bool = False) -> list[tuple[int, list[str]]]:
    """The lines of a table that hold anything, each with its number in the file.

    Cells are parted by whichever of comma, semicolon and tab the first line has most of. By
    semicolons spreadsheets part them where numbers have a comma for their point.

    Args:
        path: of a CSV file.
        strict: refuse quotes that do not fit.

    Raises:
        OSError, LookupError, ValueError, csv.Error: it cannot be read; `why` tells it in words.
    """
    text = read_text(path)
    head = text.partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=strict)
    rows = [(reader.line_num, row) for row in reader if any(map(str.strip, row))]
    if delimiter != ";":
        return rows
    return [(number, [_with_point(cell) for cell in row]) for number, row in rows]


def why(error: Exception) -> str:
    """Why a file cannot be read, in one line without its name."""
    if isinstance(error, OSError):
        return (error.strerror or type(error).__name__).lower()
    return " ".join(str(error).split())[:200] or type(error).__name__


@dataclass(frozen=True, slots=True)
class _Picture:
    path: Path
    folders: tuple[str, ...]
    """Below the set, without FORM_FOLDERS."""


@dataclass(frozen=True, slots=True)
class SetFiles:
    """The files below a folder, hidden ones (.DS_Store, ._x.jpg) aside.

    Attributes:
        folder: the set's top folder.
        pictures: in sorted order.
        others: all other files, in sorted order.
        problems: folders that cannot be read.
    """

    folder: Path
    pictures: tuple[Path, ...]
    others: tuple[Path, ...]
    problems: tuple[Problem, ...] = ()
    _by_stem: dict[str, list[_Picture]] = field(default_factory=dict, repr=False, compare=False)

    def with_suffix(self, *suffixes: str) -> list[Path]:
        """The files whose names end in one of these, whatever the case of the letters."""
        return [path for path in self.others if path.suffix.lower() in suffixes]

    def find(self, label_path: Path, picture: str, hint: str = "") -> Path:
        """The picture that a label file means.

        The one in the place that the file names; else, because sets are copied and laid anew, one
        below or above the label file, unless the folders that the file names contradict it.

        Args:
            label_path: the label file.
            picture: name or path of the picture as the file has it, or the label file's own name.
            hint: full name of the picture that decides between several that fit.

        Raises:
            LookupError: there is none, or more than one.
        """
        *folders, name = picture.replace("\\", "/").split("/")
        within, above = _plain(folders), _plain(label_path.parent.relative_to(self.folder).parts)
        stem = _stem(name)
        named = self._by_stem.get(_folded(stem), [])
        found = [item for item in named if item.folders == above + within] or [
            item for item in named if _may_be(item.folders, above, within)
        ]
        full_name, title = _composed(hint or name), _folded(label_path.stem)
        nearer: tuple[Callable[[_Picture], bool], ...] = (
            lambda item: _composed(item.path.name) == full_name,
            lambda item: _composed(item.path.stem) == _composed(stem),
            lambda item: any(folder in title for folder in item.folders),  # train_labels.csv
            lambda item: item.path.parent == label_path.parent,
        )
        for is_nearer in nearer:
            found = [item for item in found if is_nearer(item)] or found
        if not found:
            raise LookupError(f"no picture for this annotation ({picture})")
        if len(found) > 1:
            names = ", ".join(item.path.relative_to(self.folder).as_posix() for item in found[:3])
            raise LookupError(f"more than one picture of this name: {names}; keep the one meant")
        return found[0].path


def list_files(folder: Path) -> SetFiles:
    """All files below a folder.

    Raises:
        DataError: there is no such folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}")
    problems: list[Problem] = []

    def note(error: OSError) -> None:
        problems.append(Problem(Path(error.filename), f"folder cannot be read ({error.strerror})"))

    files = sorted(
        parent / name
        for parent, names in walk_once(folder, note)
        for name in names
        if not name.startswith(".")
    )
    special = [path for path in files if _is_special(path)]
    problems += [Problem(path, "is a pipe or a device, not a file") for path in special]
    files = [path for path in files if path not in special]
    pictures = tuple(path for path in files if is_picture(path))
    by_stem: dict[str, list[_Picture]] = defaultdict(list)
    for path in pictures:
        place = _plain(path.parent.relative_to(folder).parts)
        by_stem[_folded(path.stem)].append(_Picture(path, place))
    others = tuple(path for path in files if not is_picture(path))
    return SetFiles(folder, pictures, others, tuple(problems), by_stem)


def _is_special(path: Path) -> bool:
    """Whether reading it could wait for ever; a link that leads nowhere only fails."""
    try:
        return not S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def is_picture(path: Path) -> bool:
    """Whether a file is a picture by its name."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def in_folder(path: Path, folder: Path, name: str) -> bool:
    """Whether a folder of that name, whatever the case of its letters, lies between the two."""
    return name in map(str.lower, path.relative_to(folder).parts[:-1])


def _plain(folders: Sequence[str]) -> tuple[str, ...]:
    """What folders tell apart, however they are spelt."""
    names = map(_folded, folders)
    return tuple(name for name in names if name not in FORM_FOLDERS | {"", ".", ".."})


def _may_be(folders: tuple[str, ...], above: tuple[str, ...], within: tuple[str, ...]) -> bool:
    """Whether a picture in `folders` can be the one that a file in `above` says is in `within`."""
    common = min(len(folders), len(above))
    if folders[:common] != above[:common]:
        return False
    below = folders[common:]
    shared = min(len(below), len(within))
    return not shared or below[-shared:] == within[-shared:]


def _with_point(cell: str) -> str:
    number = _DECIMAL_COMMA.fullmatch(cell.strip())
    return f"{number[1]}.{number[2]}" if number else cell


def _stem(name: str) -> str:
    """A name without the suffix of a picture or a label file; other dots belong to it."""
    stem, dot, suffix = name.rpartition(".")
    return stem if f"{dot}{suffix}".lower() in IMAGE_SUFFIXES | LABEL_SUFFIXES else name


def _composed(name: str) -> str:
    return normalize("NFC", name)


def _folded(name: str) -> str:
    return _composed(name).casefold()
