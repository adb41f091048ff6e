"""The page of `maskwatch watch` over HTTP: who may see and set what, and what becomes of it.

Run: pytest tests/process/test_watch_page.py
"""

from __future__ import annotations

import io
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPMessage
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from PIL import Image
from support.ports import free_port
from support.toy_detector import face_box
from support.waiting import LIMIT_S, until
from test_cli_watch import BARE, BARE_AT, RULE, Running, camera, named, networks, watching

from maskwatch.cli.main import cli
from maskwatch.schema import FaceVerdict, MaskState
from maskwatch.store.corrections import NO_FACE, CorrectionStore
from maskwatch.web.camera_page import POLICY

__all__ = ["networks"]

OWNER, VIEWER = "owner" * 5, "viewer" * 5
KEYS = {"owner_keys": [OWNER], "viewer_keys": [VIEWER]}
EVERYTHING = [[0, 0], [1, 0], [1, 1], [0, 1]]
CORNER = [[0, 0], [0.02, 0], [0.02, 0.02]]


@dataclass
class Answer:
    status: int
    headers: HTTPMessage
    content: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.content)


@dataclass
class Site:
    """The page of a program that watches a door with a bare face, and a gate that is not there."""

    url: str
    program: Running
    folder: Path

    def ask(self, path: str, key: str | None = OWNER, body: object = None) -> Answer:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        content = None if body is None else json.dumps(body).encode()
        method = "GET" if body is None else "PUT"
        request = urllib.request.Request(self.url + path, content, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_S) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def door(self) -> dict[str, Any]:
        return self.ask("/api/cameras").document[0]

    def event(self, key: str = OWNER) -> dict[str, Any]:
        """The first one, of the face at the door."""
        found: dict[str, Any] = self.ask("/api/events?state=no_mask", key).document[-1]
        return found

    def correct(self, event_id: str, shows: str | None, key: str | None = OWNER) -> Answer:
        return self.ask("/api/correction", key, {"event": event_id, "shows": shows})

    def set_zones(self, *zones: dict[str, Any], camera: str = "door") -> Answer:
        return self.ask("/api/zones", body={"camera": camera, "zones": list(zones)})


