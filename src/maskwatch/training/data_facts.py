"""A manifest in counts: what the page about a model says of its data, without a picture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from maskwatch.errors import DataError
from maskwatch.evidence import ClassFacts, DataFacts, Leak, Source
from maskwatch.training.audit import TINY_FACE_PX
from maskwatch.training.catalog import LABELS, ROW_LABELS, SYNTHETIC, UNCLEAR, source_licence
from maskwatch.training.collect import counts_per_label
from maskwatch.training.data_charts import count_group_sizes
from maskwatch.training.data_report import (
    brightness_scores,
    measure_usable,
    photo_by_photo,
    split_leaks,
)
from maskwatch.training.manifest import PARTS, data_sha256
from maskwatch.training.split import crossing_groups, twin_share

SIZE_EDGES_PX = (0, 10, TINY_FACE_PX, 40, 80, 160, 320, 640)
BRIGHTNESS_EDGES = tuple(range(0, 257, 16))

OWN_SPLIT = "its own"
"""The split that the manifest comes with, beside those of split_leaks."""


def judged_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The real faces that show one of the classes."""
    return table[(table["source"] != SYNTHETIC) & (table["label"] != UNCLEAR)]


def describe_data(
    table: pd.DataFrame, progress: Callable[[int], None] = lambda _rows: None
) -> DataFacts:
    """Counts everything.

    Args:
        table: a manifest with groups and a split.
        progress: called with the number of rows read since the last call, in all those of
            `judged_rows`.

    Raises:
        DataError: there are no real faces, no groups or no split, or a picture is unusable.
    """
    real = photo_by_photo(judged_rows(table))
    if real.empty or real[["group", "split"]].isna().any(axis=None):
        raise DataError("the manifest has no real faces, no groups or no split")
    measures = measure_usable(real, progress)
    is_tiny = measures["face_px"] < TINY_FACE_PX
    files = real.groupby("group")["sha256"].nunique()
    leaks, _ = split_leaks(real)
    own = Leak(OWN_SPLIT, twin_share(real), crossing_groups(real))
    return DataFacts(
        sha256=data_sha256(table),
        synthetic=SYNTHETIC,
        sources=tuple(
            _source(str(name), rows, int(is_tiny[real["source"] == name].sum()))
            for name, rows in table.groupby("source")
        ),
        files=real["sha256"].nunique(),
        groups=len(files),
        groups_across_sources=int((real.groupby("group")["source"].nunique() > 1).sum()),
        groups_by_files=count_group_sizes(files.tolist()),
        classes={
            label: _class(rows, measures.loc[rows.index])
            for label in LABELS
            if len(rows := real[real["label"] == label])
        },
        size_edges_px=SIZE_EDGES_PX,
        brightness_edges=BRIGHTNESS_EDGES,
        tiny_px=TINY_FACE_PX,
        leaks=(*leaks, own),
        brightness_alone=tuple(brightness_scores(real, measures["brightness"])),
    )


def _source(name: str, rows: pd.DataFrame, tiny: int) -> Source:
    groups = rows.groupby("label")["group"].nunique()
    return Source(
        name=name,
        licence=source_licence(name),
        rows={part: counts_per_label(rows[rows["split"] == part]) for part in PARTS},
        groups={label: int(groups.get(label, 0)) for label in ROW_LABELS},
        tiny=tiny,
    )


def _class(rows: pd.DataFrame, measures: pd.DataFrame) -> ClassFacts:
    sizes, _ = np.histogram(measures["face_px"], (*SIZE_EDGES_PX, np.inf))
    brightness, _ = np.histogram(measures["brightness"], BRIGHTNESS_EDGES)
    quartiles = np.quantile(measures["brightness"], (0.25, 0.5, 0.75))
    return ClassFacts(
        rows=len(rows),
        groups=rows["group"].nunique(),
        sizes=tuple(sizes.tolist()),
        brightness=tuple(brightness.tolist()),
        brightness_quartiles=tuple(np.round(quartiles, 1).tolist()),
    )
