"""Python still answers what the golden vectors hold, and the browser's side is asked all of them.

Run: pytest tests/unit/web/test_contract.py
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from support.contract_factory import FOLDER, PARTS, document, same

# `photos` holds what the networks say, which differs by machine in the last digits
TOLERANCE = {"photos": 0.02}


@pytest.mark.parametrize("name", PARTS)
def test_python_answers_as_it_did(name: str) -> None:
    stored = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    made_anew = json.loads(json.dumps(document(name)))
    assert len(stored["cases"]) == len(made_anew["cases"]) > 0
    for index, (was, now) in enumerate(zip(stored["cases"], made_anew["cases"], strict=True)):
        assert same(now, was, TOLERANCE.get(name, 1e-6)), (
            f"{name}[{index}]: Python answers otherwise now. If it is meant to, let the JavaScript "
            "in maskwatch/web/page/lib follow and run scripts/make_contract.py"
        )


def test_every_part_is_asked_in_the_browser() -> None:
    asked = (FOLDER / "check.js").read_text(encoding="utf-8")
    answers = asked[asked.index("const answers") : asked.index("const LOOSE")]
    names = set(re.findall(r"^  (?:async )?(\w+)[(:]", answers, re.MULTILINE))
    assert names == PARTS.keys() - {"photos"}  # test_web_answers.py judges those
    assert {path.stem for path in FOLDER.glob("*.json")} == PARTS.keys()


@pytest.mark.parametrize(
    ("found", "stored", "alike"),
    [
        ({"a": [1.0000000001]}, {"a": [1.0]}, True),
        ({"a": [1.001]}, {"a": [1.0]}, False),
        ({"a": "x"}, {"a": "y"}, False),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        ([], [], True),
    ],
)
def test_what_is_alike(found: Any, stored: Any, alike: bool) -> None:
    assert same(found, stored, 1e-6) is alike
