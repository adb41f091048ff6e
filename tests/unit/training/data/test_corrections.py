"""Corrections of labels: what is read, what it changes in a manifest, and the file that ships.

Run: pytest tests/unit/training/data/test_corrections.py
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from support.data_factory import folder_set, table_of, voc_set
from support.paths import ROOT

from maskwatch.cli.data import data
from maskwatch.errors import DataError, SettingError
from maskwatch.training.data.catalog import PUBLIC_SETS
from maskwatch.training.data.collect import collect
from maskwatch.training.data.corrections import (
    COLUMNS,
    DROP,
    SHIPPED,
    apply_corrections,
    read_corrections,
    write_corrections,
)
from maskwatch.training.data.machine_faces import read_main_faces
from maskwatch.training.data.manifest import BOX, read_manifest

SHARED = ROOT.parent / "shared" / "data"
SHA, OTHER = "a" * 64, "b" * 64
HEADER = ",".join(COLUMNS)


def boxed(left: float = 10, top: float = 10, right: float = 40, bottom: float = 50):
    return dict(zip(BOX, (left, top, right, bottom), strict=True))


def lines_of(*lines: dict[str, object]) -> pd.DataFrame:
    """Corrections from partial lines."""
    usual = {"source": "voc-853", "file": "images/a.jpg", "sha256": SHA, "was": "no_mask"}
    usual |= {"label": "incorrect_mask", "reason": "under chin", **dict.fromkeys(BOX, np.nan)}
    return pd.DataFrame([usual | line for line in lines], columns=list(COLUMNS))


def corrected(rows: list[dict[str, object]], *lines: dict[str, object]):
    filled = [{"source": "voc-853", "sha256": SHA, "label": "no_mask"} | row for row in rows]
    return apply_corrections(table_of(filled), lines_of(*lines))


def test_what_is_written_is_read_back_sorted(tmp_path):
    lines = lines_of(
        boxed(30.25, 1, 40, 9), boxed(4.1, 1, 9, 9), {}, {"file": "a,b.jpg", "sha256": OTHER}
    )
    write_corrections(lines, tmp_path / "new" / "c.csv")
    back = read_corrections(tmp_path / "new" / "c.csv")
    assert back["file"].tolist() == ["a,b.jpg", *["images/a.jpg"] * 3]
    np.testing.assert_array_equal(back["x_min"], [np.nan, np.nan, 4.1, 30.25])
    write_corrections(back, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "new" / "c.csv").read_bytes()


def test_a_header_alone_corrects_nothing(tmp_path):
    (tmp_path / "c.csv").write_text(HEADER + "\n")
    lines = read_corrections(tmp_path / "c.csv")
    assert tuple(lines.columns) == COLUMNS
    assert (lines["x_min"].dtype, len(lines)) == (np.float64, 0)
    done = apply_corrections(table_of([{}]), lines)
    assert (len(done.table), done.relabelled, done.dropped, done.unmatched) == (1, 0, 0, 0)


def test_an_empty_manifest_stays_empty():
    done = apply_corrections(table_of([]), lines_of({}))
    assert (len(done.table), done.relabelled, done.dropped, done.unmatched) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("row", "line", "label"),
    [
        (boxed(), boxed(), "incorrect_mask"),
        (boxed(10.004), boxed(), "incorrect_mask"),
        (boxed(10.02), boxed(), "no_mask"),  # in a crowd two drawn boxes may nearly agree
        ({}, {}, "incorrect_mask"),
        (boxed(), {}, "no_mask"),  # the whole picture is not the face in it
        ({}, boxed(), "no_mask"),
        (boxed(), boxed() | {"was": "mask", "label": "no_mask"}, "no_mask"),
        (boxed() | {"sha256": OTHER}, boxed(), "no_mask"),
        (boxed() | {"source": "mine"}, boxed(), "incorrect_mask"),  # same picture, other name
        (boxed(12, 11), boxed() | {"source": "faces-binary"}, "incorrect_mask"),  # machine-found
        (boxed(15, 20), boxed() | {"source": "faces-binary"}, "incorrect_mask"),
        (boxed(25, 25), boxed() | {"source": "faces-binary"}, "no_mask"),
    ],
)
def test_a_line_matches_by_picture_box_and_label(row, line, label):
    assert corrected([row], line).table["label"].tolist() == [label]


def test_the_very_box_wins_over_its_neighbour():
    done = corrected([boxed(), boxed(13)], boxed() | {"source": "mine"})
    assert done.table["label"].tolist() == ["incorrect_mask", "no_mask"]


def test_rows_are_relabelled_dropped_and_counted():
    done = corrected(
        [boxed(), boxed(60, 10, 90, 50), boxed(1, 1, 9, 9), {"sha256": OTHER}],
        boxed() | {"label": "mask"},
        boxed(60, 10, 90, 50) | {"label": DROP},
        boxed(5, 5, 9, 9),  # nowhere in this manifest
        {"source": "mask-types", "sha256": "c" * 64},  # of a set that was not asked for
    )
    assert done.table["label"].tolist() == ["mask", "no_mask", "no_mask"]
    assert (done.relabelled, done.dropped, done.unmatched) == (1, 1, 1)


def test_lines_see_the_labels_as_they_were():
    swap = [boxed() | {"label": "mask"}, boxed() | {"was": "mask", "label": DROP}]
    assert corrected([boxed()], *swap).table["label"].tolist() == ["mask"]


LINE = f"voc-853,a.jpg,{SHA},1,2,3,4,mask,no_mask,bare"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", ": its first line must be source,file,sha256,x_min,"),
        ("file,label\n", ": its first line must be source,file,sha256,x_min,"),
        (f"{HEADER}\nvoc-853,a.jpg\n", ", line 2: has 2 cells, not 10"),
        (f"{HEADER}\n\n{LINE},\n", ", line 3: has 11 cells, not 10"),
        (f"{HEADER}\n{LINE.replace(SHA, 'abc')}\n", ", line 2: sha256 'abc' is not 64 digits"),
        (f"{HEADER}\n{LINE.replace(',mask', ',masked')}\n", ", line 2: was 'masked' is none of"),
        (f"{HEADER}\n{LINE.replace('no_mask', 'bare')}\n", ", line 2: label 'bare' is none of"),
        (f"{HEADER}\n{LINE.replace('no_mask', 'mask')}\n", ", line 2: label mask is what it was"),
        (f"{HEADER}\n{LINE.replace('1,2', '1,x')}\n", ", line 2: its box 1, x, 3, 4 is not four"),
        (f"{HEADER}\n{LINE.replace('1,2', '1,')}\n", ", line 2: its box 1, , 3, 4 is not four"),
        (f"{HEADER}\n{LINE.replace('1,2', '5,2')}\n", ", line 2: its box 5, 2, 3, 4 is empty"),
        (f"{HEADER}\n{LINE.replace('1,2', '1,nan')}\n", ", line 2: its box 1, nan, 3, 4 is empty"),
        (f"{HEADER}\n{LINE}\n{LINE}\n", ", line 3: says the same face again"),
        (f'{HEADER}\n"{LINE}\n', ": not a readable CSV file ("),
    ],
)
def test_a_broken_file_is_one_clear_error(tmp_path, text, complaint):
    path = tmp_path / "c.csv"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_corrections(path)
    assert str(caught.value).startswith(f"{path}{complaint}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda path: None, "no such corrections"),
        (lambda path: path.mkdir(), "is not a file"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "not a readable CSV file ("),
    ],
    ids=["missing", "folder", "bytes"],
)
def test_what_is_no_file_of_corrections_is_refused(tmp_path, make, complaint):
    path = tmp_path / "c.csv"
    make(path)
    with pytest.raises(DataError) as caught:
        read_corrections(path)
    assert str(caught.value).startswith(f"{path}: {complaint}")


@pytest.mark.parametrize(
    ("point", "delimiter", "encoding"),
    [
        (".", ",", "utf-8-sig"),
        (".", ",", "cp1252"),
        (".", "\t", "utf-16"),
        (".", ";", "cp1252"),
        (",", ";", "utf-8-sig"),
    ],
)
def test_a_spreadsheet_may_have_saved_it(tmp_path, point, delimiter, encoding):
    whole, emptied = ["mine", "ü.jpg", SHA, *[""] * 4, "mask", "no_mask", "bare"], [""] * 10
    boxed_line = [*whole[:3], *(side.replace(".", point) for side in ("1.5", "2", "3", "4.25"))]
    rows = (COLUMNS, whole, emptied, [*boxed_line, *whole[7:]])
    text = "\r\n".join(map(delimiter.join, rows)) + "\r\n"
    (tmp_path / "c.csv").write_bytes(text.encode(encoding))
    read = read_corrections(tmp_path / "c.csv")
    assert read["file"].tolist() == ["ü.jpg", "ü.jpg"]
    np.testing.assert_array_equal(read[list(BOX)].to_numpy(), [[np.nan] * 4, [1.5, 2, 3, 4.25]])


def test_corrections_that_cannot_be_written_are_an_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be written"):
        write_corrections(lines_of({}), tmp_path / "file" / "c.csv")


def manifest_of(*arguments: object):
    return CliRunner().invoke(data, ["manifest", *map(str, arguments)])


@pytest.fixture
def photos(tmp_path):
    """A set of one photo with two bare faces, and a file that corrects both."""
    boxes = [("without_mask", (0, 0, 9, 9)), ("without_mask", (20, 0, 39, 19))]
    folder = voc_set(tmp_path / "set", {"a": [*boxes, ("with_mask", (50, 0, 80, 40))]})
    digest = collect({"mine": folder}).table["sha256"].iloc[0]
    lines = lines_of(boxed(0, 0, 9, 9), boxed(20, 0, 39, 19) | {"label": DROP}, {"was": "mask"})
    write_corrections(lines.assign(sha256=digest, source="mine"), tmp_path / "c.csv")
    return folder


def test_the_command_takes_a_file_and_says_what_it_did(tmp_path, photos):
    result = manifest_of(
        tmp_path / "m.parquet", f"mine={photos}", "--corrections", tmp_path / "c.csv"
    )
    assert "corrected 1 labels, left out 1 rows; 1 corrections of these sets" in result.stdout
    table = read_manifest(tmp_path / "m.parquet")
    assert sorted(table["label"]) == ["incorrect_mask", "mask"]


@pytest.mark.parametrize("arguments", [(), ("--as-published",)])
def test_labels_of_other_sets_stay(tmp_path, photos, arguments):
    result = manifest_of(tmp_path / "m.parquet", f"mine={photos}", *arguments)
    assert ("corrected 0 labels, left out 0 rows; 0 corr" in result.stdout) is not bool(arguments)
    assert len(read_manifest(tmp_path / "m.parquet")) == 3


def test_as_published_and_a_file_contradict_each_other(tmp_path):
    folder = folder_set(tmp_path / "set", 1)
    result = manifest_of(
        tmp_path / "m.parquet", f"mine={folder}", "--as-published", "--corrections", "c.csv"
    )
    assert isinstance(result.exception, SettingError)
    assert not (tmp_path / "m.parquet").exists()


def test_the_shipped_file_is_sound_and_sorted(tmp_path):
    lines = read_corrections()  # checks labels, boxes and repetitions
    assert len(lines) > 100
    assert set(lines["source"]) <= set(PUBLIC_SETS)
    assert lines["reason"].str.len().gt(0).all()
    assert not lines["file"].str.startswith(("/", "..")).any()
    write_corrections(lines, tmp_path / "c.csv")
    assert (tmp_path / "c.csv").read_bytes() == SHIPPED.read_bytes()


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="no public data beside the checkout")
@pytest.mark.parametrize("name", sorted({*read_corrections()["source"]}))
def test_every_shipped_line_matches_a_row_of_its_set(name):
    found = read_main_faces(SHARED / "faces.json")
    table = collect({name: SHARED / name}, machine_boxes=found).table
    lines = read_corrections()
    lines = lines[lines["source"] == name]
    faces = table.loc[table["x_min"].notna(), "sha256"]
    # another detector, ours, found these
    only_ours = int((lines["x_min"].notna() & ~lines["sha256"].isin(faces)).sum())
    done = apply_corrections(table, lines)
    assert done.unmatched == only_ours <= 2
    assert done.relabelled + done.dropped >= len(lines) - only_ours
    files = {str(SHARED / name / file) for file in lines["file"]}
    assert files <= set(table["image_path"])
