"""What is told, and the rules by which: steady violations only, and seldom enough to be heeded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType

from maskwatch.io.settings import between, require
from maskwatch.live.counting import Clock
from maskwatch.live.events import STAY_S, VIOLATIONS, random_id
from maskwatch.schema import FrameReport, MaskState, TrackedFace
from maskwatch.watch.hours import Hours
from maskwatch.watch.zones import Zone, check_name, within

ALERT_SCHEMA = "maskwatch.alert/1"

CLEAR_S = 10.0
"""The all-clear comes when no violation was in view for so long."""

# a gap between two frames, in which nothing was seen, stands for no more time than this
_LONGEST_FRAME_S = 5.0


class AlertKind(StrEnum):
    """What an alert says."""

    VIOLATION = "violation"
    ALL_CLEAR = "all_clear"


@dataclass(frozen=True, slots=True)
class Rule:
    """When to tell of a camera.

    Attributes:
        name: of the rule, in the alert.
        cameras: names; none means every camera.
        states: violations that are told.
        min_duration_s: a face must have shown them for so long.
        cool_down_s: so long after an alert that was really sent, the rule is silent at that place.
        all_clear: whether the end is told as well, at any hour: no violation for CLEAR_S.
        zones: names of zones of its cameras, each a place of its own; none means that all that a
            camera looks at is one place.
        min_stay_s: a face must have been at the place for so long, whatever it showed.
        min_people: so many faces must show them there at once.
        hours: when violations are told; None means at any time.
    """

    name: str
    cameras: tuple[str, ...] = ()
    states: tuple[MaskState, ...] = VIOLATIONS
    min_duration_s: float = 2.0
    cool_down_s: float = 60.0
    all_clear: bool = False
    zones: tuple[str, ...] = ()
    min_stay_s: float = 0.0
    min_people: int = 1
    hours: Hours | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        wrong = [state.value for state in self.states if state not in VIOLATIONS]
        valid = f"some of {', '.join(VIOLATIONS)}"
        require(bool(self.states) and not wrong, "states", valid)
        between("min_duration_s", self.min_duration_s, 0, 3600)
        between("cool_down_s", self.cool_down_s, 0, 7 * 24 * 3600)
        between("min_stay_s", self.min_stay_s, 0, 3600)
        between("min_people", self.min_people, 1, 100)

    def concerns(self, camera: str) -> bool:
        """Whether it watches this camera."""
        return not self.cameras or camera in self.cameras

    def places(self, zones: Sequence[Zone]) -> list[Zone | None]:
        """The zones of a camera that it watches, each on its own; None is all of the picture."""
        return [zone for zone in zones if zone.name in self.zones] if self.zones else [None]


@dataclass(frozen=True, slots=True)
class Alert:
    """Something to be told to everyone who wants to know.

    Attributes:
        alert_id: random; the same at each attempt to tell it.
        kind: what it says.
        rule: name of the rule.
        camera: name of the camera.
        time_s: when it came up, in UTC seconds since the epoch.
        body: all of it as one JSON document.
    """

    alert_id: str
    kind: AlertKind
    rule: str
    camera: str
    time_s: float
    body: str

    @property
    def place(self) -> str:
        """Where its rule is silent from now on; see place_name."""
        return place_name(self.camera, self._told("zone"))

    @property
    def event_id(self) -> str | None:
        """The event that it is about; None for an all-clear."""
        return self._told("event")

    def _told(self, key: str) -> str | None:
        value: str | None = json.loads(self.body).get(key)
        return value


def place_name(camera: str, zone: str | None) -> str:
    """What a camera, or a zone of it, is called where places are told apart."""
    return camera if zone is None else f"{camera}/{zone}"


def event_link(page_url: str, event_id: object) -> str:
    """Where people find an event; the page itself where there is none."""
    return page_url if event_id is None else f"{page_url.rstrip('/')}/#event={event_id}"


@dataclass(slots=True)
class _Case:
    """One face at the place.

    Attributes:
        came_s: from when on, in seconds that the camera was watched.
        seen_s: when it was last in view.
        since_s: from when on it shows a violation; None where it shows none.
        shown_s: when it last showed one for sure.
        told: whether there was an alert for it.
    """

    came_s: float
    seen_s: float
    since_s: float | None = None
    shown_s: float = 0.0
    told: bool = False


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """What must be remembered of a rule at a camera, also after a new start.

    Attributes:
        sent_s: when the last alert came up that was really sent, in UTC seconds since the epoch;
            None where there was none.
        raised: whether there was an alert whose all-clear is still to come.
    """

    sent_s: float | None = None
    raised: bool = False


class RuleWatch:
    """Applies one rule to one place; not for several threads.

    A face is told of once, and again only after it has shown another state, which UNSURE is none,
    or after an all-clear; a moment of UNSURE does not end what it has shown. Who comes during a
    cool-down, or outside the hours, is told of at the end, if the violation still lasts then.

    Attributes:
        rule: what is applied.
        place: the camera, or a zone of it; see place_name.
    """

    def __init__(
        self, rule: Rule, camera: str, zone: Zone | None = None, page_url: str | None = None
    ) -> None:
        """Begin with nobody seen.

        Args:
            rule: what is applied.
            camera: its name.
            zone: of it; without one, all that the camera looks at is the place.
            page_url: where people find the page of the cameras, for a link in each alert.
        """
        self.rule = rule
        self.place = place_name(camera, zone.name if zone else None)
        self._camera = camera
        self._zone = zone
        self._page_url = page_url
        self._clock = Clock()
        self._watched_s = 0.0
        self._cases: dict[int, _Case] = {}
        self._seen_s: float | None = None  # when a violation was last in view

    def go_on_with(self, rule: Rule, zone: Zone | None) -> None:
        """Apply a rule and zone of the same names from now on; nobody is forgotten."""
        self.rule, self._zone = rule, zone

    def update(
        self,
        report: FrameReport,
        time_s: float,
        status: RuleStatus,
        utc_s: float,
        event_ids: Mapping[int, str] = MappingProxyType({}),
    ) -> Alert | None:
        """Take in the next frame.

        Args:
            report: what was found.
            time_s: when the frame was taken, on any clock.
            status: what is remembered of this rule at this camera.
            utc_s: now, in UTC seconds since the epoch.
            event_ids: of each track the event since which it shows what it shows.

        Returns:
            What is to be told now.
        """
        self._watched_s += min(self._clock.advance(time_s), _LONGEST_FRAME_S)
        now_s = self._watched_s
        if self._seen_s is None:  # nothing is known of the time before the first frame
            self._seen_s = now_s
        here = within(self._zone, report).faces
        faces = {face.track_id: face for face in here if isinstance(face, TrackedFace)}
        self._follow(faces, now_s)
        shown = (i for i, face in faces.items() if face.state in self.rule.states)
        lasted_s = {i: self._ripe_s(i, now_s) for i in shown}
        ripe_s = {i: value for i, value in lasted_s.items() if value is not None}
        due = [i for i in ripe_s if not self._cases[i].told]
        enough = bool(due) and len(ripe_s) >= self.rule.min_people
        if enough and self._is_open(utc_s) and not self._cools_down(status, utc_s):
            longest = max(due, key=ripe_s.__getitem__)
            for i in due:
                self._cases[i].told = True
            event_id = event_ids.get(longest)
            return self._alert(faces[longest], ripe_s[longest], len(ripe_s), utc_s, event_id)
        if self.rule.all_clear and status.raised and now_s - self._seen_s >= CLEAR_S:
            for case in self._cases.values():
                case.told = False
            return self._new(AlertKind.ALL_CLEAR, utc_s, {})
        return None

    def _follow(self, faces: Mapping[int, TrackedFace], now_s: float) -> None:
        """Begin, go on with and end cases."""
        for track_id, face in faces.items():
            case = self._cases.setdefault(track_id, _Case(now_s, now_s))
            case.seen_s = now_s
            if face.state is MaskState.UNSURE:
                if now_s - case.shown_s >= STAY_S:
                    case.since_s = None
                continue
            if face.state not in self.rule.states:
                case.since_s, case.told = None, False
                continue
            self._seen_s = case.shown_s = now_s
            if case.since_s is None:
                case.since_s = now_s
        self._cases = {i: case for i, case in self._cases.items() if now_s - case.seen_s < STAY_S}

    def _ripe_s(self, track_id: int, now_s: float) -> float | None:
        """How long a face has shown what is to be told; None where that is nothing, or not yet."""
        case, rule = self._cases[track_id], self.rule
        if case.since_s is None or now_s - case.came_s < rule.min_stay_s:
            return None
        lasted_s = now_s - case.since_s
        return lasted_s if lasted_s >= rule.min_duration_s else None

    def _is_open(self, utc_s: float) -> bool:
        return self.rule.hours is None or self.rule.hours.cover(utc_s)

    def _cools_down(self, status: RuleStatus, utc_s: float) -> bool:
        # a clock that was put back must not silence a rule for longer
        return status.sent_s is not None and 0 <= utc_s - status.sent_s < self.rule.cool_down_s

    def _alert(
        self, face: TrackedFace, lasted_s: float, people: int, utc_s: float, event_id: str | None
    ) -> Alert:
        about: dict[str, object] = {
            "state": face.state.value,
            "confidence": round(face.confidence, 4),
            "lasted_s": round(lasted_s, 1),
            "people": people,
        }
        if event_id is not None:
            about["event"] = event_id
        return self._new(AlertKind.VIOLATION, utc_s, about)

    def _new(self, kind: AlertKind, utc_s: float, about: Mapping[str, object]) -> Alert:
        alert_id, moment = random_id(), datetime.fromtimestamp(utc_s, UTC)
        document: dict[str, object] = {
            "schema": ALERT_SCHEMA,
            "id": alert_id,
            "kind": kind.value,
            "rule": self.rule.name,
            "camera": self._camera,
            **({"zone": self._zone.name} if self._zone else {}),
            "time_utc": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            **about,
        }
        if self._page_url is not None:
            document["link"] = event_link(self._page_url, about.get("event"))
        body = json.dumps(document, ensure_ascii=False)
        return Alert(alert_id, kind, self.rule.name, self._camera, utc_s, body)
