"""Benchmarks measure what they say, record what they did, and lose nothing of it.

Run: pytest tests/unit/bench/test_benchmarks.py
"""

from __future__ import annotations

import json
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType, SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from support.paths import ROOT

from maskwatch.training.data.catalog import INCORRECT, MASK
from maskwatch.training.synth.kinds import Kind

sys.path.append(str(ROOT / "benchmarks"))
import batch_throughput
import classifier_runs
import film_tracking
import first_tasks
import int8
import slow_cameras
import stream_timing
import watch_load
import web_parity
from service_batching import Way


def test_a_way_to_serve_uses_as_many_cores_as_it_says() -> None:
    analyzer = Way(1, 1, batches=False)._analyzer
    assert analyzer.classifier._cores == 1


def test_masks_that_are_drawn_are_those_of_every_kind() -> None:
    drawn = {Kind(name.removesuffix("-drawn")) for name in classifier_runs.DRAWN_MASKS}
    labels = classifier_runs.LABEL_OF
    assert drawn == {kind for kind, label in labels.items() if label in (MASK, INCORRECT)}


@pytest.mark.parametrize(("photos", "taken"), [(3, 3), (48, 48), (95, 48), (129, 48)])
def test_as_many_photos_calibrate_as_are_recorded(photos: int, taken: int) -> None:
    paths = [f"{number:03}.jpg" for number in range(photos)]
    table = pd.DataFrame({"split": "val", "source": "voc-853", "image_path": paths})
    chosen = int8.photo_paths(table)
    assert len(set(chosen)) == taken
    assert {Path(paths[0]), Path(paths[-1])} <= set(chosen)


def test_a_finished_task_is_written_down_with_its_machine(tmp_path: Path) -> None:
    path = tmp_path / "tasks.json"
    before = {"machine": {"cpu": "another"}, "goal_s": 1, "tasks": {"film": {"words": 1}}}
    path.write_text(json.dumps(before))
    first_tasks.record(path, "photo", {"words": 2})
    document = json.loads(path.read_text())
    assert document["machine"] == {"cpu": "another"}
    assert document["tasks"]["film"] == {"words": 1}
    assert document["tasks"]["photo"].keys() == {"words", "machine"}


def test_too_few_pictures_are_refused_before_anything_is_measured(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.jpg").write_bytes(b"")
    told = CliRunner().invoke(batch_throughput.main, [str(tmp_path)])
    assert told.exit_code == 2 and "needs 40 pictures, has 5" in told.output


def test_one_face_is_timed_where_one_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    in_photo = [1, 3, 1, 0] + [1] * 16
    monkeypatch.setattr(stream_timing, "cast_people", lambda *_, **__: (in_photo, []))
    monkeypatch.setattr(stream_timing, "FaceDetector", lambda **_: None)
    monkeypatch.setattr(stream_timing, "picture", lambda people, _number: people[0])
    analyzer = SimpleNamespace(find_live=lambda faces: ([None] * faces, None))
    assert stream_timing.cast(pd.DataFrame(), analyzer) == [1] * 10  # type: ignore[arg-type]


def test_the_page_of_the_cameras_is_asked_without_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # where nobody listens
    rounds = iter([False, True])
    monkeypatch.setattr(watch_load, "over", SimpleNamespace(wait=lambda _s: next(rounds)))
    (tmp_path / "api").mkdir()
    for name in ("cameras", "still"):
        (tmp_path / "api" / name).touch()
    pages = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), pages) as server:
        Thread(target=server.serve_forever).start()
        visitor = watch_load.Visitor(f"http://127.0.0.1:{server.server_port}", ["door"])
        visitor.run()
        server.shutdown()
    assert (len(visitor.took_s), visitor.failed) == (1, 0)


@pytest.mark.parametrize("module", [film_tracking, slow_cameras])
def test_no_result_comes_of_no_film(
    module: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESULT", tmp_path / "result.json", raising=False)
    told = CliRunner().invoke(module.main, ["--films", str(tmp_path)])
    assert told.exit_code == 2 and "none of the labelled films is there" in told.output
    assert not list(tmp_path.iterdir())


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Commands that a run starts, of which none does anything but write down its training."""
    called: list[str] = []

    def maskwatch(command: str, *arguments: str) -> None:
        called.append(command)
        if command == "train":
            finish(Path(arguments[arguments.index("--out") + 1]))

    monkeypatch.setattr(classifier_runs, "maskwatch", maskwatch)
    monkeypatch.setattr(classifier_runs, "prepare", lambda *_: tmp_path / "manifest.parquet")
    monkeypatch.setattr(classifier_runs, "read_manifest", lambda path: path)
    monkeypatch.setattr(classifier_runs, "ask", lambda *_: pd.DataFrame({"p0": [1.0]}))
    monkeypatch.setattr(classifier_runs, "scores_of", lambda _: {"scores": {}})
    (tmp_path / "report-system").mkdir()
    return called


def finish(trained: Path) -> None:
    trained.mkdir(parents=True)
    machine = {"cpu": "then", "cores": 4}
    document = {"state": "finished", "machine": machine, "revision": "abc"}
    (trained / "run.json").write_text(json.dumps(document))


def result(out: Path) -> dict[str, Any]:
    run = classifier_runs.Run("report-system", lambda table: table)
    return classifier_runs.result(run, pd.DataFrame(), Path("w.h5"), out)


def test_a_run_is_trained_once_and_tells_what_it_was_made_with(
    runs: list[str], tmp_path: Path
) -> None:
    row = result(tmp_path)
    assert runs == ["train", "export"]
    assert (row["cpu"], row["cores"], row["revision"]) == ("then", 4, "abc")
    path = tmp_path / "runs.json"
    classifier_runs.record([row], path)
    assert json.loads(path.read_text()) == {"runs": [row]}
    assert result(tmp_path) == row
    assert runs == ["train", "export"]


def test_a_run_cut_off_after_its_training_goes_on_with_the_export(
    runs: list[str], tmp_path: Path
) -> None:
    finish(tmp_path / "report-system" / "run")
    result(tmp_path)
    assert runs == ["export"]


NO_FACES: dict[str, Any] = {"faces": []}


@pytest.mark.parametrize(
    ("found", "expected", "unread", "named"),
    [
        (NO_FACES, NO_FACES, 0, []),
        ({"error": "no picture"}, None, 1, []),
        (NO_FACES, None, 1, ["a.jpg"]),
        ({"error": "no picture"}, NO_FACES, 1, ["a.jpg"]),
    ],
)
def test_a_photo_that_cannot_be_read_is_counted_and_the_rest_is_compared(
    found: dict[str, Any], expected: dict[str, Any] | None, unread: int, named: list[str]
) -> None:
    difference = web_parity.Difference()
    difference.add("a.jpg", found, expected)
    assert (difference.pictures, difference.unread, difference.named) == (1, unread, named)
