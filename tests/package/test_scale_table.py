"""The tables of docs/scale.md are those that the script makes of the recorded results.

Run: pytest tests/package/test_scale_table.py
"""

from __future__ import annotations

import itertools
import re
import sys

import pytest
from support.paths import ROOT

sys.path.append(str(ROOT / "scripts"))
from scale_table import PAGE, TABLES, Prices, cameras, filled, pictures


def test_the_page_has_every_table_as_the_script_makes_it() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert sorted(re.findall(r"<!-- table (\w+) -->", page)) == sorted(TABLES)
    assert filled(page, Prices()) == page, "python scripts/scale_table.py --write"


def test_money_is_the_readers() -> None:
    assert [row[-1] for row in cameras(Prices(core_hour=0))[1:]] == ["0"] * 12
    free = pictures(Prices(0, 0, 0))
    assert {row[-1] for row in free[1:]} == {"0"}


@pytest.mark.parametrize("table", [cameras, pictures])
def test_more_needs_more(table: object) -> None:
    lines = TABLES[table.__name__](Prices())  # type: ignore[attr-defined]
    kinds = {line[1] for line in lines[1:]}
    for kind in kinds:
        needs = [
            [float(cell.replace(",", "")) for cell in line[2:] if re.fullmatch(r"[\d,.]+", cell)]
            for line in lines[1:]
            if line[1] == kind
        ]
        for fewer, more in itertools.pairwise(needs):
            assert all(a <= b for a, b in zip(fewer, more, strict=True)), kind
