"""One self-contained HTML page about a manifest: what is in it, and what is wrong with it.

The exploration chapter of the student report (a bar chart of class counts, "already balanced,
nothing to do"), continued: samples, sizes, brightness, groups, and what a random split leaks.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from maskwatch.errors import DataError
from maskwatch.files import write_text
from maskwatch.models.evidence import BrightnessScore, Leak
from maskwatch.schema import ImageRGB
from maskwatch.training.data import charts
from maskwatch.training.data.audit import (
    TINY_FACE_PX,
    labels_warning,
    measure,
    read_cuts,
    under_two_labels,
)
from maskwatch.training.data.catalog import LABELS, PUBLIC_SETS, WORDS
from maskwatch.training.data.collect import counts_per_label
from maskwatch.training.data.manifest import data_sha256, has_box
from maskwatch.training.data.split import crossing_groups, split_grouped, split_report, twin_share

THUMB_PX = 88
SAMPLES = 12
MAX_SHEETS_PER_CLASS = 8
SHOWN_GROUPS = 4
PICTURES_PER_GROUP = 24
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Sheet:
    """A row of small pictures.

    Attributes:
        title: what they are.
        pictures: JPEGs as data URIs.
    """

    title: str
    pictures: tuple[str, ...]


def write_data_report(
    table: pd.DataFrame,
    name: str,
    path: Path,
    progress: Callable[[int], None] = lambda _rows: None,
) -> None:
    """Writes the page.

    Args:
        table: an audited manifest.
        name: title of the page.
        path: HTML file to write.
        progress: called with the number of rows read since the last call.

    Raises:
        DataError: the manifest has no groups, holds unusable pictures, or the page cannot be
            written.
    """
    page = build_page(table, name, progress)
    write_text(path, page)


def build_page(
    table: pd.DataFrame, name: str, progress: Callable[[int], None] = lambda _rows: None
) -> str:
    """The page as text; see `write_data_report`."""
    if table.empty or table["group"].isna().any():
        raise DataError("the report needs groups; run `maskwatch data audit` first")
    table = photo_by_photo(table)
    measures = measure_usable(table, progress)
    pictures = table.groupby("group")["sha256"].nunique()
    leaks, why_no_grouped = split_leaks(table)
    return render(
        "data_report.html",
        name=name,
        data_sha256=data_sha256(table),
        rows=len(table),
        photos=table["sha256"].nunique(),
        groups=len(pictures),
        words=WORDS,
        counts=counts_per_label(table),
        sources=_sources(table),
        sheets=_sample_sheets(table),
        boxes=int(has_box(table).sum()),
        tiny=int((measures["face_px"] < TINY_FACE_PX).sum()),
        tiny_px=TINY_FACE_PX,
        brightness_scores=brightness_scores(table, measures["brightness"]),
        twins_in_groups=int(pictures[pictures > 1].sum()),
        across=int((table.groupby("group")["source"].nunique() > 1).sum()),
        group_sheets=_group_sheets(table, pictures),
        labels_warning=labels_warning(under_two_labels(table)),
        leaks=leaks,
        why_no_grouped=why_no_grouped,
        chart={
            "counts": Markup(charts.class_counts(counts_per_label(table))),
            "sizes": Markup(charts.face_sizes(measures["face_px"], table["label"], TINY_FACE_PX)),
            "brightness": Markup(charts.brightness(measures["brightness"], table["label"])),
            "groups": Markup(charts.group_sizes(pictures.tolist())),
            "twins": Markup(charts.twins({leak.name: leak.share for leak in leaks})),
        },
    )


def photo_by_photo(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a photo one after the other, so that it is decoded once."""
    return table.sort_values(["sha256", "x_min", "y_min"], kind="stable").reset_index(drop=True)


def measure_usable(
    table: pd.DataFrame, progress: Callable[[int], None] = lambda _rows: None
) -> pd.DataFrame:
    """Reads the picture of every row, see audit.measure.

    Raises:
        DataError: a picture is unusable.
    """
    measures = measure(table, progress)
    bad = measures[measures["reason"].notna()]
    if len(bad):
        first = f"{bad['image_path'].iloc[0]} {bad['reason'].iloc[0]}"
        raise DataError(f"{len(bad)} rows are unusable, first: {first}; audit the manifest again")
    return measures


