"""The local engine: the rows of Analyzer, whatever dies in between. Real processes, really killed.

Run: pytest tests/process/test_batch_worker.py
"""

from __future__ import annotations

import errno
import os
import signal
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest
from PIL import Image
from support import bad_images
from support.batch_factory import (
    HardToStart,
    Stillborn,
    expected_rows,
    harmful,
    rows_of,
    run_here,
    start_driver,
    toy_networks,
    workers_of,
    write_pictures,
)
from support.cartoon_face import cartoon
from support.toy_model import write_toy_model
from support.waiting import until

import maskwatch
from maskwatch.batch.plan import PLAN_NAME, Plan, encode_plan
from maskwatch.batch.run import Run
from maskwatch.batch.worker import Task, Worker, judge_here
from maskwatch.errors import BatchError, ImageError, ModelError, SettingError
from maskwatch.pipeline import Networks


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    return toy_networks(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seventy pictures: 35 chunks of two."""
    return write_pictures(tmp_path_factory.mktemp("photos"), 70)


@pytest.fixture(scope="module")
def unbroken(photos: Path, networks: Networks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nothing happened to."""
    out = tmp_path_factory.mktemp("unbroken") / "out"
    run_here(photos, out, networks, judge_here)
    return out


def same_files(first: Path, second: Path) -> bool:
    """Whether two folders hold the same, byte for byte."""
    contents = [{path.name: path.read_bytes() for path in f.iterdir()} for f in (first, second)]
    return contents[0] == contents[1]


def test_the_rows_are_those_of_analyzer(photos: Path, networks: Networks, unbroken: Path) -> None:
    rows = rows_of(unbroken)
    assert rows == expected_rows(sorted(photos.rglob("*.png")), networks)
    assert {row["status"] for row in rows} == {"face", "no_face"}
    assert len(rows) > 70


@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_of_workers_changes_nothing(
    photos: Path, networks: Networks, unbroken: Path, tmp_path: Path, workers: int
) -> None:
    run_here(photos, tmp_path, networks, judge_here, workers)
    assert same_files(tmp_path, unbroken)


def test_bad_pictures_have_a_row_each(tmp_path: Path, networks: Networks) -> None:
    photos = write_pictures(tmp_path / "photos", 3)
    for name in bad_images.BAD:
        bad_images.write(photos, name)
    rows = {row["source"]: row for row in run_here(photos, tmp_path / "out", networks, judge_here)}
    assert len(rows) >= 3 + len(bad_images.BAD)
    for name, (_, reason) in bad_images.BAD.items():
        row = rows[f"{photos}/{name}"]
        assert row["status"] == "error" and reason in row["error"]
        assert row["fault"] in ("empty", "format", "damaged", "too_large", "pixels")
        assert row["face"] is None and row["model"] is None
    assert rows[f"{photos}/0/0000.png"]["status"] == "no_face"


def test_a_picture_that_kills_is_a_row_and_no_other_is_lost(
    photos: Path, networks: Networks, unbroken: Path, tmp_path: Path
) -> None:
    bad = harmful(networks, kills="/0004", raises="/0007")
    rows = run_here(photos, tmp_path / "out", bad, judge_here)
    errors = {Path(row["source"]).name: row for row in rows if row["status"] == "error"}
    assert list(errors) == ["0004.png", "0007.png"]
    assert errors["0004.png"]["error"] == "process was killed (SIGKILL)"
    assert errors["0007.png"]["error"] == "cannot be judged (RuntimeError: two lines)"
    assert {row["fault"] for row in errors.values()} == {"crash"}
    named = ("0004.png", "0007.png")
    others = [row for row in rows_of(unbroken) if Path(row["source"]).name not in named]
    assert [row for row in rows if row["status"] != "error"] == others


def test_a_process_that_dies_once_leaves_no_trace(
    networks: Networks, unbroken: Path, tmp_path: Path
) -> None:
    photos = write_pictures(tmp_path / "photos", 10)
    rows = run_here(photos, tmp_path / "out", harmful(networks, kills_once="/000"), judge_here)
    assert len(list(photos.rglob("*.died"))) == 10
    assert rows == expected_rows(sorted(photos.rglob("*.png")), networks)


def test_a_picture_that_is_never_done(tmp_path: Path, networks: Networks) -> None:
    photos = write_pictures(tmp_path / "photos", 4)
    names = [str(path) for path in sorted(photos.rglob("*.png"))]
    worker = Worker(Task(harmful(networks, hangs="/0002"), "", timeout_s=10))
    rows = worker.judge(names)
    worker.close()
    errors = [(row["source"], row["error"]) for row in rows if row["status"] == "error"]
    assert errors == [(f"{photos}/0/0002.png", "took longer than 10 seconds")]
    assert {row["source"] for row in rows} == set(names)


def test_relative_names_start_from_the_folder(
    photos: Path, networks: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    rows = run_here("0", tmp_path / "out", networks, judge_here, 1)
    assert rows[0]["source"] == "0/0000.png"
    assert {row["status"] for row in rows} == {"face", "no_face"}


HALF = 17
"""Chunks of pictures that do not wait with `half`."""


def half(networks: Networks, gate: Path) -> Networks:
    """Networks that judge the first folder's pictures, and the others once there is that file."""
    return harmful(networks, waits="/1/", gate=gate)


def parts(out: Path) -> list[Path]:
    return list(out.glob("part-*"))


def without_progress(errors: str) -> list[str]:
    """The lines of standard error but for those of a run that takes its time."""
    return [line for line in errors.splitlines() if " a second, " not in line]


def test_a_killed_worker_is_replaced(
    photos: Path, networks: Networks, unbroken: Path, tmp_path: Path
) -> None:
    out, gate = tmp_path / "out", tmp_path / "gate"
    driver = start_driver(photos, out, half(networks, gate))
    until(lambda: len(parts(out)) == HALF)
    for worker in workers_of(driver.pid):
        os.kill(worker, signal.SIGKILL)
    gate.touch()
    text, errors = driver.communicate(timeout=120)
    assert (driver.returncode, without_progress(errors)) == (0, [])
    assert text.startswith("70 pictures judged: 52 with faces, 18 without, 0 could not be judged")
    assert same_files(out, unbroken)


def test_a_killed_driver_goes_on(
    photos: Path, networks: Networks, unbroken: Path, tmp_path: Path
) -> None:
    out, gate = tmp_path / "out", tmp_path / "gate"
    judging = half(networks, gate)
    driver = start_driver(photos, out, judging)
    until(lambda: len(parts(out)) == HALF)
    workers = workers_of(driver.pid)
    driver.kill()
    gate.touch()  # those who judged end with their next answer, and it with them
    driver.communicate()
    done = {path: path.stat().st_mtime_ns for path in parts(out)}
    assert len(done) == HALF
    assert len(workers) == 2
    until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))
    run = Run([str(photos)], str(out), judging)
    assert run.done == 2 * len(done)
    assert sum(count.pictures for count in run.judge(judge_here, 2)) == 70 - run.done
    assert same_files(out, unbroken)
    assert all(path.stat().st_mtime_ns == written for path, written in done.items())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_and_it_goes_on(
    photos: Path, networks: Networks, unbroken: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out, gate = tmp_path / "out", tmp_path / "gate"
    driver = start_driver(photos, out, half(networks, gate))
    until(lambda: len(parts(out)) == HALF)
    workers = workers_of(driver.pid)
    os.killpg(driver.pid, number)  # a terminal sends Ctrl-C to all processes
    text, errors = driver.communicate(timeout=120)
    assert (driver.returncode, text) == (130, "")
    (line,) = without_progress(errors)
    assert line.startswith("Stopped. ")
    assert line.endswith("of 70 pictures are done and kept; the same command goes on from there")
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
    assert not list(out.glob(".*"))
    driver = start_driver(photos, out, networks)
    text, errors = driver.communicate(timeout=120)
    assert driver.returncode == 0
    assert without_progress(errors)[-1].endswith("of 70 pictures were judged before")
    assert same_files(out, unbroken)


def test_a_run_that_is_done_has_nothing_to_do(
    photos: Path, networks: Networks, unbroken: Path
) -> None:
    run = Run([str(photos)], str(unbroken), networks)
    assert run.done == run.pictures == 70
    assert list(run.judge(judge_here)) == []


def test_a_run_judges_what_was_there_when_it_began(tmp_path: Path, networks: Networks) -> None:
    photos = write_pictures(tmp_path / "photos", 8)
    Run([str(photos)], str(tmp_path / "out"), networks)
    write_pictures(photos, 12)
    (photos / "0/0000.png").unlink()
    rows = run_here(photos, tmp_path / "out", networks, judge_here)
    assert [row["status"] for row in rows if row["source"].endswith("0000.png")] == ["error"]
    assert len({row["source"] for row in rows}) == 8


def test_a_model_that_was_calibrated_anew_is_another_one(photos: Path, tmp_path: Path) -> None:
    networks = toy_networks(tmp_path)
    assert networks.model
    Run([str(photos)], str(tmp_path / "out"), networks)
    pinned = networks.pinned()
    write_toy_model(tmp_path, scores={"accuracy": 0.9}, training={"recipe": "told later"})
    pinned.load()
    Run([str(photos)], str(tmp_path / "out"), networks)
    write_toy_model(tmp_path, temperature=2.0)
    with pytest.raises(SettingError, match="holds a run with other networks; give another"):
        Run([str(photos)], str(tmp_path / "out"), networks)
    with pytest.raises(ModelError, match="not those the run was begun with"):
        pinned.load()


def test_a_run_from_before_the_cards_were_compared_goes_on(
    photos: Path, networks: Networks, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    Run([str(photos)], str(out), networks)
    plan = Plan((out / PLAN_NAME).read_bytes())
    names = [name for chunk in plan.chunks() for name in chunk.names]
    older = plan.about | {"networks": plan.about["networks"][:2]}
    (out / PLAN_NAME).write_bytes(encode_plan(names, older))
    assert Run([str(photos)], str(out), networks).pictures == len(names)
    with pytest.raises(SettingError, match="other networks"):
        Run([str(photos)], str(out), Networks(networks.model))


def test_another_run_is_not_mixed_in(
    photos: Path, networks: Networks, unbroken: Path, tmp_path: Path
) -> None:
    smaller = Networks(networks.model, networks.detector, detector_side_px=160)
    for sources, judging, said in (
        ([str(photos / "0")], networks, "sources"),
        ([str(photos)], Networks(networks.model), "networks"),
        ([str(photos)], Networks(networks.model, whole_image=True), "networks"),
        ([str(photos)], smaller, "detector side"),
    ):
        with pytest.raises(SettingError, match=f"holds a run with other {said}; give another"):
            Run(sources, str(unbroken), judging)
    (tmp_path / "mine.parquet").touch()
    with pytest.raises(SettingError, match="Parquet files that are no run of MaskWatch"):
        Run([str(photos)], str(tmp_path), networks)


@pytest.mark.parametrize("name", ["empty", "gone"])
def test_without_pictures_nothing_is_begun(tmp_path: Path, networks: Networks, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError):
        Run([str(tmp_path / name)], str(tmp_path / "out"), networks)
    assert not (tmp_path / "out").exists()


def test_a_network_that_is_another_one(tmp_path: Path, networks: Networks) -> None:
    pinned = Networks(networks.model, networks.detector, hashes=("other", "other"))
    with pytest.raises(ModelError, match="not those the run was begun with"):
        Worker(Task(pinned, "")).judge(["a.png"])


def test_a_process_that_cannot_start(networks: Networks) -> None:
    worker = Worker(Task(Stillborn(networks.model, networks.detector), ""))
    with pytest.raises(BatchError, match=r"process was killed \(SIGKILL\) while it started"):
        worker.judge(["a.png"])


def test_a_process_that_the_system_refuses(
    networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: SpawnProcess) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(SpawnProcess, "start", refuse)
    with pytest.raises(BatchError, match=r"cannot be started \(cannot allocate memory\)"):
        Worker(Task(networks, "")).judge(["a.png"])


def test_a_process_that_is_killed_while_it_starts_is_replaced(
    networks: Networks, tmp_path: Path
) -> None:
    hard = HardToStart(networks.model, networks.detector, deaths=tmp_path / "deaths")
    Image.fromarray(cartoon(masked=True)).save(tmp_path / "a.png")
    worker = Worker(Task(hard, str(tmp_path)))
    (row,) = worker.judge(["a.png"])
    worker.close()
    assert row["status"] != "error" and (tmp_path / "deaths").read_text() == "xxx"


def test_a_closed_worker_starts_no_more(networks: Networks) -> None:
    worker = Worker(Task(networks, ""))
    worker.close()
    with pytest.raises(BatchError):
        worker.judge(["a.png"])


def test_the_shipped_networks(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for masked in (True, False):
        Image.fromarray(cartoon(masked=masked)).save(tmp_path / f"photos/{masked}.png")
    rows = run_here(tmp_path / "photos", tmp_path / "out", Networks(), judge_here)
    for row in rows:
        face = maskwatch.Analyzer().analyze(row["source"]).to_dict()["faces"][row["face"]]
        assert (row["state"], row["confidence"]) == (face["state"], face["confidence"])
    assert len(rows) >= 2
