"""Which labels of a manifest are probably wrong: confident learning.

Northcutt, Jiang and Chuang 2021, "Confident learning: estimating uncertainty in dataset labels". A
plain classifier that never saw a face, nor any near-identical one, says how likely each label is.
A face is doubted where another label reaches what is usual for the faces that carry that label.
The classifier is no judge: a person looks at each face and decides.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from maskwatch.errors import DataError
from maskwatch.files import write_text
from maskwatch.models.runtime import create_session
from maskwatch.training.data.audit import TINY_FACE_PX
from maskwatch.training.data.catalog import LABELS, UNCLEAR, WORDS
from maskwatch.training.data.corrections import COLUMNS
from maskwatch.training.data.manifest import BOX, data_sha256
from maskwatch.training.data.parts import load_canvases, longer_side_px
from maskwatch.training.data.report import jpeg_data_uri, render
from maskwatch.training.recipes.classifier import NetworkRecipe

NETWORK = NetworkRecipe(input_side_px=128)
"""The base that describes the faces, frozen, with ImageNet weights."""

MARGIN_RATIO = 0.15
FOLDS = 5
MAX_SHOWN = 1000
THUMB_PX = 128
THUMB_MARGIN_RATIO = 0.35
"""A mask under the chin lies outside many a box."""

_ROWS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class LabelErrors:
    """The rows whose label is doubted.

    Attributes:
        table: their manifest rows, the most doubted first, with `proposed` (another label),
            `p_given`, `p_proposed` and `margin` (the second less the first).
        judged: rows that were looked at.
        too_small: rows that were not, since nobody can judge so small a face.
    """

    table: pd.DataFrame
    judged: int
    too_small: int


def judgeable(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a manifest without faces that are unclear or too small to judge, photo by photo.

    Raises:
        DataError: none is left, or all have the same label.
    """
    small = longer_side_px(table) < TINY_FACE_PX  # whole pictures have NaN
    rows = table[~small & (table["label"] != UNCLEAR)]
    if rows["label"].nunique() < 2:
        raise DataError(
            f"{len(rows)} rows of at least {TINY_FACE_PX} pixels with "
            f"{rows['label'].nunique()} labels: doubts need two labels or more"
        )
    return rows.sort_values(["image_path", *BOX], kind="stable").reset_index(drop=True)


def pooled_features(
    table: pd.DataFrame,
    weights: Path | None,
    network: NetworkRecipe = NETWORK,
    progress: Callable[[int], None] = lambda _rows: None,
) -> NDArray[np.float32]:
    """What the frozen base says of each row: (n, d).

    Args:
        table: manifest rows; those of a photo should follow one another.
        weights: ImageNet weights without top; None lets Keras download them.
        network: which base.
        progress: called with the number of rows done since the last call.

    Raises:
        SettingError: the weights cannot be loaded.
        DataError: pictures that cannot be read.
    """
    from maskwatch.training.classifier.network import build_network  # the rest needs no Keras
    from maskwatch.training.onnx_file import convert_to_onnx

    backbone = build_network(network, weights, seed=0).backbone
    session = create_session(convert_to_onnx(backbone), "frozen base")
    name = session.get_inputs()[0].name
    parts = [np.empty((0, backbone.output_shape[-1]), np.float32)]
    for start in range(0, len(table), _ROWS_AT_ONCE):
        rows = table.iloc[start : start + _ROWS_AT_ONCE]
        crops = load_canvases(rows, network.input_side_px, MARGIN_RATIO, context_ratio=0)
        parts.append(session.run(None, {name: crops})[0])
        progress(len(rows))
    return np.concatenate(parts)


def out_of_sample(
    table: pd.DataFrame, features: NDArray[np.float32], folds: NDArray[np.intp]
) -> NDArray[np.float64]:
    """How likely (n, 3) each of LABELS is, by a model that saw none of a row's group.

    Args:
        table: manifest rows.
        features: (n, d) of them.
        folds: (n,) see split.deal_folds.
    """
    labels = table["label"].to_numpy(str)
    probabilities = np.zeros((len(table), len(LABELS)))
    for fold in range(FOLDS):
        held = folds == fold
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
        model.fit(features[~held], labels[~held])
        columns = [LABELS.index(label) for label in model.classes_]
        probabilities[np.ix_(held, columns)] = model.predict_proba(features[held])
    return probabilities


