"""`maskwatch data synthesise`: honest about the split, repeatable, balanced; one-line errors.

Run: pytest tests/unit/training/synth/test_synthesise.py
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from support.drawn_faces import DotDetector, face_manifest, face_picture

from maskwatch.cli.data import data
from maskwatch.errors import DataError, MaskWatchError, SettingError
from maskwatch.io.images import load_image
from maskwatch.training.data.catalog import LABELS, UNCLEAR, source_licence
from maskwatch.training.data.manifest import BOX, read_manifest
from maskwatch.training.synth.kinds import NEEDS_CHIN_ROOM, Kind
from maskwatch.training.synth.supply import Supply, _mixed, find_supply, usable_rows
from maskwatch.training.synth.synthesise import (
    check_request,
    make_picture,
    plan,
    write_pictures,
)

ROWS = [
    {},
    {},
    {"split": "val"},
    {"split": "test"},
    {"label": "mask", "masked": True},
    {"label": "mask", "masked": True, "split": "val"},
    {"label": "incorrect_mask"},
    {},
]


@pytest.fixture(autouse=True)
def _dots_are_faces(monkeypatch):
    monkeypatch.setattr("maskwatch.vision.detect.FaceDetector", lambda **_: DotDetector())


def run(*arguments: object):
    result = CliRunner().invoke(data, ["synthesise", *(str(argument) for argument in arguments)])
    if result.exception and not isinstance(result.exception, MaskWatchError | SystemExit):
        raise result.exception
    return result


@pytest.fixture(scope="module")
def manifest_path(tmp_path_factory):
    return face_manifest(tmp_path_factory.mktemp("drawn"), ROWS)


@pytest.fixture(scope="module")
def thirty(tmp_path_factory, manifest_path):
    """What the command said and wrote; tests only read it."""
    out = tmp_path_factory.mktemp("thirty") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("maskwatch.vision.detect.FaceDetector", lambda **_: DotDetector())
        result = run(manifest_path, "--out", out, "--count", 30)
    return result, out


def test_rows_are_added_and_everything_else_stays(thirty, manifest_path):
    result, out = thirty
    assert result.exit_code == 0
    assert "9 mask, 9 no_mask, 9 incorrect_mask, 3 unclear" in result.stdout
    before = read_manifest(manifest_path)
    after = read_manifest(out / "synthetic.parquet")
    made = after[after["source"] == "synthetic"]
    assert after[: len(before)].equals(before)
    assert len(after) == len(before) + 30
    assert made["label"].value_counts().to_dict() == dict.fromkeys(LABELS, 9) | {UNCLEAR: 3}
    assert set(made["split"]) == {"train"}
    for row in made.itertuples():
        picture = Path(row.image_path)
        assert picture.parent == out / row.label
        assert hashlib.sha256(picture.read_bytes()).hexdigest() == row.sha256
        height, width = load_image(picture).shape[:2]
        assert max(height, width) <= 256
        assert 0 <= row.x_min < row.x_max <= width and 0 <= row.y_min < row.y_max <= height


def test_only_bare_faces_of_the_train_part_are_used(thirty):
    after = read_manifest(thirty[1] / "synthetic.parquet")
    made = after[after["source"] == "synthetic"]
    assert set(made["group"]) == {"g0", "g1", "g7"}


def test_a_group_that_crosses_the_split_is_not_used(tmp_path):
    rows = [{"group": "crossing"}, {"group": "crossing", "split": "val"}, {}, {"split": "test"}]
    table = read_manifest(face_manifest(tmp_path, rows))
    assert usable_rows(table)["group"].tolist() == ["g2"]


def test_sets_that_must_not_ship_are_not_used(tmp_path):
    rows = [{"source": "maskedface-net-500"}, {}]
    table = read_manifest(face_manifest(tmp_path, rows))
    assert usable_rows(table)["source"].tolist() == ["drawn"]
    assert source_licence("synthetic") == "made from the other sources, under their licences"


def test_masked_photos_of_the_train_part_give_material(manifest_path):
    rows = usable_rows(read_manifest(manifest_path))
    assert sorted(rows["label"]) == ["mask", "no_mask", "no_mask", "no_mask"]
    looked: list[int] = []
    supply = find_supply(rows, DotDetector(), 0, 30, looked.append)
    assert (len(supply.faces), len(supply.materials), sum(looked)) == (3, 1, 4)


def test_the_same_seed_gives_the_same_files(tmp_path, manifest_path):
    digests = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert run(manifest_path, "--out", tmp_path / name, "--count", 12, "--seed", seed)
        table = read_manifest(tmp_path / name / "synthetic.parquet")
        digests.append(table[table["source"] == "synthetic"]["sha256"].tolist())
    assert digests[0] == digests[1]
    assert not set(digests[0]) & set(digests[2])


def test_a_picture_depends_on_its_number_only():
    supply = Supply(tuple(face_picture(number) for number in range(3)), ())
    alone = make_picture(supply, 5, seed=2)
    for number in range(5):
        make_picture(supply, number, seed=2)
    again = make_picture(supply, 5, seed=2)
    assert (alone.image_rgb == again.image_rgb).all() and alone.kind is again.kind


def test_three_numbers_show_one_face_with_three_labels():
    supply = Supply(tuple(face_picture(number) for number in range(4)), ())
    for first in (0, 3, 6, 10):
        pictures = [make_picture(supply, first + i, seed=0) for i in range(3)]
        assert len({picture.group for picture in pictures}) == 1


@pytest.mark.slow
def test_every_kind_is_drawn():
    supply = Supply(tuple(face_picture(number) for number in range(4)), ())
    kinds = {make_picture(supply, number, seed=0).kind for number in range(300)}
    assert kinds == set(Kind)


@pytest.mark.parametrize("turn", [0, 1, 2, 40])
def test_every_tenth_picture_is_unclear_and_shows_a_face_of_its_turn(turn):
    planned = [plan(number) for number in range(10 * turn, 10 * turn + 10)]
    faces = [3 * turn, 3 * turn + 1, 3 * turn + 2]
    assert planned[:9] == [(face, label) for face in faces for label in LABELS]
    assert planned[9][1] == UNCLEAR and planned[9][0] in faces


def test_a_whole_picture_stands_for_its_face(tmp_path):
    path = face_manifest(tmp_path / "in", [{"boxed": False}, {"boxed": False}])
    assert run(path, "--out", tmp_path / "out", "--count", 6).exit_code == 0
    after = read_manifest(tmp_path / "out" / "synthetic.parquet")
    assert (after["source"] == "synthetic").sum() == 6


def test_a_close_up_becomes_a_whole_picture_without_scarf_or_chin(tmp_path):
    path = face_manifest(tmp_path / "in", [{}, {}], size=90, unit_px=34)
    assert run(path, "--out", tmp_path / "out", "--count", 40).exit_code == 0
    after = read_manifest(tmp_path / "out" / "synthetic.parquet")
    made = after[after["source"] == "synthetic"]
    assert made[BOX[0]].isna().all()
    kinds = {Path(name).stem.split("-")[1] for name in made["image_path"]}
    assert {"worn", "nose_out", "tilted", "bare", "band"} <= kinds
    assert not kinds & NEEDS_CHIN_ROOM


@pytest.mark.parametrize(
    ("rows", "error", "complaint"),
    [
        ([{"split": None}], DataError, "the manifest has no training rows; make a split"),
        ([{"split": "val"}], DataError, "the manifest has no training rows; make a split"),
        ([{"group": None}], DataError, "1 of 1 rows have no group; run `maskwatch data audit`"),
        ([{"source": "synthetic"}], DataError, "the manifest holds synthetic pictures already"),
        ([{"label": "mask"}], DataError, "no bare face of the training part is at least 48"),
        ([{"source": "maskedface-net-500"}], DataError, "no bare face of the training part"),
        ([], DataError, "the manifest has no training rows"),
    ],
)
def test_unusable_manifests_are_one_line(tmp_path, rows, error, complaint):
    result = run(face_manifest(tmp_path / "in", rows), "--out", tmp_path / "out")
    assert isinstance(result.exception, error)
    assert str(result.exception).startswith(complaint)
    assert "\n" not in str(result.exception)


def test_small_faces_are_one_line(tmp_path):
    path = face_manifest(tmp_path / "in", [{"boxed": False}], unit_px=12)
    result = run(path, "--out", tmp_path / "out")
    assert "is at least 48 pixels large" in str(result.exception)


def test_unusable_folders_and_counts_are_one_line(tmp_path, manifest_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "file").touch()
    for out, count, error, words in (
        ("full", 3, DataError, "full: is not empty; give a new folder"),
        ("file/out", 3, DataError, "out: cannot be written"),
        ("new", 0, SettingError, "count must be at least 1, not 0"),
    ):
        result = run(manifest_path, "--out", tmp_path / out, "--count", count)
        assert isinstance(result.exception, error) and words in str(result.exception)
    assert not (tmp_path / "new").exists()


def test_of_two_runs_that_found_a_folder_empty_one_fills_it(tmp_path, manifest_path):
    table = read_manifest(manifest_path)
    supply = Supply(tuple(face_picture(number) for number in range(3)), ())
    for _ in range(2):
        check_request(tmp_path, 3)
    made = write_pictures(supply, table, tmp_path, count=3, seed=1)
    with pytest.raises(DataError, match="another run has begun to fill it"):
        write_pictures(supply, table, tmp_path, count=3, seed=2)
    assert read_manifest(tmp_path / "synthetic.parquet").equals(made)


def test_an_unreadable_picture_is_one_line(tmp_path):
    path = face_manifest(tmp_path / "in", [{}, {}])
    (tmp_path / "in" / "1.png").write_bytes(b"no picture")
    result = run(path, "--out", tmp_path / "out")
    assert isinstance(result.exception, DataError) and "1.png" in str(result.exception)


def test_the_supply_ignores_the_order_of_the_table(manifest_path):
    rows = usable_rows(read_manifest(manifest_path))
    first, second = (find_supply(table, DotDetector(), 3, 30) for table in (rows, rows.iloc[::-1]))
    assert [face.group for face in first.faces] == [face.group for face in second.faces]
    assert all(
        np.array_equal(a.image_rgb, b.image_rgb)
        for a, b in zip(first.faces, second.faces, strict=True)
    )


@pytest.mark.parametrize("close_ups", [0, 1, 4, 20])
def test_faces_with_room_fill_up_where_close_ups_are_few(close_ups):
    found = [SimpleNamespace(is_close_up=index < close_ups) for index in range(close_ups + 40)]
    faces = _mixed(iter(found), 20)
    assert len(faces) == 20
    assert sum(face.is_close_up for face in faces) == min(close_ups, 8)
