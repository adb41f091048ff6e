"""The words of MQTT topics and messages, so that Home Assistant shows each camera as a device.

    maskwatch/status             online, or offline (the last will)
    maskwatch/CAMERA/status      online as long as its pictures come
    maskwatch/CAMERA/state       {"mask": 2, "no_mask": 0, ..., "violation": "OFF"}
    maskwatch/CAMERA/alert       one alert, as a webhook gets it
    homeassistant/...            what Home Assistant is to make of them

All but the alerts are retained: whoever comes later knows the state at once.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from maskwatch._version import __version__
from maskwatch.schema import MaskState
from maskwatch.style import STYLES
from maskwatch.watch.view import CameraView, Condition

ONLINE, OFFLINE = "online", "offline"

Message = tuple[str, str]
"""Topic and text."""

_ICONS = {
    MaskState.MASK: "mdi:face-mask",
    MaskState.NO_MASK: "mdi:face-man-outline",
    MaskState.INCORRECT_MASK: "mdi:face-mask-outline",
    MaskState.UNSURE: "mdi:help-circle-outline",
}


def plain_id(name: str) -> str:
    """A name in the few characters that every broker and Home Assistant take, and its own."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", name)
    if plain == name:
        return name
    return f"{plain}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Topics:
    """Where what is said.

    Attributes:
        base: all topics begin with it, but those of the discovery.
        discovery: where Home Assistant looks for devices.
    """

    base: str
    discovery: str

    @property
    def status(self) -> str:
        """Whether the program runs."""
        return f"{self.base}/status"

    def of(self, camera: str, what: str) -> str:
        """The status, state or alerts of a camera."""
        return f"{self.base}/{plain_id(camera)}/{what}"

    def discovered(self, camera: str) -> list[Message]:
        """What makes a device of a camera: a sensor for each state, and one for violations."""
        sensors = [
            self._entity(
                *(camera, "sensor", state.value, STYLES[state].label),
                state_class="measurement",
                unit_of_measurement="people",
                icon=_ICONS[state],
            )
            for state in MaskState
        ]
        violation = self._entity(
            *(camera, "binary_sensor", "violation", "Violation"), device_class="problem"
        )
        return [*sensors, violation]

    def seen(self, view: CameraView) -> list[Message]:
        """What is to be said of a camera now; nothing is said of what is not known."""
        status = ONLINE if view.condition is Condition.LIVE else OFFLINE
        messages = [(self.of(view.name, "status"), status)]
        if view.condition is Condition.LIVE:
            state: dict[str, object] = {s.value: view.in_view.get(s, 0) for s in MaskState}
            state["violation"] = "ON" if view.violation else "OFF"
            messages.append((self.of(view.name, "state"), json.dumps(state)))
        return messages

    def _entity(self, camera: str, kind: str, key: str, name: str, **more: str) -> Message:
        device = f"{self.base.replace('/', '_')}_{plain_id(camera)}"
        about = {
            "name": name,
            "unique_id": f"{device}_{key}",
            "state_topic": self.of(camera, "state"),
            "value_template": f"{{{{ value_json.{key} }}}}",
            "availability": [{"topic": self.status}, {"topic": self.of(camera, "status")}],
            "availability_mode": "all",
            "device": {
                "identifiers": [device],
                "name": f"MaskWatch {camera}",
                "manufacturer": "MaskWatch",
                "sw_version": __version__,
            },
            "origin": {"name": "MaskWatch", "sw_version": __version__},
            **more,
        }
        return f"{self.discovery}/{kind}/{device}/{key}/config", json.dumps(about)
