"""`maskwatch serve` as a process of its own: how it starts, what it logs, how it ends.

Run: pytest tests/process/test_service_process.py
"""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from support.cartoon_face import cartoon
from support.service_server import WAIT_S, check_log, noted_log, png
from support.toy_detector import crowd, write_toy_detector
from support.toy_model import RED, write_toy_model
from support.waiting import until

from maskwatch import Analyzer, Frame, ImageError
from maskwatch.cli.main import cli
from maskwatch.client import Client
from maskwatch.errors import pip_extra
from maskwatch.service.engine import OneLine, where
from maskwatch.service.guard import KEYS_VARIABLE
from maskwatch.service.limits import one_line

KEY = "a-key-for-the-process-tests"
HEAD = b"POST /v1/analyze HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\n"
ONE_FACE = crowd((3, 2, RED))


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Options for networks that answer at once."""
    folder = tmp_path_factory.mktemp("networks")
    model, detector = write_toy_model(folder), write_toy_detector(folder)
    return ["--model", str(model), "--detector", str(detector)]


class Process:
    """A service that runs by itself.

    Attributes:
        url: where it is.
        process: ends when it is told to.
    """

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self._log = folder / "log.txt"
        command = [sys.executable, "-W", "error", "-m", "maskwatch", "serve", "--port", "0"]
        with self._log.open("w") as output:
            self.process = subprocess.Popen(
                [*command, *options],
                env={**os.environ, **environment},
                cwd=folder,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        until(lambda: "listening on" in self.log or self.process.poll() is not None, "it listens")
        found = re.search(r"listening on (http://\S+)", self.log)
        assert found, self.log
        self.url = found[1]
        until(lambda: httpx.get(f"{self.url}/ready").status_code == 200, "it is ready")

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The exit code, once it has ended."""
        self.process.send_signal(number)
        return self.process.wait(WAIT_S)


@contextmanager
def served(folder: Path, *options: str, **environment: str) -> Iterator[Process]:
    """A service until the block ends; its log must then be clean."""
    service = Process(folder, *options, **environment)
    try:
        yield service
    finally:
        service.process.kill()
        service.process.wait(WAIT_S)
    check_log(service.log)


def test_the_shipped_networks_judge_as_everywhere_else(tmp_path: Path) -> None:
    image_rgb = cartoon(masked=True)
    with served(tmp_path) as service, Client(service.url) as client:
        (report,) = client.analyze([image_rgb])
        assert not isinstance(report, ImageError)
        assert report.to_dict() == Analyzer().analyze(image_rgb).to_dict()
        frame = Frame(image_rgb, 0.0, 0)
        (answer,) = client.stream([frame])
        assert not isinstance(answer.result, ImageError)
        assert answer.result.detector == report.detector
        assert service.end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_call_that_was_accepted_is_answered_before_it_ends(
    tmp_path: Path, networks: list[str], number: signal.Signals
) -> None:
    content = png(ONE_FACE)
    with served(tmp_path, *networks) as service, httpx.Client() as idle, socket.socket() as client:
        assert idle.get(f"{service.url}/health").status_code == 200  # stays connected
        client.settimeout(WAIT_S)
        # who is connected has so long to say what it wants: nothing that takes time comes between
        client.connect(("127.0.0.1", service.port))
        client.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(content) + content[:50])
        until(lambda: "maskwatch_calls 1.0" in idle.get(f"{service.url}/metrics").text, "accepted")
        service.process.send_signal(number)
        until(lambda: "ending" in service.log, "it ends")
        until(lambda: refuses(service.url), "it takes no more")  # a moment after that word
        client.sendall(content[50:])
        answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b'"state":"mask"' in answer
        assert service.process.wait(WAIT_S) == 0
        assert service.log.splitlines()[-1].endswith("INFO ended")


