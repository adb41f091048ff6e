"""Damaged label files give faces inside of their pictures, or a line: some of the cases of
benchmarks/label_fuzz.py.

Run: pytest tests/unit/training/data/test_label_fuzz.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.paths import ROOT

from maskwatch.errors import DataError
from maskwatch.training.data.labels import LabelledFace, Problem, Reading

sys.path.append(str(ROOT / "benchmarks"))
from label_fuzz import FACE_COUNT, Seen, Sets, judged


def test_the_same_seed_gives_the_same_cases(tmp_path: Path) -> None:
    sets = Sets(tmp_path)
    assert list(sets.cases(0)) == []
    first = list(sets.cases(200, seed=3))
    assert first == list(sets.cases(200, seed=3)) != list(sets.cases(200, seed=4))
    assert len({case.damage for case in first}) == 14


def test_damaged_label_files_are_borne_and_whole_ones_read(tmp_path: Path) -> None:
    sets, seen = Sets(tmp_path), Seen()
    for case in sets.cases(200, seed=1):
        seen.judge(sets, case)
    assert seen.faults == []
    assert len(seen.seconds) == 200
    assert set(seen.outcomes["none"]) == {"all faces"}


FACE = LabelledFace(Path("a.jpg"), "mask", (1, 2, 3, 4))


@pytest.mark.parametrize(
    ("result", "outcome", "wrong"),
    [
        (DataError("no labelled picture"), "one line", ""),
        (DataError("two\nlines"), "one line", "more than one line"),
        (Reading((FACE,) * FACE_COUNT, ()), "all faces", ""),
        (Reading((FACE,), (Problem(Path("a"), "x\ny"),)), "some faces", ""),
        (Reading((LabelledFace(Path("a"), "b", (1, 2, 1, 4)),), ()), "some faces", "box (1, 2, 1"),
        (Reading((LabelledFace(Path("a"), "b", (1, 2, 300, 4)),), ()), "some faces", "box (1, 2"),
    ],
)
def test_what_is_no_sound_reading(result: Reading | DataError, outcome: str, wrong: str) -> None:
    found, why = judged(result)
    assert found == outcome
    assert why.startswith(wrong) and bool(why) == bool(wrong)
