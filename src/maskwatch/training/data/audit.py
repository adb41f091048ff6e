"""The audit: reads every picture of a manifest once, says what is wrong, and finds the groups.

A group is everything that must stay on one side of a split: the faces of one photo, byte-identical
files, and near-identical pictures, whatever set they came from. Faces in boxes are compared as cut
from the photo, because public sets are cut from one another: most crops of `kaggle-8982` that show
a mask are the boxes of `voc-853`, stretched to a square.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.errors import DataError, ImageError
from maskwatch.io.images import load_image
from maskwatch.io.text_files import visible
from maskwatch.schema import ImageRGB
from maskwatch.training.data.catalog import LABELS
from maskwatch.training.data.files import file_sha256
from maskwatch.training.data.labels import Problem
from maskwatch.training.data.manifest import BOX, tidy
from maskwatch.training.data.parts import CHANGED
from maskwatch.training.data.placing import ROUNDING_PX

TINY_FACE_PX = 20
"""Below this shorter side a face says too little to be judged, or to be recognised in a copy."""

BLANK_LEVELS = 1.0
"""A picture whose grey levels vary less than this shows nothing."""

EMPTY = "is empty (0 bytes)"
BLANK = "is blank (all of one colour)"

GROUP_NAME_LENGTH = 16

NAMED = 3
"""So many pictures that stand under two labels are named."""

Grouper = Callable[[Iterable[ImageRGB]], NDArray[np.int32]]
"""Pictures in, one group number for each out; see `neardup.group_near_duplicates`."""


@dataclass(frozen=True, slots=True)
class Brightness:
    """Mean grey level (0 to 255) over the faces of a class: its mean and spread."""

    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture file and a label that it, or a face in it, has."""

    path: str
    label: str

    def __str__(self) -> str:
        return f"{self.path} ({self.label})"


@dataclass(frozen=True, slots=True)
class Findings:
    """What an audit found.

    Attributes:
        rows: rows of the manifest as given.
        usable_rows: rows that stay.
        unusable: rows that go, with the file and the reason (damaged, empty, box outside ...).
        empty: those of them that are files of 0 bytes or blank pictures.
        identical: sets of paths with the same bytes.
        under_two_labels: see `under_two_labels`; of the usable rows.
        groups: number of groups.
        largest_groups: rows in each of the ten largest.
        groups_across_sources: groups with rows of more than one set.
        tiny_faces: faces under `TINY_FACE_PX` per source.
        brightness: per label.
    """

    rows: int
    usable_rows: int
    unusable: tuple[Problem, ...]
    empty: int
    identical: tuple[tuple[str, ...], ...]
    under_two_labels: tuple[tuple[Labelled, ...], ...]
    groups: int
    largest_groups: tuple[int, ...]
    groups_across_sources: int
    tiny_faces: dict[str, int]
    brightness: dict[str, Brightness]

    def to_dict(self) -> dict[str, Any]:
        """The findings as plain JSON values."""
        problems = [{"path": str(item.path), "reason": item.reason} for item in self.unusable]
        return asdict(self) | {"unusable": problems}


def audit(
    table: pd.DataFrame,
    group_images: Grouper,
    progress: Callable[[int], None] = lambda _rows: None,
) -> tuple[pd.DataFrame, Findings]:
    """Checks every row of a manifest and fills in its groups.

    Args:
        table: a manifest.
        group_images: finds near-identical pictures.
        progress: called with the number of rows done since the last call; every row is read twice.

    Returns:
        The usable rows with their groups, and the findings.

    Raises:
        DataError: there is no row, or none is usable.
    """
    if table.empty:
        raise DataError("the manifest has no rows to audit")
    # by content, so that neither the order of rows nor the place of files changes the result
    ordered = tidy(table).sort_values(["sha256", *BOX, "image_path"], kind="stable")
    measures = measure(ordered, progress)
    usable = measures["reason"].isna()
    kept, sizes = ordered[usable], measures[usable]
    if kept.empty:
        raise DataError(f"none of the {len(table)} rows is usable, first: {_problems(measures)[0]}")
    near = _near_identical(kept, sizes["face_px"], group_images, progress)
    grouped = kept.assign(group=_group_names(kept, near))
    return tidy(grouped.sort_index()), _findings(ordered, measures, grouped)


def measure(
    table: pd.DataFrame, progress: Callable[[int], None] = lambda _rows: None
) -> pd.DataFrame:
    """Reads the picture of every row.

    Returns:
        A table with the same index: `image_path`, `reason` (why the row is unusable, else None),
        `width_px` and `height_px` of the face or whole picture, `face_px` (the shorter of the
        two) and `brightness` (mean grey level, 0 to 255).
    """
    rows = []
    for path, cut in zip(table["image_path"], read_cuts(table), strict=True):
        row: dict[str, object] = {"image_path": path, "reason": None}
        if isinstance(cut, str):
            row["reason"] = cut
        else:
            height, width = cut.shape[:2]
            row |= {"width_px": width, "height_px": height, "face_px": min(height, width)}
            row["brightness"] = float(cut.mean())
            if float(cut.std()) < BLANK_LEVELS:
                row["reason"] = BLANK
        rows.append(row)
        progress(1)
    columns = ["image_path", "reason", "width_px", "height_px", "face_px", "brightness"]
    return pd.DataFrame(rows, columns=columns, index=table.index)