def refuses(url: str) -> bool:
    """Whether nobody listens there any more."""
    try:
        httpx.get(f"{url}/health")
    except httpx.ConnectError:
        return True
    except httpx.TransportError:  # it was taken just before the end
        return False
    return False


def test_one_that_is_never_finished_is_waited_for_so_long_and_no_longer(
    tmp_path: Path, networks: list[str]
) -> None:
    with (
        served(tmp_path, *networks, "--shutdown-s", "1") as service,
        socket.create_connection(("127.0.0.1", service.port), WAIT_S) as client,
    ):
        client.sendall(HEAD + b"content-length: 100\r\n\r\n")
        url = f"{service.url}/metrics"
        until(lambda: "maskwatch_calls 1.0" in httpx.get(url).text, "accepted")
        assert service.end() == 0
        assert "exceeded" in service.log


def test_keys_come_from_the_environment_and_open_the_rest_of_the_world(
    tmp_path: Path, networks: list[str]
) -> None:
    with served(tmp_path, *networks, "--host", "0.0.0.0", **{KEYS_VARIABLE: KEY}) as service:
        url = f"http://127.0.0.1:{service.port}"
        assert httpx.get(f"{url}/v1/model").status_code == 401
        with Client(url, KEY) as client:
            assert len(client.analyze([ONE_FACE])) == 1
        assert KEY not in service.log


def test_its_options_are_its_limits(tmp_path: Path, networks: list[str]) -> None:
    options = [
        "--max-body-mb",
        "0.5",
        "--max-megapixels",
        "0.1",
        "--max-images",
        "2",
        "--max-calls",
        "3",
        "--max-streams",
        "4",
        "--max-rate",
        "5",
    ]
    with served(tmp_path, *networks, *options) as service:
        assert httpx.get(f"{service.url}/v1/model").json()["limits"] == {
            "body_bytes": 500_000,
            "image_pixels": 100_000,
            "images": 2,
            "calls": 3,
            "sessions": 4,
            "rate_per_s": 5.0,
        }


def invoke(*arguments: object, **environment: str) -> tuple[int, str]:
    """Exit code and output of a service that cannot start."""
    result = CliRunner().invoke(cli, ["serve", *map(str, arguments)], env=environment)
    return result.exit_code, result.output


GONE = ("--model", "gone.onnx")
"""So that a service that takes the options does not start either."""


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--host", "0.0.0.0"], 2, f"it needs an API key; put one in {KEYS_VARIABLE}"),
        (["--host", "no.such.host.invalid"], 2, "cannot listen there"),
        (["--max-replicas", "2"], 2, "--max-replicas N needs --engine ray"),
        (
            ["--origin", "https://example.org/", *GONE],
            2,
            "--origin https://example.org/: must be as",
        ),
        (["--origin", "https://Example.org", *GONE], 2, "--origin https://Example.org: must be as"),
        (
            ["--origin", "example.org", *GONE],
            2,
            "--origin example.org: must be as browsers send it",
        ),
        (
            ["--origin", "*", *GONE],
            2,
            "--origin *: must be as browsers send it: https://example.org",
        ),
        (
            ["--allowed-host", "https://a.org", *GONE],
            2,
            "--allowed-host https://a.org: must be a name",
        ),
        (
            ["--allowed-host", "a.org:8443", *GONE],
            2,
            "--allowed-host a.org:8443: must be a name alone",
        ),
        (["--allowed-host", "*", *GONE], 2, "--allowed-host *: must be a name alone"),
        (["--api-key-file", "missing"], 2, "missing: cannot be read"),
        (["--model", "missing.onnx"], 3, "missing.onnx: cannot read the model file"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line(
    options: list[str], code: int, message: str
) -> None:
    exit_code, output = invoke(*options)
    assert (exit_code, message in output) == (code, True), output
    assert output.startswith("Error: ") and output.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--port", "70000", "70000 is not in the range"),
        ("--max-body-mb", "nan", "must be a number"),
        ("--max-megapixels", "1e-9", "1e-09 is not in the range"),
        ("--max-images", "0", "0 is not in the range"),
        ("--max-calls", "0", "0 is not in the range"),
        ("--max-streams", "-1", "-1 is not in the range"),
        ("--max-rate", "inf", "inf is not in the range"),
        ("--max-rate", "nan", "must be a number"),
        ("--shutdown-s", "0", "0 is not in the range"),
    ],
)
def test_a_number_out_of_its_range_is_named_by_its_option(
    option: str, value: str, reason: str
) -> None:
    exit_code, output = invoke(option, value)
    assert (exit_code, f"'{option}': {reason}" in output) == (2, True), output


