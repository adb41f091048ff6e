"""What was set on the page: kept beside the store, put over the settings, refused where it must be.

Run: pytest tests/unit/watch/test_page_changes.py
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from support import fakes

from maskwatch.errors import SettingError
from maskwatch.io.settings import Secret
from maskwatch.schema import MaskState
from maskwatch.watch.config import CameraConfig, WatchConfig, WebhookConfig
from maskwatch.watch.hours import Hours
from maskwatch.watch.page_changes import (
    CameraZones,
    PageChanges,
    RuleHours,
    changes_path,
    load_changes,
    save_changes,
    with_changes,
)
from maskwatch.watch.rules import Rule
from maskwatch.watch.status import ASKED_S, LiveView
from maskwatch.watch.zones import Zone, ZoneKind

MAT = Zone("mat", ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0)))
ROAD = Zone('röad: "1"', ((0.0, 0.0), (1.0, 0.0), (1.0, 0.25)), ZoneKind.IGNORE)
WORK = Hours(("mon-fri 07:00-18:00",), "Europe/Berlin", ("2026-12-25",))
CHANGES = PageChanges(
    (CameraZones("door", (MAT, ROAD)), CameraZones("gate", ())),
    (RuleHours("bare", WORK), RuleHours("always", None)),
)


def settings(folder: Path, *rules: Rule, cameras: tuple[str, ...] = ("door",)) -> WatchConfig:
    return WatchConfig(
        tuple(CameraConfig(name, 0, zones=(MAT,)) for name in cameras),
        folder / "s.sqlite3",
        rules or (Rule("bare"), Rule("always", hours=WORK)),
        (WebhookConfig("ops", Secret("https://example.org/")),),
    )


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    config = settings(tmp_path)
    assert load_changes(config) == PageChanges() and with_changes(config) == config
    save_changes(config, CHANGES)
    assert load_changes(config) == CHANGES
    assert changes_path(config) == tmp_path / "s.page.yaml"
    assert changes_path(config).read_text(encoding="utf-8").startswith("# Written by the page")


@pytest.mark.parametrize(
    "name",
    ["2E12", "3e4", ".5e3", "-1e-4", "1_0", "0x1F", "12:30", "yes", "null", "~", "=", "1.5",
     "2026-12-25", "- a", "a: b", "08", "nan", ".inf", "'" * 40 + " till: x"],
)  # fmt: skip
def test_a_name_stays_a_text_whatever_it_looks_like(tmp_path: Path, name: str) -> None:
    config = settings(tmp_path)
    changes = PageChanges((CameraZones(name, (Zone(name, MAT.polygon_xy),)),))
    save_changes(config, changes)
    assert load_changes(config) == changes


def test_where_the_name_of_the_store_is_too_long_for_a_file_nothing_was_set(tmp_path: Path) -> None:
    config = replace(settings(tmp_path), store=tmp_path / ("s" * 300))
    assert load_changes(config) == PageChanges()


def test_they_take_the_place_of_what_the_settings_say(tmp_path: Path) -> None:
    """Also where that is nothing, and cameras that are gone are no mistake."""
    changed = CHANGES.applied(settings(tmp_path))
    assert changed.cameras[0].zones == (MAT, ROAD)
    assert [rule.hours for rule in changed.rules] == [WORK, None]
    assert PageChanges().applied(settings(tmp_path)) == settings(tmp_path)


def test_a_later_change_takes_the_place_of_an_earlier_one() -> None:
    changes = CHANGES.having(CameraZones("door", ())).having(RuleHours("bare", None))
    assert sorted(one.camera for one in changes.zones) == ["door", "gate"]
    assert {one.camera: one.zones for one in changes.zones}["door"] == ()
    assert {one.rule: one.hours for one in changes.hours} == {"bare": None, "always": None}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("zones: [{camera: door, zones: []}]", "rules[0].zones must be names of zones"),
        ("zones: [{camera: door, zones: [{name: a}]}]", "polygon_xy is missing"),
        ("what: 1", "changes: unknown name"),
    ],
)
def test_what_does_not_go_together_names_the_file(tmp_path: Path, content: str, said: str) -> None:
    config = settings(tmp_path, Rule("bare", zones=("mat",)))
    changes_path(config).write_text(content)
    with pytest.raises(SettingError) as caught:
        with_changes(config)
    assert str(changes_path(config)) in str(caught.value) and said in str(caught.value)
    assert str(caught.value).count(str(changes_path(config))) == 1


GROWING = "a: &a [1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{to}: &{to} [{', '.join([f'*{of}'] * 8)}]\n" for of, to in pairwise("abcdefgh")
)
ZONE = "zones: [{{camera: door, zones: [{{name: a, polygon_xy: {}}}]}}]"
HOURS = "hours: [{{rule: bare, hours: {{weekly: [{}], time_zone: {}}}}}]"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"null",
        b"hello",
        b"[1, 2]",
        b"zones:\n\t- x",
        b"zones: []\n# \xe9",
        "zones: []".encode("utf-16"),
        b"zones: &z [*z]",
        b"zones: " + b"[" * 500,
        b"zones: !!python/object/apply:os.system ['false']",
        GROWING.encode(),
        ZONE.format("[[.nan, 0], [1, 0], [1, 1]]").encode(),
        ZONE.format("[[.inf, 0], [1, 0], [1, 1]]").encode(),
        ZONE.format("[[0, 0], [0, 0], [0, 0]]").encode(),
        HOURS.format("2026-01-01", "Asia/Jakarta").encode(),
        HOURS.format("'mon 07:00-18:00'", "../../../etc/passwd").encode(),
        HOURS.format("'mon 07:00-18:00'", "a" * 5000).encode(),
    ],
)
def test_a_file_broken_by_hand_is_one_line_and_no_start(tmp_path: Path, content: bytes) -> None:
    """Without a zone to ignore, people would be seen who are not to be."""
    config = settings(tmp_path, Rule("bare"))
    changes_path(config).write_bytes(content)
    with pytest.raises(SettingError) as caught:
        with_changes(config)
    said = str(caught.value)
    assert said.startswith(str(changes_path(config))) and "\n" not in said and len(said) < 400


def test_a_frame_is_held_only_while_somebody_asks() -> None:
    now_s = [0.0]
    view = LiveView(lambda: now_s[0])
    judged = fakes.judged(fakes.report(fakes.tracked(MaskState.NO_MASK)))
    view.offer(judged)
    assert view.picture(100) is None  # nobody had asked before
    view.offer(judged)
    marked, plain = view.picture(100), view.picture(100, plain=True)
    assert marked and plain and marked.content != plain.content
    view.offer(judged, (Zone("all", ((0, 0), (1, 0), (1, 1), (0, 1)), ZoneKind.IGNORE),))
    assert view.picture(100) != marked and view.picture(100, plain=True) == plain
    view.clear()
    assert view.picture(100) is None
    view.offer(judged)
    assert view.picture(100)
    now_s[0] += ASKED_S
    view.offer(judged)
    assert view.picture(100) is None
