"""Says in the words of the page why the browser gives the live video no camera.

Only the frame of the video learns of it, and shows the browser's own name for it, in English. The
page is not told, so a script looks into the frame: it stands on this page's own address. What there
is to say lies in the page beforehand, unseen.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from maskwatch.app.language import text
from maskwatch.app.look import put_unseen

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