@pytest.mark.parametrize("value", ["inf", "-inf", "0", "-1", "1e300"])
@pytest.mark.parametrize("option", ["--max-body-mb", "--max-megapixels"])
def test_sizes_have_bounds(option: str, value: str) -> None:
    code, output = invoke(option, value)
    assert code == 2 and "is not in the range" in output and "Traceback" not in output


def test_networks_that_judge_nothing_end_it(tmp_path: Path, networks: list[str]) -> None:
    """What started it can start it again; it would else be there, and never ready."""
    code = f"""
import sys
from maskwatch.pipeline import Analyzer
def analyze(self, image, boxes=None):
    raise RuntimeError("no memory on the device")
Analyzer.analyze = analyze
sys.argv[1:] = ["serve", "--port", "0", *{networks!r}]
from maskwatch.cli.main import main
main()
"""
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert seen.returncode == 3
    *logged, last = seen.stderr.splitlines()
    assert last.startswith("Error: the networks judge nothing here (RuntimeError in service.engine")
    (told,) = [line for line in logged if " ERROR " in line]
    assert "the networks judge nothing here (RuntimeError" in told
    assert logged[-1].endswith(" ended")


def test_short_keys_are_not_taken_and_not_shown() -> None:
    code, output = invoke("--host", "0.0.0.0", **{KEYS_VARIABLE: "hunter2"})
    assert (code, "has 7 characters" in output, "hunter2" in output) == (2, True, False)


@pytest.mark.parametrize(
    ("package", "options", "message"),
    [
        ("fastapi", [], f"maskwatch serve needs more packages: {pip_extra('serve')}"),
        (
            "ray",
            ["--engine", "ray"],
            f"--engine ray needs more packages: {pip_extra('scale')}",
        ),
    ],
)
def test_without_the_extra(
    networks: list[str], package: str, options: list[str], message: str
) -> None:
    code = f"""
import sys
sys.modules[{package!r}] = None
sys.argv[1:] = ["serve", "--port", "0", *{[*networks, *options]!r}]
from maskwatch.cli.main import main
main()
"""
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert seen.returncode == 1
    assert seen.stderr == f"Error: {message}\n"


def test_a_log_line_holds_no_traceback_no_path_and_no_second_line() -> None:
    with noted_log() as log:
        logger = logging.getLogger("uvicorn.error")
        try:
            Path("/tmp/secret").joinpath("missing").read_bytes()
        except OSError as error:
            logger.error("it failed\n<Task at /tmp/secret.py>", exc_info=error)
            assert where(error).startswith("FileNotFoundError in ")
        logger.warning("")
    first, second = log.getvalue().splitlines()
    assert "ERROR it failed (FileNotFoundError in pathlib:" in first
    assert second.split()[2:] == ["WARNING"]
    check_log(log.getvalue())
    assert where(ValueError("secret")) == "ValueError"
    assert isinstance(OneLine(), logging.Formatter)


@pytest.mark.parametrize(
    ("text", "line"),
    [("", ""), ("a\nb\tc", "a b c"), ("\x1b[31mred\x00", "[31mred"), ("x" * 300, "x" * 199 + "…")],
)
def test_text_of_others_becomes_one_line(text: str, line: str) -> None:
    assert one_line(text) == line