def read_cuts(table: pd.DataFrame) -> Iterator[ImageRGB | str]:
    """The face or whole picture of each row in turn, or the reason why there is none.

    A photo is decoded once as long as its rows follow one another.
    """
    last = ""
    image: ImageRGB | str = ""
    columns = table[["image_path", "sha256", *BOX]]
    for path, digest, *box in columns.itertuples(index=False, name=None):
        if path != last:
            last, image = path, _read_checked(Path(path), digest)
        yield image if isinstance(image, str) or np.isnan(box[0]) else _cut(image, box)


def under_two_labels(table: pd.DataFrame) -> tuple[tuple[Labelled, ...], ...]:
    """Byte-identical pictures, or the same box in them, that have more than one label.

    Returns:
        For each such picture or face the first file under each of its labels.
    """
    face = ["sha256", *BOX]
    one_each = table.sort_values(["image_path", "label"]).drop_duplicates([*face, "label"])
    faces = one_each[one_each.duplicated(face, keep=False)].groupby(face, dropna=False, sort=False)
    return tuple(tuple(map(Labelled, rows["image_path"], rows["label"])) for _, rows in faces)


def labels_warning(found: Sequence[Sequence[Labelled]]) -> str:
    """What `under_two_labels` found as one line that names the first few; empty where nothing."""
    if not found:
        return ""
    what = "1 picture stands" if len(found) == 1 else f"{len(found):,} pictures stand"
    named = "; ".join(" and ".join(map(str, one)) for one in found[:NAMED])
    return visible(f"{what} under two labels, such as {named}")


def _read_checked(path: Path, sha256: str) -> ImageRGB | str:
    """The picture, or why it cannot be used."""
    try:
        if not path.stat().st_size:
            return EMPTY
        image = load_image(path)
        has_changed = file_sha256(path) != sha256
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except ImageError as error:
        return error.reason
    return CHANGED if has_changed else image


def _cut(image_rgb: ImageRGB, box_xyxy: Sequence[float]) -> ImageRGB | str:
    """The pixels of a box exactly, without margin: that is how sets cut from one another."""
    height, width = image_rgb.shape[:2]
    left, top, right, bottom = box_xyxy
    if max(-left, -top, right - width, bottom - height) > ROUNDING_PX:
        shown = ", ".join(f"{value:g}" for value in box_xyxy)
        return f"its box ({shown}) reaches outside the {width} x {height} picture"
    x, y = (min(max(round(value), 0), side - 1) for value, side in ((left, width), (top, height)))
    return image_rgb[y : max(round(bottom), y + 1), x : max(round(right), x + 1)]


def _near_identical(
    table: pd.DataFrame,
    face_px: pd.Series[float],
    group_images: Grouper,
    progress: Callable[[int], None],
) -> pd.Series[str]:
    """A name per row shared by near-identical pictures; tiny faces only follow their photo."""
    compared = table[face_px >= TINY_FACE_PX].drop_duplicates(["sha256", *BOX])

    def images() -> Iterator[ImageRGB]:
        for path, cut in zip(compared["image_path"], read_cuts(compared), strict=True):
            if isinstance(cut, str):
                raise DataError(f"{path}: {cut}, since this audit began")
            progress(1)
            yield cut

    progress(len(table) - len(compared))
    numbers = group_images(images())
    return pd.Series([f"near {number}" for number in numbers], index=compared.index)


def _group_names(table: pd.DataFrame, near: pd.Series[str]) -> list[str]:
    """One name per row: the start of the smallest sha256 in its group, whatever the row order.

    Rows of one photo, and of byte-identical files, share their sha256; `near` links these.
    """
    parent = {name: name for name in (*table["sha256"], *near)}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = name = parent[parent[name]]
        return name

    for digest, number in zip(table.loc[near.index, "sha256"], near, strict=True):
        # a sha256 sorts before "near .."; the smaller name becomes the root
        low, high = sorted((root(digest), root(number)))
        parent[high] = low
    return [root(digest)[:GROUP_NAME_LENGTH] for digest in table["sha256"]]


def _problems(measures: pd.DataFrame) -> tuple[Problem, ...]:
    bad = measures[measures["reason"].notna()].sort_index()
    return tuple(map(Problem, map(Path, bad["image_path"]), bad["reason"]))


def _findings(ordered: pd.DataFrame, measures: pd.DataFrame, grouped: pd.DataFrame) -> Findings:
    kept = measures.loc[grouped.index]
    problems = _problems(measures)
    files = ordered.drop_duplicates("image_path").groupby("sha256")["image_path"]
    sizes = grouped["group"].value_counts()
    tiny = grouped[kept["face_px"] < TINY_FACE_PX]["source"].value_counts().sort_index()
    light = {label: kept.loc[grouped["label"] == label, "brightness"] for label in LABELS}
    return Findings(
        rows=len(ordered),
        usable_rows=len(grouped),
        unusable=problems,
        empty=sum(item.reason in (EMPTY, BLANK) for item in problems),
        identical=tuple(tuple(sorted(paths)) for _, paths in files if len(paths) > 1),
        under_two_labels=under_two_labels(grouped),
        groups=len(sizes),
        largest_groups=tuple(int(size) for size in sizes.head(10)),
        groups_across_sources=int((grouped.groupby("group")["source"].nunique() > 1).sum()),
        tiny_faces={str(name): int(count) for name, count in tiny.items()},
        brightness={
            label: Brightness(round(float(values.mean()), 2), round(float(values.std(ddof=0)), 2))
            for label, values in light.items()
            if len(values)
        },
    )
