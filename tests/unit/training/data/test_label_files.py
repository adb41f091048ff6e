"""Text of unknown encoding is read, and a label file finds its picture or says why not.

Run: pytest tests/unit/training/data/test_label_files.py
"""

from __future__ import annotations

import os
import unicodedata

import pytest
from support.data_factory import draw, save

from maskwatch.io.text_files import marked_encoding
from maskwatch.training.data.files import decode, list_files


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"", None),
        (b"a", None),
        (b"a\0", "utf-16-le"),
        (b"\0a", "utf-16-be"),
        ("é,1".encode("utf-16"), "utf-16"),
        ("é,1".encode("utf-8-sig"), "utf-8-sig"),
        ("é,1".encode("utf-32"), "utf-32"),
        (b"plain text with one \0", None),
    ],
)
def test_the_encoding_that_the_first_bytes_give_away(content, encoding):
    assert marked_encoding(content) == encoding


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        (b"caf\xc3\xa9", "café"),
        (b"caf\xe9", "café"),  # Windows
        (b"\xef\xbb\xbf1 2", "1 2"),
        ("café".encode("utf-16"), "café"),
        (
            b"<?xml version='1.0' encoding='latin-1'?>\xe9",
            "<?xml version='1.0' encoding='latin-1'?>é",
        ),
        ("<?xml encoding='GBK'?>口罩".encode("gbk"), "<?xml encoding='GBK'?>口罩"),
        ("<?xml encoding='utf-8'?>口罩".encode("utf-16"), "<?xml encoding='utf-8'?>口罩"),
    ],
)
def test_text_of_any_encoding(content, text):
    assert decode(content) == text


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"<?xml encoding='klingon'?>", LookupError), (b"\xff\xfea", UnicodeDecodeError)],
)
def test_text_in_no_encoding_is_an_error(content, error):
    with pytest.raises(error):
        decode(content)


@pytest.mark.parametrize(
    ("pictures", "label", "name", "expected"),
    [
        ([], "a.txt", "a.txt", "no picture for this annotation (a.txt)"),
        (["a.jpg"], "a.txt", "a.txt", "a.jpg"),
        (["a.jpg"], "labels/a.txt", "a.txt", "a.jpg"),
        (["images/a.jpg"], "labels/a.txt", "a.txt", "images/a.jpg"),
        (["JPEGImages/a.JPG"], "Labels/a.txt", "a.txt", "JPEGImages/a.JPG"),
        (["faces/a.jpg"], "annotations/a.xml", "a.xml", "faces/a.jpg"),
        (["a.jpg"], "labels/train/a.txt", "a.txt", "a.jpg"),
        (["images/a.b.jpg"], "labels/a.b.txt", "a.b.txt", "images/a.b.jpg"),
        (["images/IMG_1.JPG"], "labels/img_1.txt", "img_1.txt", "images/IMG_1.JPG"),
        (["images/A.jpg", "images/a.jpg"], "labels/a.txt", "a.txt", "images/a.jpg"),
        # parts that hold pictures of the same name
        (["train/a.jpg", "valid/a.jpg"], "valid/a.xml", "a.xml", "valid/a.jpg"),
        (
            ["train/images/a.jpg", "val/images/a.jpg"],
            "val/labels/a.txt",
            "a.txt",
            "val/images/a.jpg",
        ),
        (
            ["images/train/a.jpg", "images/val/a.jpg"],
            "labels/val/a.txt",
            "a.txt",
            "images/val/a.jpg",
        ),
        (["train/a.jpg"], "valid/a.xml", "a.xml", "no picture for this annotation (a.xml)"),
        (
            ["train/a.jpg", "val/a.jpg"],
            "labels/a.txt",
            "a.txt",
            "more than one picture of this name",
        ),
        (["a.jpg", "images/a.jpg"], "a.txt", "a.txt", "a.jpg"),
        # two kinds
        (["a.jpg", "a.png"], "a.txt", "a.txt", "more than one picture of this name: a.jpg, a.png"),
        # names in files
        (["a.jpg", "a.png"], "x.json", "a.png", "a.png"),
        (["a.jpg"], "x.json", "a.png", "a.jpg"),
        (["a.jpg"], "x.csv", "a", "a.jpg"),
        (["train/images/a.jpg"], "x.json", "train/a.jpg", "train/images/a.jpg"),
        (["train/images/a.jpg"], "train/x.json", "a.jpg", "train/images/a.jpg"),
        (["train/a.jpg", "val/a.jpg"], "x.json", "val/a.jpg", "val/a.jpg"),
        (["val/a.jpg"], "x.json", "train/a.jpg", "no picture for this annotation (train/a.jpg)"),
        (["train/a.jpg", "val/a.jpg"], "x.json", "a.jpg", "more than one picture of this name"),
        (["train/a.jpg", "val/a.jpg"], "annotations/instances_val.json", "a.jpg", "val/a.jpg"),
        (["train/a.jpg", "val/a.jpg"], "x.csv", "C:\\\\my set\\\\val\\\\a.jpg", "val/a.jpg"),
        (["images/a.jpg"], "x.csv", "/home/me/photos of june/a.jpg", "images/a.jpg"),
        (["a.jpg"], "x.csv", "../../etc/a.jpg", "a.jpg"),
        (["a.jpg"], "x.csv", "", "no picture for this annotation ()"),
        (["a.jpg"], "x.csv", "\\0", "no picture for this annotation (\\0)"),
    ],
)
def test_a_label_file_finds_its_picture(tmp_path, pictures, label, name, expected):
    for number, path in enumerate(pictures):
        save(tmp_path / path, draw(number))
    files = list_files(tmp_path)
    try:
        found = files.find(tmp_path / label, name).relative_to(tmp_path).as_posix()
    except LookupError as error:
        found = str(error)[: len(expected)]
    assert found == expected


def test_a_hint_decides_between_kinds(tmp_path):
    for name in ("a.jpg", "a.png"):
        save(tmp_path / name, draw(1))
    assert list_files(tmp_path).find(tmp_path / "a.xml", "a.xml", "a.png").name == "a.png"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_in_one_part_or_two_are_the_same(tmp_path, form):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    save(
        tmp_path / unicodedata.normalize(form, "Zoé") / f"{unicodedata.normalize(form, 'é')}.jpg",
        draw(1),
    )
    label = (
        tmp_path / unicodedata.normalize(other, "Zoé") / f"{unicodedata.normalize(other, 'é')}.txt"
    )
    assert list_files(tmp_path).find(label, label.name) == list_files(tmp_path).pictures[0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_are_named_and_never_opened(tmp_path):
    save(tmp_path / "a.jpg", draw(1))
    for name in ("b.jpg", "c.txt"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    files = list_files(tmp_path)
    assert [path.name for path in files.pictures] == ["a.jpg", "gone.jpg"]
    assert files.others == ()
    assert [(problem.path.name, problem.reason) for problem in files.problems] == [
        (name, "is a pipe or a device, not a file") for name in ("b.jpg", "c.txt")
    ]
