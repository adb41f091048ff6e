"""Another device judges only what it answers like the processor; whatever it does, answers come.

Run: pytest tests/unit/models/test_device.py
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from click.testing import CliRunner
from support.waiting import LIMIT_S, until

import maskwatch
from maskwatch.cli.main import cli
from maskwatch.errors import MissingExtraError, SettingError
from maskwatch.models import device as devices
from maskwatch.models import network as networks
from maskwatch.models.card import SHIPPED_DETECTOR, SHIPPED_MODEL
from maskwatch.models.device import DEVICE_VARIABLE, DEVICES, chosen_device, is_here
from maskwatch.models.network import TOLERANCE, Network, eager, largest_difference, open_engine

NETWORKS = (SHIPPED_MODEL, SHIPPED_DETECTOR)
needs_openvino = pytest.mark.skipif(not is_here("openvino"), reason="needs the extra openvino")


@pytest.fixture(autouse=True)
def nothing_was_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(networks, "_given_up", set())


def golden(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """What a network was asked on the day it was made, as a batch, and what it answered."""
    with np.load(path.with_suffix(".golden.npz")) as arrays:
        asked, expected = (arrays[name] for name in arrays.files)
    return (asked, expected) if asked.ndim == 4 else (asked[None], expected[None])


def ask_often(network: Network, images: np.ndarray) -> np.ndarray:
    """As if very many pictures of this size had come."""
    with eager():
        network.run(images)
    return network.run(images)


def imitate(monkeypatch: pytest.MonkeyPatch, change: float | Exception) -> list[tuple[int, ...]]:
    """Let there be a device that answers so much more, or fails; the sizes it was asked for."""
    sizes = []

    def open_other(device, model, shape, threads=None):
        sizes.append(shape)
        if isinstance(change, Exception):
            raise change
        engine = open_engine("cpu", model, shape, threads)
        return lambda images: engine(images) + np.float32(change)

    monkeypatch.setattr(devices, "is_here", lambda device: True)
    monkeypatch.setattr(networks, "open_engine", open_other)
    return sizes


@pytest.mark.parametrize(
    ("named", "variable", "chosen"),
    [
        (None, None, "auto"),
        (None, "", "auto"),
        (None, "cpu", "cpu"),
        ("cpu", "auto", "cpu"),
        ("auto", "cpu", "auto"),
    ],
)
def test_who_names_the_device(monkeypatch, named, variable, chosen):
    monkeypatch.delenv(DEVICE_VARIABLE)
    if variable is not None:
        monkeypatch.setenv(DEVICE_VARIABLE, variable)
    assert chosen_device(named) == chosen


def test_a_device_that_is_none_or_not_here_is_refused_in_a_line(monkeypatch):
    monkeypatch.setattr(devices, "is_here", lambda device: False)
    with pytest.raises(SettingError, match=r"device: must be one of auto, cpu, .*, not gpu"):
        maskwatch.Analyzer(device="gpu")
    for name in ("cuda", "coreml", "directml"):
        with pytest.raises(SettingError, match=f"device {name}: ONNX Runtime has it not here; .+"):
            chosen_device(name)
    with pytest.raises(MissingExtraError, match=r"maskwatch\[openvino\]"):
        chosen_device("openvino")
    monkeypatch.setenv(DEVICE_VARIABLE, "gpu")
    with pytest.raises(SettingError, match=f"{DEVICE_VARIABLE}: must be one of"):
        maskwatch.Analyzer()


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
@pytest.mark.parametrize("device", [d for d in DEVICES if d != "auto" and is_here(d)])
def test_each_device_here_answers_as_on_the_day_the_network_was_made(device, path):
    images, expected = golden(path)
    engine = open_engine(device, path.read_bytes(), images.shape[1:])
    assert largest_difference(engine(images), expected) < TOLERANCE


@needs_openvino
@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_a_size_that_comes_often_moves_to_the_device_that_was_named(path):
    images, expected = golden(path)
    network = Network(path.read_bytes(), "network", "openvino")
    assert largest_difference(network.run(images), expected) < TOLERANCE
    assert network.device == "cpu"
    assert largest_difference(ask_often(network, images), expected) < TOLERANCE
    assert network.device == "openvino"
    taller = np.concatenate([images, images], axis=1)  # another size
    if path == SHIPPED_DETECTOR:
        on_processor = open_engine("cpu", path.read_bytes(), ())(taller)
        assert largest_difference(network.run(taller), on_processor) == 0


def test_a_size_is_worth_an_engine_once_many_pixels_came(monkeypatch):
    opened = imitate(monkeypatch, 0.0)
    images, _ = golden(SHIPPED_MODEL)
    monkeypatch.setattr(networks, "_WORTH_PIXELS", 3 * images[..., 0].size)
    network = Network(SHIPPED_MODEL.read_bytes(), "network", "directml")
    for _ in range(2):
        network.run(images)
        assert not opened
    network.run(images)
    until(lambda: network.device == "directml")
    network.run(images)
    assert len(opened) == 1


def test_no_frame_waits_for_another_device(monkeypatch):
    opening, may_open = Event(), Event()

    def open_slowly(device, model, shape, threads=None):
        opening.set()
        may_open.wait(LIMIT_S)
        return open_engine("cpu", model, shape, threads)

    monkeypatch.setattr(devices, "is_here", lambda device: True)
    monkeypatch.setattr(networks, "open_engine", open_slowly)
    monkeypatch.setattr(networks, "_WORTH_PIXELS", 1)
    images, expected = golden(SHIPPED_MODEL)
    network = Network(SHIPPED_MODEL.read_bytes(), "network", "directml")
    for _ in range(3):
        assert largest_difference(network.run(images), expected) < TOLERANCE
    assert opening.wait(LIMIT_S) and network.device == "cpu"
    may_open.set()
    until(lambda: network.device == "directml")
    assert largest_difference(network.run(images), expected) < TOLERANCE


@needs_openvino
def test_threads_may_share_it():
    images, expected = golden(SHIPPED_MODEL)
    network = Network(SHIPPED_MODEL.read_bytes(), "network", "openvino", threads=1)
    with eager(), ThreadPoolExecutor(4) as threads:
        for answer in threads.map(network.run, [images] * 20):
            assert largest_difference(answer, expected) < TOLERANCE
    assert network.device == "openvino"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (0.01, "its answers differ by 0.01"),
        (float("nan"), "its answers differ by nan"),
        (RuntimeError("no driver\nin sight"), "no driver in sight"),
    ],
)
def test_what_answers_otherwise_or_fails_is_named_once_and_left(monkeypatch, caplog, change, why):
    imitate(monkeypatch, change)
    with caplog.at_level(logging.WARNING):
        for path in NETWORKS:
            images, expected = golden(path)
            network = Network(path.read_bytes(), "network", "cuda")
            assert largest_difference(ask_often(network, images), expected) < TOLERANCE
            assert network.device == "cpu"
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("cuda is not used, the processor is: ") and why in line
    assert "\n" not in line


def test_auto_takes_what_is_faster_and_a_name_is_believed(monkeypatch):
    images, _ = golden(SHIPPED_MODEL)
    imitate(monkeypatch, 0.0)
    for faster in (True, False):
        monkeypatch.setattr(networks, "_is_faster", lambda *engines, faster=faster: faster)
        for device, taken in (("auto", "cuda" if faster else "cpu"), ("directml", "directml")):
            network = Network(SHIPPED_MODEL.read_bytes(), "network", device)
            ask_often(network, images)
            assert network.device == taken


def test_only_so_many_sizes_get_an_engine_of_their_own(monkeypatch):
    opened = imitate(monkeypatch, 0.0)
    network = Network(SHIPPED_DETECTOR.read_bytes(), "network", "openvino")
    for cells in range(1, networks._MOST_ENGINES + 3):
        ask_often(network, np.zeros((1, 32, 32 * cells, 3), np.uint8))
    assert opened == [(32, 32 * cells, 3) for cells in range(1, networks._MOST_ENGINES + 1)]
    opened.clear()
    network = Network(SHIPPED_DETECTOR.read_bytes(), "network", "cuda")
    for cells in range(1, networks._MOST_ENGINES + 3):
        ask_often(network, np.zeros((1, 32, 32 * cells, 3), np.uint8))
    assert opened == [()]  # one for all sizes


FORKED = """
import os, sys
import numpy as np
import maskwatch
from maskwatch.cli.main import cli
from maskwatch.models import network
analyzer = maskwatch.Analyzer(device="openvino")
picture = np.zeros((480, 640, 3), np.uint8)
with network.eager():
    analyzer.find_live(picture)
