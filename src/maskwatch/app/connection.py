"""Whether a browser's camera gets through to this server, and plain words where it does not."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

CONNECT_S = 10.0
"""Where no video came by then, none will: browsers mostly connect within three seconds."""

DIRECT = "Video goes directly between your browser and this server; nobody else takes part."
RELAYED = "Where there is no direct way, video goes through a relay (TURN) server."

NO_CONNECTION = "No video connection came up."

WHY_DIRECT = (
    "This server offers direct connections only. They need your browser and the server in one "
    "network, with nothing between them that blocks UDP, such as a firewall, a VPN or the guest "
    "network of an office. Over the internet, whoever runs the server has to set up a relay (TURN) "
    "server; the documentation says how."
)
WHY_RELAYED = (
    "Neither the direct way nor the one through the relay (TURN) server worked. Your network may "
    "block both, or the relay server is down or refuses this server's login; whoever runs the "
    "server can tell from its log. A different network, or no VPN, may help."
)
NO_CAMERA_HERE = (
    "Browsers give the camera only to pages that come over HTTPS or from the same computer. This "
    "page came over plain HTTP from another one, so no camera will start here. Whoever runs the "
    "server can give it a certificate (--server.sslCertFile, --server.sslKeyFile); the page for "
    "photos works as it is."
)


@dataclass(slots=True)
class Attempt:
    """What became of the last press of Start in one browser.

    Attributes:
        failed: no video came through, and none has since.
    """

    failed: bool = False
    _began_s: float | None = None
    _came_up: bool = False

    def update(self, wanted: bool, frames: int, now_s: float) -> None:
        """Look again.

        Args:
            wanted: the browser connects or is connected.
            frames: how many of its frames have arrived, as far as is known.
            now_s: on the monotonic clock.
        """
        if not wanted:
            self._began_s, self._came_up = None, False
            return
        if self._began_s is None:
            self._began_s = now_s
        self._came_up = self._came_up or frames > 0
        self.failed = not self._came_up and now_s - self._began_s >= CONNECT_S


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
