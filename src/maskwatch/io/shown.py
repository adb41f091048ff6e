# ruff: noqa: PTH100, PTH110, PTH112
"""A report with its picture: saved as a marked copy, or shown in a notebook."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from maskwatch.errors import MissingExtraError, SettingError
from maskwatch.files import told_apart, writing
from maskwatch.io.blur import blur_heads
from maskwatch.io.draw import annotate
from maskwatch.io.images import ImageSource, load_image
from maskwatch.schema import FrameReport, ImageRGB

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
"""Of the files that a marked copy is saved as."""

# what the formats can say of a side
_LONGEST_PX = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}


def marked(report: FrameReport, image: ImageSource | None, blur: bool) -> ImageRGB:
    """The picture of a report (H, W, 3) with what was found drawn on it.

    Args:
        report: what was found.
        image: the picture; the file that the report names if None.
        blur: whether heads are made too coarse to tell who.

    Raises:
        SettingError: there is no picture, or it is not the one that the report speaks of.
        ImageError: it cannot be read.
    """
    given = report.source if image is None else image
    if given is None:
        raise SettingError("image: the report names no file; give its picture, as image=...")
    image_rgb = load_image(given)
    height, width = image_rgb.shape[:2]
    if (width, height) != tuple(report.image_size_wh):
        meant = " x ".join(map(str, report.image_size_wh))
        raise SettingError(f"image: has {width} x {height} pixels, the report speaks of {meant}")
    return annotate(blur_heads(image_rgb, report) if blur else image_rgb, report)


def save(report: FrameReport, path: Path | str, image: ImageSource | None, blur: bool) -> None:
    """Write a marked copy; see `marked`.

    Raises:
        SettingError: the name ends otherwise than in SUFFIXES, is that of the picture itself, or
            it cannot be written.
    """
    if not isinstance(path, str | os.PathLike):
        raise SettingError(f"path: must be the name of a file, not {path!r}")
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise SettingError(f"{path}: the name must end in {', '.join(SUFFIXES)}")
    if _is_file_of(report.source if image is None else image, path):
        raise SettingError(f"{path}: would overwrite the picture itself; give another name")
    write_picture(marked(report, image, blur), path)


def _is_file_of(image: ImageSource | None, path: Path) -> bool:
    """Whether a picture is given by its name, and this is another name of the same file."""
    try:
        return isinstance(image, str | os.PathLike) and path.samefile(image)
    except (OSError, ValueError):  # one of them is no file
        return False


def write_picture(image_rgb: ImageRGB, path: Path) -> None:
    """Write a picture (H, W, 3) as a file, whole or not at all.

    Raises:
        SettingError: it cannot be written, or is too large for such a file.
    """
    longer_px = max(image_rgb.shape[:2])
    if longer_px > _LONGEST_PX.get(path.suffix.lower(), longer_px):
        reason = f"such a file has no room for {longer_px} pixels a side; save it as .png"
        raise SettingError(f"{path}: {reason}")
    with writing(path, SettingError) as part:
        Image.fromarray(image_rgb).save(part, quality=92)


def plot(report: FrameReport, image: ImageSource | None, blur: bool) -> Any:
    """Draw a marked copy with Matplotlib; see `marked`.

    Returns:
        The Matplotlib axes it is drawn on.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot
    except ModuleNotFoundError:
        raise MissingExtraError("report.plot()", "plot") from None
    picture = marked(report, image, blur)
    _, axes = pyplot.subplots(figsize=(8, 8 * picture.shape[0] / picture.shape[1]))
    axes.imshow(picture)
    axes.set_axis_off()
    if report.source:
        axes.set_title(Path(report.source).name)
    return axes


# Marked copies of many pictures: where each goes, below one folder.


def plan_copies(paths: Iterable[Path], sources: Iterable[str], folder: Path) -> dict[Path, Path]:
    """Where the copy of each picture goes, with the sub-folders below what all sources share.

    Args:
        paths: of the pictures.
        sources: what they were found by: files, folders and patterns.
        folder: for the copies.

    Raises:
        SettingError: a copy would replace a picture, or the sources have nothing in common.
    """
    root = _root(sources)
    pictures = list(dict.fromkeys(paths))
    names = []
    for path in pictures:
        name = str(folder / os.path.relpath(path, root))
        is_kept = name.lower().endswith((".jpg", ".jpeg", ".png"))
        names.append(name if is_kept else f"{name}.png")
    apart = told_apart(names, os.path.normcase)  # a.webp.png beside a.webp
    copies = dict(zip(pictures, map(Path, apart), strict=True))
    taken = {_identity(path) for path in copies} - {None}
    for target in copies.values():
        if _identity(target) in taken:
            raise SettingError(
                f"--save {folder}: would overwrite the image {target}; give another folder"
            )
    return copies


def without_copies(paths: Iterable[Path], sources: Sequence[str], folder: Path) -> list[Path]:
    """Leave out what lies in the folder for copies, unless a source leads into it by itself.

    Else a second run would take the copies that the first has saved for more pictures. Arguments
    as for `plan_copies`.
    """
    place = Path(os.path.realpath(folder))

    @cache
    def is_inside(parent: Path) -> bool:
        return Path(os.path.realpath(parent)).is_relative_to(place)

    if any(is_inside(_searched(source)) for source in sources):
        return list(paths)
    return [path for path in paths if not is_inside(path.parent)]


def _root(sources: Iterable[str]) -> Path:
    """The folder below which copies keep their sub-folders: what all sources have in common."""
    folders = [os.path.abspath(_searched(source)) for source in sources]
    try:
        return Path(os.path.commonpath(folders)) if folders else Path.cwd()
    except ValueError:  # of Windows
        raise SettingError("--save: goes with pictures of one drive at a time") from None


def _searched(source: str) -> Path:
    """The folder a source speaks of: itself, the one it lies in, or the one its pattern starts in.

    (os.path instead of Path, which raises where it may not look.)
    """
    path = Path(source)
    if os.path.isdir(path):
        return path
    if os.path.exists(path):
        return path.parent
    return next((parent for parent in path.parents if os.path.isdir(parent)), Path())


def _identity(path: Path) -> tuple[int, int] | None:
    """The same for every name of one file, through links and capital letters."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino
