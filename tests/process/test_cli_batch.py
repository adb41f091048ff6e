"""`maskwatch predict --out`: options, what is said while it runs and at its end.

Run: pytest tests/process/test_cli_batch.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.batch_factory import expected_rows, rows_of, toy_networks, write_pictures
from support.fakes import WITHOUT_ROOT
from support.programs import unmeasured
from support.small_disk import small_disk

from maskwatch.batch.run import Count
from maskwatch.cli.main import cli
from maskwatch.cli.predict import duration, progress_line, summary
from maskwatch.pipeline import Networks


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    return toy_networks(tmp_path_factory.mktemp("networks"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "photos", 6)


def predict(networks: Networks, *arguments: str | Path, stdin: str | None = None) -> Result:
    models = ["--model", str(networks.model), "--detector", str(networks.detector)]
    command = ["predict", *models, *map(str, arguments)]
    return CliRunner().invoke(cli, command, input=stdin, catch_exceptions=False)


def test_a_folder_into_a_folder(networks: Networks, photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").touch()
    result = predict(networks, photos, "--out", tmp_path / "out", "--workers", "1")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "7 pictures judged: 4 with faces, 2 without, 1 could not be judged",
        "7 faces: 3 mask worn, 2 no mask, 2 mask worn incorrectly",
        f"written to {tmp_path / 'out'}/",
    ]
    rows = rows_of(tmp_path / "out")
    assert [row for row in rows if row["status"] != "error"] == expected_rows(
        sorted(photos.rglob("*.png")), networks
    )
    again = predict(networks, photos, "--out", tmp_path / "out")
    assert (again.exit_code, again.stderr) == (0, "7 of 7 pictures were judged before\n")
    assert again.stdout.splitlines()[0] == "nothing was left to judge: 7 pictures judged before"


def test_a_run_that_goes_on_says_of_which_pictures_it_speaks() -> None:
    """Who copies the last lines is not to take a part for the whole."""
    face = Count.of([{"status": "face", "state": "mask", "face": 0}])
    assert summary(face, before=0).startswith("1 picture judged: 1 with faces, ")
    assert summary(face, before=1_039).splitlines() == [
        "1 picture judged now, 1,039 before; of those now: 1 with faces, 0 without, "
        "0 could not be judged",
        "1 face: 1 mask worn",
    ]


def test_one_picture(networks: Networks, photos: Path, tmp_path: Path) -> None:
    arguments = [photos / "0" / "0000.png", "--out", f"{tmp_path / 'out'}/", "--workers", "1"]
    first, *_, last = predict(networks, *arguments).stdout.splitlines()
    assert first.startswith("1 picture judged: ")
    assert last == f"written to {tmp_path / 'out'}/"


@pytest.mark.parametrize(
    ("name", "written"), [("results.csv", "csv"), ("r.json", "jsonl"), ("r.JSONL", "jsonl")]
)
def test_the_name_of_a_file_in_place_of_a_folder(
    networks: Networks, photos: Path, tmp_path: Path, name: str, written: str
) -> None:
    out = tmp_path / name
    result = predict(networks, photos, "--out", out)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert f"for one file: --format {written} > {out}" in result.stderr
    assert not out.exists()


def test_a_list_on_standard_input(networks: Networks, photos: Path, tmp_path: Path) -> None:
    listed = f"{photos}/0/0000.png\n{photos}/1/*.png\n"
    result = predict(networks, "-", "--out", tmp_path / "out", "--workers", "1", stdin=listed)
    assert result.exit_code == 0
    assert [Path(row["source"]).name for row in rows_of(tmp_path / "out") if not row["face"]] == [
        "0000.png",
        "0001.png",
        "0003.png",
        "0005.png",
    ]
    other = predict(networks, "-", "--out", tmp_path / "out", stdin=str(photos))
    assert other.exit_code == 2
    assert "holds a run with other sources" in other.stderr


def test_whole_images(networks: Networks, photos: Path, tmp_path: Path) -> None:
    arguments = [photos, "--out", tmp_path / "out", "--workers", "1", "--whole-image"]
    command = ["predict", "--model", str(networks.model), *map(str, arguments)]
    assert CliRunner().invoke(cli, command, catch_exceptions=False).exit_code == 0
    rows = rows_of(tmp_path / "out")
    assert {(row["face_origin"], row["detector"]) for row in rows} == {("whole_image", None)}
    assert len(rows) == 6


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--engine", "local"), 2, "--engine and --workers: go with --out FOLDER only"),
        (("--workers", "2"), 2, "--engine and --workers: go with --out FOLDER only"),
        (("--out", "out", "--format", "csv"), 2, "without --format and --save"),
        (("--out", "out", "--save", "copies"), 2, "without --format and --save"),
        (("--out", "out", "--workers", "0"), 2, "0 is not in the range"),
        (("--out", "out", "--engine", "spark"), 2, "is not one of 'local', 'ray'"),
        (("--out", "ftp://me:secret@host/x"), 2, "ftp://***@host/...: give passwords"),
        (("--out", "nonsense://y"), 1, "nonsense://y: Protocol not known"),
        (("--out", "taken"), 2, "--out taken: not a directory"),
        (("--out", "out", "--detector-side-px", "0"), 2, "detector side: must be 32 to 4096"),
        (("--out", "out", "--model", "gone.onnx"), 3, "gone.onnx: cannot read the model file"),
    ],
)
def test_wrong_usage(
    networks: Networks,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    monkeypatch.chdir(photos.parent)
    Path("taken").touch()
    result = predict(networks, photos, *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr and "secret" not in result.stderr
    assert not Path("out").exists()


@pytest.mark.parametrize("name", ["list.csv", "list.PARQUET"])
def test_a_list_goes_with_a_folder_only(networks: Networks, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("image_path\na.png\n")
    result = predict(networks, tmp_path / name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert (
        result.stderr
        == f"Error: {tmp_path / name}: a list of pictures goes with --out FOLDER only\n"
    )


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("empty", "empty: a folder without images"),
        ("gone", "gone: no such file"),
        ("list.csv", "list.csv: no column image_path (it has: file)"),
    ],
)
def test_nothing_to_judge(
    networks: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("list.csv").write_text("file\na.png\n")
    result = predict(networks, source, "--out", "out")
    assert (result.exit_code, result.stderr) == (1, f"Error: {said}\n")
    assert not Path("out").exists()


def test_folders_that_may_not_be_read(
    networks: Networks, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o777)
    (photos / "1").chmod(0)
    code = "\n".join(
        (
            "import sys, maskwatch.cli.main, maskwatch.cli.predict",
            "from maskwatch.batch.storage import list_pictures",
            "import onnxruntime, pyarrow",
            WITHOUT_ROOT,
            "print(list_pictures(['photos'])[-1])",
            "sys.argv[1:] = ['predict', 'photos/1', '--out', 'x']",
            "maskwatch.cli.main.main()",
        )
    )
    command = [sys.executable, "-c", code]
    seen = subprocess.run(command, env=unmeasured(), capture_output=True, text=True, check=False)
    (photos / "1").chmod(0o755)
    assert seen.stdout == "photos/1\n"  # a row of its own says why, when it is judged
    assert seen.returncode == 1
    assert seen.stderr == "Error: photos/1: permission denied\n"


def test_a_disk_that_fills_up(networks: Networks, tmp_path: Path) -> None:
    photos = write_pictures(tmp_path / "photos", 70)
    out = tmp_path / "out"
    with small_disk(out, "64k"):
        full = predict(networks, photos, "--out", out, "--workers", "1")
        assert full.exit_code == 1
        (line,) = full.stderr.splitlines()
        done = re.search(
            r"part-\S+: cannot be written \(no space left on device\)\. (\d+) of 70 pictures are "
            "done and kept; the same command goes on from there$",
            line,
        )
        assert done and 0 < int(done[1]) < 70
        assert len({row["source"] for row in rows_of(out)}) == int(done[1])
        assert not list(out.glob(".*"))
        kept = {path.name: path.read_bytes() for path in out.glob("part-*")}
        larger = ["mount", "-o", "remount,size=10m", str(out)]
        subprocess.run(larger, check=True)
        assert predict(networks, photos, "--out", out, "--workers", "1").exit_code == 0
        assert rows_of(out) == expected_rows(sorted(photos.rglob("*.png")), networks)
        assert all((out / name).read_bytes() == content for name, content in kept.items())


def test_a_terminal_sees_how_far_it_is(photos: Path, networks: Networks, tmp_path: Path) -> None:
    terminal, side = os.openpty()
    code = (
        "from maskwatch.pipeline import *; from pathlib import *; import sys\n"
        "from maskwatch.cli import predict\n"
        "predict._TERMINAL_EVERY_S = 0\n"
        f"source, out = {str(photos)!r}, {str(tmp_path / 'out')!r}\n"
        f"sys.exit(predict.predict_many([source], out, {networks!r}, 'local', 1))"
    )
    command = [sys.executable, "-c", code]
    seen = subprocess.run(command, stdout=subprocess.PIPE, stderr=side, check=False)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    os.close(side)
    assert seen.returncode == 0
    assert re.search(r"\d of 6 pictures \(\d+\.\d%\), \d+\.\d a second, \d+ s left", shown)
    assert "\n" not in shown


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ((1, 4, 0, 1, 2.0), "1 of 4 pictures (25.0%), 0.5 a second, 6 s left"),
        ((4, 4, 1, 3, 1.5), "4 of 4 pictures (100.0%), 2.0 a second, 0 s left, "
         "1 could not be judged"),
        (
            (250_256, 1_000_000, 1234, 256, 25.6),
            "250,256 of 1,000,000 pictures (25.0%), 10.0 a second, 20 h 49 min left, "
            "1,234 could not be judged",
        ),
    ],
)  # fmt: skip
def test_a_line_of_progress(values: tuple[int, int, int, int, float], line: str) -> None:
    assert progress_line(*values) == line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d 0 h"),
        (1e8, "1157 d 9 h"),
    ],
)
def test_a_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
