"""Lists and names that people give `predict --out`: odd, empty, broken, or gone on with elsewhere.

Run: pytest tests/process/test_batch_lists.py
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from support.bad_images import encoded
from support.batch_factory import rows_of, run_here, toy_networks, write_pictures
from support.paths import ROOT
from support.toy_model import RED, plain
from support.waiting import LIMIT_S

from maskwatch.batch import run
from maskwatch.batch.plan import COLUMNS, PLAN_NAME
from maskwatch.batch.run import Run
from maskwatch.batch.storage import list_pictures
from maskwatch.batch.worker import judge_here
from maskwatch.cli.main import cli
from maskwatch.errors import DataError, ImageError
from maskwatch.files import writing
from maskwatch.pipeline import Networks


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    return toy_networks(tmp_path_factory.mktemp("networks"))


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Some pictures in a folder of the current directory."""
    monkeypatch.chdir(tmp_path)
    return write_pictures(tmp_path / "photos", 4)


def predict(networks: Networks, *arguments: str, stdin: str | bytes | None = None) -> Result:
    models = ["--model", str(networks.model), "--detector", str(networks.detector)]
    command = ["predict", *models, *arguments]
    return CliRunner().invoke(cli, command, input=stdin, catch_exceptions=False)


def test_a_run_is_gone_on_with_from_another_folder(
    photos: Path, networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = photos.parent / "out"
    begun = Run(["photos"], str(out), networks).judge(judge_here, 1)
    next(begun)
    begun.close()
    monkeypatch.chdir(photos / "0")
    rows = run_here("..", out, networks, judge_here, 1)
    assert {row["status"] for row in rows} == {"face", "no_face"}
    assert len({row["source"] for row in rows}) == 4


def test_a_current_folder_that_was_removed_is_told(
    photos: Path, networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "gone").mkdir()
    monkeypatch.chdir(photos / "gone")
    (photos / "gone").rmdir()
    done = predict(networks, str(photos), "--out", str(photos.parent / "out"))
    assert done.exit_code == 2 and "the current folder was removed" in done.output


def test_two_runs_that_begin_at_once_have_one_plan(
    photos: Path, networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one begins, and sees more pictures, between this one's look and its plan."""

    def look(sources: list[str]) -> list[str]:
        names = list_pictures(sources)
        monkeypatch.setattr(run, "list_pictures", list_pictures)
        write_pictures(photos, 6)
        begun.append(Run(sources, "out", networks))
        return names

    begun: list[Run] = []
    monkeypatch.setattr(run, "list_pictures", look)
    begun.append(Run(["photos"], "out", networks))
    assert [one.pictures for one in begun] == [6, 6]


def test_a_run_that_was_killed_over_its_plan_begins_again(photos: Path, networks: Networks) -> None:
    with writing(Path("out") / PLAN_NAME) as part:
        part.write_bytes(b"half")
        name = part.name
    Path("out", PLAN_NAME).rename(Path("out", name))
    assert Run(["photos"], "out", networks).pictures == 4


def test_a_picture_that_is_missing_in_a_list_gets_its_row(photos: Path, networks: Networks) -> None:
    listed = "photos/0/0000.png\nphotos/gone.jpg\nphotos/1/0001.png\n"
    result = predict(networks, "-", "--out", "out", "--workers", "1", stdin=listed)
    assert (result.exit_code, result.stderr) == (0, "")
    missing = {"photos/gone.jpg": "no such file"}
    assert {r["source"]: r["error"] for r in rows_of("out") if r["status"] == "error"} == missing


@pytest.mark.parametrize("name", ["gone", "gone/*.png", "empty", "memory://gone"])
def test_a_folder_or_pattern_without_pictures_is_refused_among_others_too(
    photos: Path, name: str
) -> None:
    Path("empty").mkdir()
    with pytest.raises(ImageError, match=r"no such file|without images|no pictures there"):
        list_pictures(["photos", name])


def test_an_object_that_is_missing_in_a_list_is_left_to_its_row() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/listed/a.jpg", encoded())
    names = ["memory:///listed/a.jpg", "memory:///listed/gone.jpg"]
    assert list_pictures(names) == names
    memory.rm("/listed", recursive=True)


@pytest.mark.parametrize("letter", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_name_in_a_list_may_hold_what_ends_a_line_elsewhere(
    photos: Path, networks: Networks, letter: str, encoding: str
) -> None:
    name = f"photos/a{letter}b.png"
    Image.fromarray(plain(RED)).save(name)
    listed = f"{name}\r\nphotos/0/0000.png\n".encode(encoding)
    result = predict(networks, "-", "--format", "jsonl", stdin=listed)
    assert (result.exit_code, result.stdout.count("\n")) == (0, 2)


def test_a_list_on_a_standard_input_that_is_closed() -> None:
    command = ["sh", "-c", 'exec "$0" -m maskwatch predict - <&-', sys.executable]
    result = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "standard input, which is closed" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [("photos", "--out", ""), ("",), ("", "--out", "out"), ("photos", "", "--out", "o")],
)
def test_a_variable_that_is_not_set_is_no_folder(
    photos: Path, networks: Networks, arguments: tuple[str, ...]
) -> None:
    result = predict(networks, *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is empty; for the current folder give ." in result.stderr
    assert [path.name for path in Path().iterdir()] == ["photos"]


def test_an_empty_list_begins_no_run(photos: Path, networks: Networks) -> None:
    result = predict(networks, "-", "--out", "out", stdin="\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the list on standard input names no picture" in result.stderr
    assert not Path("out").exists()


@pytest.mark.parametrize("name", ["list.csv", "list.parquet"])
def test_an_empty_manifest_begins_no_run(photos: Path, networks: Networks, name: str) -> None:
    Path("list.csv").write_text("image_path\n")
    pq.write_table(pa.table({"image_path": pa.array([], pa.string())}), "list.parquet")
    with pytest.raises(DataError, match=f"{name}: names no picture"):
        Run([name], "out", networks)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    "kind", [pa.binary(), pa.large_binary(), pa.dictionary(pa.int8(), pa.binary())]
)
def test_names_in_parquet_that_do_not_say_that_they_are_text(
    tmp_path: Path, kind: pa.DataType
) -> None:
    names = ["plain.jpg", "gr\u00fc\u00df.jpg", "odd\udcff.jpg"]
    column = pa.array([name.encode("utf-8", "surrogateescape") for name in names]).cast(kind)
    pq.write_table(pa.table({"image_path": column}), tmp_path / "list.parquet")
    found = list_pictures([str(tmp_path / "list.parquet")])
    assert [Path(name).name for name in found] == names


def test_the_page_says_what_each_column_means() -> None:
    page = (ROOT / "docs/scale.md").read_text(encoding="utf-8")
    first_cells = re.findall(r"^\| (`[^|]*) \|", page, re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(first_cells)) == list(COLUMNS)


def test_a_quote_that_is_never_closed_swallows_no_names(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text('image_path,note\na.jpg,"left open\nb.jpg,x\nc.jpg,x\n')
    with pytest.raises(DataError, match="not a readable manifest"):
        list_pictures([str(path)])


@pytest.mark.parametrize(
    ("encoding", "separator"),
    [("utf-8", ";"), ("utf-16", "\t"), ("utf-16-le", ","), ("utf-8-sig", ",")],
)
def test_a_list_as_spreadsheets_write_it(tmp_path: Path, encoding: str, separator: str) -> None:
    rows = [("label", "image_path"), ("a", "Ä, b.jpg"), ("b", "c.jpg")]
    lines = (separator.join(f'"{cell}"' for cell in row) for row in rows)
    path = tmp_path / "list.csv"
    path.write_bytes("\r\n".join(lines).encode(encoding))
    assert list_pictures([str(path)]) == [str(tmp_path / "Ä, b.jpg"), str(tmp_path / "c.jpg")]


def test_a_list_in_another_encoding_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes("image_path\nÄ.jpg\n".encode("cp1252"))
    with pytest.raises(DataError, match=r"list\.csv: is not in UTF-8; save it as CSV in UTF-8$"):
        list_pictures([str(path)])


def test_what_was_cut_off_in_the_folder_is_judged_again(photos: Path, networks: Networks) -> None:
    """As by a copy of the folder onto a disk that was full."""
    whole = run_here("photos", "out", networks, judge_here, 1)
    first, second, *_ = sorted(Path("out").glob("part-*"))
    first.write_bytes(first.read_bytes()[:100])
    second.write_bytes(b"")
    assert Run(["photos"], "out", networks).done == 2
    assert run_here("photos", "out", networks, judge_here, 1) == whole
