"""What the page of the cameras asks for: cameras, pictures, events and counts; zones and hours."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from maskwatch.errors import DataError, SettingError, StoreError
from maskwatch.io.settings import read_values
from maskwatch.io.style import ENGLISH
from maskwatch.live.events import Event
from maskwatch.schema import MaskState
from maskwatch.service.limits import (
    NO_ROUTE,
    TOO_MANY_BYTES,
    UNUSABLE,
    WRONG_METHOD,
    Kind,
    Problem,
)
from maskwatch.store.statistics import StatisticsStore
from maskwatch.watch.config import WatchConfig, store_path
from maskwatch.watch.event_store import EventStore
from maskwatch.watch.page_changes import (
    CameraZones,
    Corrector,
    EventCorrection,
    RuleHours,
    load_changes,
    save_changes,
)
from maskwatch.watch.pictures import Picture
from maskwatch.watch.status import CameraView
from maskwatch.watch.supervisor import Watch
from maskwatch.web.camera_page import picture_words
from maskwatch.web.server import page_file

OWNERS_ONLY = Kind("owners_only", 403, "this key opens neither pictures nor settings")
STORE = Kind("store", 503, "the file of the events cannot be read", retry_after_s=5)
CORRECTIONS = Kind("corrections", 503, "the folder of the corrections cannot be used")
CHANGES = Kind("changes", 503, "what is set on the page cannot be written")
ZONE_IN_USE = Kind("zone_in_use", 422, "a rule names a zone that is no more")
MISTAKES = {
    "name": Kind("zone_name", 422, "zones[0].name must be 1 to 64 printable characters"),
    "zones": Kind("zones", 422, "zones must be 50 at most"),
    "polygon_xy": Kind("zone_shape", 422, "zones[0].polygon_xy must be 3 to 50 corners"),
    "weekly": Kind("weekly", 422, "hours.weekly[0] must be such as mon-fri 07:00-18:00"),
    "time_zone": Kind("time_zone", 422, "hours.time_zone must be a name such as Europe/Berlin"),
    "holidays": Kind("holidays", 422, "hours.holidays[0] must be a day such as 2026-12-25"),
}
"""By the last name on the way to what is wrong, so that the page can say it in its language."""

_MOST_EVENTS = 100
_LAST_ID = "g"  # after every number: of the time that is named, none comes again
_MOST_BYTES = 100_000
_STILL_PX = (160, 1920)

Endpoint = Callable[[Request], Awaitable[Response]]


class Desk:
    """What the page shows of a watch, and changes in it; for several threads."""

    def __init__(self, watching: Watch, settings: WatchConfig) -> None:
        """Begin with what was set on the page before.

        Args:
            watching: runs, with these settings and changes.
            settings: as the owner wrote them.

        Raises:
            SettingError: the changes cannot be read.
        """
        self.watching = watching
        self.events = EventStore(store_path(settings))
        self.statistics = StatisticsStore(store_path(settings))
        self.corrector = _corrector(watching, settings)
        self._settings = settings
        self._changes = load_changes(settings)
        self._changing = threading.Lock()

    @property
    def config(self) -> WatchConfig:
        """The settings as they hold now."""
        return self._changes.applied(self._settings)

    def change(self, change: CameraZones | RuleHours) -> None:
        """Set something from now on and for the next start as well.

        Raises:
            SettingError: there is no such camera or rule; nothing has changed.
            Problem: the settings do not go together with it, or it cannot be written; the same.
        """
        with self._changing:
            changes = self._changes.having(change)
            _check_name(change, self._settings)
            try:
                config = changes.applied(self._settings)
            except SettingError as error:  # all else was looked at when the change was read
                raise Problem(ZONE_IN_USE, str(error)) from None
            try:
                save_changes(self._settings, changes)
            except SettingError as error:
                raise Problem(CHANGES, str(error)) from None
            self._changes = changes
            self.watching.reconfigure(config)

    def picture(self, event_id: str) -> Picture | None:
        """That of an event, where one is kept."""
        evidence = self.watching.evidence
        return evidence.find(event_id) if evidence else None


def page_app(desk: Desk, files: Mapping[str, bytes]) -> Starlette:
    """The routes; who asks is known by then, as `role` in the request's state.

    Args:
        desk: what they are about.
        files: of the page itself, by path.
    """

    async def page(request: Request) -> Response:
        found = page_file(files, request.path_params["path"])
        if found is None:
            raise Problem(NO_ROUTE, "there is nothing here")
        if request.headers.get("if-none-match") == found.headers["ETag"]:
            return Response(status_code=304, headers=dict(found.headers))
        return Response(found.content, headers=dict(found.headers))

    app = Starlette(
        routes=[
            Route("/api/about", _about),
            Route("/api/cameras", _cameras),
            Route("/api/still", _still),
            Route("/api/events", _events),
            Route("/api/picture", _picture),
            Route("/api/counts", _counts),
            Route("/api/zones", _setting(CameraZones, "zones"), methods=["PUT"]),
            Route("/api/hours", _setting(RuleHours, "hours"), methods=["PUT"]),
            Route("/api/correction", _correct, methods=["PUT"]),
            Route("/{path:path}", page),
        ],
        exception_handlers=dict.fromkeys(
            (Problem, SettingError, StoreError, DataError, HTTPException), _answer
        ),
    )
    app.state.desk = desk
    return app


async def _about(request: Request) -> Response:
    """Who asks, and what can be set."""
    desk = _desk(request)
    config = await run_in_threadpool(lambda: desk.config)
    return JSONResponse(
        {
            "role": request.state.role,
            "picture": config.evidence.picture.value if config.evidence else None,
            "keep_days": config.evidence.keep_days if config.evidence else None,
            "correction_days": desk.corrector.keep_days if desk.corrector else None,
            "cameras": [
                {"name": one.name, "zones": [asdict(zone) for zone in one.zones]}
                for one in config.cameras
            ],
            "rules": [
                {"name": rule.name, "hours": asdict(rule.hours) if rule.hours else None}
                for rule in config.rules
            ],
        }
    )


async def _cameras(request: Request) -> Response:
    """How each camera fares, and what it sees."""
    return JSONResponse([_camera_document(one.view()) for one in _desk(request).watching.cameras])


async def _still(request: Request) -> Response:
    """What a camera sees just now; 204 where it has shown nothing since somebody asked."""
    _owners_only(request)
    query = request.query_params
    cameras = {one.name: one for one in _desk(request).watching.cameras}
    camera = cameras.get(query.get("camera", ""))
    if camera is None:
        raise Problem(NO_ROUTE, "there is no such camera")
    longest_px = round(_number(request, "px", 640, *_STILL_PX))
    words = picture_words().get(query.get("language", "en"), ENGLISH)
    look = camera.live_view.picture
    picture = await run_in_threadpool(look, longest_px, "plain" in query, words)
    return _image(picture)


async def _events(request: Request) -> Response:
    """The last events, newest first; those of a camera, or with one state, if it is named."""
    desk, query = _desk(request), request.query_params
    before = _number(request, "before", 1e12, 0, 1e12), query.get("before_event", _LAST_ID)
    state = query.get("state")
    if state not in (None, *MaskState):
        raise Problem(UNUSABLE, f"state: must be one of {', '.join(MaskState)}")
    states = tuple(MaskState) if state is None else (MaskState(state),)

    def look() -> list[dict[str, Any]]:
        found = desk.events.newest(
            _MOST_EVENTS, before, query.get("camera"), states, query.get("event")
        )
        evidence = desk.watching.evidence
        pictured = evidence.event_ids() if evidence and found else set()
        corrector = desk.corrector if found and request.state.role == "owner" else None
        correctable = corrector.correctable() if corrector else set()
        corrected = corrector.corrected() if corrector else {}
        return [
            {
                **_event_document(one),
                "picture": one.event_id in pictured,
                "correctable": one.event_id in correctable,
                "corrected": corrected.get(one.event_id),
            }
            for one in found
        ]

    return JSONResponse(await run_in_threadpool(look))


async def _picture(request: Request) -> Response:
    """The picture of an event; 204 where none is kept."""
    _owners_only(request)
    event_id = request.query_params.get("event", "")
    return _image(await run_in_threadpool(_desk(request).picture, event_id))


async def _counts(request: Request) -> Response:
    """Of each camera, people by state and seconds of faces, of the last hours."""
    desk, hours = _desk(request), _number(request, "hours", 24, 1, 24 * 366)

    def look() -> list[dict[str, Any]]:
        people: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(MaskState, 0))
        face_s: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(MaskState, 0.0))
        for entry in desk.statistics.entries(time.time() - hours * 3600, 1e12):
            people[entry.source][entry.state] += entry.count.people
            face_s[entry.source][entry.state] += entry.count.face_s
        names = [one.name for one in desk.watching.cameras]
        return [{"camera": name, "people": people[name], "face_s": face_s[name]} for name in names]

    return JSONResponse(await run_in_threadpool(look))


def _setting(kind: type[CameraZones | RuleHours], what: str) -> Endpoint:
    async def set_it(request: Request) -> Response:
        _owners_only(request)
        change = read_values(await _body(request), kind, what)
        await run_in_threadpool(_desk(request).change, change)
        return Response(status_code=204)

    return set_it


async def _correct(request: Request) -> Response:
    """What the face of an event really shows; null takes it back."""
    _owners_only(request)
    change = read_values(await _body(request), EventCorrection, "correction")
    corrector = _desk(request).corrector
    if corrector is None:
        raise SettingError("corrections: the settings allow none, or keep no whole pictures")
    await run_in_threadpool(corrector.correct, change)
    return Response(status_code=204)


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _owners_only(request: Request) -> None:
    if request.state.role != "owner":
        raise Problem(OWNERS_ONLY)


def _number(request: Request, name: str, usual: float, low: float, high: float) -> float:
    try:
        value = float(request.query_params.get(name, usual))
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise Problem(UNUSABLE, f"{name}: must be a number from {low:g} to {high:g}")
    return value


async def _body(request: Request) -> Any:
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > _MOST_BYTES:
            raise Problem(TOO_MANY_BYTES, f"the body is over the limit of {_MOST_BYTES} bytes")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise Problem(UNUSABLE, "the body is no JSON") from None


def _image(picture: Picture | None) -> Response:
    if picture is None:
        return Response(status_code=204)
    return Response(picture.content, media_type=picture.media_type)


def _corrector(watching: Watch, settings: WatchConfig) -> Corrector | None:
    evidence, corrections = watching.evidence, watching.corrections
    if not settings.is_correctable or evidence is None or corrections is None:
        return None
    return Corrector(evidence, corrections)


def _camera_document(view: CameraView) -> dict[str, Any]:
    return {
        "name": view.name,
        "condition": view.condition.value,
        "rate_fps": round(view.rate_fps, 1),
        "is_slow": view.is_slow,
        "latency_ms": round(view.latency_s * 1000),
        "in_view": {state.value: view.in_view.get(state, 0) for state in MaskState},
        "violation": view.violation,
        "trouble": view.trouble or None,
        "fault": view.fault or "unforeseen",
    }


def _event_document(event: Event) -> dict[str, Any]:
    return {
        "id": event.event_id,
        "camera": event.camera,
        "time_s": event.time_s,
        "old_state": event.old_state.value,
        "new_state": event.new_state.value,
        "confidence": event.confidence,
        "old_duration_s": event.old_duration_s,
    }


def _check_name(change: CameraZones | RuleHours, settings: WatchConfig) -> None:
    if isinstance(change, CameraZones):
        known, name, what = [one.name for one in settings.cameras], change.camera, "camera"
    else:
        known, name, what = [one.name for one in settings.rules], change.rule, "rule"
    if name not in known:
        raise SettingError(f"{what}: there is none of this name")


async def _answer(request: Request, error: Exception) -> Response:
    """Say no in the way of the service."""
    if isinstance(error, Problem):
        return error.to_response()
    if isinstance(error, SettingError):
        names = [part for part in error.place if isinstance(part, str)]
        kind = MISTAKES.get(names[-1], UNUSABLE) if names else UNUSABLE
        return Problem(kind, str(error)).to_response()
    if isinstance(error, StoreError):
        return Problem(STORE, str(error)).to_response()
    if isinstance(error, DataError):
        return Problem(CORRECTIONS, str(error)).to_response()
    if isinstance(error, HTTPException) and error.status_code == WRONG_METHOD.status:
        return Problem(WRONG_METHOD, "this route takes another method").to_response()
    return Problem(NO_ROUTE, "there is nothing here").to_response()
