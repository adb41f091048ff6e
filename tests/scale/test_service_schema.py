"""Calls that Schemathesis draws from the OpenAPI document of a running service.

It is no part of `make test`, so this test skips. To run it:
    pip install -e '.[dev,fuzz]' && pytest tests/scale/test_service_schema.py
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.paths import ROOT
from support.service_server import GatedAnalyzer, running

sys.path.append(str(ROOT / "benchmarks"))
from service_schema import by_schema

pytestmark = pytest.mark.skipif(
    find_spec("schemathesis") is None, reason="needs schemathesis: pip install -e '.[dev,fuzz]'"
)


def test_every_answer_is_as_the_document_says(tmp_path: Path) -> None:
    with running(GatedAnalyzer(tmp_path)) as service:
        report = by_schema(service.url, examples=100, seed=1)
        assert service.engine.calls.taken == 0
    assert report["failures"] == report["errors"] == []
    assert report["operations"]["tested"] == 6
    assert report["test_cases"]["generated"] > 100
    assert report["complete"]
