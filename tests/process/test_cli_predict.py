"""`maskwatch predict` on real files: output, copies, exit codes, and one line for each failure.

Run: pytest tests/process/test_cli_predict.py
"""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from support import bad_images
from support.fakes import WITHOUT_ROOT
from support.programs import unmeasured
from support.toy_detector import crowd, write_toy_detector
from support.toy_model import BLUE, GREEN, GREY, RED, plain, write_toy_model
from support.waiting import LIMIT_S

from maskwatch.cli.main import cli
from maskwatch.io.images import load_image
from maskwatch.io.report import FORMATS


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


def run(model: Path, *arguments: str | Path, stdin: str | bytes | None = None) -> Result:
    """Take each picture for one face."""
    return find(model, "--whole-image", *arguments, stdin=stdin)


def find(model: Path, *arguments: str | Path, stdin: str | bytes | None = None) -> Result:
    """Look for faces."""
    command = ["predict", "--model", str(model), *map(str, arguments)]
    return CliRunner().invoke(cli, command, input=stdin, catch_exceptions=False)


def states(output: str) -> dict[str, str]:
    documents = [json.loads(line) for line in output.splitlines()]
    return {
        document["source"]: document["faces"][0]["state"] if "faces" in document else "error"
        for document in documents
    }


def test_a_folder_as_json_lines(model: Path, photos: Path) -> None:
    result = run(model, "photos", "--format", "jsonl")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert states(result.stdout) == {
        "photos/a.png": "mask",
        "photos/b.jpg": "no_mask",
        "photos/sub/a.png": "incorrect_mask",
        "photos/sub/c.gif": "unsure",
    }


def test_files_patterns_and_a_list_on_standard_input(model: Path, photos: Path) -> None:
    result = run(
        model,
        "photos/b.jpg",
        "-",
        "photos/b.jpg",
        "--format",
        "jsonl",
        stdin="photos/sub/*.gif\n\nphotos/a.png\n",
    )
    assert list(states(result.stdout)) == ["photos/b.jpg", "photos/sub/c.gif", "photos/a.png"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_list_that_another_program_encoded(model: Path, photos: Path, encoding: str) -> None:
    listed = "photos/b.jpg\r\nphotos/a.png\r\n".encode(encoding)
    result = run(model, "-", "--format", "jsonl", stdin=listed)
    assert states(result.stdout) == {"photos/b.jpg": "no_mask", "photos/a.png": "mask"}


@pytest.mark.parametrize("options", [[], ["--out", "results"]])
@pytest.mark.parametrize("name", ["a.png", "b.jpg", "sub/c.gif"])
def test_a_picture_instead_of_a_list(
    model: Path, photos: Path, name: str, options: list[str]
) -> None:
    result = run(model, "-", *options, stdin=(photos / name).read_bytes())
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "Error: -: a list of names is expected, one a line, not a picture; "
        "give the picture's name\n"
    )


@pytest.mark.parametrize("listed", [b"a.png\0b.png\0", bytes(400), b"\xff\xfe\0\xd8a\0"])
def test_a_list_that_is_no_text(model: Path, photos: Path, listed: bytes) -> None:
    result = run(model, "-", stdin=listed)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "a list of names is expected, one a line, in plain text" in result.stderr


def test_stopped_half_way(model: Path, photos: Path) -> None:
    gone = [f"gone {number}.jpg" for number in range(20_000)]  # more than a pipe holds
    command = [sys.executable, "-m", "maskwatch", "predict", "--model", model, "--whole-image"]
    command += ["--format", "jsonl", "photos", *gone]
    with Path("errors").open("w+") as errors:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as program:
            assert program.stdout
            program.stdout.readline()
            program.send_signal(signal.SIGINT)
            program.communicate(timeout=LIMIT_S)
        errors.seek(0)
        assert (program.returncode, errors.readlines()[-1]) == (130, "Stopped.\n")


def test_csv_coco_and_table(model: Path, photos: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run(model, "photos", "--format", "csv").stdout)))
    assert [row["state"] for row in rows] == ["mask", "no_mask", "incorrect_mask", "unsure"]
    document = json.loads(run(model, "photos", "--format", "coco").stdout)
    assert document["annotations"][0]["bbox"] == [0.0, 0.0, 40.0, 40.0]
    table = run(model, "photos").stdout
    assert "photos/sub/a.png  1     Mask worn incorrectly  100.0%      whole image" in table
    assert "4 images, 4 faces: 1 mask worn, 1 no mask, 1 mask worn incorrectly, 1 unsure" in table


@pytest.fixture
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_detector(tmp_path_factory.mktemp("detector"))


