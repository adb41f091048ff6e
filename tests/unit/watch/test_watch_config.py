"""Settings of `maskwatch watch`: every mistake is one line that names the key; no password shows.

Run: pytest tests/unit/watch/test_watch_config.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from maskwatch.cli.main import cli
from maskwatch.errors import SettingError
from maskwatch.schema import MaskState
from maskwatch.store.statistics import CLAIMED
from maskwatch.watch.config import WatchConfig, load_config
from maskwatch.watch.pictures import PictureKind

DOOR: dict[str, Any] = {"name": "door", "source": "rtsp://user:${PASSWORD}@10.0.0.5/1"}
GATE: dict[str, Any] = {"name": "west gate", "source": 0}
HOOK = {"name": "ops", "url": "https://example.org/hook/${TOKEN}", "secret": "${SECRET}"}
RULE = {"name": "bare"}
KEY = "p4ss" * 5
MAT = {"name": "mat", "polygon_xy": [[0.1, 0.5], [0.9, 0.5], [0.9, 1]]}
ROAD = {"name": "road", "polygon_xy": [[0, 0], [1, 0], [1, 0.3]], "kind": "ignore"}
MQTT = {"host": "broker.local", "username": "${USER_NAME}", "password": "${PASSWORD}"}
VARIABLES = {
    "PASSWORD": "p4ss",
    "TOKEN": "t0ken",
    "SECRET": "s3cret",
    "USER_NAME": "watcher",
    "EMPTY": "",
}
SECRETS = ("p4ss", "t0ken", "s3cret", "watcher")

Settings = dict[str, Any]


def settings(**more: Any) -> Settings:
    whole = {"cameras": [DOOR, GATE], "rules": [RULE], "webhooks": [HOOK], "mqtt": MQTT}
    return {key: value for key, value in {**whole, **more}.items() if value is not None}


def load(tmp_path: Path, content: object) -> WatchConfig:
    (tmp_path / "watch.yaml").write_text(yaml.safe_dump(content))
    return load_config(tmp_path / "watch.yaml", VARIABLES)


def check(tmp_path: Path, content: object, **variables: str) -> Result:
    (tmp_path / "watch.yaml").write_text(yaml.safe_dump(content))
    command = ["watch", str(tmp_path / "watch.yaml"), "--check"]
    return CliRunner().invoke(cli, command, env={**VARIABLES, **variables}, catch_exceptions=False)


def test_the_least_that_can_be_said(tmp_path: Path) -> None:
    config = load(tmp_path, {"cameras": [GATE]})
    (camera,) = config.cameras
    assert (camera.name, camera.address, camera.steadiness) == ("west gate", "0", 0.5)
    assert config.evidence is config.mqtt is config.store is None
    assert config.rules == config.webhooks == config.sinks == ()


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    rule = {
        "name": "bare",
        "cameras": ["door"],
        "states": ["incorrect_mask"],
        "min_duration_s": 5,
        "cool_down_s": 1e3,
        "all_clear": True,
        "zones": ["mat"],
        "min_stay_s": 4,
        "min_people": 2,
        "hours": {"weekly": ["mon-fri 07:00-18:00"], "time_zone": "Europe/Berlin",
                  "holidays": ["2026-12-25"]},
    }  # fmt: skip
    config = load(
        tmp_path,
        settings(
            cameras=[{**DOOR, "zones": [MAT, ROAD]}, GATE],
            rules=[rule],
            store="some/where.sqlite3",
            evidence={"folder": "crops", "keep_days": 3},
            status_every_s=5,
            queue_limit=7,
            webhooks=[{**HOOK, "timeout_s": 3}],
            mqtt={**MQTT, "tls": True, "port": 9, "topic": "a/b", "discovery": "ha"},
        ),
    )
    assert config.cameras[0].address == "rtsp://user:p4ss@10.0.0.5/1"
    assert [zone.kind for zone in config.cameras[0].zones] == ["include", "ignore"]
    assert config.rules[0].hours and config.rules[0].hours.time_zone == "Europe/Berlin"
    assert config.rules[0].states == (MaskState.INCORRECT_MASK,)
    assert config.rules[0].concerns("door") and not config.rules[0].concerns("west gate")
    assert config.webhooks[0].url == "https://example.org/hook/t0ken"
    assert config.webhooks[0].secret == "s3cret"
    assert config.mqtt and config.mqtt.address == ("broker.local", 9)
    assert config.evidence and config.evidence.folder == Path("crops")
    assert config.sinks == ("ops", "mqtt")
    assert not any(secret in repr(config) for secret in SECRETS)


def test_a_tilde_is_the_folder_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    content = settings(
        store="~/s.sqlite3",
        evidence={"folder": "~/crops", "keep_days": 3},
        corrections={"folder": "right/~"},
    )
    config = load(tmp_path, content)
    assert config.store == tmp_path / "home" / "s.sqlite3"
    assert config.evidence and config.evidence.folder == tmp_path / "home" / "crops"
    assert config.corrections and config.corrections.folder == Path("right/~")


def test_dates_without_quotes_are_dates(tmp_path: Path) -> None:
    path = tmp_path / "watch.yaml"
    path.write_text(
        "cameras: [{name: door, source: 0}]\n"
        "webhooks: [{name: ops, url: 'https://example.org/'}]\n"
        "rules:\n"
        "  - name: bare\n"
        "    hours: {weekly: [mon-fri 07:00-18:00, sat 08:00-13:00], holidays: [2026-12-25]}\n"
    )
    hours = load_config(path).rules[0].hours
    assert hours and hours.holidays == ("2026-12-25",) and len(hours.weekly) == 2


MISTAKES: list[tuple[object, str]] = [
    (None, "settings must be a mapping"),
    ([], "settings must be a mapping"),
    ({}, "cameras is missing"),
    ({"cameras": []}, "cameras must name at least one"),
    ({"cameras": "door"}, "cameras must be a list"),
    (settings(camera=[]), "settings: unknown name, perhaps for cameras; known are cameras, store"),
    (settings(cameras=[{"name": "door"}]), r"cameras\[0\]\.source is missing"),
    (settings(cameras=[DOOR, {"source": 0}]), r"cameras\[1\]\.name is missing"),
    (settings(cameras=[DOOR, {**GATE, "name": "a/b"}]), r"cameras\[1\]\.name must be 1 to 64"),
    (settings(cameras=[DOOR, {**GATE, "name": "<b>gate"}]), r"cameras\[1\]\.name must be 1 to 64"),
    (settings(cameras=[{**DOOR, "zones": [{**MAT, "name": f"mat {n}"} for n in range(51)]}]),
     r"cameras\[0\]\.zones must be 50 at most"),
    (settings(cameras=[DOOR, {**GATE, "name": 3}]), r"cameras\[1\]\.name must be text"),
    (settings(cameras=[{**DOOR, "source": ""}]), r"cameras\[0\]\.source must be a camera"),
    (
        settings(cameras=[{**DOOR, "source": "ftp://u:p4ss@host/"}]),
        r"cameras\[0\]\.source: ftp://\*\*\*@host/: no kind of stream",
    ),
    (settings(cameras=[{**DOOR, "source": "${NOPE}"}]),
     r"cameras\[0\]\.source: the environment has no variable NOPE"),
    (settings(cameras=[{**DOOR, "steadiness": 2}]), r"cameras\[0\]\.steadiness must be 0 to 1"),
    (settings(cameras=[DOOR, DOOR]), r"cameras\[1\]\.name is there twice"),
    (settings(cameras=[DOOR, {**GATE, "name": "Door"}]), r"cameras\[1\]\.name is there twice"),
    (settings(cameras=[{**DOOR, "zones": [MAT, MAT]}]),
     r"cameras\[0\]\.zones\[1\]\.name is there twice"),
    (settings(cameras=[{**DOOR, "zones": [{**MAT, "polygon_xy": [[0, 0]]}]}]),
     r"cameras\[0\]\.zones\[0\]\.polygon_xy must be 3 to 50 corners"),
    (settings(cameras=[{**DOOR, "zones": [{**MAT, "kind": "blur"}]}]),
     r"cameras\[0\]\.zones\[0\]\.kind must be one of include, ignore"),
    (settings(rules=[{**RULE, "zones": ["mat"]}]), r"rules\[0\]\.zones must be names of zones"),
    (settings(cameras=[{**DOOR, "zones": [ROAD]}], rules=[{**RULE, "zones": ["road"]}]),
     r"rules\[0\]\.zones must be names of zones that its cameras look at"),
    (settings(cameras=[{**DOOR, "zones": [MAT]}, GATE],
              rules=[{**RULE, "zones": ["mat"], "cameras": ["west gate"]}]),
     r"rules\[0\]\.zones must be names of zones"),
    (settings(rules=[{**RULE, "hours": {"weekly": ["always"]}}]),
     r"rules\[0\]\.hours\.weekly\[0\] must be such as mon-fri"),
    (settings(rules=[{**RULE, "min_people": 0}]), r"rules\[0\]\.min_people must be 1 to 100"),
    (settings(rules=[{**RULE, "min_stay_s": -1}]), r"rules\[0\]\.min_stay_s must be 0 to"),
    (settings(webhooks=[{**HOOK, "picture": True}]),
     r"webhooks\[0\]\.picture must be false, for no evidence is kept"),
    (settings(mqtt={**MQTT, "picture": True}), r"mqtt\.picture must be false"),
    (settings(evidence={"folder": "e", "keep_days": 1, "picture": "sharp"}),
     r"evidence\.picture must be one of coarse, blurred, whole"),
    (settings(page={}), r"page\.owner_keys must be at least one key"),
    (settings(page={"owner_keys": ["p4ss"]}), r"page\.owner_keys\[0\] must be 20 characters"),
    *((settings(page={"viewer_keys": [KEY, odd]}),
       r"page\.viewer_keys\[1\] must be 20 characters or more, of ASCII and without spaces around$")
      for odd in (f" {KEY}", f"{KEY}\n", f"{KEY}\u00e9", f"p4ss\t{KEY}")),
    (settings(page={"owner_keys": [KEY], "viewer_keys": [KEY]}),
     r"page\.viewer_keys must be other keys"),
    *((settings(page={"owner_keys": [KEY], "url": url}), r"page\.url must be an https://")
      for url in ("cameras.local", "https://", "https:///cameras", "https://[::1")),
    (settings(rules=[{}]), r"rules\[0\]\.name is missing"),
    (settings(rules=[RULE, RULE]), r"rules\[1\]\.name is there twice"),
    (settings(rules=[{**RULE, "states": ["mask"]}]), r"rules\[0\]\.states must be some of no_mask"),
    (settings(rules=[{**RULE, "states": ["bare"]}]),
     r"rules\[0\]\.states\[0\] must be one of mask, no_mask"),
    (settings(rules=[{**RULE, "cameras": ["roof"]}]),
     r"rules\[0\]\.cameras must be names of cameras that are"),
    (settings(rules=[{**RULE, "min_duration_s": "long"}]),
     r"rules\[0\]\.min_duration_s must be a number"),
    (settings(rules=[{**RULE, "cool_down_s": -1}]), r"rules\[0\]\.cool_down_s must be 0 to"),
    (settings(rules=[{**RULE, "all_clear": "yes"}]), r"rules\[0\]\.all_clear must be true or"),
    (settings(webhooks=None, mqtt=None), "rules: nobody is told; give webhooks, apprise or mqtt"),
    (settings(rules=None), "webhooks: nothing is told; give rules"),
    (settings(webhooks=[{"name": "ops"}]), r"webhooks\[0\]\.url is missing"),
    (settings(webhooks=[HOOK, HOOK]), r"webhooks\[1\]\.name is there twice"),
    (settings(webhooks=[{**HOOK, "name": "mqtt"}]), r"webhooks\[0\]\.name is there twice"),
    (settings(webhooks=[{**HOOK, "url": "example.org/t0ken"}]),
     r"webhooks\[0\]\.url is no address$"),
    (settings(webhooks=[{**HOOK, "url": "https://a b/t0ken"}]),
     r"webhooks\[0\]\.url is no address$"),
    (settings(webhooks=[{**HOOK, "url": "https://host:port/t0ken"}]),
     r"webhooks\[0\]\.url is no address$"),
    (settings(webhooks=[{**HOOK, "url": "http://example.org/t0ken"}]),
     r"webhooks\[0\]\.url must begin with https:// \(http:// only on this machine\)$"),
    (settings(webhooks=[{**HOOK, "url": "https://u:p4ss@example.org/"}]),
     r"webhooks\[0\]\.url must hold no password; sign with secret instead$"),
    *((settings(webhooks=[{**HOOK, "url": f"https://{host}/x"}]),
       r"webhooks\[0\]\.url must be an address whose host can have that name$")
      for host in ("exa..mple.org", "a" * 64 + ".org", "ab." * 99 + "org", "exa..m\u00fcple.org")),
    *((settings(mqtt={"host": host}), "mqtt.host must be the name or number of a machine")
      for host in ("", "exa..mple", "a" * 64, "two words")),
    (settings(webhooks=[{**HOOK, "url": "https://example.org/\x07"}]),
     r"webhooks\[0\]\.url is no address$"),
    (settings(webhooks=[{**HOOK, "secret": 12345}]), r"webhooks\[0\]\.secret must be text, in"),
    *((settings(webhooks=[{**HOOK, "secret": f"whsec_{key}"}]),
       r"webhooks\[0\]\.secret must be the key itself, or whsec_ and all of the key in base64$")
      for key in ("", "12345", "12_-", "MTIz NDU2", "\u00e9\u00e9\u00e9\u00e9")),
    (settings(webhooks=[{**HOOK, "secret": "${EMPTY}"}]),
     r"webhooks\[0\]\.secret: the environment has an empty variable EMPTY$"),
    (settings(webhooks=[{**HOOK, "timeout_s": 0}]), r"webhooks\[0\]\.timeout_s must be 0.1 to 60"),
    (settings(mqtt={}), "mqtt.host is missing"),
    (settings(mqtt={"host": "mqtt://u:p4ss@h"}), "mqtt.host must be the name or number of a"),
    (settings(mqtt={**MQTT, "port": 99999}), "mqtt.port must be 1 to 65535"),
    (settings(mqtt={**MQTT, "topic": "a/#"}), r"mqtt\.topic must be a topic without"),
    (settings(mqtt={**MQTT, "discovery": "/a"}), r"mqtt\.discovery must be a topic without"),
    *((settings(mqtt={**MQTT, name: "ä" * 32_768}), rf"mqtt\.{name} must be 60,000 bytes or fewer")
      for name in ("topic", "discovery", "username", "password")),
    (settings(mqtt={"host": "h", "password": "${PASSWORD}"}), r"mqtt\.username is missing"),
    (settings(evidence={"folder": "crops"}), r"evidence\.keep_days is missing"),
    (settings(evidence={"folder": "crops", "keep_days": 0}), r"evidence\.keep_days must be 0\.01"),
    (settings(evidence=True), "evidence must be a mapping"),
    (settings(corrections={}), r"corrections\.folder is missing"),
    (settings(corrections={"folder": "c", "keep_days": 0}),
     r"corrections\.keep_days must be 0\.01"),
    (settings(status_every_s=0), "status_every_s must be 0.1 to 3600"),
    (settings(queue_limit=0), "queue_limit must be 1 to 100000"),
    (settings(store=3), "store must be text"),
    (settings(store="~nobody-of-this-name/s.sqlite3"), "store must be a path whose ~ is"),
    (settings(corrections={"folder": "~nobody-of-this-name"}),
     r"corrections\.folder must be a path"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), MISTAKES)
def test_a_mistake_is_one_line_that_names_the_key(
    tmp_path: Path, content: object, message: str
) -> None:
    with pytest.raises(SettingError, match=rf"watch\.yaml:(\d+:)? {message}") as caught:
        load(tmp_path, content)
    assert "\n" not in str(caught.value)
    # what ends with a wrong host is no secret; all that is one stays one
    assert not any(secret in str(caught.value) for secret in ("t0ken", "s3cret", "12345"))


@pytest.mark.parametrize("name", ["evidence", "corrections"])
def test_a_folder_that_is_a_file_or_would_be_in_one_is_told_at_once(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "notes").write_text("no folder")
    (tmp_path / "kept").mkdir()
    for folder in ("notes", "notes/deep/er"):
        content = settings(**{name: {"folder": str(tmp_path / folder), "keep_days": 3}})
        result = check(tmp_path, content)
        assert (result.exit_code, result.stdout) == (2, "")
        line = (tmp_path / "watch.yaml").read_text().split("folder:")[0].count("\n") + 1
        reason = f"{name}.folder must be a folder, not a file or a place inside one"
        assert result.stderr == f"Error: {tmp_path / 'watch.yaml'}:{line}: {reason}\n"
    for folder in ("kept", "kept/deep/er"):
        content = settings(**{name: {"folder": str(tmp_path / folder), "keep_days": 3}})
        assert check(tmp_path, content).exit_code == 0


def test_a_mistake_is_exit_code_2(tmp_path: Path) -> None:
    result = check(tmp_path, settings(queue_limit=0))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1


def test_check_says_what_would_be_done_and_no_password(tmp_path: Path) -> None:
    evidence = {"folder": str(tmp_path / "crops"), "keep_days": 3}
    store = str(tmp_path / "s.sqlite3")
    result = check(tmp_path, settings(evidence=evidence, store=store))
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "cameras:",
        "  door: rtsp://***@10.0.0.5/...",
        "  west gate: 0",
        f"events and counts: {store}",
        f"evidence: a coarse picture of each violation in {tmp_path / 'crops'}, "
        "deleted after 3 days",
        "alerts:",
        "  bare: no_mask or incorrect_mask for 2 s at every camera, then silent for 60 s",
        "alerts go to: ops: https://example.org/..., signed",
        "alerts go to: mqtt: broker.local:1883, without TLS and a user name, topics maskwatch/...",
    ]
    assert list(tmp_path.iterdir()) == [tmp_path / "watch.yaml"]


def test_check_says_where_it_looks_when_it_tells_and_who_may_see_it(tmp_path: Path) -> None:
    hours = {"weekly": ["mon-fri 07:00-18:00"], "holidays": ["2026-12-25"]}
    rule = {**RULE, "zones": ["mat"], "min_people": 2, "min_stay_s": 4, "hours": hours}
    whole = settings(
        cameras=[{**DOOR, "zones": [MAT, ROAD]}],
        rules=[rule],
        webhooks=[{**HOOK, "picture": True}],
        mqtt=None,
        apprise=[{"name": "guard", "url": "ntfys://${TOKEN}"}],
        evidence={"folder": "crops", "keep_days": 3, "picture": "blurred"},
        page={"owner_keys": [KEY], "viewer_keys": [KEY.upper(), KEY.title()]},
    )
    result = check(tmp_path, whole)
    assert (result.exit_code, result.stderr) == (0, "")
    said = result.stdout.splitlines()
    assert said[1] == "  door: rtsp://***@10.0.0.5/...; zones: mat (include), road (ignore)"
    assert said[3] == "evidence: a blurred picture of each violation in crops, deleted after 3 days"
    assert said[5:] == [
        "  bare: 2 people with no_mask or incorrect_mask for 2 s at every camera, zone mat, once "
        "they have stayed 4 s, then silent for 60 s, only mon-fri 07:00-18:00 (this computer's "
        "time) but on 2026-12-25",
        "alerts go to: ops: https://example.org/..., signed, with pictures",
        "alerts go to: guard: ntfys:, by Apprise",
        "page, with --page: keys of owners: 1, of viewers: 2",
    ]
    assert not any(secret in result.stdout for secret in SECRETS)


@pytest.mark.parametrize("kind", [None, *PictureKind])
def test_answers_are_corrected_only_where_whole_pictures_are_kept(
    tmp_path: Path, kind: PictureKind | None
) -> None:
    evidence = kind and {"folder": "crops", "keep_days": 3, "picture": kind.value}
    content = settings(evidence=evidence, corrections={"folder": "right"})
    assert load(tmp_path, content).is_correctable == (kind is PictureKind.WHOLE)
    assert not load(tmp_path, settings(evidence=evidence)).is_correctable
    (said,) = [one for one in check(tmp_path, content).stdout.splitlines() if "corrections" in one]
    assert ("none" in said) == (kind is not PictureKind.WHOLE)
    assert said.endswith("in right, deleted after 90 days")


def test_check_of_the_least(tmp_path: Path) -> None:
    result = check(tmp_path, {"cameras": [GATE], "store": "s.sqlite3"})
    assert result.stdout.splitlines()[2:] == [
        "events and counts: s.sqlite3",
        "evidence: none is kept",
        "alerts: none",
    ]


def test_help_tells_of_evidence() -> None:
    words = " ".join(CliRunner().invoke(cli, ["watch", "--help"]).stdout.split())
    assert "No picture is kept unless the settings have `evidence`, with a folder and" in words


def test_no_camera_is_called_like_what_visitors_browsers_count(tmp_path: Path) -> None:
    done = check(tmp_path, settings(cameras=[{**GATE, "name": CLAIMED}]))
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "cameras[0].name must be another" in done.stderr
