"""No group crosses a split, every row lands in exactly one part, and the report's split leaks.

Run: pytest tests/unit/training/data/test_split.py
"""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.data_factory import table_of

from maskwatch.errors import DataError, SettingError
from maskwatch.training.data.catalog import LABELS
from maskwatch.training.data.holdout import holdout_names
from maskwatch.training.data.manifest import data_sha256
from maskwatch.training.data.split import (
    PUBLIC_SPLIT,
    crossing_groups,
    listed_groups,
    source_groups,
    split_grouped,
    split_public,
    split_report,
    twin_share,
)

LISTED = {
    part: (rows["sha256"] + "0" * 48).tolist()
    for part, rows in pd.read_csv(PUBLIC_SPLIT, dtype=str).groupby("part")
}
"""Hashes of pictures as long as real ones, by the part they are in for the shipped models."""


def grouped_table(per_label: int = 12, group_size: int = 3):
    """`per_label` groups of each label, `group_size` rows in each."""
    return table_of(
        [
            {"label": label, "group": f"{label}-{group}"}
            for label in LABELS
            for group in range(per_label)
            for _ in range(group_size)
        ]
    )


@st.composite
def manifests(draw):
    """At least three groups per label, of any size, some with several labels, rows in any order."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=3, max_size=12))
    rows = [
        {"label": label, "group": f"{label}-{number}"}
        for label in LABELS
        for number, size in enumerate(sizes)
        for _ in range(size)
    ]
    for row in draw(st.lists(st.sampled_from(rows), max_size=5)):
        row["group"] = "mixed"
    for label in LABELS:  # keep three groups of each label, whatever was mixed
        rows += [{"label": label, "group": f"{label}-kept-{number}"} for number in range(3)]
    return table_of(draw(st.permutations(rows)))


@settings(max_examples=60, deadline=None)
@given(manifests(), st.integers(0, 2), st.integers(0, 3), st.booleans())
def test_no_group_crosses_and_every_row_lands_in_exactly_one_part(table, fold, seed, test):
    split = split_grouped(table, folds=3, fold=fold, seed=seed, test=test)
    assert split.drop(columns="split").equals(table.drop(columns="split"))
    assert set(split["split"]) <= {"train", "val", "test"}
    assert split["split"].notna().all()
    assert (split.groupby("group")["split"].nunique() == 1).all()
    assert crossing_groups(split) == 0
    assert twin_share(split) == 0


def test_groups_that_are_kept_for_the_test_are_dealt_into_no_fold():
    table = grouped_table()
    kept = {"mask-0", "no_mask-3"}
    for test in (False, True):
        split = split_grouped(table, test=test, test_groups=kept)
        assert (split.loc[split["group"].isin(kept), "split"] == "test").all()
        assert {"train", "val"} <= set(split["split"]) and split["split"].notna().all()
        assert crossing_groups(split) == 0
        rest = set(split.loc[split["split"] == "test", "group"]) - kept
        assert bool(rest) == test
    assert split_grouped(table).equals(split_grouped(table, test_groups=set()))


def test_the_listed_photos_and_a_left_out_source_bring_their_whole_groups():
    listed = sorted(holdout_names())[0]
    rows = [
        {"image_path": f"/d/{listed}", "source": listed.split("/")[0], "group": "a"},
        {"image_path": "/d/copy.jpg", "source": "other", "group": "a"},
        {"image_path": "/d/fresh.jpg", "source": "other", "group": "b"},
        # a file of that name in another set is another photo
        {"image_path": f"/d/{listed}", "source": "other", "group": "c"},
    ]
    table = table_of([{"label": "mask", **row} for row in rows])
    assert listed_groups(table) == {"a"}
    assert source_groups(table, "other") == {"a", "b", "c"}
    assert source_groups(table, listed.split("/")[0]) == {"a"}
    with pytest.raises(DataError, match=r"no source nobody \(there are: other, "):
        source_groups(table, "nobody")
    assert listed_groups(table.iloc[:0]) == set()


def public_rows(label: str = "mask") -> list[dict[str, object]]:
    """Five groups of two public pictures: one for each part, and two that hold several parts."""
    (test, val), fresh = ((LISTED[part][:4] for part in ("test", "val")), ["f" * 64] * 2)
    groups = {
        "test": test[:2],
        "val": val[:2],
        "train": fresh,
        "test and val": [test[2], val[2]],
        "val and train": [val[3], fresh[0]],
    }
    return [
        {"label": label, "source": "voc-853", "group": group, "sha256": sha256}
        for group, hashes in groups.items()
        for sha256 in hashes
    ]


def test_public_pictures_stay_where_the_shipped_models_had_them():
    split = split_public(table_of(public_rows()))
    parts = split.groupby("group")["split"].agg(set).to_dict()
    assert parts == {
        "test": {"test"},
        "val": {"val"},
        "train": {"train"},
        "test and val": {"test"},
        "val and train": {"val"},
    }
    # a corrected label deals nothing anew
    corrected = split_public(table_of(public_rows("no_mask")))
    assert corrected["split"].tolist() == split["split"].tolist()


def test_beside_public_pictures_own_ones_are_dealt_with_their_groups():
    own = [
        {"label": label, "source": "mine", "group": f"{label}-{group}"}
        for label in LABELS
        for group in range(12)
        for _ in range(2)
    ]
    copies = [{"label": "mask", "source": "mine", "group": group} for group in ("test", "train")]
    split = split_public(table_of(public_rows() + own + copies), folds=4, fold=1)
    assert crossing_groups(split) == 0 and split["split"].notna().all()
    alone = split_grouped(table_of(own), folds=4, fold=1, test=True)
    dealt = split[split["group"].isin(alone["group"])]
    assert dealt["split"].value_counts().to_dict() == alone["split"].value_counts().to_dict()
    copied = split[split["source"].eq("mine") & split["group"].isin(["test", "train"])]
    assert copied.set_index("group")["split"].to_dict() == {"test": "test", "train": "train"}


def test_a_photo_of_the_detectors_test_is_in_the_test_part_though_nobody_listed_its_hash():
    listed = sorted(holdout_names())[0]
    row = {"image_path": f"/d/{listed}", "source": listed.split("/")[0], "group": "a"}
    split = split_public(table_of([{"label": "mask", **row}, *public_rows()]))
    assert split.loc[split["group"] == "a", "split"].tolist() == ["test"]


def test_the_list_names_a_picture_once_and_two_parts():
    assert set(LISTED) == {"test", "val"}
    hashes = [sha256 for part in LISTED.values() for sha256 in part]
    assert len(hashes) == len(set(hashes)) > 4000
    assert all(len(sha256) == 64 and int(sha256, 16) >= 0 for sha256 in hashes)


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [([], "no rows to split"), ([{"label": "mask", "group": None}], "1 of 1 rows have no group")],
)
def test_what_has_no_group_cannot_follow_the_public_split(rows, complaint):
    with pytest.raises(DataError, match=complaint):
        split_public(table_of(rows))


def test_the_folds_are_the_val_parts_and_cover_every_row_once():
    table = grouped_table()
    val = [split_grouped(table, fold=fold)["split"] == "val" for fold in range(5)]
    assert (sum(part.astype(int) for part in val) == 1).all()


def test_every_label_is_in_every_part_in_proportion():
    split = split_grouped(grouped_table(per_label=25))
    shares = split[split["split"] == "val"]["label"].value_counts(normalize=True)
    assert shares.min() > 0.3
    assert (split["split"] == "val").mean() == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize("fold", [0, 4])
def test_a_test_part_is_the_next_fold_and_leaves_val_alone(fold):
    table = grouped_table()
    without = split_grouped(table, fold=fold)["split"]
    with_test = split_grouped(table, fold=fold, test=True)["split"]
    following = split_grouped(table, fold=(fold + 1) % 5)["split"]
    assert ((with_test == "val") == (without == "val")).all()
    assert ((with_test == "test") == (following == "val")).all()


def test_the_split_is_seeded_and_ignores_the_order_of_rows():
    table = grouped_table()
    split = split_grouped(table, seed=1)
    assert data_sha256(split_grouped(table, seed=1)) == data_sha256(split)
    assert data_sha256(split_grouped(table.iloc[::-1], seed=1)) == data_sha256(split)
    assert data_sha256(split_grouped(table, seed=2)) != data_sha256(split)


@pytest.mark.parametrize(
    ("table", "options", "error", "complaint"),
    [
        (table_of([]), {}, DataError, "the manifest has no rows to split"),
        (table_of([{}]), {}, DataError, "1 of 1 rows have no group; run `maskwatch data audit` f"),
        (
            table_of([{"label": "unclear", "group": "a"}]),
            {},
            DataError,
            "all 1 rows to split are unclear; none shows a class",
        ),
        (
            grouped_table(4),
            {},
            DataError,
            "class incorrect_mask has 4 different photos, copies ",
        ),
        (
            table_of([{}]),
            {"test_groups": {None}},
            DataError,
            "1 of 1 rows have no group; run `maskwatch data audit` f",
        ),
        (
            grouped_table(),
            {"test_groups": {*grouped_table()["group"]}},
            DataError,
            "all 108 rows are kept for the test part, or share a photo",
        ),
        (grouped_table(), {"folds": 1}, SettingError, "folds is 1, valid are 2 and more"),
        (grouped_table(), {"folds": 2, "test": True}, SettingError, "folds is 2, valid are 3 and"),
        (grouped_table(), {"fold": 5}, SettingError, "fold is 5, valid are 0 to 4"),
        (grouped_table(), {"fold": -1}, SettingError, "fold is -1, valid are 0 to 4"),
    ],
)
def test_what_cannot_be_split_is_one_clear_error(table, options, error, complaint):
    with pytest.raises(error) as caught:
        split_grouped(table, **options)
    assert str(caught.value).startswith(complaint)


def test_the_report_split_takes_the_first_fifth_of_each_class_by_name():
    names = [f"{number}.jpg" for number in range(14)]  # as strings: 0, 1, 10, 11, 12, 13, 2, ...
    rows = [
        {"image_path": f"/a/{label}/{name}", "label": label} for label in LABELS for name in names
    ]
    split = split_report(table_of(rows))
    val = split[split["split"] == "val"]["image_path"]
    assert val.tolist() == [f"/a/{label}/{n}.jpg" for label in LABELS for n in (0, 1)]
    assert set(split["split"]) == {"train", "val"}


def test_the_report_split_counts_like_keras():
    rows = [{"label": label} for label in LABELS for _ in range(2994)]
    counts = split_report(table_of(rows))["split"].value_counts().to_dict()
    assert counts == {"train": 7188, "val": 1794}  # the report's own numbers


def test_twins_across_a_leaky_split_are_counted():
    table = table_of(
        [
            {"split": "val", "group": "a"},
            {"split": "val", "group": "b"},
            {"split": "train", "group": "b"},
            {"split": "train", "group": "c"},
        ]
    )
    assert crossing_groups(table) == 1
    assert twin_share(table) == 0.5
    assert twin_share(table_of([])) == 0


def test_a_few_unclear_faces_are_dealt_along_and_demand_no_share_of_a_fold():
    table = grouped_table()
    table.loc[0, ["label", "group"]] = ["unclear", "unclear-0"]  # one group, five folds
    parts = [split_grouped(table, fold=fold)["split"] for fold in range(5)]
    assert sum(part[0] == "val" for part in parts) == 1
    assert all(part.notna().all() for part in parts)