def test_every_face_of_a_picture(model: Path, detector: Path, photos: Path) -> None:
    Image.fromarray(crowd((3, 2, RED), (16, 3, BLUE), (12, 7, GREEN))).save("crowd.png")
    Image.fromarray(crowd()).save("nobody.png")
    arguments = ("crowd.png", "nobody.png", "photos/a.png", "--detector", detector)
    result = find(model, *arguments, "--save", "out")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "IMAGE         FACE  VERDICT                CONFIDENCE  WHERE",
        "crowd.png     1     Mask worn              100.0%      48 x 48 at 32, 16",
        "              2     Mask worn incorrectly  100.0%      48 x 48 at 240, 32",
        "              3     No mask                100.0%      48 x 48 at 176, 96",
        "nobody.png    -     no face found",
        "photos/a.png  1     Mask worn              100.0%      whole image",
        "",
        "3 images, 4 faces: 2 mask worn, 1 no mask, 1 mask worn incorrectly",
        "1 image without a face",
    ]
    assert np.array_equal(load_image("out/nobody.png"), crowd())
    lines = find(model, *arguments, "--format", "jsonl").stdout.splitlines()
    documents = [json.loads(line) for line in lines]
    assert [len(document["faces"]) for document in documents] == [3, 0, 1]
    origins = [document["face_origin"] for document in documents]
    assert origins == ["detected", "detected", "whole_image"]
    assert {document["detector"] for document in documents} == {"toy detector 1"}


def test_a_larger_side_finds_smaller_faces(model: Path, detector: Path, photos: Path) -> None:
    image = np.array(Image.fromarray(crowd((3, 2, RED))).resize((160, 120), Image.Resampling.BOX))
    Image.fromarray(np.pad(image, ((0, 200), (0, 160), (0, 0)), constant_values=128)).save("s.png")
    for side_px, faces in (("320", 0), ("640", 1)):
        arguments = ("--detector", detector, "--detector-side-px", side_px, "--format", "jsonl")
        document = json.loads(find(model, "s.png", *arguments).stdout)
        assert len(document["faces"]) == faces


@pytest.mark.parametrize(
    "option", [("--detector", "x.onnx"), ("--detector-side-px", "640"), ("--tiles", "auto")]
)
def test_the_whole_image_needs_no_detector(
    model: Path, photos: Path, option: tuple[str, str]
) -> None:
    result = run(model, "photos", *option)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: --whole-image: ") and result.stdout == ""


def test_a_side_out_of_range(model: Path, detector: Path, photos: Path) -> None:
    result = find(model, "photos", "--detector", detector, "--detector-side-px", "0")
    assert result.exit_code == 2
    assert result.stderr == "Error: detector side: must be 32 to 4096 pixels, not 0\n"


def test_a_detector_that_is_not_there(model: Path, photos: Path) -> None:
    result = find(model, "photos", "--detector", "gone.onnx")
    assert result.exit_code == 3
    assert result.stderr.startswith("Error: gone.onnx: cannot read the model file")


def test_every_bad_file_gets_its_line_and_the_others_their_verdict(
    model: Path, photos: Path
) -> None:
    for name in bad_images.BAD:
        bad_images.write(photos, name)
    result = run(model, "photos", "photos/gone.jpg", "nowhere/*.png", "--format", "jsonl")
    assert result.exit_code == 1
    answers = states(result.stdout)
    bad = {f"photos/{name}" for name in bad_images.BAD} | {"photos/gone.jpg", "nowhere/*.png"}
    assert {source for source, state in answers.items() if state == "error"} == bad
    assert len(answers) == len(bad) + 4
    errors = result.stderr.splitlines()
    assert len(errors) == len(bad)
    for name, (_, reason) in bad_images.BAD.items():
        (line,) = (line for line in errors if line.startswith(f"Error: photos/{name}: "))
        assert reason in line


@pytest.mark.parametrize("format_name", ["table", "csv", "coco"])
def test_other_formats_survive_a_bad_file_too(model: Path, photos: Path, format_name: str) -> None:
    bad_images.write(photos, "empty.jpg")
    result = run(model, "photos", "--format", format_name)
    assert result.exit_code == 1
    assert result.stderr == "Error: photos/empty.jpg: empty file\n"
    assert "photos/a.png" in result.stdout


def test_an_empty_folder_is_an_error(model: Path, photos: Path) -> None:
    Path("empty").mkdir()
    result = run(model, "empty")
    assert result.exit_code == 1
    assert result.stderr == "Error: empty: a folder without images\n"


def test_an_unreadable_folder_does_not_stop_the_others(model: Path, photos: Path) -> None:
    photos.parent.chmod(0o755)
    (photos / "sub").chmod(0)
    code = "\n".join(
        (
            "import sys, maskwatch, maskwatch.cli.predict, maskwatch.cli.main",
            f"analyzer = maskwatch.Analyzer({str(model)!r}, maskwatch.WholeImage())",
            "maskwatch.Analyzer = lambda *_: analyzer",
            WITHOUT_ROOT,
            "sys.argv = ['maskwatch', 'predict', 'photos', '--format', 'jsonl']",
            "maskwatch.cli.main.main()",
        )
    )
    command = [sys.executable, "-c", code]
    seen = subprocess.run(command, env=unmeasured(), capture_output=True, text=True, check=False)
    (photos / "sub").chmod(0o755)
    assert seen.returncode == 1, seen.stderr
    assert seen.stderr == "Error: photos/sub: permission denied\n"
    assert states(seen.stdout) == {
        "photos/a.png": "mask",
        "photos/b.jpg": "no_mask",
        "photos/sub": "error",
    }


