"""Golden vectors that bind the JavaScript of maskwatch/web to Python: questions and answers.

`scripts/make_contract.py` writes them to tests/contract; test_contract.py compares them with what
Python answers now, test_web_answers.py and test_web_others.py with what the browsers answer.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from maskwatch import Analyzer
from maskwatch.samples import SAMPLES
from support import contract_live, contract_pictures, contract_text  # noqa: F401 - their parts
from support.contract_parts import PARTS, Values, part
from support.paths import TESTS

FOLDER = TESTS / "contract"


def document(name: str) -> Values:
    """One part of the contract, made anew."""
    cases = PARTS[name](np.random.default_rng(7))
    return {"cases": [{"given": given, "answer": answer} for given, answer in cases]}


def write_all() -> None:
    """Write every part."""
    FOLDER.mkdir(exist_ok=True)
    for name in PARTS:
        text = json.dumps(document(name), indent=None, separators=(",", ":"))
        lines = text.replace('{"given"', '\n{"given"')  # a line a case, so that changes can be read
        (FOLDER / f"{name}.json").write_text(f"{lines}\n", encoding="utf-8")


@part
def photos(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    """With the networks that ship: to be written anew when they change."""
    analyzer = Analyzer()
    for name, content in photo_files().items():
        report = analyzer.analyze(content)
        yield {"photo": name}, {**report.to_dict(), "source": name}


def photo_files() -> dict[str, bytes]:
    """What the vectors called photos were asked: the samples, and two small pictures.

    The face that fills its picture is only found with a border round it; the landscape has none.
    """
    files = {sample.path.name: sample.path.read_bytes() for sample in SAMPLES}
    nose_out = next(sample for sample in SAMPLES if sample.name == "nose_out")
    close = Image.open(nose_out.path).crop((226, 227, 332, 351)).resize((171, 200))
    hills = np.linspace((120, 170, 220), (60, 120, 40), 150).astype(np.uint8)[:, None]
    landscape = Image.fromarray(np.repeat(hills, 200, axis=1))
    for name, image in (("close.png", close), ("landscape.png", landscape)):
        content = io.BytesIO()
        image.save(content, "png")
        files[name] = content.getvalue()
    return files


def same(found: Any, stored: Any, tolerance: float) -> bool:
    """Whether two JSON values are alike but for what arithmetic of another machine may change."""
    if isinstance(stored, dict):
        return found.keys() == stored.keys() and all(
            same(found[key], value, tolerance) for key, value in stored.items()
        )
    if isinstance(stored, list):
        return len(found) == len(stored) and all(
            same(a, b, tolerance) for a, b in zip(found, stored, strict=True)
        )
    if isinstance(stored, float):
        return math.isclose(found, stored, rel_tol=tolerance, abs_tol=tolerance)
    return bool(found == stored)
