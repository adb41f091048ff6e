"""Folders and patterns on the command line: every file once, linked folders and odd names too."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterator
from pathlib import Path

_MAGIC = frozenset("*?[")


def walk_once(
    folder: Path, onerror: Callable[[OSError], object]
) -> Iterator[tuple[Path, list[str]]]:
    """A folder and all below it, each with the sorted names of its files.

    Linked folders are looked into after all others, each real folder once: links in a circle end,
    and what lies in the folder itself keeps its own name.

    Args:
        folder: the top.
        onerror: told of each folder that cannot be read.
    """
    seen: set[tuple[int, int]] = set()
    linked = [folder]
    while linked:
        top = linked.pop(0)
        for parent, folders, names in os.walk(top, onerror=onerror):
            place = _identity(parent)
            if place in seen:
                folders.clear()
                continue
            if place is not None:
                seen.add(place)
            folders.sort()
            linked += [Path(parent, name) for name in folders if Path(parent, name).is_symlink()]
            yield Path(parent), sorted(names)


def expand_pattern(pattern: str) -> list[Path]:
    """The files and folders that a pattern such as `photos/*.jpg` names, sorted.

    A folder that is really called so, such as `photos [1]`, is itself and no pattern.
    """
    escaped = literal_folders(pattern, os.path.exists, os.sep)
    return [Path(name) for name in sorted(glob.glob(escaped, recursive=True))]  # noqa: PTH207


def literal_folders(pattern: str, exists: Callable[[str], bool], separator: str = "/") -> str:
    """A pattern in which each leading part that is really called so stands for itself.

    Args:
        pattern: of the command line.
        exists: whether there is something of this name.
        separator: of its parts.
    """
    parts = pattern.split(separator)
    real: list[str] = []
    for part in parts[:-1]:
        if _MAGIC & set(part) and not exists(separator.join([*real, part])):
            break
        real.append(part)
    return separator.join([*map(glob.escape, real), *parts[len(real) :]])


def _identity(folder: str) -> tuple[int, int] | None:
    """The same for every name of one folder; None where it cannot be asked for."""
    try:
        status = os.stat(folder)  # noqa: PTH116
    except OSError:
        return None
    return status.st_dev, status.st_ino
