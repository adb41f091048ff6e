"""Splits: grouped by near-identical pictures (ours), or as the student report did it (leaky).

`grouped` deals whole groups into folds, stratified by label, with scikit-learn's
`StratifiedGroupKFold`; no photo, re-lit copy or crop of it sits on two sides. One corrected label
may deal everything anew, so the parts that the shipped models were trained and tested on are kept
in a file, `public_split.csv`, which `public` follows. `report` repeats Keras'
`validation_split=0.2`: the first fifth of each class in the order of file names. It is kept to
show what such a number is worth.
"""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path, PurePath

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from maskwatch.errors import DataError, SettingError
from maskwatch.training.data.catalog import NO_MASK, PUBLIC_SETS, UNCLEAR
from maskwatch.training.data.holdout import holdout_names, known_name
from maskwatch.training.data.manifest import BOX

REPORT_VAL_SHARE = 0.2
PUBLIC_SPLIT = Path(__file__).with_name("public_split.csv")
"""Test and validation pictures of the public sets, named by the first digits of their hash."""

_HASH_DIGITS = 16
_PARTS = ("train", "val", "test")


def split_grouped(
    table: pd.DataFrame,
    *,
    folds: int = 5,
    fold: int = 0,
    seed: int = 0,
    test: bool = False,
    test_groups: Set[str] = frozenset(),
) -> pd.DataFrame:
    """Puts one fold into `val` and the rest into `train`, keeping every group on one side.

    The result depends on what the rows say and not on their order.

    Args:
        table: an audited manifest.
        folds: number of equal parts.
        fold: which of them becomes `val`, from 0.
        seed: for the dealing of groups.
        test: makes the next fold `test`; `val` stays what it was.
        test_groups: groups that are `test` whatever is dealt; the others are dealt into folds.

    Raises:
        SettingError: the fold numbers make no sense.
        DataError: the manifest has no groups, or a class too few of them.
    """
    _check_folds(folds, fold, test)
    _check_grouped(table)
    kept = table["group"].isin(test_groups)
    if kept.all():
        raise DataError(
            f"all {len(table)} rows are kept for the test part, or share a photo with one that is; "
            "nothing is left to train on: add other pictures to the manifest"
        )
    dealt = deal_folds(table[~kept], folds, seed)
    is_test = test & (dealt == (fold + 1) % folds)
    parts = np.full(len(table), "test", object)
    parts[~kept] = np.where(dealt == fold, "val", np.where(is_test, "test", "train"))
    return table.assign(split=parts)


def deal_folds(table: pd.DataFrame, folds: int, seed: int = 0) -> NDArray[np.intp]:
    """The fold (n,) of each row, from 0; no group crosses, whatever the order of the rows.

    Raises:
        DataError: the manifest has no groups, or a class too few of them.
    """
    _check_groups(table, folds)
    order = ["sha256", *BOX, "source", "label"]
    ordered = table.reset_index(drop=True).sort_values(order, kind="stable")
    dealer = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    number = np.empty(len(table), np.intp)
    # unclear faces are too few to demand an equal share of them for every fold
    strata = ordered["label"].replace(UNCLEAR, NO_MASK)
    for index, (_, rows) in enumerate(dealer.split(ordered, strata, ordered["group"])):
        number[ordered.index[rows]] = index
    return number


