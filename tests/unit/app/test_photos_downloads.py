"""What the photo page hands out: the command line's formats, and an archive safe to unpack.

Run: pytest tests/unit/app/test_photos_downloads.py
"""

from __future__ import annotations

import io
import os
import time
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support import bad_images
from support.toy_detector import crowd, write_toy_detector
from support.toy_model import BLUE, GREEN, RED, write_toy_model

from maskwatch import Analyzer
from maskwatch.app.photos import Photo, SessionPhotos, csv_file, json_file, zip_file, zip_names
from maskwatch.cli.main import cli
from maskwatch.io.blur import blur_heads
from maskwatch.io.draw import annotate
from maskwatch.io.images import load_image
from maskwatch.io.style import ENGLISH

FILES = {
    "crowd.png": bad_images.encoded("PNG", Image.fromarray(crowd((3, 2, RED), (7, 7, GREEN)))),
    "empty wall.png": bad_images.encoded("PNG", Image.fromarray(crowd())),
    "kaca=mata, «é».jpg": bad_images.encoded("JPEG", Image.fromarray(crowd((5, 5, BLUE)))),
    "broken.jpg": bad_images.encoded()[:-400],
    "text.webp": b"I am no picture.",
}


@pytest.mark.parametrize(("format_name", "make"), [("csv", csv_file), ("jsonl", json_file)])
def test_results_equal_those_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_name: str, make: object
) -> None:
    networks = write_toy_model(tmp_path), write_toy_detector(tmp_path)
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    monkeypatch.chdir(folder)
    options = ["--format", format_name, "--model", networks[0], "--detector", networks[1]]
    told = CliRunner().invoke(cli, ["predict", *FILES, *map(str, options)])
    assert told.exit_code == 1
    analyzer, store = Analyzer(*networks), SessionPhotos()
    photos = [Photo(name, name, content) for name, content in FILES.items()]
    assert make([store.judge(analyzer, photo).result for photo in photos]) == told.stdout


def test_nothing_gives_empty_files() -> None:
    assert csv_file([]).count("\n") == 1
    assert json_file([]) == ""
    assert zipfile.ZipFile(io.BytesIO(zip_file([], ENGLISH))).namelist() == []


def test_an_archive_of_a_computer_without_a_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyzer = Analyzer(write_toy_model(tmp_path), write_toy_detector(tmp_path))
    photo = Photo("1", "a.png", bad_images.encoded("PNG", Image.fromarray(crowd((3, 2, RED)))))
    found = [(photo, SessionPhotos().judge(analyzer, photo).report)]
    monkeypatch.setattr("time.localtime", lambda _=None: time.gmtime(0))
    (entry,) = zipfile.ZipFile(io.BytesIO(zip_file(found, ENGLISH))).infolist()
    assert (entry.filename, entry.date_time[0]) == ("a.jpg", 1980)


def test_the_archive_holds_each_photo_marked_in_full_size(tmp_path: Path) -> None:
    analyzer = Analyzer(write_toy_model(tmp_path), write_toy_detector(tmp_path))
    large = np.kron(crowd((3, 2, RED)), np.ones((8, 8, 1), np.uint8))
    content = bad_images.encoded("PNG", Image.fromarray(large))
    store = SessionPhotos()
    photos = [Photo("1", "a.png", content), Photo("2", "../a.jpg", content)]
    found = [(photo, store.judge(analyzer, photo).report) for photo in photos]
    archive = zipfile.ZipFile(io.BytesIO(zip_file(found, ENGLISH)))
    assert archive.testzip() is None
    assert archive.namelist() == ["a.jpg", "a (2).jpg"]
    marked = load_image(archive.read("a.jpg")).astype(int)
    assert marked.shape == large.shape
    assert np.abs(marked - annotate(large, found[0][1], words=ENGLISH)).mean() < 4
    hidden = zipfile.ZipFile(io.BytesIO(zip_file(found, ENGLISH, blur=True)))
    shown = annotate(blur_heads(large, found[0][1]), found[0][1], words=ENGLISH)
    assert np.abs(load_image(hidden.read("a.jpg")).astype(int) - shown).mean() < 4


@pytest.mark.parametrize(
    ("names", "safe"),
    [
        ([], []),
        (["a.jpg", "b.PNG", "c"], ["a.jpg", "b.jpg", "c.jpg"]),
        (["a.jpg", "a.png", "A.webp"], ["a.jpg", "a (2).jpg", "A (3).jpg"]),
        (["../../etc/passwd", "/etc/passwd"], ["passwd.jpg", "passwd (2).jpg"]),
        (["C:\\Windows\\a.jpg", "C:a.jpg"], ["a.jpg", "C_a.jpg"]),
        (["..", ".", "", ".jpg", "..\\.."], ["photo.jpg", *(f"photo ({n}).jpg" for n in (2, 3)),
                                             "jpg.jpg", "photo (4).jpg"]),
        (["con.jpg", "LPT1.x.png"], ["photo con.jpg", "photo LPT1.x.jpg"]),
        (['a<b>"?*|.jpg', "a\nb\0c\u202ed.jpg"], ["a_b_____.jpg", "abcd.jpg"]),
        (["é.jpg", "e\u0301.jpg"], ["é.jpg", "é (2).jpg"]),
        (["x" * 300 + ".jpg"], ["x" * 100 + ".jpg"]),
    ],
)  # fmt: skip
def test_names_in_the_archive_are_safe(names: list[str], safe: list[str]) -> None:
    assert zip_names(names) == safe


@given(st.lists(st.text(max_size=30), max_size=8))
def test_no_name_leads_out_of_the_folder_or_meets_another(names: list[str]) -> None:
    safe = zip_names(names)
    assert len({name.casefold() for name in safe}) == len(names)
    for name in safe:
        for kind in (PurePosixPath, PureWindowsPath):
            assert len(kind(name).parts) == 1 and not kind(name).is_absolute()
        assert name.endswith(".jpg") and name not in (".jpg", "..jpg")
        assert os.path.normpath(name) == name
        name.encode()
