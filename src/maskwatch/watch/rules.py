"""What is told, and the rules by which: steady violations only, and seldom enough to be heeded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from maskwatch.alarm import STAY_S, VIOLATIONS
from maskwatch.events import random_id
from maskwatch.schema import FrameReport, MaskState, TrackedFace
from maskwatch.settings import between, require
from maskwatch.tally import Clock

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
        cool_down_s: so long after an alert was really sent, the rule is silent at that camera.
        all_clear: whether the end is told as well: no violation for CLEAR_S.
    """

    name: str
    cameras: tuple[str, ...] = ()
    states: tuple[MaskState, ...] = VIOLATIONS
    min_duration_s: float = 2.0
    cool_down_s: float = 60.0
    all_clear: bool = False

    def __post_init__(self) -> None:
        check_name(self.name)
        wrong = [state.value for state in self.states if state not in VIOLATIONS]
        valid = f"some of {', '.join(VIOLATIONS)}"
        require(bool(self.states) and not wrong, "states", wrong, valid)
        between("min_duration_s", self.min_duration_s, 0, 3600)
        between("cool_down_s", self.cool_down_s, 0, 7 * 24 * 3600)

    def concerns(self, camera: str) -> bool:
        """Whether it watches this camera."""
        return not self.cameras or camera in self.cameras


def check_name(name: str) -> None:
    """Raise a SettingError unless this can name a camera, a rule or a sink everywhere."""
    plain = 0 < len(name) <= 64 and name.isprintable() and name == name.strip()
    valid = "1 to 64 printable characters without / + # $ and spaces around"
    require(plain and not set(name) & set("/+#$"), "name", name, valid)


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


@dataclass(slots=True)
class _Case:
    """One face that shows a violation.

    Attributes:
        since_s: from when on, in seconds that the camera was watched.
        seen_s: when it was last in view.
        told: whether there was an alert for it.
    """

    since_s: float
    seen_s: float
    told: bool = False


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """What must be remembered of a rule at a camera, also after a new start.

    Attributes:
        sent_s: when an alert was last really sent, UTC seconds since the epoch; None for never.
        raised: whether there was an alert whose all-clear is still to come.
    """

    sent_s: float | None = None
    raised: bool = False


class RuleWatch:
    """Applies one rule to one camera; not for several threads.

    A face is told of once, and again only after it has shown something else; who comes during a
    cool-down is told of at its end, if the violation still lasts then.
    """

    def __init__(self, rule: Rule, camera: str) -> None:
        """Begin with nobody seen."""
        self.rule = rule
        self._camera = camera
        self._clock = Clock()
        self._watched_s = 0.0
        self._cases: dict[int, _Case] = {}
        self._seen_s: float | None = None  # when a violation was last in view

    def forget_faces(self) -> None:
        """From now on the numbers of tracks begin anew."""
        self._cases = {}

    def update(
        self, report: FrameReport, time_s: float, status: RuleStatus, utc_s: float
    ) -> Alert | None:
        """Take in the next frame.

        Args:
            report: what was found.
            time_s: when the frame was taken, on any clock.
            status: what is remembered of this rule at this camera.
            utc_s: now, in UTC seconds since the epoch.

        Returns:
            What is to be told now.
        """
        self._watched_s += min(self._clock.advance(time_s), _LONGEST_FRAME_S)
        now_s = self._watched_s
        if self._seen_s is None:  # nothing is known of the time before the first frame
            self._seen_s = now_s
        faces = {face.track_id: face for face in report.faces if isinstance(face, TrackedFace)}
        violators = {i: face for i, face in faces.items() if face.state in self.rule.states}
        self._follow(faces, violators, now_s)
        due = [
            i
            for i in violators
            if not self._cases[i].told
            and now_s - self._cases[i].since_s >= self.rule.min_duration_s
        ]
        if due and not self._cools_down(status, utc_s):
            longest = min(due, key=lambda i: self._cases[i].since_s)
            lasted_s = now_s - self._cases[longest].since_s
            for i in due:
                self._cases[i].told = True
            return self._alert(violators[longest], lasted_s, len(due), utc_s)
        if self.rule.all_clear and status.raised and now_s - self._seen_s >= CLEAR_S:
            return self._new(AlertKind.ALL_CLEAR, utc_s, {})
        return None

    def _follow(
        self,
        faces: Mapping[int, TrackedFace],
        violators: Mapping[int, TrackedFace],
        now_s: float,
    ) -> None:
        """Begin, go on with and end cases."""
        if violators:
            self._seen_s = now_s
        for track_id in violators:
            self._cases.setdefault(track_id, _Case(now_s, now_s)).seen_s = now_s
        self._cases = {
            i: case
            for i, case in self._cases.items()
            if i in violators or (i not in faces and now_s - case.seen_s < STAY_S)
        }

    def _cools_down(self, status: RuleStatus, utc_s: float) -> bool:
        # a clock that was put back must not silence a rule for longer
        return status.sent_s is not None and 0 <= utc_s - status.sent_s < self.rule.cool_down_s

    def _alert(self, face: TrackedFace, lasted_s: float, people: int, utc_s: float) -> Alert:
        about = {
            "state": face.state.value,
            "confidence": round(face.confidence, 4),
            "lasted_s": round(lasted_s, 1),
            "people": people,
        }
        return self._new(AlertKind.VIOLATION, utc_s, about)

    def _new(self, kind: AlertKind, utc_s: float, about: Mapping[str, object]) -> Alert:
        alert_id, moment = random_id(), datetime.fromtimestamp(utc_s, UTC)
        document = {
            "schema": ALERT_SCHEMA,
            "id": alert_id,
            "kind": kind.value,
            "rule": self.rule.name,
            "camera": self._camera,
            "time_utc": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            **about,
        }
        body = json.dumps(document, ensure_ascii=False)
        return Alert(alert_id, kind, self.rule.name, self._camera, utc_s, body)