def find_label_errors(
    table: pd.DataFrame, probabilities: NDArray[np.float64], too_small: int = 0
) -> LabelErrors:
    """The rows where another label is at least as likely as is usual for faces that carry it.

    Args:
        table: manifest rows.
        probabilities: see `out_of_sample`.
        too_small: how many rows were left out before.
    """
    given = table["label"].map(LABELS.index).to_numpy(int)
    usual = np.array(
        [
            probabilities[given == index, index].mean() if (given == index).any() else np.inf
            for index in range(len(LABELS))
        ]
    )
    reached = probabilities >= usual
    likeliest = np.where(reached, probabilities, -1).argmax(axis=1)
    proposed = np.where(reached.any(axis=1), likeliest, given)
    rows = np.arange(len(table))
    p_given, p_proposed = probabilities[rows, given], probabilities[rows, proposed]
    found = table.assign(
        proposed=np.array(LABELS, object)[proposed],
        p_given=p_given,
        p_proposed=p_proposed,
        margin=p_proposed - p_given,
    )[proposed != given]
    ordered = found.sort_values("margin", ascending=False, kind="stable").reset_index(drop=True)
    return LabelErrors(ordered, len(table), too_small)


def as_corrections(found: LabelErrors) -> pd.DataFrame:
    """The rows as lines of a file of corrections: delete those that you disagree with."""
    rows = found.table.drop_duplicates(["sha256", *BOX, "label"])
    lines = rows.assign(
        file=_names(rows),
        was=rows["label"],
        label=rows["proposed"],
        reason=[f"doubt {margin:.2f}" for margin in rows["margin"]],
    )
    return lines.loc[:, list(COLUMNS)]


def write_page(found: LabelErrors, table: pd.DataFrame, name: str, path: Path) -> None:
    """Writes one HTML page with the doubted faces, the most doubted first.

    Args:
        found: what to show.
        table: the manifest they come from.
        name: title of the page.
        path: HTML file to write.

    Raises:
        DataError: a picture cannot be read, or the page cannot be written.
    """
    shown = found.table.head(MAX_SHOWN)
    pictures = load_canvases(shown, THUMB_PX, THUMB_MARGIN_RATIO, context_ratio=0)
    faces = [
        {
            "picture": jpeg_data_uri(picture),
            "file": f"{row['source']}/{file}",
            "given": row["label"],
            **{key: row[key] for key in ("proposed", "p_given", "p_proposed")},
        }
        for picture, file, row in zip(
            pictures, _names(shown), shown.to_dict("records"), strict=True
        )
    ]
    counts = found.table.groupby(["source", "label", "proposed"]).size().reset_index()
    page = render(
        "label_errors.html",
        name=name,
        data_sha256=data_sha256(table),
        words=WORDS,
        judged=found.judged,
        doubted=len(found.table),
        too_small=found.too_small,
        tiny_px=TINY_FACE_PX,
        folds=FOLDS,
        counts=counts.to_numpy().tolist(),
        faces=faces,
    )
    write_text(path, page)


def _names(table: pd.DataFrame) -> list[str]:
    """Path of each picture inside its set: from the folder named like the set, if there is one."""
    common: dict[str, str] = {}
    for source, paths in table.groupby("source")["image_path"]:
        common[str(source)] = os.path.commonpath([PurePath(path).parent for path in paths])
    names = []
    for source, path in zip(table["source"], table["image_path"], strict=True):
        parts = PurePath(path).parts
        if source in parts[:-1]:
            start = len(parts) - parts[::-1].index(source)
            names.append(PurePath(*parts[start:]).as_posix())
        else:
            names.append(PurePath(path).relative_to(common[source]).as_posix())
    return names
