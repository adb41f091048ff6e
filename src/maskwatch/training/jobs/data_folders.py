"""Which sets an operator offers for training, and what can be said of one before it is trained on.

Needs no training framework, so that the page can use it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from maskwatch.errors import DataError
from maskwatch.io.folders import walk_once
from maskwatch.training.data.catalog import LABELS, PUBLIC_SETS, SYNTHETIC, UNCLEAR
from maskwatch.training.data.class_names import FEWEST_STATES, guess, labels_of, untaught
from maskwatch.training.data.files import is_picture
from maskwatch.training.data.labels import Problem
from maskwatch.training.data.readers import read_set

FEWEST = 5
"""Pictures of each class without which there is no split into five parts."""

_SET_FOLDERS = frozenset(
    {"annotations", "labels", "images", "jpegimages", "obj_train_data"}
    | {"train", "training", "valid", "val", "validation", "test", "testing"}
)
_LABEL_FILES = frozenset({".json", ".csv", ".xml", ".txt"})
_CLASS_LISTS = frozenset({".names", ".data"})


@dataclass(frozen=True, slots=True)
class FolderCheck:
    """What a set holds.

    Attributes:
        counts: faces (or pictures, where the set has no boxes) per label.
        unreadable: files and boxes that cannot be used, with reasons.
        unknown: names of classes that stand for no label.
        taken_as: label of each class by its name, where one is known.
        notes: how labels were read that do not say all.
        trouble: why nothing can be read at all; empty where something can.
    """

    counts: Mapping[str, int]
    unreadable: tuple[Problem, ...] = ()
    unknown: tuple[str, ...] = ()
    trouble: str = ""
    taken_as: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def lacking(self) -> tuple[str, ...]:
        """Labels with too few pictures to train on; none at all of one label is not too few."""
        few = tuple(label for label in LABELS if self.counts.get(label, 0) < FEWEST)
        if len(LABELS) - len(few) < FEWEST_STATES:
            return few
        return tuple(label for label in few if self.counts.get(label, 0))

    @property
    def untaught(self) -> tuple[str, ...]:
        """Labels without a picture, where the others can be trained on."""
        return () if self.lacking else untaught(self.counts)


def offered_sets(roots: Iterable[Path]) -> dict[str, Path]:
    """The sets in folders that an operator allows: a folder that is one, else the folders in it."""
    found: list[Path] = []
    for root in roots:
        found += [root] if _is_set(root) else _folders(root)
    return named_folders(found)


def named_folders(folders: Iterable[Path]) -> dict[str, Path]:
    """Folders by their names, with those of their parents where these alone are not enough."""
    found = list(dict.fromkeys(folders))
    times = Counter(path.name for path in found)
    times[SYNTHETIC] += 1  # rows of that name would be taken for pictures that were made
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
    found = Counter((face.class_name, face.class_id) for face in reading.faces)
    labels = labels_of(reading.faces, classes)
    counts = dict.fromkeys((*LABELS, UNCLEAR), 0)
    for kind, label in labels.items():
        if label is not None:
            counts[label] += found[kind]
    unknown = tuple(sorted(name for (name, _), label in labels.items() if label is None))
    taken_as = {name: label for (name, _), label in labels.items() if label is not None}
    return FolderCheck(counts, reading.problems, unknown, "", taken_as, reading.notes)


def folder_version(folder: Path) -> tuple[int, int]:
    """What changes when a file is added or removed: number of folders, and their latest change."""
    changed = [_changed_ns(parent) for parent, _ in walk_once(folder, lambda _: None)]
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
    return (
        folder.name in PUBLIC_SETS
        or any(guess(names).values())
        or any(name.lower() in _SET_FOLDERS for name in names)
        or _holds_labels(folder)
    )


def _holds_labels(folder: Path) -> bool:
    """Whether a list of classes lies in a folder, or a label file beside a picture."""
    try:
        files = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError:
        return False
    kinds = {path.suffix.lower() for path in files}
    has_list = bool(kinds & _CLASS_LISTS) or any(path.name == "data.yaml" for path in files)
    return has_list or (any(map(is_picture, files)) and bool(kinds & _LABEL_FILES))
