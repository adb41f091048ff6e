"""What goes from one process to another: errors, records and Analyzers; and what a fork leaves.

Run: pytest tests/process/test_processes.py
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import pickle
import pkgutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from support import bad_images
from support.paths import TESTS
from support.toy_detector import crowd, write_toy_detector
from support.toy_model import RED, write_toy_model

import maskwatch
from maskwatch import errors
from maskwatch.batch.plan import UnreachableError
from maskwatch.schema import Frame

ERRORS = [
    errors.ImageError("a.jpg", "no such file", errors.ImageFault.UNAVAILABLE),
    errors.VideoError("a.mp4", "empty file", errors.VideoFault.EMPTY),
    errors.DataError("d"),
    errors.StoreError(Path("s"), "is full", errors.StoreFault.FULL),
    errors.SettingError("x: must be 1"),
    errors.ModelError("m"),
    errors.ServiceError("s", 503, 1.5),
    errors.EvidenceError(Path("e"), "is missing", errors.EvidenceFault.MISSING),
    errors.BatchError("b"),
    errors.ClusterError("c"),
    errors.MissingExtraError("reading video", "live"),
    UnreachableError("s3://b/a", "no answer", errors.ImageFault.UNAVAILABLE),
]


def kinds(of: type[Exception]) -> set[type[Exception]]:
    return {of, *(kind for below in of.__subclasses__() for kind in kinds(below))}


def test_every_error_goes_to_other_processes() -> None:
    for error in ERRORS:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            other = pickle.loads(pickle.dumps(error, protocol))
            assert type(other) is type(error)
            assert str(other) == str(error) and vars(other) == vars(error)
            assert other.args == error.args


NOT_HERE = ("maskwatch.io.ray_cluster", "maskwatch.batch.ray", "maskwatch.service.ray")
"""They import Ray, which is in none of the sets of packages for developers."""


def test_no_error_is_missing_above() -> None:
    for layer in ("models", "vision", "io", "live", "store", "batch", "service", "watch"):
        package = importlib.import_module(f"maskwatch.{layer}")
        for module in pkgutil.iter_modules(package.__path__, f"maskwatch.{layer}."):
            if module.name not in NOT_HERE:
                importlib.import_module(module.name)
    ours = {
        kind
        for kind in kinds(errors.MaskWatchError)
        if kind.__module__.startswith("maskwatch")
        and not kind.__module__.startswith("maskwatch.training")
    }
    assert ours - {type(error) for error in ERRORS} == {errors.MaskWatchError, errors.InputError}


@pytest.fixture
def analyzer(tmp_path: Path) -> maskwatch.Analyzer:
    return maskwatch.Analyzer(write_toy_model(tmp_path), write_toy_detector(tmp_path), 320)


def test_an_analyzer_and_its_records_go_to_other_processes(analyzer: maskwatch.Analyzer) -> None:
    image = crowd((3, 2, RED))
    report = analyzer.analyze(image)
    other = pickle.loads(pickle.dumps(analyzer))
    assert other.analyze(image) == report == pickle.loads(pickle.dumps(report))
    assert pickle.loads(pickle.dumps(other.card)) == analyzer.card
    assert pickle.loads(pickle.dumps(other.detector_card)) == analyzer.detector_card
    assert pickle.loads(pickle.dumps(Frame(image, 1.5, 3))).time_s == 1.5
    whole = maskwatch.Analyzer(detector=maskwatch.WholeImage())
    assert pickle.loads(pickle.dumps(whole)).origin is maskwatch.FaceOrigin.WHOLE_IMAGE


def test_a_network_that_was_replaced_meanwhile_is_refused(
    analyzer: maskwatch.Analyzer, tmp_path: Path
) -> None:
    sent = pickle.dumps(analyzer)
    write_toy_model(tmp_path, side_px=48)
    with pytest.raises(maskwatch.ModelError, match="was replaced since another process loaded it"):
        pickle.loads(sent)


@pytest.mark.parametrize(
    "calibrate",
    [
        lambda folder: write_toy_model(folder, temperature=2.0),
        lambda folder: write_toy_model(folder, logit_shift=(0.0, 0.5, 0.0)),
        lambda folder: write_toy_detector(folder, min_score=0.7),
    ],
)
def test_a_network_that_was_calibrated_anew_meanwhile_is_refused(
    analyzer: maskwatch.Analyzer, tmp_path: Path, calibrate: Callable[[Path], Path]
) -> None:
    sent = pickle.dumps(analyzer)
    write_toy_model(tmp_path, scores={"accuracy": 0.9})
    pickle.loads(sent)  # what it scored makes no other network of it
    calibrate(tmp_path)
    with pytest.raises(maskwatch.ModelError, match="was replaced since another process loaded it"):
        pickle.loads(sent)


def test_a_pool_of_processes_gives_reports_and_errors(
    analyzer: maskwatch.Analyzer, tmp_path: Path
) -> None:
    path = bad_images.write(tmp_path, "plain.png")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        asked = [pool.submit(analyzer.analyze, str(name)) for name in (path, tmp_path / "gone.jpg")]
        assert asked[0].result(300) == analyzer.analyze(path)
        with pytest.raises(maskwatch.ImageError, match="no such file") as caught:
            asked[1].result(300)
        assert caught.value.fault is errors.ImageFault.UNAVAILABLE


FORKED = """
import os, sys
import maskwatch
sys.path.insert(0, sys.argv[1])
from support.toy_model import RED, plain
image = plain(RED, 400, 400)
analyzer = maskwatch.Analyzer()
analyzer.analyze(image)
if not (child := os.fork()):
    for judge in (analyzer.analyze, lambda image: analyzer.analyze(image, [(0, 0, 99, 99)])):
        try:
            judge(image)
        except maskwatch.ModelError as error:
            print(error, flush=True)
    print(maskwatch.Analyzer().analyze(image).model, flush=True)
    sys.exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_after_a_fork_it_says_so_at_once_and_a_new_one_works() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED, str(TESTS)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    detector, classifier, name, code = done.stdout.splitlines()
    assert "detector.onnx: was loaded before this process was forked" in detector
    assert "classifier.onnx: was loaded before this process was forked" in classifier
    assert name == maskwatch.Analyzer().card.name and code == "5"
