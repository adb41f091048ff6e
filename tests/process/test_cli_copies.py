"""`maskwatch predict --save`: marked copies, where each goes, and what becomes of the rest.

Run: pytest tests/process/test_cli_copies.py
"""

from __future__ import annotations

import ntpath
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from support.small_disk import small_disk
from support.toy_model import BLUE, GREEN, GREY, RED, plain, write_toy_model

from maskwatch.cli.main import cli
from maskwatch.io.images import load_image


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four pictures, two of one name, in a folder of the current directory."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for name, colour in (
        ("a.png", RED),
        ("b.jpg", GREEN),
        ("sub/a.png", BLUE),
        ("sub/c.gif", GREY),
    ):
        Image.fromarray(plain(colour)).save(folder / name)
    return folder


def run(model: Path, *arguments: str | Path) -> Result:
    """Take each picture for one face."""
    command = ["predict", "--model", str(model), "--whole-image", *map(str, arguments)]
    return CliRunner().invoke(cli, command, catch_exceptions=False)


def test_blurred_copies_show_nobody_and_everything_else(model: Path, photos: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 60, (300, 400, 3), np.uint8)
    noise[..., 0] += 190  # red, which is a mask
    Image.fromarray(noise).save("noise.png")
    for name, options in (("plain", ()), ("blurred", ("--blur",))):
        assert run(model, "noise.png", "--save", name, *options).exit_code == 0
    plain_rgb, blurred = load_image("plain/noise.png"), load_image("blurred/noise.png")
    assert len(np.unique(plain_rgb[150, 20:380], axis=0)) > 300
    assert len(np.unique(blurred[150, 20:380], axis=0)) <= 6
    assert np.array_equal(plain_rgb[0], blurred[0])  # the border
    refused = run(model, "noise.png", "--blur")
    assert refused.exit_code == 2 and "--save DIR" in refused.stderr


def test_copies_keep_their_sub_folders(model: Path, photos: Path) -> None:
    result = run(model, "photos", "--save", "out")
    assert result.exit_code == 0
    copies = sorted(p.relative_to("out").as_posix() for p in Path("out").rglob("*") if p.is_file())
    assert copies == ["a.png", "b.jpg", "sub/a.png", "sub/c.gif.png"]
    drawn = load_image("out/a.png")
    assert drawn.shape == (40, 40, 3)
    assert not np.array_equal(drawn, load_image("photos/a.png"))


@pytest.mark.parametrize(
    ("sources", "copies"),
    [
        (("photos/sub/a.png",), ["a.png"]),
        (("photos/a.png", "photos/sub/a.png"), ["a.png", "sub/a.png"]),
        (("photos/sub", "other"), ["other/a.png", "photos/sub/a.png", "photos/sub/c.gif.png"]),
        (("photos/*/a.png",), ["sub/a.png"]),
    ],
)
def test_same_names_do_not_collide(
    model: Path, photos: Path, sources: tuple[str, ...], copies: list[str]
) -> None:
    Path("other").mkdir()
    Image.fromarray(plain(RED)).save("other/a.png")
    assert run(model, *sources, "--save", "out").exit_code == 0
    written = (p.relative_to("out").as_posix() for p in Path("out").rglob("*") if p.is_file())
    assert sorted(written) == copies


def test_a_copy_named_like_that_of_another_picture_is_kept_as_well(
    model: Path, photos: Path
) -> None:
    Path("two").mkdir()
    for name, colour in (("p.webp", RED), ("p.webp.png", BLUE)):
        Image.fromarray(plain(colour)).save(Path("two", name))
    assert run(model, "two", "--save", "out").exit_code == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["p.webp (2).png", "p.webp.png"]


def test_copies_never_replace_a_picture(model: Path, photos: Path) -> None:
    before = {path: path.read_bytes() for path in photos.rglob("*.*")}
    Path("linked").symlink_to(photos)
    for folder in ("photos", "linked"):
        result = run(model, "photos", "--save", folder)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert "would overwrite the image" in result.stderr
    assert before == {path: path.read_bytes() for path in photos.rglob("*.*")}


def test_copies_of_several_drives_have_no_folder_in_common(
    photos: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where nothing leads from one to the other."""
    drives = [r"C:\photos", r"D:\photos"]
    monkeypatch.setattr("os.path.commonpath", lambda _: ntpath.commonpath(drives))
    done = run(model, photos, "--save", "out")
    assert done.exit_code == 2
    assert done.stderr == "Error: --save: goes with pictures of one drive at a time\n"


@pytest.mark.parametrize("source", ["photos", "photos/*"])
@pytest.mark.parametrize("folder", ["photos/out", "photos/sub/../out", "linked/out"])
def test_a_second_run_does_not_take_the_copies_of_the_first_for_pictures(
    model: Path, photos: Path, source: str, folder: str
) -> None:
    Path("linked").symlink_to(photos)
    first = run(model, source, "--save", folder)
    copies = {path: path.read_bytes() for path in Path(folder).rglob("*.*")}
    again = run(model, source, "--save", folder)
    assert (first.exit_code, first.stderr) == (0, "") and len(copies) == 4
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    inside = "lies in a folder that is searched; 4 pictures in it left out"
    assert again.stderr == f"--save {folder}: {inside}\n"
    assert {path: path.read_bytes() for path in Path(folder).rglob("*.*")} == copies


def test_copies_that_are_named_are_pictures_as_any_other(model: Path, photos: Path) -> None:
    run(model, "photos", "--save", "photos/out")
    result = run(model, "photos/out/a.png", "--save", "photos/out")
    assert result.exit_code == 2
    assert "would overwrite the image photos/out/a.png; give another folder" in result.stderr
    result = run(model, "photos/out/sub", "--save", "photos/out")
    assert result.exit_code == 0 and "2 images" in result.stdout


def test_a_copy_that_cannot_be_written_costs_nothing_else(model: Path, photos: Path) -> None:
    Path("out").mkdir()
    Path("out/sub").touch()
    result = run(model, "photos", "--save", "out")
    assert result.exit_code == 1
    assert "out/sub/a.png: cannot be written (" in result.stderr
    assert result.stderr.count("\n") == 2
    assert result.stdout == run(model, "photos").stdout
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "b.jpg", "sub"]


def test_a_disk_that_is_full_costs_the_copies_and_not_what_was_found(
    model: Path, photos: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "out") as disk:
        disk.fill()
        result = run(model, "photos", "--save", "out")
        assert result.exit_code == 1
        assert result.stderr.count("cannot be written (no space left on device)\n") == 4
        assert result.stdout == run(model, "photos").stdout
        assert [path.name for path in disk.folder.rglob("*.*")] == []


def test_without_a_folder_for_copies_nothing_is_judged(model: Path, photos: Path) -> None:
    Path("out").touch()
    result = run(model, "photos", "--save", "out/copies")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "out/copies: cannot be written (" in result.stderr
