"""Whether a browser's camera gets through to this server."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

CONNECT_S = 10.0
"""Where no video came by then, none will: browsers mostly connect within three seconds."""

LONGEST_LOOK_S = 1.5
"""Between two looks no more than this counts: where the server stands still, nobody connects."""


@dataclass(slots=True)
class Attempt:
    """What became of the last press of Start in one browser.

    Attributes:
        failed: no video came through, and none has since.
    """

    failed: bool = False
    _looked_s: float | None = None
    _waited_s: float = 0.0
    _came_up: bool = False

    def update(self, wanted: bool, frames: int, now_s: float) -> None:
        """Look again.

        Args:
            wanted: the browser connects or is connected.
            frames: how many of its frames have arrived, as far as is known.
            now_s: on the monotonic clock.
        """
        if not wanted:
            self._looked_s, self._waited_s, self._came_up = None, 0.0, False
            return
        if self._looked_s is not None:
            self._waited_s += min(now_s - self._looked_s, LONGEST_LOOK_S)
        self._looked_s = now_s
        self._came_up = self._came_up or frames > 0
        self.failed = not self._came_up and self._waited_s >= CONNECT_S


def keeps_camera(url: str | None) -> bool:
    """Whether browsers keep the camera from a page with this address; unknown means no."""
    parts = urlsplit(url or "")
    host = parts.hostname or ""
    if parts.scheme != "http" or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return True
