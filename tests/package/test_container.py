"""Dockerfile, Compose files and proxy agree with each other, are strict, and start what they say.

The image itself is built and run by scripts/check_image.sh, where there is an engine for it.

Run: pytest tests/package/test_container.py
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
from support.mqtt_broker import MOSQUITTO, listening
from support.paths import ROOT
from support.ports import free_port
from support.waiting import until

from maskwatch import __version__
from maskwatch.io.settings import Secret
from maskwatch.watch.config import MqttConfig
from maskwatch.watch.mqtt import Broker

COMPOSE = ("compose.yaml", "compose.turn.yaml", "compose.watch.yaml")
SERVICES = ("app", "service", "proxy", "turn", "watch", "mosquitto")


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
    """The services of all Compose files."""
    base, turn, watch = (yaml.safe_load((ROOT / name).read_text())["services"] for name in COMPOSE)
    return {**base, "turn": turn["turn"], **watch}


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
    assert {"pyproject.toml", "requirements.lock", "src", "recipes"} <= set(copied)
    for path in copied:
        assert (ROOT / path).exists(), path
        kept_out = False
        for pattern in patterns:  # the last that fits decides
            if fnmatch(path, pattern.lstrip("!")):
                kept_out = pattern[0] != "!"
        assert not kept_out, path


def test_it_is_small_and_gives_no_power(image: Image) -> None:
    bases = [arguments.split()[0] for name, arguments in image.instructions if name == "FROM"]
    assert all(re.fullmatch(r"python:3\.\d+-slim@\S+", base) for base in bases) and len(bases) == 2
    user = image.last("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    assert f"--owner {user.split(':')[0]}" in " ".join(map(" ".join, image.instructions))
    install = next(arguments for name, arguments in image.instructions if "pip " in arguments)
    assert "--only-binary :all:" in install
    assert "--require-hashes --requirement requirements.lock" in install
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
    watch = services["watch"]["command"]
    watch_port = watch[watch.index("--page") + 1]
    assert f"127.0.0.1:{watch_port}/" in services["watch"]["healthcheck"]["test"][-1]
    expected = [f"app:{port}", f"service:{service_port}", f"watch:{watch_port}"]
    assert sorted(proxied) == expected
    # nobody comes past the proxy, but for the broker, and that from this computer only
    assert [name for name in services if "ports" in services[name]] == ["proxy", "mosquitto"]
    assert services["mosquitto"]["ports"] == ["${MQTT_ADDRESS:-127.0.0.1}:1883:1883"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_held_tight(services: dict[str, dict[str, Any]], name: str) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert re.fullmatch(r"[\w/.-]+:\d+\.\d+[\w.-]*(@\S+)?", service["image"])
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
    for name in (*COMPOSE, "Dockerfile", "Caddyfile", "deploy/watch/watch.yaml"):
        for line in (ROOT / name).read_text().splitlines():
            if line[:1] != "#" and re.search("SECRET|PASSWORD|_KEY|static-auth-secret", line):
                plain = line.partition(" #")[0].strip(' "[]')
                assert re.search(r"(: \[?\"?|=)\$\{\w+(:[-?][^}]*)?\}$|\$\$\w+$", plain), line


# As strict as the image is run, in namespaces of its own: no network but the loopback, which has to
# be switched on, a root that nobody can write to, and an empty /tmp. Where the checkout lies in the
# old /tmp, what Python needs of that is shown again, and cannot be written either.
STRICT = """
import fcntl, os, socket, struct, subprocess, sys, time
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 1))
def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)
health, needed, *command = sys.argv[1:]
mount("--bind", "/tmp", "/mnt")
mount("-t", "tmpfs", "none", "/tmp")
for folder in filter(None, needed.split(os.pathsep)):
    os.makedirs(folder)
    mount("--bind", folder.replace("/tmp", "/mnt", 1), folder)
    mount("-o", "remount,bind,ro", folder)
subprocess.run(["umount", "/mnt"], check=True)
there = set(os.listdir("/tmp"))
mount("-o", "remount,bind,ro", "/")
try:
    open("/not-read-only", "w")
except OSError:
    pass
else:
    sys.exit("the root is not read-only")
os.chdir("/tmp")
server = subprocess.Popen([sys.executable, "-m", *command])
ends_s = time.monotonic() + 300
while subprocess.run([sys.executable, "-c", health], stderr=subprocess.DEVNULL).returncode:
    if server.poll() is not None or time.monotonic() > ends_s:
        sys.exit(f"not healthy: {server.poll()}")
    time.sleep(0.3)
