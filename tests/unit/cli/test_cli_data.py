"""`maskwatch data` from folders to a split manifest and a page, and its one-line errors.

Run: pytest tests/unit/cli/test_cli_data.py
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.data_factory import draw, folder_set, save, voc_set

from maskwatch.cli.data import data
from maskwatch.errors import DataError, MaskWatchError, SettingError
from maskwatch.training.data.manifest import data_sha256, read_manifest, write_manifest


def run(*arguments: object):
    result = CliRunner().invoke(data, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, MaskWatchError | SystemExit):
        raise result.exception
    return result


@pytest.fixture
def folder(tmp_path):
    return folder_set(tmp_path / "set", 10)


@pytest.fixture(scope="module")
def manifests(tmp_path_factory):
    """A folder with m.parquet and, audited, a.parquet; tests only read it."""
    here = tmp_path_factory.mktemp("manifests")
    folder = folder_set(here / "set", 10)
    assert run("manifest", here / "m.parquet", f"mine={folder}").exit_code == 0
    assert run("audit", here / "m.parquet", "--out", here / "a.parquet").exit_code == 0
    return here


def test_manifest_counts_and_names_what_it_cannot_use(tmp_path, folder):
    (folder / "with_mask" / "notes.txt").write_text("x")
    result = run("manifest", tmp_path / "m.parquet", f"mine={folder}")
    assert result.exit_code == 0
    assert "notes.txt: not the file name of a picture" in result.stderr
    assert "1 problems, named above; the rest is used" in result.stderr
    classes, _, counts = result.stdout.splitlines()[:3]
    assert classes == (
        "mine: folder per class; mask_weared_incorrect = incorrect_mask, with_mask = mask, "
        "without_mask = no_mask"
    )
    assert counts.split() == ["mine", "10", "10", "10", "0"]
    assert f"30 rows, data {data_sha256(read_manifest(tmp_path / 'm.parquet'))}" in result.stdout


def test_manifest_tells_before_it_writes_how_unclear_labels_were_read(tmp_path):
    voc_set(tmp_path / "set", {"a": [("with_mask", (20, 20, 120, 120))]})
    note = tmp_path / "set" / "annotations" / "a.xml"
    size = "<size><width>200</width><height>160</height></size>"
    note.write_text(note.read_text().replace("<object>", f"{size}<object>"))
    no_folder = note / "m.parquet"
    result = run("manifest", no_folder, f"mine={tmp_path / 'set'}")
    assert result.exit_code != 0
    assert result.stderr.startswith(
        f"warning: {tmp_path / 'set'}: boxes were drawn on another size of the picture and are "
        "scaled (pictures: 1, first: images/a.jpg)"
    )
    assert result.stdout.startswith("mine: Pascal VOC boxes; with_mask = mask")


def test_manifest_takes_classes_and_machine_boxes(tmp_path):
    save(tmp_path / "set" / "chin" / "a.jpg", draw(1))
    face = [1, 2, 30, 30, *[0] * 10, 0.9]
    faces = {"mine/chin/a.jpg": {"size": [48, 48], "faces": [face]}}
    (tmp_path / "faces.json").write_text(json.dumps(faces))
    result = run(
        "manifest",
        tmp_path / "m.parquet",
        f"mine={tmp_path / 'set'}",
        "--class",
        "chin=incorrect_mask",
        "--faces",
        tmp_path / "faces.json",
    )
    assert "1 rows have a machine-found box" in result.stdout
    assert read_manifest(tmp_path / "m.parquet")["x_max"].dropna().tolist() == [31]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((), ""),
        (("mask=no_mask",), ""),
        (("Mask=no_mask", "mask=mask"), "no picture has the class Mask of --class (there: mask)"),
    ],
)
def test_manifest_tells_of_a_class_that_it_does_not_meet(tmp_path, given, told):
    save(tmp_path / "set" / "mask" / "a.jpg", draw(1))
    words = [word for name in given for word in ("--class", name)]
    result = run("manifest", tmp_path / "m.parquet", f"mine={tmp_path / 'set'}", *words)
    assert (told in result.stderr) if told else not result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("audit", "made.parquet", "--out", "out.parquet"),
        ("split", "made.parquet", "--out", "out.parquet"),
        ("split", "made.parquet", "--out", "out.parquet", "--protocol", "report"),
    ],
)
def test_made_pictures_stay_with_the_photos_that_they_show(tmp_path, manifests, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    table = read_manifest(manifests / "a.parquet")
    write_manifest(table.assign(source="synthetic"), tmp_path / "made.parquet")
    result = run(*words)
    assert str(result.exception).startswith("the manifest holds synthetic pictures already")
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_is_none_is_wrong_usage(tmp_path, manifests, seed):
    out = tmp_path / "out"
    for words in (("split", "--out", out / "s.parquet"), ("synthesise", "--out", out)):
        result = run(words[0], manifests / "a.parquet", *words[1:], "--seed", seed)
        assert result.exit_code == 2 and "--seed" in result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="its file systems hold no such name")
def test_manifest_leaves_out_a_picture_whose_name_is_no_text(tmp_path):
    folder = folder_set(tmp_path / "set", 2)
    (folder / "with_mask" / "0.jpg").rename(folder / "with_mask" / os.fsdecode(b"f\xfcr.jpg"))
    result = run("manifest", tmp_path / "m.parquet", f"mine={folder}")
    assert result.exit_code == 0
    assert "r.jpg: its path is not text in UTF-8, as a manifest needs; rename it" in result.stderr
    assert len(read_manifest(tmp_path / "m.parquet")) == 5


def test_audit_prints_findings_and_writes_them(tmp_path, folder):
    (folder / "with_mask" / "0.jpg").write_bytes(b"")
    copied = folder / "with_mask" / "1.jpg"
    (folder / "without_mask" / "1.jpg").write_bytes(copied.read_bytes())
    run("manifest", tmp_path / "m.parquet", f"mine={folder}")
    result = run("audit", tmp_path / "m.parquet", "--json", tmp_path / "findings.json")
    assert result.exit_code == 0
    assert "0.jpg: is empty (0 bytes)" in result.stderr
    assert f"1 picture stands under two labels, such as {copied} (mask) and " in result.stderr
    assert "1, of which empty or blank 1" in result.stdout
    assert json.loads((tmp_path / "findings.json").read_text())["usable_rows"] == 29


@pytest.mark.parametrize(
    "words",
    [
        ("find", "OUT", "mine=none"),
        ("split", "none.parquet", "--out", "OUT"),
        ("audit", "none.parquet", "--out", "OUT"),
        ("audit", "none.parquet", "--json", "OUT"),
        ("report", "none.parquet", "--out", "OUT"),
        ("doubts", "none.parquet", "--out", "OUT"),
        ("doubts", "none.parquet", "--out", "none.html", "--csv", "OUT"),
    ],
)
def test_what_cannot_be_written_shows_before_the_work(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    result = run(*("file/out" if word == "OUT" else word for word in words))
    assert isinstance(result.exception, DataError)
    assert str(result.exception) == f"{tmp_path / 'file'}: cannot be written (file exists)"


@pytest.mark.parametrize("extra", [(), ("--test",), ("--protocol", "public")])
def test_split_writes_every_row_once(tmp_path, manifests, extra):
    result = run("split", manifests / "a.parquet", "--out", tmp_path / "s.parquet", *extra)
    assert result.exit_code == 0
    table = read_manifest(tmp_path / "s.parquet")
    assert set(table["split"]) == {"train", "val", *(["test"] if extra else [])}
    assert len(table) == 30
    assert f"data {data_sha256(table)}" in result.stdout


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "a.parquet",
            "this split leaks: 0 groups lie on both sides, and 0% of val has the same",
        ),
        ("m.parquet", "this split leaks; run `maskwatch data audit` first"),
    ],
)
def test_the_report_split_says_that_it_leaks(tmp_path, manifests, name, sentence):
    out = tmp_path / "s.parquet"
    result = run("split", manifests / name, "--out", out, "--protocol", "report")
    assert sentence in result.stdout
    assert read_manifest(out)["split"].value_counts().to_dict() == {"train": 24, "val": 6}


@pytest.mark.parametrize(
    ("protocol", "option"),
    [
        *itertools.product(["public", "report"], [("--test",), ("--leave-out", "mine")]),
        *(("report", (name, "3")) for name in ("--folds", "--fold", "--seed")),
    ],
)
def test_what_only_grouped_can_do_is_not_passed_over(tmp_path, manifests, protocol, option):
    out = tmp_path / "s.parquet"
    result = run("split", manifests / "a.parquet", "--out", out, "--protocol", protocol, *option)
    assert isinstance(result.exception, SettingError)
    said = f"{option[0]} does nothing with --protocol {protocol}; leave it out"
    assert str(result.exception) == said
    assert not out.exists()


def test_report_writes_one_page(tmp_path, manifests):
    result = run("report", manifests / "a.parquet", "--out", tmp_path / "page.html")
    assert result.exit_code == 0
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_fetch_checks_a_copy_without_network(tmp_path):
    folder = voc_set(tmp_path / "set", {"a": [("with_mask", (0, 0, 9, 9))]})
    result = run("fetch", "voc-853", "--path", folder)
    assert isinstance(result.exception, DataError)
    assert "no picture of class incorrect_mask, no_mask" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "error", "complaint"),
    [
        (("manifest", "m.parquet", "mine=nowhere"), DataError, "nowhere: no such folder"),
        (("manifest", "m.parquet", "mine"), DataError, "mine: no public set of that name"),
        (("audit", "m.parquet"), DataError, "m.parquet: no such manifest"),
        (("report", "m.parquet", "--out", "x.html"), DataError, "m.parquet: no such manifest"),
        (("manifest", "m.parquet", "a=x", "--class", "x"), SettingError, "class =x: give NAME="),
        (("fetch", "lfw"), DataError, "lfw: no public set of that name"),
    ],
)
def test_mistakes_are_one_line(tmp_path, monkeypatch, arguments, error, complaint):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert isinstance(result.exception, error)
    assert str(result.exception).startswith(complaint)
    assert "\n" not in str(result.exception)
    assert list(Path().iterdir()) == []


def test_help_loads_nothing_heavy():
    code = (
        "import sys, maskwatch.cli.data; "
        "heavy = {'pandas', 'pyarrow', 'sklearn', 'matplotlib', 'kagglehub'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_several_sources_are_left_out_at_once(tmp_path, manifests):
    table = read_manifest(manifests / "a.parquet")
    names = ["one", "two", "three"]
    write_manifest(table.assign(source=[names[i % 3] for i in range(len(table))]), tmp_path / "m")
    out = tmp_path / "s.parquet"
    options = ("--leave-out", "one", "--leave-out", "two")
    assert run("split", tmp_path / "m", "--out", out, "--folds", "2", *options).exit_code == 0
    table = read_manifest(out)
    assert set(table.loc[table["source"].isin(["one", "two"]), "split"]) == {"test"}


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("report", "a.parquet", "--out", "a.parquet"), "'--out' and 'MANIFEST'"),
        (("report", "--out", "./a.parquet", "a.parquet"), "'--out' and 'MANIFEST'"),
        (("audit", "a.parquet", "--out", "b", "--json", "b"), "'--json' and '--out'"),
        (("audit", "a.parquet", "--json", "a.parquet"), "'--json' and 'MANIFEST'"),
        (("doubts", "a.parquet", "--out", "b", "--csv", "b"), "'--csv' and '--out'"),
    ],
)
def test_no_file_is_written_over_another(tmp_path, manifests, monkeypatch, words, names):
    content = (manifests / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert isinstance(result.exception, SettingError)
    assert str(result.exception).startswith(f"{names}: both name ")
    assert (tmp_path / "a.parquet").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_a_manifest_may_take_the_place_of_the_one_that_is_read(tmp_path, manifests):
    path = tmp_path / "m.parquet"
    write_manifest(read_manifest(manifests / "m.parquet"), path)
    assert run("audit", path, "--out", path).exit_code == 0
    assert len(read_manifest(path)) == 30
