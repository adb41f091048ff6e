"""The camera of a visitor's browser: its video, single pictures instead, and why there is none.

A refusal is known to the frame of the video only, which shows the browser's own name for it, in
English. The page is not told, so a script looks into the frame: it stands on this page's own
address. What there is to say lies in the page beforehand, unseen.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import streamlit as st

import maskwatch
from maskwatch.app.components import CAMERA_PX, show_legend, show_photo
from maskwatch.app.intake import hold
from maskwatch.app.kept import KeptFile, count_in, take_over
from maskwatch.app.language import text
from maskwatch.app.look import put_unseen

CONNECT_S = 10.0
"""Where no video came by then, none will: browsers mostly connect within three seconds."""

LONGEST_LOOK_S = 1.5
"""Between two looks no more than this counts: where the server stands still, nobody connects."""


@dataclass(slots=True)
class Attempt:
    """What became of the last press of Start in one browser.

    Attributes:
        failed: no video comes through, or none any more, since the server's end of it is gone.
    """

    failed: bool = False
    _looked_s: float | None = None
    _waited_s: float = 0.0

    def update(self, wanted: bool, frames: int, now_s: float) -> None:
        """Look again.

        Args:
            wanted: the browser connects or is connected.
            frames: how many of its frames have arrived in all; 0 where nothing takes them.
            now_s: on the monotonic clock.
        """
        if not wanted:
            self._looked_s, self._waited_s = None, 0.0
            return
        if frames:
            self._waited_s = 0.0
        elif self._looked_s is not None:
            self._waited_s += min(now_s - self._looked_s, LONGEST_LOOK_S)
        self._looked_s = now_s
        self.failed = self._waited_s >= CONNECT_S


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


# keys of the session's state
PICTURE, TAKEN = "still_picture", "still_taken"


def show_still(analyzer: maskwatch.Analyzer) -> None:
    """A picture on request; it stays until the next."""
    st.camera_input(
        text("live.take_picture"),
        resolution="1080p",
        width=CAMERA_PX,
        key=PICTURE,
        on_change=take_still,
    )
    taken: KeptFile | None = st.session_state.get(TAKEN)
    hold(TAKEN, taken is not None)
    if taken:
        show_photo(analyzer, taken.content)
    else:
        show_legend()


def take_still() -> None:
    """Keep what the camera took, or forget it where it was thrown away."""
    given = take_over(st.session_state[PICTURE])
    if given:
        st.session_state[TAKEN] = KeptFile(given[0][2])
        count_in(st.session_state[TAKEN])
    elif st.session_state[PICTURE] is None:
        st.session_state.pop(TAKEN, None)


REASONS = {
    "refused": "NotAllowedError|SecurityError|PermissionDeniedError",
    "busy": "NotReadableError|TrackStartError|AbortError",
    "missing": "NotFoundError|DevicesNotFoundError|OverconstrainedError",
}
"""What may be wrong, and what browsers call it."""

TROUBLE = "camera_trouble"
"""Key of the container with what is said; within it each reason has one of its own."""

SPOKEN = "spoken"
"""Key of the container with what the live page says otherwise; it gives way."""

HIDING = "".join(
    f'html:not([data-camera="{reason}"]) .st-key-{TROUBLE}_{reason} {{ display: none; }}'
    for reason in REASONS
)
"""Style that hides what does not hold; with that of the whole page, so that nothing shows up
before it is there."""
HIDING += f"html:not([data-camera]) .st-key-{TROUBLE} {{ display: none; }}"
HIDING += f"html[data-camera] .st-key-{SPOKEN} {{ display: none; }}"

_LOOK = (
    """<script>{
    const reasons = REASONS;
    const look = () => {
        let found = null;
        for (const frame of document.querySelectorAll('iframe[title*="webrtc"]')) {
            for (const alert of frame.contentDocument?.querySelectorAll('[role="alert"]') ?? []) {
                const reason = reasons.find(([, names]) => names.test(alert.textContent));
                if (!reason) continue;
                found = reason[0];
                alert.style.display = "none";
            }
        }
        if (found) document.documentElement.dataset.camera = found;
        else delete document.documentElement.dataset.camera;
    };
    clearInterval(window.maskwatchCamera);
    window.maskwatchCamera = setInterval(look, 300);
}</script>"""
).replace("REASONS", "[" + ", ".join(f'["{r}", /{names}/]' for r, names in REASONS.items()) + "]")


def prepare_refusal(take_stills: Callable[[], None]) -> None:
    """Have all reasons ready, and the script that shows the one that holds.

    Args:
        take_stills: what the button for single pictures does.
    """
    put_unseen(_LOOK)
    with st.container(key=TROUBLE):
        for reason in REASONS:
            with st.container(key=f"{TROUBLE}_{reason}"):
                st.info(text(f"camera.{reason}"), icon=":material/videocam_off:")
        st.button(text("live.take_stills"), key=f"{TROUBLE}_stills", on_click=take_stills)
