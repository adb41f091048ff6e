"""Which sets an operator offers for training, and what can be said of one before it is trained on.

Needs no training framework, so that the page can use it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from maskwatch.errors import DataError
from maskwatch.training.catalog import LABELS, PUBLIC_SETS, UNCLEAR, label_of
from maskwatch.training.readers import Problem, read_set

FEWEST = 5
"""Pictures of each class without which there is no split into five parts."""

_LAYOUT_FOLDERS = ("annotations", "labels")


@dataclass(frozen=True, slots=True)
class FolderCheck:
    """What a set holds.

    Attributes:
        counts: faces (or pictures, where the set has no boxes) per label.
        unreadable: files and boxes that cannot be used, with reasons.
        unknown: names of classes that stand for no label.
        trouble: why nothing can be read at all; empty where something can.
    """

    counts: Mapping[str, int]
    unreadable: tuple[Problem, ...] = ()
    unknown: tuple[str, ...] = ()
    trouble: str = ""

    @property
    def lacking(self) -> tuple[str, ...]:
        """Labels with too few pictures to train on."""
        return tuple(label for label in LABELS if self.counts.get(label, 0) < FEWEST)


def offered_sets(roots: Iterable[Path]) -> dict[str, Path]:
    """The sets in folders that an operator allows: a folder that is one, else the folders in it."""
    found: list[Path] = []
    for root in roots:
        found += [root] if _is_set(root) else _folders(root)
    return named_folders(found)


def named_folders(folders: Iterable[Path]) -> dict[str, Path]:
    """Folders by their names, with those of their parents where these alone are not unique."""
    found = list(dict.fromkeys(folders))
    times = Counter(path.name for path in found)
    names = [p.name if times[p.name] == 1 else f"{p.parent.name}/{p.name}" for p in found]
    if len(set(names)) < len(names):
        names = [str(path) for path in found]
    return dict(zip(names, found, strict=True))


def check_folder(folder: Path) -> FolderCheck:
    """Read the labels of a set, and what is wrong with it."""
    public = PUBLIC_SETS.get(folder.name)
    try:
        reading = read_set(folder, public.layout if public else None)
    except DataError as error:
        return FolderCheck({}, trouble=str(error))
    classes = public.classes if public else {}
    found = Counter(face.class_name for face in reading.faces)
    labels = {name: label_of(name, classes) for name in found}
    counts = dict.fromkeys((*LABELS, UNCLEAR), 0)
    for name, label in labels.items():
        if label is not None:
            counts[label] += found[name]
    unknown = tuple(sorted(name for name, label in labels.items() if label is None))
    return FolderCheck(counts, reading.problems, unknown)


def folder_version(folder: Path) -> tuple[int, int]:
    """What changes when a file is added or removed: number of folders, and their latest change."""
    changed = [_changed_ns(Path(parent)) for parent, _, _ in os.walk(folder, followlinks=True)]
    return len(changed), max(changed, default=0)


def _changed_ns(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def _folders(root: Path) -> list[Path]:
    try:
        return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError:
        return []


def _is_set(folder: Path) -> bool:
    """Whether pictures of this folder are labelled in it, rather than in the folders in it."""
    names = [path.name for path in _folders(folder)]
    return folder.name in PUBLIC_SETS or any(
        label_of(name, {}) or name.lower() in _LAYOUT_FOLDERS for name in names
    )
