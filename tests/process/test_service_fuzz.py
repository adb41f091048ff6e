"""Damaged pictures against a real server: 200 of those of benchmarks/service_fuzz.py.

Run: pytest tests/process/test_service_fuzz.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import pytest
from support.paths import ROOT
from support.service_server import GatedAnalyzer, running

sys.path.append(str(ROOT / "benchmarks"))
from service_fuzz import Case, Seen, attack, cases, judged, small_samples, wrong_with
from service_load import Server


def test_the_same_seed_gives_the_same_cases() -> None:
    assert list(cases(0)) == []
    first = list(cases(60, seed=3))
    assert first == list(cases(60, seed=3)) != list(cases(60, seed=4))
    assert len({case.damage for case in first}) == 11


def test_damaged_pictures_are_refused_and_whole_ones_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, samples = Seen(), small_samples()
    whole = [Case("none", content, "image/jpeg") for content in samples]
    with running(GatedAnalyzer(tmp_path)) as service:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # where nobody listens
        before = judged(service.url, samples)
        attack(service.url, [*cases(200, seed=1), *whole], seen, callers=3)
        assert judged(service.url, samples) == before
        assert service.engine.calls.taken == 0
    assert seen.faults == []
    assert seen.total.total() == len(seen.seconds) == 200 + len(samples)
    assert seen.statuses["none"][200] >= len(samples)
    assert set(seen.statuses["empty"]) <= {400, 415, 422}


def test_a_benchmark_that_fails_leaves_no_server(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Server(tmp_path) as server:
        raise KeyboardInterrupt
    assert server.end() == 0
    with pytest.raises(FileNotFoundError):
        server.memory_mb()


@pytest.mark.parametrize(
    ("status", "text", "wrong"),
    [
        (200, '{"reports": []}', ""),
        (422, '{"detail": "no image in it"}', ""),
        (500, '{"detail": "x"}', "status 500"),
        (503, '{"detail": "x"}', "status 503"),
        (200, "{}", "no reports in it"),
        (422, '{"detail": "/tmp/x"}', "it tells ['/tmp']"),
    ],
)
def test_what_is_no_sound_answer(status: int, text: str, wrong: str) -> None:
    found = wrong_with(httpx.Response(status, text=text))
    assert found.startswith(wrong) and bool(found) == bool(wrong)