assert analyzer.devices["detector"] == "openvino", analyzer.devices
child = os.fork()
if child == 0:
    try:
        analyzer.find_live(picture)
    except maskwatch.ModelError as error:
        print(error, flush=True)
    del analyzer
    sys.exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@needs_openvino
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_child_of_a_fork_says_so_and_ends():
    command = [sys.executable, "-W", "ignore", "-c", FORKED]
    told = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    said, ended = told.stdout.splitlines()
    assert "was loaded before this process was forked" in said, told.stderr
    assert ended == "5"


@pytest.mark.parametrize(
    "command", [["predict", "photo.jpg"], ["serve"], ["app"], ["live", "0"], ["watch", "a.yaml"]]
)
def test_every_door_refuses_a_device_that_is_not_here(monkeypatch, tmp_path, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text('cameras: [{name: a, source: "0"}]')
    monkeypatch.setattr(devices, "is_here", lambda device: False)
    told = CliRunner().invoke(cli, [*command, "--device", "cuda"])
    assert told.exit_code == 2, told.output
    assert told.output.startswith("Error: device cuda: ONNX Runtime has it not here; ")
    assert '-m pip install "onnxruntime-gpu[cuda,cudnn]"' in told.output
    assert told.output.count("\n") == 1


QUIET = """
import sys
import numpy as np
from maskwatch.models.card import SHIPPED_MODEL
from maskwatch.models.network import open_engine
open_engine("openvino", SHIPPED_MODEL.read_bytes(), (128, 128, 3))
print("openvino_telemetry.main" in sys.modules)
"""


@needs_openvino
def test_openvino_writes_no_identity_and_loads_nothing_that_tells(tmp_path):
    environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    environment |= {"HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", QUIET]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"
    assert list(tmp_path.iterdir()) == []