server.terminate()
server.wait(300)
print("left:", *set(os.listdir("/tmp")) - there)
"""


def needed_of_tmp() -> str:
    """The folders under /tmp that hold Python, its packages or the checkout."""
    needed = {Path(name).absolute() for name in (sys.prefix, sys.base_prefix, ROOT, *sys.path)}
    there = sorted(path for path in needed if path.is_dir() and Path("/tmp") in path.parents)
    return os.pathsep.join(
        str(path) for path in there if not any(other in path.parents for other in there)
    )


def test_the_broker_lets_in_who_knows_the_password_and_nobody_else(
    services: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    """What the container's shell does, with the mosquitto of this system."""
    if MOSQUITTO is None or shutil.which("mosquitto_passwd") is None:
        pytest.skip("needs mosquitto and mosquitto_passwd")
    port, passwords = free_port(), tmp_path / "passwords"
    settings = (ROOT / "deploy/watch/mosquitto.conf").read_text()
    # as root it would become another user, who may not look into the folder of a test
    settings = settings.replace("listener 1883", f"user root\nlistener {port} 127.0.0.1")
    (tmp_path / "m.conf").write_text(settings.replace("/tmp/passwords", str(passwords)))
    (command,) = services["mosquitto"]["command"]
    for old, new in (
        ("$$", "$"),
        ("/tmp/passwords", str(passwords)),
        ("exec mosquitto", f"exec {MOSQUITTO}"),
        ("/mosquitto/config/mosquitto.conf", str(tmp_path / "m.conf")),
    ):
        assert old in command
        command = command.replace(old, new)
    environment = {**os.environ, "MQTT_PASSWORD": "pass $word"}
    with subprocess.Popen(
        ["sh", "-c", f"umask 022; {command}"], env=environment, stderr=subprocess.DEVNULL
    ) as broker:
        try:
            with listening(port, "maskwatch", "pass $word") as listener:
                for password, told in (("wrong", False), ("pass $word", True)):
                    config = MqttConfig(
                        "127.0.0.1", port, username=Secret("maskwatch"), password=Secret(password)
                    )
                    client = Broker(config, ["entrance"])
                    client.start()
                    if told:
                        listener.until("maskwatch/status", "online")
                        until(lambda: any(t.startswith("homeassistant/") for t in listener.heard))
                    else:
                        until(lambda client=client: "turns this program away" in client._complained)
                        assert not listener.heard
                    client.stop()
        finally:
            broker.terminate()


@pytest.mark.parametrize("name", ["app", "service", "watch"])
def test_what_it_starts_gets_healthy_without_network_on_a_read_only_system(
    image: Image, services: dict[str, dict[str, Any]], name: str
) -> None:
    strict = ["unshare", "--net", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*strict, "true"]).returncode:
        pytest.skip("namespaces of its own are not allowed here")
    if name == "app":
        command = json.loads(image.last("CMD"))
        health = json.loads(image.last("HEALTHCHECK").partition("CMD ")[2])[-1]
    elif name == "watch":  # nobody answers there, and it goes on trying
        settings = str(ROOT / "deploy" / "watch" / "watch.yaml")
        command = ["watch", settings, *services["watch"]["command"][2:]]
        health = services["watch"]["healthcheck"]["test"][-1]
    else:  # without the key of Compose's secret it listens to its own computer only
        command, health = ["serve"], services["service"]["healthcheck"]["test"][-1]
    entry = json.loads(image.last("ENTRYPOINT"))
    environment = {**image.environment, "XDG_DATA_HOME": "/tmp", "PATH": os.environ["PATH"]}
    environment |= {"CAMERA": "rtsp://127.0.0.1:9/1", "OWNER_KEY": "k" * 20, "MQTT_PASSWORD": "p"}
    if "PYTHONPATH" in os.environ:
        environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    done = subprocess.run(
        [*strict, sys.executable, "-c", STRICT, health, needed_of_tmp(), *entry, *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # a watch has its store to itself, for which a lock lies beside it
    assert done.stdout.endswith("left: maskwatch\n" if name == "watch" else "left:\n")
    assert "Traceback" not in done.stderr and "external IP" not in done.stdout + done.stderr
