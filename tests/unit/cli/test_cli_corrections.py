"""`maskwatch data corrections`: what is kept is shown, taken away and deleted; nothing by itself.

Run: pytest tests/unit/cli/test_cli_corrections.py
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.data_factory import draw

from maskwatch.cli.main import cli
from maskwatch.schema import CLASSES, FaceVerdict, MaskState
from maskwatch.store.corrections import Correction, CorrectionStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "corrections"


def keep(folder: Path, right: MaskState | None, days_ago: float = 0) -> Correction:
    store = CorrectionStore(folder, 1000, lambda: time.time() - days_ago * 86_400)
    face = FaceVerdict((10, 10, 60, 60), 0.9, MaskState.MASK, 0.87, dict.fromkeys(CLASSES, 1 / 3))
    return store.keep(draw(1, 100, 80), face, right, "entrance", "toy")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["data", "corrections", *map(str, arguments)])


def kept(folder: Path) -> list[Correction]:
    return CorrectionStore(folder, 1000).entries()


def test_a_list_has_a_line_for_each_and_their_sum(folder: Path) -> None:
    one = keep(folder, MaskState.NO_MASK, days_ago=200)
    keep(folder, None)
    lines = run("list", folder).output.splitlines()
    assert lines[2].split()[0] == one.correction_id
    assert lines[2].endswith("Mask worn 87%  No mask") and "  entrance  " in lines[2]
    assert lines[-1] == "2 kept, 1 No face, 1 No mask"
    assert len(kept(folder)) == 2  # an old one is not deleted for being looked at


@pytest.mark.parametrize("form", ["yolo", "coco"])
def test_an_export_is_told(folder: Path, tmp_path: Path, form: str) -> None:
    keep(folder, MaskState.NO_MASK)
    done = run("export", folder, tmp_path / "out", "--format", form)
    assert (done.exit_code, done.output) == (0, f"{tmp_path / 'out'}: 1 faces as {form.upper()}\n")
    assert run("export", folder, tmp_path / "out").exit_code == 1


@pytest.mark.parametrize(
    ("options", "left"), [(["OLD"], 1), (["--older-than", "30"], 1), (["--all"], 0)]
)
def test_what_is_asked_for_is_deleted(folder: Path, options: list[str], left: int) -> None:
    old = keep(folder, MaskState.NO_MASK, days_ago=60)
    keep(folder, MaskState.MASK)
    options = [old.correction_id if option == "OLD" else option for option in options]
    assert run("delete", folder, *options).output == f"{2 - left} deleted\n"
    assert len(kept(folder)) == left and old not in kept(folder)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ([], 2, "give IDs, --older-than DAYS or --all"),
        (["--all", "--older-than", "3"], 2, "give IDs, --older-than DAYS or --all"),
        (["--older-than", "nan"], 2, "must be a number"),
        (["20270115T080000Z-00000000"], 2, "no correction 20270115T080000Z-00000000"),
    ],
)
def test_nothing_is_deleted_by_mistake(
    folder: Path, options: list[str], code: int, words: str
) -> None:
    keep(folder, MaskState.MASK)
    done = run("delete", folder, *options)
    assert done.exit_code == code and words in done.stderr and len(kept(folder)) == 1


def test_a_folder_that_is_not_there_is_named(folder: Path) -> None:
    done = run("list", folder)
    assert done.exit_code == 1 and "no such folder" in done.stderr


def test_what_was_cut_off_is_deleted_with_the_others(folder: Path) -> None:
    one = keep(folder, MaskState.MASK, days_ago=60)
    (folder / "records" / f"{one.correction_id}.json").unlink()
    assert run("list", folder).output.endswith("\n0 kept\n")
    assert run("delete", folder, "--older-than", "30").output == "1 deleted\n"
    assert [path.name for path in folder.rglob("*.*")] == ["data.yaml"]


def test_a_name_does_not_command_a_terminal(folder: Path) -> None:
    one = keep(folder, MaskState.MASK)
    record = folder / "records" / f"{one.correction_id}.json"
    record.write_text(record.read_text().replace("entrance", "\\u001b[2Kforged\\nline"))
    shown = run("list", folder).output
    assert r"  \x1b[2Kforged\nline  " in shown and "\x1b" not in shown
    assert len(shown.splitlines()) == 4
