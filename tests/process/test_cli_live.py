"""`maskwatch live` on real files and servers: output, saved video, exit codes, clean endings.

Run: pytest tests/process/test_cli_live.py
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from support.drawn_video import write_video
from support.ports import free_port
from support.stream_servers import Mjpeg, Send, over, serve
from support.toy_detector import crowd, write_toy_detector
from support.toy_model import BLUE, RED, write_toy_model
from support.waiting import LIMIT_S

from maskwatch.cli.main import cli
from maskwatch.errors import pip_extra
from maskwatch.io.process import stopping_on_signals
from maskwatch.io.video import open_source

TWO_FACES = crowd((3, 2, RED), (16, 3, BLUE))


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options for networks that answer at once."""
    folder = tmp_path_factory.mktemp("networks")
    model, detector = write_toy_model(folder), write_toy_detector(folder, live_side_px=320)
    return ["--model", str(model), "--detector", str(detector)]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Two faces, for two seconds."""
    return write_video(tmp_path / "clip.mp4", [TWO_FACES] * 50)


def live(networks: list[str], *arguments: str | Path) -> Result:
    command = ["live", *networks, "--no-window", *map(str, arguments)]
    return CliRunner().invoke(cli, command, catch_exceptions=False)


def start(networks: list[str], *arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
    """Start the command in a process of its own."""
    command = [sys.executable, "-m", "maskwatch", "live", *networks, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **{**pipes, **options})


def documents(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def frames_in(path: Path) -> int:
    with open_source(path) as source:
        return len(list(source))


def faces_for_ever(send: Send, connection: int = 0) -> None:
    while not over.wait(0.01):
        send(TWO_FACES)


@pytest.fixture
def camera() -> Iterator[str]:
    """The address of a camera that sees two faces."""
    with serve(Mjpeg, faces_for_ever) as host:
        yield f"http://user:secret@{host}/"


def test_a_file_as_json_lines(networks: list[str], clip: Path) -> None:
    result = live(networks, clip, "--format", "jsonl")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = documents(result.stdout)
    assert [line["frame"] for line in lines] == list(range(50))
    assert [line["time_s"] for line in lines] == pytest.approx([i / 25 for i in range(50)])
    assert {line["dropped"] for line in lines} == {0}
    assert all(line["latency_ms"] > 0 for line in lines)
    assert {line["source"] for line in lines} == {str(clip)}
    assert {line["schema"] for line in lines} == {"maskwatch.report/1"}
    assert all(len(line["faces"]) == 2 for line in lines)


def test_the_table_ends_with_what_was_measured(networks: list[str], clip: Path) -> None:
    result = live(networks, clip)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[-1].startswith("50 frames in ")


def test_a_camera_prints_a_line_a_second(networks: list[str], camera: str) -> None:
    with start(networks, camera, "--no-window") as process:
        assert process.stdout
        line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=120)
    assert " frames/s  latency p50 " in line and "2 faces: " in line
    assert " frames in " in rest.splitlines()[-1]
    assert (process.returncode, errors) == (0, "")


def test_the_saved_video(networks: list[str], clip: Path, tmp_path: Path) -> None:
    result = live(networks, clip, "--save", tmp_path / "out" / "clip.mp4", "--format", "jsonl")
    assert result.exit_code == 0
    with open_source(tmp_path / "out" / "clip.mp4") as source:
        frames = list(source)
    assert [frame.time_s for frame in frames] == pytest.approx(
        [i / 25 for i in range(50)], abs=1e-3
    )
    changed = np.abs(frames[40].image_rgb.astype(int) - TWO_FACES).max(axis=2) > 60
    assert changed[16:64, 32:80].any()  # a border round the face
    assert not changed[150:, 200:].any()


def test_a_blurred_video_shows_nobody(networks: list[str], clip: Path, tmp_path: Path) -> None:
    middles = []
    for name, options in (("plain.mp4", ()), ("blurred.mp4", ("--blur",))):
        assert live(networks, clip, "--save", tmp_path / name, *options).exit_code == 0
        with open_source(tmp_path / name) as source:
            middles.append(list(source)[40].image_rgb[30:50, 46:66].astype(int))
    plain, blurred = (np.ptp(middle, axis=(0, 1)).max() for middle in middles)
    assert plain > 2 * blurred  # the magenta dot in the face, and what is left of it


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_everything(
    networks: list[str], camera: str, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out.mp4"
    arguments = (camera, "--no-window", "--format", "jsonl", "--save", out)
    with start(networks, *arguments) as process:
        assert process.stdout
        for _ in range(5):
            process.stdout.readline()
        process.send_signal(number)
        rest, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    assert frames_in(out) == 5 + len(documents(rest))


def test_a_signal_before_the_first_frame(networks: list[str], tmp_path: Path) -> None:
    connected = threading.Event()

    def silent(send: Send, connection: int) -> None:
        connected.set()
        over.wait(120)

    with serve(Mjpeg, silent) as host:
        out = tmp_path / "out.mp4"
        with start(networks, f"http://{host}/", "--no-window", "--save", out) as process:
            assert connected.wait(120)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=120)
    assert (process.returncode, output, errors) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format_name", ["jsonl", "table"])
def test_a_reader_that_has_had_enough(
    networks: list[str], camera: str, tmp_path: Path, format_name: str
) -> None:
    out = tmp_path / "out.mp4"
    arguments = (camera, "--no-window", "--save", out, "--format", format_name)
    with start(networks, *arguments) as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(120) == 0
        assert process.stderr.read() == ""
    assert frames_in(out) > 0


def test_a_reader_that_leaves_before_the_last_line(networks: list[str], clip: Path) -> None:
    with start(networks, clip, "--no-window") as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.wait(LIMIT_S) == 0
        assert process.stderr.read() == ""


def test_without_a_screen_it_says_so_and_goes_on(networks: list[str], clip: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    with start(networks, clip, env=environment) as process:
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 0 and " frames in " in output
    if sys.platform == "linux":
        assert errors.startswith("No window: ") and errors.count("\n") == 1


def test_a_file_plays_in_a_window_at_its_own_speed(
    networks: list[str], clip: Path, screen: str
) -> None:
    with start(networks, clip, env={**os.environ, "DISPLAY": screen}) as process:
        output, errors = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, errors) == (0, "")
    frames, seconds = re.search(r"(\d+) frames in ([\d.]+) s", output).groups()
    assert frames == "50" and float(seconds) >= 1.9


def test_a_signal_closes_the_window(networks: list[str], camera: str, screen: str) -> None:
    environment = {**os.environ, "DISPLAY": screen}
    with start(networks, camera, "--format", "jsonl", env=environment) as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, errors) == (0, "")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as in a terminal; what runs in the background is started deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_the_second_signal_does_what_it_always_does() -> None:
    calls = []

    def hear() -> None:
        handle = signal.getsignal(signal.SIGINT)
        assert callable(handle)
        handle(signal.SIGINT, None)  # the signal itself would end the tests if it came late

    with stopping_on_signals(lambda: calls.append(1)), pytest.raises(KeyboardInterrupt):
        hear()
        assert calls == [1]
        hear()
    assert calls == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_cut_video_is_judged_as_far_as_it_goes(networks: list[str], tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 64, 64, 3), np.uint8)
    clip = write_video(tmp_path / "clip.mkv", [*noise] * 4)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    out = tmp_path / "out.mp4"
    result = live(networks, clip, "--format", "jsonl", "--save", out)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {clip}: cut short: it ends after ")
    assert 20 < len(documents(result.stdout)) == frames_in(out) < 60


def test_a_source_that_cannot_be_opened(networks: list[str], tmp_path: Path) -> None:
    missing = tmp_path / "missing.mp4"
    result = live(networks, missing, "--save", tmp_path / "out.mp4")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: {missing}: no such file\n"
    assert list(tmp_path.iterdir()) == []


def test_no_password_shows(networks: list[str]) -> None:
    address = f"rtsp://user:secret@127.0.0.1:{free_port()}/?pwd=hidden"
    result = live(networks, address)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: rtsp://***@127.0.0.1:")
    assert "secret" not in result.stderr and "hidden" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--steadiness", "1.5"], "--steadiness"),
        (["--format", "csv"], "--format"),
        (["--save", "out.avi"], "the name must end in .mp4"),
        (["--blur"], "--save FILE.mp4"),
        (["--save", "clip.mp4"], "would overwrite the source"),
        (["--detector-side-px", "0"], "must be 32 to 4096 pixels"),
    ],
)
def test_wrong_usage(
    networks: list[str],
    clip: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(clip.parent)
    content = clip.read_bytes()
    result = live(networks, "clip.mp4", *arguments)
    assert result.exit_code == 2 and message in result.stderr
    assert clip.read_bytes() == content


def test_a_model_that_cannot_be_loaded(clip: Path) -> None:
    assert live(["--model", "none.onnx"], clip).exit_code == 3


def test_the_side_for_live_video_is_the_cards(tmp_path: Path) -> None:
    image = np.full((240, 320, 3), 128, np.uint8)
    image[:120, :160] = crowd((3, 2, RED))[::2, ::2]  # half as large: too small at 320 pixels
    clip = write_video(tmp_path / "clip.mp4", [image] * 5)
    for live_side_px, faces in ((320, 0), (640, 1)):
        folder = tmp_path / str(live_side_px)
        folder.mkdir()
        detector = write_toy_detector(folder, side_px=1280, live_side_px=live_side_px)
        options = ["--model", str(write_toy_model(folder)), "--detector", str(detector)]
        lines = documents(live(options, clip, "--format", "jsonl").stdout)
        assert {len(line["faces"]) for line in lines} == {faces}


def test_without_the_extra(networks: list[str], clip: Path) -> None:
    code = "import sys; sys.modules['av'] = None; from maskwatch.cli.main import main; main()"
    command = [sys.executable, "-c", code, "live", *networks, str(clip), "--no-window"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == (f"Error: reading video needs more packages: {pip_extra('live')}\n")
    assert (done.returncode, done.stdout) == (1, "")