def split_public(
    table: pd.DataFrame, *, folds: int = 5, fold: int = 0, seed: int = 0
) -> pd.DataFrame:
    """Puts pictures of the public sets where they were when the shipped models were trained.

    A group with a picture of the test part is in the test part, else one with a picture of the
    validation part in that; so nothing trained on the result has seen what the shipped models are
    tested on. Groups without a public picture are dealt as by `split_grouped`, with a test part.

    Args:
        table: an audited manifest.
        folds: number of equal parts that groups without a public picture are dealt into.
        fold: which of them becomes `val`; the next is `test`.
        seed: for the dealing.

    Raises:
        SettingError, DataError: see `split_grouped`.
    """
    _check_folds(folds, fold, test=True)
    _check_grouped(table)
    listed = pd.read_csv(PUBLIC_SPLIT, dtype=str)
    part_of = dict(zip(listed["sha256"], listed["part"], strict=True))
    part = table["sha256"].str[:_HASH_DIGITS].map(part_of)
    part = part.mask(part.isna() & table["source"].isin(PUBLIC_SETS), "train")
    part = part.mask(table["group"].isin(listed_groups(table)), "test")
    rank = part.map({name: place for place, name in enumerate(_PARTS)}).groupby(table["group"])
    part = rank.transform("max").map(dict(enumerate(_PARTS)))
    own = part.isna()
    if own.any():
        dealt = split_grouped(table[own], folds=folds, fold=fold, seed=seed, test=True)
        part = part.fillna(dealt["split"])
    return table.assign(split=part)


def listed_groups(table: pd.DataFrame) -> set[str]:
    """Groups that hold a test photo of the face detector, see detector/holdout.py.

    Detector and classifier are scored together on those photos, so neither may learn from them.
    """
    names = holdout_names()
    is_listed = [
        known_name(path, source, names) in names
        for path, source in zip(table["image_path"], table["source"], strict=True)
    ]
    return set(table.loc[is_listed, "group"])


def source_groups(table: pd.DataFrame, source: str) -> set[str]:
    """Groups that hold a picture of a source: what to keep from training to leave it out.

    Raises:
        DataError: the manifest has no such source.
    """
    if source not in set(table["source"]):
        known = ", ".join(sorted(set(table["source"])))
        raise DataError(f"the manifest has no source {source} (there are: {known})")
    return set(table.loc[table["source"] == source, "group"])


def split_report(table: pd.DataFrame) -> pd.DataFrame:
    """The report's own split: the first fifth of each class by file name is `val`.

    Keras sorts names as strings and takes the validation part from the front.
    """
    names = table["image_path"].map(lambda path: PurePath(path).name)
    ordered = table.assign(name=names).sort_values(["label", "name", "image_path"], kind="stable")
    place = ordered.groupby("label").cumcount()
    size = ordered.groupby("label")["label"].transform("size")
    is_val = place < (size * REPORT_VAL_SHARE).astype(int)
    return table.assign(split=is_val.map({True: "val", False: "train"}))


def crossing_groups(table: pd.DataFrame) -> int:
    """Number of groups with rows in more than one part."""
    return int((table.groupby("group")["split"].nunique() > 1).sum())


def twin_share(table: pd.DataFrame) -> float:
    """Share of the `val` rows that have a twin, a row of the same group, in `train`; 0 to 1."""
    val = table.loc[table["split"] == "val", "group"]
    train = table.loc[table["split"] == "train", "group"]
    return float(val.isin(train).mean()) if len(val) else 0.0


def _check_folds(folds: int, fold: int, test: bool) -> None:
    fewest = 3 if test else 2
    if folds < fewest:
        raise SettingError(f"folds is {folds}, valid are {fewest} and more")
    if not 0 <= fold < folds:
        raise SettingError(f"fold is {fold}, valid are 0 to {folds - 1}")


def _check_grouped(table: pd.DataFrame) -> None:
    if table.empty:
        raise DataError("the manifest has no rows to split")
    missing = int(table["group"].isna().sum())
    if missing:
        raise DataError(
            f"{missing} of {len(table)} rows have no group; run `maskwatch data audit` first"
        )


def _check_groups(table: pd.DataFrame, folds: int) -> None:
    _check_grouped(table)
    classes = table[table["label"] != UNCLEAR]
    if classes.empty:
        raise DataError(f"all {len(table)} rows to split are {UNCLEAR}; none shows a class")
    for label, groups in classes.groupby("label")["group"]:
        if groups.nunique() < folds:
            raise DataError(
                f"class {label} has {groups.nunique()} different photos, copies counted once; "
                f"{folds} folds need at least {folds}"
            )