@pytest.mark.parametrize("arguments", [(), ("--format", "xml", "x.jpg"), ("--nonsense", "x.jpg")])
def test_wrong_usage(model: Path, arguments: tuple[str, ...]) -> None:
    assert run(model, *arguments).exit_code == 2


def test_a_model_with_one_byte_changed(tmp_path: Path, photos: Path) -> None:
    altered = write_toy_model(tmp_path)
    content = bytearray(altered.read_bytes())
    content[len(content) // 2] ^= 1
    altered.write_bytes(content)
    result = run(altered, "photos")
    assert result.exit_code == 3
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert str(altered) in line
    assert "sha256 differs" in line


def test_a_model_that_is_not_there(photos: Path) -> None:
    result = run(Path("gone.onnx"), "photos")
    assert result.exit_code == 3
    assert result.stderr.startswith("Error: gone.onnx: cannot read the model file")


def test_the_help_documents_the_exit_codes() -> None:
    text = CliRunner().invoke(cli, ["predict", "--help"]).stdout
    for code in range(4):
        assert f"\n    {code}  " in text


def test_a_reader_that_leaves_early_is_no_error(model: Path, photos: Path) -> None:
    gone = [f"gone {number}.jpg" for number in range(20_000)]  # more than a pipe holds
    command = [sys.executable, "-m", "maskwatch", "predict", "--model", model, "--whole-image"]
    command += ["--format", "jsonl"]
    writer = subprocess.Popen(
        [*command, "photos", *gone], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    writer.stdout.close()
    _, errors = writer.communicate(timeout=LIMIT_S)
    assert b"Traceback" not in errors
    assert b"pipe" not in errors.lower()


def test_a_terminal_gets_a_progress_bar_and_the_output_stays_clean(
    model: Path, photos: Path
) -> None:
    terminal, side = os.openpty()
    command = [sys.executable, "-m", "maskwatch", "predict", "--model", model, "photos", "gone.jpg"]
    command += ["--whole-image"]
    seen = subprocess.run(
        [*command, "--format", "jsonl"], stdout=subprocess.PIPE, stderr=side, text=True, check=False
    )
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    os.close(side)
    assert seen.returncode == 1
    assert len(states(seen.stdout)) == 5
    assert "5/5" in shown
    assert "Error: gone.jpg: no such file" in shown


def test_a_name_neither_forges_a_line_nor_commands_a_terminal(model: Path, photos: Path) -> None:
    name = "odd\n\x1b[2Kforged.png"
    (photos / "a.png").rename(photos / name)
    (photos / f"not {name}").write_bytes(b"no picture")
    table = run(model, "photos")
    assert r"photos/odd\n\x1b[2Kforged.png  1 " in table.stdout
    assert r"photos/not odd \x1b[2Kforged.png: not a JPEG" in table.stderr
    assert "\x1b" not in table.output
    # a file has the very name
    rows = csv.DictReader(io.StringIO(run(model, "photos", "--format", "csv").stdout, newline=""))
    assert f"photos/{name}" in [row["source"] for row in rows]


def test_names_that_are_not_text(model: Path, photos: Path) -> None:
    odd = b"photos/odd \xff name.png"
    Image.fromarray(plain(RED)).save("odd.png")
    Path("odd.png").rename(odd.decode(errors="surrogateescape"))
    for format_name in ("table", "jsonl"):
        command = [sys.executable, "-m", "maskwatch", "predict", "--model", model, "-"]
        seen = subprocess.run(
            [*command, "--whole-image", "--format", format_name],
            input=odd,
            capture_output=True,
            check=False,
        )
        assert (seen.returncode, seen.stderr) == (0, b"")
        assert b"mask" in seen.stdout.lower()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("format_name", ["table", "jsonl", "csv", "coco"])
def test_output_on_a_full_disk_is_one_line(model: Path, photos: Path, format_name: str) -> None:
    command = [sys.executable, "-m", "maskwatch", "predict", "--model", model, "--whole-image"]
    with Path("/dev/full").open("w") as full:
        seen = subprocess.run(
            [*command, "photos", "--format", format_name],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert seen.returncode == 1
    assert seen.stderr == "Error: the output: cannot be written (no space left on device)\n"


@pytest.mark.parametrize("number", [errno.EFBIG, errno.EIO])
def test_a_file_that_grows_too_large_and_a_disk_that_fails_are_one_line(
    model: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Such as under `ulimit -f`, or beyond the 4 GB of FAT32."""

    def fail(_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setitem(FORMATS, "table", fail)
    result = run(model, "photos")
    assert result.exit_code == 1
    why = os.strerror(number).lower()
    assert result.stderr == f"Error: the output: cannot be written ({why})\n"
