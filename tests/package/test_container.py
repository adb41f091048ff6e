"""Dockerfile, Compose files and proxy agree with each other, are strict, and start what they say.

The image itself is built and run by scripts/check_image.sh, where there is an engine for it.

Run: pytest tests/test_container.py
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from maskwatch import __version__

ROOT = Path(__file__).parents[1]
SERVICES = ("app", "service", "proxy", "turn")


@dataclass
class Image:
    """What the last stage of the Dockerfile says.

    Attributes:
        instructions: of all stages, (name, arguments).
        environment: what ENV sets.
    """

    instructions: list[tuple[str, str]]
    environment: dict[str, str] = field(default_factory=dict)

    def last(self, name: str) -> str:
        return [arguments for each, arguments in self.instructions if each == name][-1]


@pytest.fixture(scope="module")
def image() -> Image:
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line[:1] != "#"]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    pairs = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    made = Image([(name, arguments) for name, arguments in pairs])
    made.environment = dict(word.split("=", 1) for word in shlex.split(made.last("ENV")))
    return made


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    """The services of both Compose files."""
    base, turn = (
        yaml.safe_load((ROOT / name).read_text())["services"]
        for name in ("compose.yaml", "compose.turn.yaml")
    )
    return {**base, "turn": turn["turn"]}


def test_what_is_copied_is_there_and_not_kept_out(image: Image) -> None:
    patterns = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and line[0] != "#"
    ]
    copied = [
        word
        for name, arguments in image.instructions
        if name == "COPY" and "--from" not in arguments
        for word in arguments.split()[:-1]
    ]
    assert {"pyproject.toml", "constraints.txt", "src", "recipes"} <= set(copied)
    for path in copied:
        assert (ROOT / path).exists(), path
        kept_out = False
        for pattern in patterns:  # the last that fits decides
            if fnmatch(path, pattern.lstrip("!")):
                kept_out = pattern[0] != "!"
        assert not kept_out, path


def test_it_is_small_and_gives_no_power(image: Image) -> None:
    bases = [arguments.split()[0] for name, arguments in image.instructions if name == "FROM"]
    assert all(re.fullmatch(r"python:3\.\d+-slim", base) for base in bases) and len(bases) == 2
    user = image.last("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    assert f"--owner {user.split(':')[0]}" in " ".join(map(" ".join, image.instructions))
    install = next(arguments for name, arguments in image.instructions if "pip " in arguments)
    assert "--only-binary :all:" in install and "--constraint constraints.txt" in install
    assert image.environment["HOME"] == image.last("WORKDIR") == "/tmp"
    assert image.environment["XDG_DATA_HOME"] == image.last("VOLUME") == "/data"
    assert json.loads(image.last("ENTRYPOINT")) == ["maskwatch"]


def test_ports_agree(image: Image, services: dict[str, dict[str, Any]]) -> None:
    port = image.last("EXPOSE")
    command = json.loads(image.last("CMD"))
    assert command[command.index("--server.port") + 1] == port
    assert f"127.0.0.1:{port}/_stcore/health" in image.last("HEALTHCHECK")
    service = services["service"]["command"]
    service_port = service[service.index("--port") + 1]
    assert f"127.0.0.1:{service_port}/ready" in services["service"]["healthcheck"]["test"][-1]
    proxied = re.findall(r"reverse_proxy (\S+)", (ROOT / "Caddyfile").read_text())
    assert sorted(proxied) == [f"app:{port}", f"service:{service_port}"]
    # nobody comes past the proxy
    assert [name for name in services if "ports" in services[name]] == ["proxy"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_held_tight(services: dict[str, dict[str, Any]], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert re.fullmatch(r"[\w/.-]+:\d+\.\d+[\w.-]*", service["image"])
    assert "healthcheck" in service or service["build"] == "."
    assert not service.get("privileged")


def test_there_are_no_other_services_and_the_version_is_ours(
    services: dict[str, dict[str, Any]],
) -> None:
    assert set(services) == set(SERVICES)
    released = __version__.partition(".dev")[0]
    assert services["app"]["image"] == f"maskwatch:{released}"
    assert f"maskwatch:{released}" in (ROOT / "scripts" / "check_image.sh").read_text()


def test_no_secret_stands_in_the_files() -> None:
    for name in ("compose.yaml", "compose.turn.yaml", "Dockerfile", "Caddyfile"):
        for line in (ROOT / name).read_text().splitlines():
            if line[:1] != "#" and re.search("SECRET|PASSWORD|static-auth-secret", line):
                assert re.search(r"(: |=)\$\{\w+(:[-?][^}]*)?\}$", line), line


# As strict as the image is run, in namespaces of its own: no network but the loopback, which has to
# be switched on, a root that nobody can write to, and an empty /tmp.
STRICT = """
import fcntl, os, socket, struct, subprocess, sys, time
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 1))
subprocess.run(["mount", "-t", "tmpfs", "none", "/tmp"], check=True)
subprocess.run(["mount", "-o", "remount,bind,ro", "/"], check=True)
try:
    open("/not-read-only", "w")
except OSError:
    pass
else:
    sys.exit("the root is not read-only")
os.chdir("/tmp")
health, *command = sys.argv[1:]
server = subprocess.Popen([sys.executable, "-m", *command])
ends_s = time.monotonic() + 120
while subprocess.run([sys.executable, "-c", health], stderr=subprocess.DEVNULL).returncode:
    if server.poll() is not None or time.monotonic() > ends_s:
        sys.exit(f"not healthy: {server.poll()}")
    time.sleep(0.3)
server.terminate()
server.wait(60)
print("left:", *os.listdir("/tmp"))
"""


@pytest.mark.parametrize("name", ["app", "service"])
def test_what_it_starts_gets_healthy_without_network_on_a_read_only_system(
    image: Image, services: dict[str, dict[str, Any]], name: str
) -> None:
    strict = ["unshare", "--net", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*strict, "true"]).returncode:
        pytest.skip("namespaces of its own are not allowed here")
    if name == "app":
        command = json.loads(image.last("CMD"))
        health = json.loads(image.last("HEALTHCHECK").partition("CMD ")[2])[-1]
    else:  # without the key of Compose's secret it listens to its own computer only
        command, health = ["serve"], services["service"]["healthcheck"]["test"][-1]
    entry = json.loads(image.last("ENTRYPOINT"))
    environment = {**image.environment, "XDG_DATA_HOME": "/tmp", "PATH": os.environ["PATH"]}
    if "PYTHONPATH" in os.environ:
        environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    done = subprocess.run(
        [*strict, sys.executable, "-c", STRICT, health, *entry, *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("left:\n")
    assert "Traceback" not in done.stderr and "external IP" not in done.stdout + done.stderr