def split_leaks(table: pd.DataFrame) -> tuple[list[Leak], str | None]:
    """What three kinds of split let through, and why there is no grouped one (None if there is)."""
    order = np.random.default_rng(0).permutation(len(table))
    is_val = order < len(table) / FOLDS
    splits = {
        "random 80/20": table.assign(split=np.where(is_val, "val", "train")),
        "the report's": split_report(table),
    }
    reason = None
    try:
        splits["grouped"] = split_grouped(table, folds=FOLDS)
    except DataError as error:
        reason = str(error)
    leaks = [Leak(name, twin_share(t), crossing_groups(t)) for name, t in splits.items()]
    return leaks, reason


def brightness_scores(table: pd.DataFrame, brightness: pd.Series[float]) -> list[BrightnessScore]:
    """Scores a classifier that sees nothing but the mean grey level.

    A tree of at most eight leaves, in five folds split at random, so the score shows what is in
    the data and includes what leaks; for the whole manifest and for each set of several classes.
    """
    parts = {"all": table} if table["source"].nunique() > 1 else {}
    parts |= {str(name): part for name, part in table.groupby("source")}
    scores = []
    for name, part in parts.items():
        labels = part["label"].to_numpy()
        counts = part["label"].value_counts()
        if len(counts) < 2 or counts.min() < FOLDS:
            continue
        answers = cross_val_predict(
            DecisionTreeClassifier(max_leaf_nodes=8, class_weight="balanced", random_state=0),
            brightness[part.index].to_numpy()[:, None],
            labels,
            cv=StratifiedKFold(FOLDS, shuffle=True, random_state=0),
        )
        recalls = [float((answers[labels == label] == label).mean()) for label in counts.index]
        scores.append(BrightnessScore(name, float(np.mean(recalls)), 1 / len(counts)))
    return scores


def _sources(table: pd.DataFrame) -> list[dict[str, object]]:
    """Name, counts and licence of each set."""
    return [
        {
            "name": name,
            "counts": counts_per_label(part),
            "public": PUBLIC_SETS.get(str(name)),
        }
        for name, part in table.groupby("source")
    ]


def _sample_sheets(table: pd.DataFrame) -> dict[str, list[Sheet]]:
    """For each class and source some faces of different groups.

    The order of sha256 is as good as random, and the same every time.
    """
    chosen = table.drop_duplicates(["label", "source", "group"])
    sheets: dict[str, list[Sheet]] = {label: [] for label in LABELS}
    for label in LABELS:
        of_class = chosen[chosen["label"] == label]
        for source in of_class["source"].value_counts().index[:MAX_SHEETS_PER_CLASS]:
            rows = of_class[of_class["source"] == source].head(SAMPLES)
            sheets[label].append(Sheet(str(source), thumbnails(rows)))
    return sheets


def _group_sheets(table: pd.DataFrame, pictures: pd.Series[int]) -> list[Sheet]:
    """The groups with most pictures, a face of each picture."""
    sheets = []
    for group, count in pictures[pictures > 1].nlargest(SHOWN_GROUPS).items():
        rows = table[table["group"] == group].drop_duplicates("sha256")
        sources = ", ".join(sorted(rows["source"].unique()))
        labels = ", ".join(WORDS[label] for label in LABELS if label in set(rows["label"]))
        title = f"{count:,} pictures labelled {labels}; from {sources}"
        sheets.append(Sheet(title, thumbnails(rows.head(PICTURES_PER_GROUP))))
    return sheets


def thumbnails(rows: pd.DataFrame) -> tuple[str, ...]:
    """Small JPEGs of the faces as data URIs, in the order of the rows."""
    return tuple(_data_uri(cut) for cut in _usable(read_cuts(rows)))


def _usable(cuts: Iterable[ImageRGB | str]) -> Sequence[ImageRGB]:
    return [cut for cut in cuts if not isinstance(cut, str)]


def _data_uri(image_rgb: ImageRGB) -> str:
    height, width = image_rgb.shape[:2]
    scale = THUMB_PX / max(height, width)
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image_rgb, size_wh, interpolation=cv2.INTER_AREA)
    return jpeg_data_uri(np.asarray(small, np.uint8), quality=78)


# What every HTML page of the training path shares: the templates, and pictures inside the page.


def render(template: str, **values: object) -> str:
    """A page as text.

    Args:
        template: its file in training/templates; text is escaped, a missing value is an error.
        **values: what the template names.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("maskwatch.training"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(**values)


def jpeg_data_uri(image_rgb: ImageRGB, quality: int = 80) -> str:
    """A picture (H, W, 3) as a JPEG in a data URI, so that a page needs no file beside it."""
    bgr = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR)
    _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return "data:image/jpeg;base64," + base64.b64encode(content.tobytes()).decode()