@pytest.fixture(scope="module")
def site(networks: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with camera(BARE) as address:
        settings: dict[str, Any] = {
            "cameras": [named("door", address), named("gate", f"http://127.0.0.1:{free_port()}/")],
            "rules": [RULE],
            "webhooks": [{"name": "ops", "url": f"http://127.0.0.1:{free_port()}/"}],
            "evidence": {"folder": str(folder / "evidence"), "keep_days": 3, "picture": "whole"},
            "corrections": {"folder": str(folder / "right"), "keep_days": 2},
            "page": KEYS,
        }
        with watching(networks, folder, ["--page", "0"], **settings) as program:
            one = Site(program.page(), program, folder)
            until(lambda: one.door()["in_view"]["no_mask"] == 1)
            until(lambda: one.ask("/api/events").document)
            yield one


@pytest.mark.parametrize("key", [None, "", "wrong" * 5, OWNER + "x"])
def test_without_a_key_nothing_is_told(site: Site, key: str | None) -> None:
    for path in ("about", "cameras", "still?camera=door", "events", "picture?event=1", "counts"):
        answer = site.ask(f"/api/{path}", key)
        assert answer.status == 401 and b"door" not in answer.content
    assert site.ask("/api/zones", key, {"camera": "door", "zones": []}).status == 401
    assert site.correct("1", None, key).status == 401


def test_the_files_of_the_page_are_open_and_load_nothing_from_elsewhere(site: Site) -> None:
    paths = (
        "/",
        "/page.js",
        "/sw.js",
        "/style.css",
        "/lib/text.js",
        "/words/id.json",
        "/about.json",
    )
    for path in paths:
        answer = site.ask(path, None)
        assert answer.status == 200 and answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert b"http" not in site.ask("/", None).content
    for path in ("/nothing", "/../config.py", "/api/nothing"):
        assert site.ask(path).status == 404
    assert site.ask("/api/events", body={}).status == 405


def test_a_viewer_sees_counts_and_events_but_no_picture_and_sets_nothing(site: Site) -> None:
    about = site.ask("/api/about", VIEWER).document
    assert about["role"] == "viewer" and about["picture"] == "whole" and about["keep_days"] == 3
    assert site.ask("/api/events", VIEWER).document[0]["camera"] == "door"
    assert len(site.ask("/api/cameras", VIEWER).document) == 2
    event_id = site.ask("/api/events", VIEWER).document[0]["id"]
    for path in ("/api/still?camera=door", f"/api/picture?event={event_id}"):
        assert site.ask(path, VIEWER).status == 403
    for path in ("/api/zones", "/api/hours"):
        assert site.ask(path, VIEWER, {"camera": "door", "zones": []}).status == 403
    assert site.ask("/api/about").document["role"] == "owner"


def test_how_cameras_fare(site: Site) -> None:
    door = until(lambda: (one := site.door())["violation"] and one)  # not just after a stop
    assert door["condition"] == "live" and door["rate_fps"] > 0
    _, gate = site.ask("/api/cameras").document
    assert (gate["name"], gate["condition"], gate["rate_fps"]) == ("gate", "lost", 0)
    assert "refused" in gate["trouble"] and not any(gate["in_view"].values())


def test_what_a_camera_sees_is_there_once_it_was_asked_for(site: Site) -> None:
    answer = until(lambda: (one := site.ask("/api/still?camera=door&px=160")).content and one)
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Cache-Control"] == "no-store"
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert max(picture.size) == 160
    assert site.ask("/api/still?camera=gate").status == 204
    assert site.ask("/api/still?camera=roof").status == 404
    assert site.ask("/api/still?camera=door&px=1e9").status == 422


def test_events_are_filtered_and_have_their_picture(site: Site) -> None:
    # a picture is written by a thread of its own, after its event
    event = until(lambda: (one := site.event())["picture"] and one)
    assert event["new_state"] == "no_mask"
    assert site.ask("/api/events?camera=door&state=no_mask").document[-1] == event
    answer = site.ask(f"/api/picture?event={event['id']}")
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.size == BARE.shape[1::-1]
    assert site.ask(f"/api/events?event={event['id']}").document == [event]
    before = site.ask(f"/api/events?before={event['time_s']}").document
    assert event["id"] not in [one["id"] for one in before]
    for nothing in ("camera=gate", "state=mask", "before=5", "event=1"):
        assert site.ask(f"/api/events?{nothing}").document == []
    for wrong in ("state=angry", "before=yesterday"):
        assert site.ask(f"/api/events?{wrong}").status == 422
    assert site.ask("/api/picture?event=1").status == 204


@pytest.mark.parametrize("shows", [*MaskState, NO_FACE])
def test_an_owner_says_what_a_face_shows_and_takes_it_back(site: Site, shows: str) -> None:
    event = until(lambda: (one := site.event())["correctable"] and one)
    store = CorrectionStore(site.folder / "right", 2)
    assert event["corrected"] is None and site.ask("/api/about").document["correction_days"] == 2
    assert site.correct(event["id"], "mask").status == 204
    assert site.correct(event["id"], shows).status == 204  # takes the place of the first
    (kept,) = store.entries()
    assert (kept.source, kept.event_id, kept.answered) == ("door", event["id"], MaskState.NO_MASK)
    assert kept.right == (None if shows == NO_FACE else shows)
    with Image.open(store.picture_path(kept)) as picture:
        seen = np.asarray(picture.crop(tuple(map(round, kept.box_xyxy)))).astype(int)
    face = face_box(*BARE_AT)
    left, top, right, bottom = map(round, face)
    # as the camera sent it, which is JPEG: nothing is drawn round the face, that would tell
    assert np.abs(seen - BARE[top:bottom, left:right]).mean() < 8
    assert site.event()["corrected"] == shows
    viewed = site.event(VIEWER)
    assert viewed["corrected"] is None and not viewed["correctable"]
    assert site.correct(event["id"], None).status == 204
    assert store.entries() == [] and site.event()["corrected"] is None


def test_a_correction_that_is_none_changes_nothing(site: Site) -> None:
    event_id = until(lambda: (one := site.event())["correctable"] and one)["id"]
    assert site.correct(event_id, "mask", VIEWER).status == 403
    for wrong_id, shows in ((event_id, "angry"), (event_id[::-1], "mask"), ("../x", "no_face")):
        assert site.correct(wrong_id, shows).status == 422
    assert site.ask("/api/correction", body={"event": event_id}).status == 422
    assert CorrectionStore(site.folder / "right", 2).entries() == []


def test_a_folder_that_cannot_be_used_leaves_the_events(site: Site) -> None:
    event_id = until(lambda: (one := site.event())["correctable"] and one)["id"]
    records = site.folder / "right" / "records"
    records.mkdir(parents=True, exist_ok=True)
    aside = records.rename(records.with_name("aside"))
    records.write_text("no folder")
    try:
        answer = site.correct(event_id, "mask")
        assert answer.status == 503 and "records: cannot be read" in answer.document["detail"]
        assert site.event()["corrected"] is None
    finally:
        records.unlink()
        aside.rename(records)


def test_counts_of_each_camera_stand_beside_each_other(site: Site) -> None:
    def counts() -> Any:
        return site.ask("/api/counts?hours=24").document

    door, gate = until(lambda: (told := counts())[0]["people"]["no_mask"] and told)
    assert door["face_s"]["no_mask"] > 0 and door["people"]["mask"] == 0
    assert gate["camera"] == "gate" and not any(gate["people"].values())
    assert site.ask("/api/counts?hours=0").status == 422


def test_zones_hold_at_once_and_after_a_new_start(site: Site) -> None:
    ignored = {"name": "all", "polygon_xy": EVERYTHING, "kind": "ignore"}
    assert site.set_zones(ignored).status == 204
    until(lambda: not any(site.door()["in_view"].values()))
    # painted over in what is shown, but not where zones are drawn
    for plain, covered in (("", True), ("&plain", False)):
        path = f"/api/still?camera=door{plain}"
        content = until(lambda path=path: site.ask(path).content)
        with Image.open(io.BytesIO(content)) as picture:
            assert (np.abs(np.asarray(picture).astype(int) - 128) < 8).all() == covered
    assert site.ask("/api/about").document["cameras"][0]["zones"][0]["name"] == "all"
    (path,) = site.folder.glob("*.page.yaml")
    assert yaml.safe_load(path.read_text())["zones"][0]["camera"] == "door"
    checked = CliRunner().invoke(cli, ["watch", str(site.folder / "watch.yaml"), "--check"])
    assert "zones: all (ignore)" in checked.output
    assert site.set_zones().status == 204
    until(lambda: site.door()["in_view"]["no_mask"] == 1)


def test_hours_hold_and_are_taken_back(site: Site) -> None:
    hours = {"weekly": ["mon 00:00-00:01"], "time_zone": "Asia/Jakarta", "holidays": ["2026-12-25"]}
    assert site.ask("/api/hours", body={"rule": "bare", "hours": hours}).status == 204
    assert site.ask("/api/about").document["rules"] == [{"name": "bare", "hours": hours}]
    checked = CliRunner().invoke(cli, ["watch", str(site.folder / "watch.yaml"), "--check"])
    assert "only mon 00:00-00:01 (Asia/Jakarta) but on 2026-12-25" in checked.output
    assert site.ask("/api/hours", body={"rule": "bare", "hours": None}).status == 204
    assert site.ask("/api/about").document["rules"][0]["hours"] is None


@pytest.mark.parametrize(
    ("path", "body", "said", "kind"),
    [
        ("zones", {"camera": "roof", "zones": []}, "camera: there is none of this", "unusable"),
        ("zones", {"camera": "door"}, "zones is missing", "zones"),
        ("zones", [], "zones must be a mapping", "unusable"),
        ("zones", {"camera": "door", "zones": [{"name": "a/b", "polygon_xy": CORNER}]},
         "zones[0].name must be 1 to 64", "zone_name"),
        ("zones", {"camera": "door", "zones": [{"name": "a", "polygon_xy": [[0, 0]]}]},
         "zones[0].polygon_xy must be 3 to 50 corners", "zone_shape"),
        ("zones", {"camera": "door", "zones": [{"name": "a", "polygon_xy": CORNER}] * 2},
         "is there twice", "zone_name"),
        ("hours", {"rule": "none", "hours": None}, "rule: there is none of this name", "unusable"),
        ("hours", {"rule": "bare", "hours": {"weekly": ["always"]}},
         "hours.weekly[0] must be such as", "weekly"),
        ("hours", {"rule": "bare", "hours": {"weekly": ["mon 07:00-08:00"], "time_zone": "here"}},
         "hours.time_zone must be a name", "time_zone"),
        ("hours", {"rule": "bare", "hours": {"weekly": ["mon 07:00-08:00"], "holidays": ["may"]}},
         "hours.holidays[0] must be a day", "holidays"),
    ],
)  # fmt: skip
def test_what_cannot_be_set_changes_nothing(
    site: Site, path: str, body: object, said: str, kind: str
) -> None:
    before = site.ask("/api/about").document
    answer = site.ask(f"/api/{path}", body=body)
    assert answer.status == 422 and said in answer.document["detail"]
    assert answer.document["type"] == kind
    assert site.ask("/api/about").document == before


def test_a_body_that_is_too_long_is_refused(site: Site) -> None:
    assert site.ask("/api/zones", body={"camera": "x" * 200_000, "zones": []}).status == 413


def test_the_page_ends_with_the_program(networks: list[str], tmp_path: Path) -> None:
    with camera(BARE) as address:
        settings = {"cameras": [named("door", address)], "page": KEYS}
        with watching(networks, tmp_path, ["--page", "0"], **settings) as program:
            one = Site(program.page(), program, tmp_path)
            until(lambda: one.door()["condition"] == "live")
            assert program.end() == 0
            assert program.errors.count("\n") == 1


@pytest.mark.parametrize("kind", ["coarse", "blurred", None])
def test_less_than_a_whole_picture_is_not_corrected_but_old_corrections_go(
    networks: list[str], tmp_path: Path, kind: str | None
) -> None:
    face = FaceVerdict((40.0, 40.0, 90.0, 90.0), 0.9, MaskState.MASK, 0.8, {})
    old = CorrectionStore(tmp_path / "right", 90, now_s=lambda: time.time() - 3 * 86_400)
    picture = old.picture_path(old.keep(BARE, face, MaskState.MASK, "door", "toy"))
    evidence = {"folder": str(tmp_path / "evidence"), "keep_days": 3, "picture": kind}
    with camera(BARE) as address:
        settings = {
            "cameras": [named("door", address)],
            "corrections": {"folder": str(tmp_path / "right"), "keep_days": 2},
            "page": KEYS,
            **({"evidence": evidence} if kind else {}),
        }
        with watching(networks, tmp_path, ["--page", "0"], **settings) as program:
            one = Site(program.page(), program, tmp_path)
            until(lambda: not picture.exists())
            event = until(lambda: (found := one.ask("/api/events").document) and found[0])
            assert one.ask("/api/about").document["correction_days"] is None
            assert not event["correctable"] and not (tmp_path / "evidence" / "faces").exists()
            assert one.correct(event["id"], "mask").status == 422


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ({}, "--page PORT needs page.owner_keys"),
        ({"page": KEYS}, "--page-host 203.0.113.7 --page 0: cannot listen there ("),
    ],
)
def test_a_page_that_cannot_be_opened(
    networks: list[str], tmp_path: Path, page: dict[str, Any], said: str
) -> None:
    settings = {"cameras": [named("door", "nothing.mp4")], **page}
    options = ["--page", "0", "--page-host", "203.0.113.7" if page else "127.0.0.1"]
    with watching(networks, tmp_path, options, **settings) as program:
        assert program.end(0) == 2
        assert said in program.errors
