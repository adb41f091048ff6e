"""`maskwatch web`: the page on this computer, and its folder for any other host.

Run: pytest tests/process/test_web_cli.py
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.paths import ROOT
from support.toy_detector import write_toy_detector
from support.toy_model import write_toy_model
from support.waiting import LIMIT_S

from maskwatch.app.i18n import LANGUAGES, load_catalogue
from maskwatch.cli.main import cli
from maskwatch.cli.web import web
from maskwatch.pipeline import Networks
from maskwatch.web.bundle import build_page
from maskwatch.web.server import POLICY

PAGE = ROOT / "src" / "maskwatch" / "web" / "page"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["web", *map(str, arguments)])


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> list[str | Path]:
    folder = tmp_path_factory.mktemp("networks")
    return ["--model", write_toy_model(folder), "--detector", write_toy_detector(folder)]


def test_the_folder_holds_all_that_the_page_asks_for(tmp_path: Path, toys: list[str]) -> None:
    out = tmp_path / "site"
    done = run("--out", out, *toys)
    assert done.exit_code == 0, done.output
    assert done.output.startswith(f"{out}: ")
    kept = json.loads((out / "files.js").read_text().partition("= ")[2].rstrip(";\n"))
    for name in kept["files"]:
        assert (out / name).exists(), name
    for source in [*out.glob("*.js"), *out.glob("lib/*.js"), out / "index.html"]:
        for name in re.findall(r'(?:from|href=|src=)\s*"(\.*[\w./]+)"', source.read_text()):
            assert (source.parent / name).is_file(), f"{source.name} asks for {name}"
    about = json.loads((out / "about.json").read_text())
    assert about["cards"]["classifier"]["name"] == "toy 1"
    for kind, card in about["cards"].items():
        network = gzip.decompress((out / "models" / f"{kind}.onnx.gz").read_bytes())
        assert hashlib.sha256(network).hexdigest() == card["file"]["sha256"]
    assert "training" not in about["cards"]["classifier"]


def test_the_name_of_the_cache_changes_with_any_content(toys: list[str]) -> None:
    networks = Networks(Path(toys[1]), Path(toys[3]))
    first, again = (build_page(networks)["files.js"] for _ in range(2))
    other = build_page(Networks(Path(toys[1]), Path(toys[3]), detector_side_px=640))["files.js"]
    assert first == again != other


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path, toys: list[str]) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    done = run("--out", tmp_path, *toys)
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [tmp_path / "thesis.txt"])
    assert "holds something else" in done.output
    site = tmp_path / "site"
    assert run("--out", site, *toys).exit_code == run("--out", site, *toys).exit_code == 0


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--model", "none.onnx"], 3, "none.onnx: cannot read the model file"),
        (["--detector-side-px", "9"], 2, "must be 32 to 4096 pixels, not 9"),
        (["--out", "/dev/null/site"], 2, "--out /dev/null/site: cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    toys: list[str], options: list[str], code: int, words: str
) -> None:
    done = run(*toys, *options)
    assert (done.exit_code, done.output.count("\n")) == (code, 1)
    assert words in done.output


def test_its_usual_port_is_not_that_of_the_page_of_the_cameras() -> None:
    """A browser keeps this page at its address, and would show it in place of the other."""
    (port,) = (one for one in web.params if one.name == "port")
    others = (ROOT / "README.md", ROOT / "docs" / "watch.md", ROOT / "compose.watch.yaml")
    for page in others:
        assert str(port.default) not in re.findall(r"--page\D+(\d+)", page.read_text())


def test_a_port_that_is_taken(toys: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("--port", str(port), *toys)
    assert done.exit_code == 2
    assert f"--port {port}: in use by another program; give another" in done.output


def test_it_is_served_here_until_it_is_ended(toys: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "maskwatch", "web", "--port", "0", *map(str, toys)]
    environment = {**os.environ, "BROWSER": "true"}  # opens nothing
    log = tmp_path / "log.txt"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as server,
    ):
        try:
            look_at(server)
            server.send_signal(signal.SIGINT)
            assert server.wait(LIMIT_S) == 0
        finally:
            server.kill()
    assert log.read_text() == ""


def look_at(server: subprocess.Popen[str]) -> None:
    assert server.stdout is not None
    address = server.stdout.readline().partition(" ")[0]
    leave_at_once(int(address.rstrip("/").rpartition(":")[2]))
    with urllib.request.urlopen(address, timeout=LIMIT_S) as page:
        assert b"<h1" in page.read()
        tag, policy = page.headers["ETag"], page.headers["Content-Security-Policy"]
    assert policy.startswith(POLICY)
    asked_again = urllib.request.Request(address, headers={"If-None-Match": tag})
    secret = f"{address}../secret"
    for asked, status in ((asked_again, 304), (secret, 404)):
        with pytest.raises(urllib.error.HTTPError) as answer:
            urllib.request.urlopen(asked, timeout=LIMIT_S)
        assert answer.value.code == status
        answer.value.close()


def leave_at_once(port: int) -> None:
    """As a browser does whose window is closed: the connection is cut, not ended."""
    with socket.create_connection(("127.0.0.1", port)) as visitor:
        visitor.sendall(b"GET / HTTP/1.1\r\n\r\n")
        visitor.recv(1)
        visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_the_page_has_the_rules_and_the_words_that_python_has() -> None:
    html = build_page(Networks())["index.html"].decode()
    assert f'content="{POLICY}"' in html
    assert re.search(r"<h1[^>]*>MaskWatch in your browser</h1>", html)
    for code, name in LANGUAGES.items():
        assert load_catalogue(code).text("web.language") == name


def test_what_is_vendored_is_what_the_notice_names() -> None:
    notice = (ROOT / "THIRD_PARTY.md").read_text()
    for path in sorted((PAGE / "ort").iterdir()):
        if path.suffix in (".mjs", ".gz"):
            content = path.read_bytes()
            content = gzip.decompress(content) if path.suffix == ".gz" else content
            assert hashlib.sha256(content).hexdigest() in notice, path.name
