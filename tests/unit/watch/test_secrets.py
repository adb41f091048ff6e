"""No password shows, whatever is wrong: settings with a marked secret everywhere, spoilt blindly.

The files are those of benchmarks/settings_fuzz.py.

Run: pytest tests/unit/watch/test_secrets.py
"""

from __future__ import annotations

import logging
import random
import sys
import traceback
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from support.alert_factory import alert
from support.paths import ROOT
from support.ports import free_port

from maskwatch.cli.main import cli
from maskwatch.errors import MaskWatchError
from maskwatch.io.connections import RetryPolicy
from maskwatch.io.settings import Secret
from maskwatch.io.video import open_source
from maskwatch.watch.config import WebhookConfig
from maskwatch.watch.outbox import AlertQueue, Sender
from maskwatch.watch.webhook import Webhook

sys.path.append(str(ROOT / "benchmarks"))
from settings_fuzz import ADDRESSES, MARK, SECRETS, Seen, attack, cases, settings, wrong_with


def test_the_same_seed_gives_the_same_files() -> None:
    assert list(cases(0)) == []
    assert list(cases(30, 3)) == list(cases(30, 3)) != list(cases(30, 4))


def test_spoilt_settings_are_refused_in_a_line_or_taken_and_tell_no_secret() -> None:
    seen = Seen()
    attack(cases(200, seed=5), seen)
    assert seen.faults == []
    assert all(sum(one[kind] for one in seen.outcomes.values()) for kind in ("taken", "refused"))


def test_the_whole_command_tells_none_either(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, codes = tmp_path / "watch.yaml", set()
    for case in cases(30, seed=6):
        path.write_bytes(case.content)
        result = CliRunner().invoke(cli, ["watch", str(path), "--check"], catch_exceptions=False)
        codes.add(result.exit_code)
        assert MARK not in result.output + caplog.text
    assert codes == {0, 2}


def test_right_settings_are_taken_with_every_secret(tmp_path: Path) -> None:
    path = tmp_path / "watch.yaml"
    for seed in range(30):
        path.write_text(yaml.safe_dump(settings(random.Random(seed))), encoding="utf-8")
        result = CliRunner().invoke(cli, ["watch", str(path), "--check"], catch_exceptions=False)
        assert result.exit_code == 0 and MARK not in result.output


@pytest.mark.parametrize("form", ADDRESSES)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_camera_that_cannot_be_reached_tells_none(
    form: str, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    address = form.format(secret)
    for host in ("192.168.1.20:554", "camera.local:554", "192.168.1.20", "camera"):
        address = address.replace(host, f"127.0.0.1:{free_port()}")
    with (
        pytest.raises(MaskWatchError) as caught,
        open_source(address, RetryPolicy(answer_s=2)) as source,
    ):
        next(source)
    said = "".join(traceback.format_exception(caught.value))
    assert MARK not in said + repr(caught.value) + caplog.text


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:PORT/{MARK}?token={MARK}",
        f"https://exa..mple/{MARK}",
        f"https://no.such.invalid/{MARK}",
        f"http://127.0.0.1:0/{MARK}",
    ],
)
def test_a_webhook_that_cannot_be_told_tells_none(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = url.replace("PORT", str(free_port()))
    config = WebhookConfig("ops", Secret(url), Secret(MARK), timeout_s=2)
    queue = AlertQueue(["ops"])
    queue.add(alert("one"))
    Sender(Webhook(config), queue).step()
    assert caplog.text and MARK not in caplog.text + repr(config) + str(config)


def test_what_counts_as_a_fault() -> None:
    assert wrong_with("taken", ["door: rtsp://***@host/..."]) == ""
    assert "it tells" in wrong_with("taken", [f"door: {MARK}"])
    assert "not one line" in wrong_with("refused", ["watch.yaml: a\nb"])
    assert "not one line" in wrong_with("refused", ["no name"])
    assert "it tells" in wrong_with("refused", ["watch.yaml: a", f"Traceback ... {MARK}"])
    assert wrong_with("other error", ["KeyError()"]) == "KeyError()"
