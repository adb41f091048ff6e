"""The Ray engine gives the rows of the local one, and bears the same harm.

Ray is large, so `make test` does without it and these tests skip. To run them:
    pip install -e '.[dev,scale-test]' && pytest tests/scale/test_batch_ray.py
"""

from __future__ import annotations

import os
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.batch_factory import (
    expected_rows,
    harmful,
    rows_of,
    run_here,
    start_driver,
    toy_networks,
    write_pictures,
)
from support.waiting import until

from maskwatch.batch.ray import judge_on_ray
from maskwatch.batch.run import Run
from maskwatch.batch.worker import judge_here
from maskwatch.errors import MissingExtraError
from maskwatch.pipeline import Networks

needs_ray = pytest.mark.skipif(
    find_spec("ray") is None, reason="needs Ray: pip install -e '.[dev,scale-test]'"
)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    return toy_networks(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictures(tmp_path_factory.mktemp("photos"), 70)


def finish(driver: subprocess.Popen[str]) -> str:
    text, errors = driver.communicate(timeout=300)
    assert driver.returncode == 0, errors
    return text


@pytest.mark.skipif(find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_it_says_what_to_install(
    photos: Path, networks: Networks, tmp_path: Path
) -> None:
    run = Run([str(photos)], str(tmp_path / "out"), networks)
    with pytest.raises(MissingExtraError, match=r"--engine ray needs .*maskwatch\[scale\]"):
        list(run.judge(judge_on_ray))


@needs_ray
@pytest.mark.slow
def test_the_same_rows_and_the_same_files(photos: Path, networks: Networks, tmp_path: Path) -> None:
    text = finish(start_driver(photos, tmp_path / "ray", networks, "ray"))
    assert text.startswith("70 pictures judged: 52 with faces, 18 without, 0 could not be judged")
    rows = rows_of(tmp_path / "ray")
    assert rows == expected_rows(sorted(photos.rglob("*.png")), networks)
    assert rows == run_here(photos, tmp_path / "local", networks, judge_here)


@needs_ray
@pytest.mark.slow
def test_what_kills_a_process_is_a_row(photos: Path, networks: Networks, tmp_path: Path) -> None:
    bad = harmful(networks, kills="/0004", raises="/0007")
    finish(start_driver(photos, tmp_path / "ray", bad, "ray"))
    assert rows_of(tmp_path / "ray") == run_here(photos, tmp_path / "local", bad, judge_here)


@needs_ray
@pytest.mark.slow
def test_a_stopped_driver_goes_on_with_the_other_engine(
    photos: Path, networks: Networks, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    held = harmful(networks, waits="/1/", gate=tmp_path / "never")
    driver = start_driver(photos, out, held, "ray")
    until(lambda: len(list(out.glob("part-*"))) >= 4)
    os.kill(driver.pid, signal.SIGINT)
    _, errors = driver.communicate(timeout=300)
    assert driver.returncode == 130, errors
    assert "the same command goes on from there" in errors
    assert 4 <= len(list(out.glob("part-*"))) < 35
    rows = run_here(photos, out, networks, judge_here)
    assert rows == expected_rows(sorted(photos.rglob("*.png")), networks)


@needs_ray
@pytest.mark.slow
def test_networks_that_cannot_be_loaded(photos: Path, networks: Networks, tmp_path: Path) -> None:
    altered = toy_networks(tmp_path)
    driver = start_driver(photos, tmp_path / "out", harmful(altered, altered_later=True), "ray")
    _, errors = driver.communicate(timeout=300)
    assert driver.returncode != 0
    assert "not those the run was begun with" in errors
