"""What the documentation tells people to type: the commands exist, the Python examples run.

Run: pytest tests/package/test_docs.py
"""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from support.alert_factory import alert
from support.drawn_video import write_video
from support.paths import ROOT
from support.ports import free_port
from support.waiting import LIMIT_S, until

from maskwatch.cli.main import cli
from maskwatch.io.image_kinds import NAMES
from maskwatch.io.images import load_image
from maskwatch.io.settings import Secret
from maskwatch.samples import FOLDER
from maskwatch.watch.config import WebhookConfig, load_config
from maskwatch.watch.outbox import Delivery, Outcome
from maskwatch.watch.webhook import Webhook

PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
PASSED_ON = {"app"}
"""Commands that take options of another program as well."""

NUMBER = r"\d+(?:\.\d+)?"
_CALLED = re.compile(r"(?:[A-Z_]+=.+ )?maskwatch (.+)")


def page_text(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language; "" for commands."""
    fenced = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    found = fenced.findall(page.read_text(encoding="utf-8"))
    return [block for of, block in found if of == language]


def commands() -> Iterator[tuple[str, list[str]]]:
    """Each `maskwatch ...` in a block of commands, with the page it stands on."""
    for page in PAGES:
        for block in blocks(page, ""):
            for line in block.replace("\\\n", " ").splitlines():
                if called := _CALLED.match(line):
                    yield page.name, shlex.split(called[1], comments=True)


def unknown(words: list[str]) -> list[str]:
    """What is no command or no option in what follows `maskwatch`."""
    command: click.Command = cli
    while isinstance(command, click.Group):
        if command.invoke_without_command and (not words or words[0].startswith("-")):
            break
        found = command.get_command(click.Context(command), words[0]) if words else None
        if found is None:
            return words[:1] or ["nothing"]
        command, words = found, words[1:]
    if command.name in PASSED_ON:
        words = [word for word in words if not word.startswith("--server.")]
    options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    return [word for word in words if re.match(r"--?[a-z]", word) and word not in options]


@pytest.mark.parametrize(("page", "words"), [*commands()])
def test_commands_and_their_options_exist(page: str, words: list[str]) -> None:
    assert unknown(words) == []


def test_every_extra_for_users_is_told_and_all_brings_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    tools = {"dev", "docs", "fuzz", "lock", "notebook", "scale-test"}
    extras = set(project["optional-dependencies"]) - tools
    first_cells = re.findall(
        r"^\| (.*?) \|", (ROOT / "docs" / "index.md").read_text(), re.MULTILINE
    )
    assert extras <= {name for cell in first_cells for name in re.findall(r"`([a-z-]+)`", cell)}
    (brought,) = project["optional-dependencies"]["all"]
    assert set(brought.partition("[")[2].rstrip("]").split(",")) == extras - {"all", "scale"}


@pytest.mark.parametrize(
    ("line", "missing"),
    [("", ["nothing"]), ("no-such", ["no-such"]), ("predict x.jpg --no-such", ["--no-such"])],
)
def test_a_command_that_is_not_there_is_seen(line: str, missing: list[str]) -> None:
    assert unknown(line.split()) == missing


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the examples find where they run."""
    shutil.copy(FOLDER / "group.jpg", tmp_path / "photo.jpg")
    image_rgb = load_image(FOLDER / "bare.jpg")
    write_video(tmp_path / "clip.mp4", [np.roll(image_rgb, shift, axis=1) for shift in range(4)])
    return tmp_path


def run_examples(page: str, folder: Path, **replaced: str) -> str:
    """Run the Python of a page from top to bottom as one program; what it prints."""
    code = "\n".join(blocks(ROOT / "docs" / page, "python"))
    for old, new in replaced.items():
        code = code.replace(old, new)
    command = [sys.executable, "-W", "error", "-c", code]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_python_page(folder: Path) -> None:
    said = run_examples("python.md", folder)
    assert "2 of 4" in said
    (shown,) = re.findall(r"# (<FrameReport .+>)$", page_text("python.md"), re.MULTILINE)
    assert shown in said
    assert "MaskState" not in said.splitlines()[-1]
    assert said.splitlines()[-1].endswith(f"not a {NAMES} image")


def test_the_table_on_the_page_about_photos(monkeypatch: pytest.MonkeyPatch) -> None:
    (table,) = blocks(ROOT / "docs" / "photos.md", "text")
    monkeypatch.chdir(FOLDER)
    said = CliRunner().invoke(cli, ["predict", "group.jpg"]).stdout
    assert re.sub(NUMBER, "", table) == re.sub(NUMBER, "", said)
    told, found = (list(map(float, re.findall(NUMBER, text))) for text in (table, said))
    assert told == pytest.approx(found, abs=1.01)  # networks elsewhere differ by their last digits


def test_the_page_for_training_keeps_and_undoes_a_correction(folder: Path) -> None:
    run_examples("train.md", folder)
    assert (folder / "corrections" / "data.yaml").exists()
    assert not list((folder / "corrections").rglob("*.jpg"))


@pytest.fixture
def port() -> Iterator[str]:
    """Where a real service listens."""
    command = [sys.executable, "-m", "maskwatch", "serve", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr
            line = server.stderr.readline()
            found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", line)
            assert found, line
            yield found[1]
        finally:
            server.terminate()
            server.communicate(timeout=LIMIT_S)


def test_the_http_page(folder: Path, port: str) -> None:
    said = run_examples("http.md", folder, **{"8000": port})
    first, second = said.splitlines()
    assert first == "door-1 ['mask', 'incorrect_mask', 'no_mask', 'mask']"
    assert second.count("MaskState.") == 4


def test_the_settings_of_the_page_about_many_cameras(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    first, whole, *_ = blocks(ROOT / "docs" / "watch.md", "yaml")
    path.write_text(first)
    keys = {"WEBHOOK_SECRET": "secret", "OWNER_KEY": "k" * 32}
    assert load_config(path, keys).sinks == ("own",)
    path.write_text(whole)
    names = ("CAMERA_PASSWORD", "WEBHOOK_SECRET", "MQTT_PASSWORD", "OWNER_KEY", "VIEWER_KEY",
             "NTFY_TOPIC")  # fmt: skip
    config = load_config(path, {name: f"{name}-{'x' * 20}" for name in names})
    assert [camera.name for camera in config.cameras] == ["entrance", "canteen"]
    assert config.sinks == ("reception", "guard", "mqtt")


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The receiver of the page, with the secret "right"; its address."""
    port = free_port()
    (code,) = blocks(ROOT / "docs" / "watch.md", "python")
    monkeypatch.setenv("WEBHOOK_SECRET", "right")
    command = [sys.executable, "-W", "error", "-c", code.replace("8090", str(port))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        try:
            until(lambda: listens(port))
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.communicate(timeout=LIMIT_S)


def listens(port: int) -> bool:
    with socket.socket() as visitor:
        return visitor.connect_ex(("127.0.0.1", port)) == 0


def test_the_receiver_takes_what_is_signed_and_fresh_and_nothing_else(receiver: str) -> None:
    def send(secret: str, now_s: Callable[[], float] = time.time) -> Outcome:
        config = WebhookConfig("door", Secret(receiver), Secret(secret))
        return Webhook(config, now_s).send(Delivery(alert(), "door")).outcome

    assert send("right") is Outcome.SENT
    # a secret and a clock are put right, so these wait
    assert send("wrong") is Outcome.NOT_NOW
    assert send("right", lambda: time.time() - 3600) is Outcome.NOT_NOW
