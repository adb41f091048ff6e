"""A drawn manifest, and toy networks that judge it by colour, for the tests of an evaluation."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from maskwatch.schema import MaskState
from maskwatch.training.data.manifest import BOX, data_sha256, read_manifest, write_manifest
from maskwatch.training.data.split import source_groups
from support.toy_model import GREY, RED, plain, write_toy_model
from support.training_factory import coloured_manifest

SECOND = "<b>second</b>"
SWAPPED = (MaskState.NO_MASK, MaskState.MASK, MaskState.INCORRECT_MASK)


def drawn_data(folder: Path) -> Path:
    """Two sources and three unclear faces; one test picture is labelled wrongly."""
    table = coloured_manifest(folder)
    table.loc[table["image_path"].str.contains(r"-[23]\.png"), "source"] = SECOND
    wrong = table["image_path"].str.endswith("test-mask-1.png")
    table.loc[wrong, "label"] = "incorrect_mask"
    path = folder / "split.parquet"
    write_manifest(pd.concat([table, _unclear(folder)], ignore_index=True), path)
    return path


def _unclear(folder: Path) -> pd.DataFrame:
    """A red face, which the toy takes for a mask, and two grey ones of one group."""
    rows = []
    for number, colour in enumerate((RED, GREY, GREY)):
        path = folder / f"unclear-{number}.png"
        Image.fromarray(plain(colour)).save(path, dpi=(72 + number, 72))  # no two files are equal
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        said = {"label": "unclear", "source": "hands", "split": "test", "sha256": digest}
        group = f"unclear-{min(number, 1)}"
        box = dict.fromkeys(BOX, np.nan)
        rows.append({"image_path": str(path), "group": group, **said, **box})
    return pd.DataFrame(rows)


def trained_on(table: pd.DataFrame, **values: object) -> dict[str, object]:
    """What a card says of a training on a manifest."""
    return {
        "data_sha256": data_sha256(table),
        "sources": {"drawn": "CC0-1.0", SECOND: "your own"},
    } | values


def without_source(table: pd.DataFrame, source: str) -> pd.DataFrame:
    left = table["group"].isin(source_groups(table, source))
    return table.assign(split=table["split"].mask(left, "test"))


def three_models(folder: Path, data: Path) -> tuple[Path, Path, Path]:
    """Trained on the manifest; of other class order and size; trained without the second source."""
    table = read_manifest(data)
    held_out = without_source(table, SECOND)
    folders = [folder / name for name in ("own", "other", "without")]
    for made in folders:
        made.mkdir()
    rows = table[table["label"] != "unclear"].groupby("split")["source"]
    counts = {"crops_by_source": {part: names.value_counts().to_dict() for part, names in rows}}
    return (
        write_toy_model(folders[0], training=trained_on(table, **counts)),
        write_toy_model(folders[1], 48, name="swapped", classes=SWAPPED, crop_margin_ratio=0.1),
        write_toy_model(folders[2], 40, name="toy 2", training=trained_on(held_out)),
    )
