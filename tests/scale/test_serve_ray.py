"""`maskwatch serve --engine ray` on this machine, with two cores: what the plain service says.

Ray is large, so `make test` does without it and these tests skip. To run them:
    pip install -e '.[dev,scale-test]' && pytest tests/scale/test_serve_ray.py
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml
from support import bad_images
from support.paths import ROOT, TESTS
from support.ports import free_port
from support.service_server import Running, png, running
from support.toy_detector import crowd, write_toy_detector
from support.toy_model import BLUE, GREEN, RED, plain, write_toy_model
from support.waiting import LIMIT_S, until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from maskwatch import Analyzer, Stream
from maskwatch.service.guard import KEYS_VARIABLE

needs_ray = pytest.mark.skipif(
    find_spec("ray") is None or find_spec("aiohttp_cors") is None,
    reason="needs Ray Serve: pip install -e '.[dev,scale-test]'",
)
pytestmark = [needs_ray, pytest.mark.slow]

KEY = "a-key-for-the-tests-with-ray"
HEADERS = {"x-api-key": KEY}
PNG = {"content-type": "image/png"}
TWO_FACES = crowd((3, 2, RED), (16, 3, BLUE))
NOBODY = np.full((300, 400, 3), 128, np.uint8)
LIMITS = {"body_bytes": 500_000, "image_pixels": 200_000, "images": 3}
OPTIONS = ("--max-body-mb", "0.5", "--max-megapixels", "0.2", "--max-images", "3")
CLUSTER = ROOT / "deploy" / "ray" / "cluster.yaml"
WAIT_S = 120.0


class OnRay:
    """A service on a Ray of its own.

    Attributes:
        url: where it is.
        process: the command.
        folder: where Ray keeps its logs and sockets.
    """

    def __init__(self, *options: str) -> None:
        # a socket's path must be short
        self.folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))
        self._mark = uuid.uuid4().hex
        self._log = self.folder / "command.log"
        command = [sys.executable, "-m", "maskwatch", "serve", "--engine", "ray", "--port", "0"]
        with self._log.open("w") as output:
            self.process = subprocess.Popen(
                [*command, *options],
                env={
                    **{name: os.environ[name] for name in os.environ if name != "RAY_ADDRESS"},
                    "RAY_TMPDIR": str(self.folder),
                    "MASKWATCH_TEST": self._mark,
                    KEYS_VARIABLE: KEY,
                },
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(lambda: "listening on" in self.log or self.process.poll() is not None, "it listens")
        found = re.search(r"listening on (http://\S+)", self.log)
        assert found, self.log
        self.url = found[1]

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def processes(self) -> dict[int, str]:
        """Every process that the command started, at whatever remove, and the command."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    if self._mark.encode() in (entry / "environ").read_bytes():
                        title = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                        found[int(entry.name)] = title
                except OSError:  # it has ended meanwhile, or just does
                    continue
        return {number: title for number, title in found.items() if title}

    def close(self) -> None:
        """Leave nothing behind, also where a test failed."""
        self.process.kill()
        self.process.wait()
        for number in self.processes():
            os.kill(number, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A classifier and a detector that answer at once."""
    folder = tmp_path_factory.mktemp("networks")
    return write_toy_model(folder), write_toy_detector(folder, live_side_px=320)


@contextmanager
def on_ray(networks: tuple[Path, Path], *options: str) -> Iterator[OnRay]:
    model, detector = map(str, networks)
    service = OnRay("--model", model, "--detector", detector, *options)
    try:
        yield service
    finally:
        service.close()


@pytest.fixture(scope="module")
def analyzer(networks: tuple[Path, Path]) -> Analyzer:
    return Analyzer(*networks)


@pytest.fixture(scope="module")
def ray_service(networks: tuple[Path, Path]) -> Iterator[OnRay]:
    with on_ray(networks, *OPTIONS) as service:
        yield service


@pytest.fixture(scope="module")
def plain_service(analyzer: Analyzer) -> Iterator[Running]:
    with running(analyzer, [KEY], **LIMITS) as service:
        yield service


def form(*contents: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [("images", (f"{index}.png", content)) for index, content in enumerate(contents)]


REQUESTS: dict[str, dict[str, Any]] = {
    "one picture": {"content": png(TWO_FACES), "headers": PNG},
    "two pictures": {"files": form(png(TWO_FACES), png(plain(RED)))},
    "a broken one among them": {"files": form(png(NOBODY), b"no picture")},
    "none": {"files": {}},
    "an empty body": {"content": b"", "headers": PNG},
    "an empty form": {"json": {"images": []}},
    "no form": {"content": b"--x", "headers": {"content-type": "multipart/form-data; boundary=x"}},
    "a damaged picture": {"content": png(TWO_FACES)[:-500], "headers": PNG},
    "too many pixels": {"content": png(np.zeros((500, 500, 3), np.uint8)), "headers": PNG},
    "too many bytes": {"content": bytes(600_000), "headers": PNG},
    "too many pictures": {"files": form(*[png(NOBODY)] * 4)},
    "text": {"content": b"hello", "headers": {"content-type": "text/plain"}},
}


@pytest.mark.parametrize("name", REQUESTS)
def test_each_call_is_answered_as_by_the_plain_service(
    ray_service: OnRay, plain_service: Running, name: str
) -> None:
    request = {**REQUESTS[name], "headers": HEADERS | REQUESTS[name].get("headers", {})}
    answers = [
        httpx.post(f"{service.url}/v1/analyze", timeout=LIMIT_S, **request)
        for service in (ray_service, plain_service)
    ]
    there, here = ((a.status_code, a.headers["content-type"], a.json()) for a in answers)
    assert there == here


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path",
    ["/v1/model", "/health", "/ready", "/openapi.json", "/v1/stream", "/nowhere", "/", "/docs"],
)
def test_so_is_every_other_route(
    ray_service: OnRay, plain_service: Running, method: str, path: str
) -> None:
    answers = [
        httpx.request(method, service.url + path, headers=HEADERS, timeout=LIMIT_S)
        for service in (ray_service, plain_service)
    ]
    assert answers[0].status_code == answers[1].status_code
    is_page = "html" in answers[1].headers["content-type"]
    there, here = (answer.text if is_page else answer.json() for answer in answers)
    if path == "/v1/model" and method == "GET":
        assert there.pop("limits") | {"rate_per_s": 0} == here.pop("limits") | {"rate_per_s": 0}
    assert there == here


def test_metrics_are_those_of_a_replica(ray_service: OnRay) -> None:
    text = httpx.get(f"{ray_service.url}/metrics", headers=HEADERS).text
    assert 'maskwatch_images_total{door="analyze",outcome="judged"}' in text


@pytest.mark.parametrize("path", ["/v1/model", "/metrics", "/v1/analyze", "/nowhere"])
@pytest.mark.parametrize(("headers", "kind"), [({}, "no_key"), ({"x-api-key": "x"}, "wrong_key")])
def test_it_needs_the_key(
    ray_service: OnRay, path: str, headers: dict[str, str], kind: str
) -> None:
    answer = httpx.get(ray_service.url + path, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (401, kind)


def opened(service: OnRay, key: str = KEY) -> ClientConnection:
    address = service.url.replace("http", "ws") + "/v1/stream"
    return connect(address, compression=None, additional_headers={"x-api-key": key})


def ask(stream: ClientConnection, content: bytes, time_s: float) -> dict[str, Any]:
    stream.send(json.dumps({"time_s": time_s}))
    stream.send(content)
    answer: dict[str, Any] = json.loads(stream.recv(LIMIT_S))
    return answer


def test_a_stream_says_what_one_of_ones_own_says(ray_service: OnRay, analyzer: Analyzer) -> None:
    own = Stream(analyzer)
    frames = [TWO_FACES, NOBODY, crowd((3, 2, GREEN)), crowd((4, 2, GREEN), (16, 3, BLUE))] * 3
    with opened(ray_service) as stream:
        for index, image_rgb in enumerate(frames):
            answer = ask(stream, png(image_rgb), index / 10)
            expected = json.loads(json.dumps(own.update(image_rgb, index / 10).to_dict()))
            about = {name: answer.pop(name) for name in ("time_s", "frame", "dropped")}
            assert about == {"time_s": index / 10, "frame": index, "dropped": 0}
            assert answer.pop("latency_ms") > 0
            assert answer == expected
        assert ask(stream, bad_images.BAD["truncated.jpg"][0](), 9.0)["fault"] == "damaged"


@pytest.mark.parametrize(("message", "code"), [("nonsense", 1008), (bytes(600_000), 1009)])
def test_a_stream_that_is_misused_is_closed(
    ray_service: OnRay, message: str | bytes, code: int
) -> None:
    with opened(ray_service) as stream:
        stream.send(message)
        with pytest.raises(ConnectionClosed) as caught:
            stream.recv(LIMIT_S)
    assert caught.value.rcvd is not None and caught.value.rcvd.code == code


def test_a_stream_needs_the_key(ray_service: OnRay) -> None:
    with pytest.raises(InvalidStatus) as caught, opened(ray_service, "x"):
        pass
    assert caught.value.response.status_code == 401


def test_more_work_brings_more_replicas(ray_service: OnRay) -> None:
    def replicas() -> int:
        return sum("ServeReplica" in title for title in ray_service.processes().values())

    assert replicas() == 1
    with ExitStack() as stack:
        streams = [stack.enter_context(opened(ray_service)) for _ in range(5)]
        until(lambda: replicas() == 2, "there are two")
        for stream in streams:
            assert ask(stream, png(TWO_FACES), 0.0)["faces"]


def test_no_process_and_no_log_knows_the_key(ray_service: OnRay) -> None:
    httpx.get(f"{ray_service.url}/v1/model?secret=1", headers=HEADERS)
    for number, title in ray_service.processes().items():
        if number != ray_service.process.pid:
            assert KEY.encode() not in Path(f"/proc/{number}/environ").read_bytes(), title
    for file in ray_service.folder.rglob("*"):
        if file.is_file():
            assert KEY.encode() not in file.read_bytes(), file
            assert b"secret" not in file.read_bytes(), file


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_accepted_is_answered_and_nothing_is_left(
    networks: tuple[Path, Path], number: signal.Signals
) -> None:
    content = png(TWO_FACES)
    lines = ("POST /v1/analyze HTTP/1.1", "host: x", f"x-api-key: {KEY}", "content-type: image/png")
    head = "".join(f"{line}\r\n" for line in lines)
    with on_ray(networks) as service:
        assert len(service.processes()) > 5
        with socket.create_connection(("127.0.0.1", service.port), WAIT_S) as client:
            client.sendall(f"{head}content-length: {len(content)}\r\n\r\n".encode() + content[:50])
            url = f"{service.url}/metrics"
            until(lambda: "maskwatch_calls 1.0" in httpx.get(url, headers=HEADERS).text, "accepted")
            service.process.send_signal(number)
            until(lambda: "ending" in service.log, "it ends")
            client.sendall(content[50:])
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        assert b'"state":"mask"' in answer
        assert service.process.wait(WAIT_S) == 0, service.log
        assert service.log.splitlines()[-1].endswith("INFO ended")
        until(lambda: not service.processes(), "all have ended")


def test_a_replica_that_cannot_load_the_networks_is_the_end_of_it(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from support.batch_factory import (harmful, toy_networks)
from maskwatch.service.guard import KeyRing
from maskwatch.service.limits import Limits
from maskwatch.service.ray import serve_on_ray

networks = harmful(toy_networks(Path({str(tmp_path)!r})), altered_later=True)
serve_on_ray(networks, Limits(), KeyRing(), (), (), ("127.0.0.1", {free_port()}), None)
"""
    path = os.pathsep.join((str(TESTS), os.environ.get("PYTHONPATH", "")))
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", code]
    seen = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert "Ray Serve starts no replica (maskwatch.errors.ModelError: the networks" in seen.stderr


def test_the_cluster_file_is_one() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load(CLUSTER.read_text())
    prepared = prepare_config(config)
    validate_config(prepared)
    assert prepared["max_workers"] == len(prepared["provider"]["worker_ips"])
    for command in config["head_start_ray_commands"][1:] + config["worker_start_ray_commands"][1:]:
        assert "RAY_AUTH_MODE=token" in command and "RAY_USAGE_STATS_ENABLED=0" in command


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--host", "0.0.0.0"], 2, f"it needs an API key; put one in {KEYS_VARIABLE}"),
        (["--model", "missing.onnx"], 3, "missing.onnx: cannot read the model file"),
        (["--max-replicas", "0"], 2, "0 is not in the range"),
    ],
)
def test_what_keeps_it_from_starting(options: list[str], code: int, message: str) -> None:
    command = [sys.executable, "-m", "maskwatch", "serve", "--engine", "ray", "--port", "0"]
    seen = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert (seen.returncode, message in seen.stderr) == (code, True), seen.stderr
