"""Events and alerts as a camera would have caused them."""

from __future__ import annotations

import json
from itertools import count

from maskwatch.live.events import Event, random_id
from maskwatch.schema import MaskState
from maskwatch.watch.rules import Alert, AlertKind

NOON_S = 1_795_521_600.0  # 2026-11-24T12:00:00Z
_numbers = count(1)


def event(
    time_s: float = NOON_S,
    camera: str = "door",
    new_state: MaskState = MaskState.NO_MASK,
    old_state: MaskState = MaskState.UNSURE,
) -> Event:
    return Event(random_id(), camera, time_s, old_state, new_state, 0.97, 1.25)


def alert(
    alert_id: str = "",
    kind: AlertKind = AlertKind.VIOLATION,
    rule: str = "bare",
    camera: str = "door",
    time_s: float = NOON_S,
    **more: str,
) -> Alert:
    """One of its own; the number says in which order they were made."""
    alert_id = alert_id or f"a{next(_numbers):05d}"
    about = {"id": alert_id, "kind": kind, "rule": rule, "camera": camera, "word": "é", **more}
    return Alert(alert_id, kind, rule, camera, time_s, json.dumps(about))
