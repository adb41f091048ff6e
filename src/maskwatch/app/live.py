"""The page for live video: what a browser's camera sees comes back with a label on every face.

An adapter between Streamlit, streamlit-webrtc and `Watcher`, which does the work. No picture is
written to disk, and counts are only where the visitor has switched statistics on.
"""

from __future__ import annotations

import inspect
import logging
import os
import time
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st
from streamlit_webrtc import WebRtcStreamerContext, webrtc_streamer

import maskwatch
from maskwatch.alarm import Alarm
from maskwatch.app import connection, keeping
from maskwatch.app.findings import plain, show_legend, show_photo
from maskwatch.app.language import catalogue, text
from maskwatch.app.live_counts import show_counts
from maskwatch.app.networks import need_analyzer, show_privacy
from maskwatch.app.turn import IceServer, ice_servers
from maskwatch.app.warning_signs import show_banner, show_choices, sound_out
from maskwatch.app.watcher import Watcher
from maskwatch.errors import SettingError
from maskwatch.stream import Stream
from maskwatch.tally import Tally

LOG = logging.getLogger("maskwatch.app.live")

Player = WebRtcStreamerContext[Any, Any]

# "ideal" is a wish: a camera that cannot give this gives what it has
CAMERA = {
    "width": {"ideal": 640},
    "height": {"ideal": 480},
    "frameRate": {"ideal": 20, "max": 30},
    "facingMode": {"ideal": "user"},
}
# without controls, which hide what stands on the video; telephones need the other two to start it
VIDEO = {"autoPlay": True, "muted": True, "playsInline": True, "style": {"width": "100%"}}
# keys of the session's state
STILL, ATTEMPT, PLAYER, SPOKEN, TALLY = "still", "attempt", "live", "spoken", "tally"

# Screen readers speak what changes inside an element that was marked before. Streamlit marks none,
# and puts HTML of ours anew with every change; the container of an element stays.
SPEAK = f"""<script>
    document.querySelectorAll(".st-key-{SPOKEN}").forEach((spoken) => {{
        spoken.setAttribute("role", "status");
        spoken.setAttribute("aria-live", "polite");
    }});
</script>"""


def show_page() -> None:
    """The whole page."""
    st.title(text("pages.live"))
    st.write(text("live.intro"))
    if connection.keeps_camera(st.context.url):
        st.warning(text("connection.no_camera_here"), icon=":material/no_photography:")
    analyzer = need_analyzer()
    if st.toggle(text("live.still"), key=STILL):
        show_camera(analyzer)
    else:
        show_video(analyzer)
    show_privacy(analyzer, *keeping.privacy_words())


def show_video(analyzer: maskwatch.Analyzer) -> None:
    """The camera's video with what is found in it, and the same in words."""
    try:
        servers = ice_servers(os.environ, time.time())
    except SettingError as error:
        st.error(text("live.set_up_wrongly", why=plain(str(error))), icon=":material/error:")
        return
    stage = st.container()  # the video stands above its dial
    steadiness = st.slider(
        text("live.steadiness"), *(0.0, 1.0, 0.5, 0.1), help=text("live.steadiness_help")
    )
    show_choices()
    keeping.show_switch()
    with stage:
        player = start_player(analyzer, servers, steadiness)
        if player is None:
            show_trouble(servers)
        else:
            every_s = 1.0 if is_wanted(player) else None
            st.fragment(show_state, run_every=every_s)(player, servers)
    if player and player.video_processor:
        player.video_processor.steadiness = steadiness
        player.video_processor.say = catalogue()
        player.video_processor.bookkeeper = keeping.bookkeeper(player.video_processor.bookkeeper)
    if player and not is_wanted(player):
        show_legend()
    st.caption(text("connection.relayed" if servers else "connection.direct"))


def start_player(
    analyzer: maskwatch.Analyzer, servers: list[IceServer], steadiness: float
) -> Player | None:
    """The video with its buttons; None if the connection cannot even be tried."""
    # given to both sides, for what is left out is looked up at third parties
    configuration: dict[str, Any] = {"iceServers": servers}
    # asked for is a subclass of the library's, called are two methods
    factory: Any = partial(Watcher, partial(Stream, analyzer), steadiness, catalogue())
    try:
        player: Player = webrtc_streamer(
            key=PLAYER,
            video_processor_factory=factory,
            on_change=note_change,
            async_processing=False,  # the watcher has a thread and drops frames by itself
            rtc_configuration=configuration,
            server_rtc_configuration=configuration,
            media_stream_constraints={"video": CAMERA, "audio": False},
            media_toggle_controls=False,
            video_html_attrs=VIDEO,
            translations=button_words(),
        )
    except Exception:  # of many kinds, from a relay server that refuses to one that is silent
        LOG.exception("live video: no connection can be tried")
        return None
    return player


def button_words() -> Any:
    """What stands on the buttons of the video."""
    return {name: text(f"live.{name}") for name in ("start", "stop", "select_device")}


def is_wanted(player: Player) -> bool:
    """Whether the browser connects or is connected."""
    return player.state.playing or player.state.signalling


def note_change() -> None:
    """Start counting as soon as the browser asks, and not when there is an answer."""
    this_attempt().update(is_wanted(st.session_state[PLAYER]), 0, time.monotonic())


def this_attempt() -> connection.Attempt:
    """What is known of this browser's connection."""
    attempt: connection.Attempt = st.session_state.setdefault(ATTEMPT, connection.Attempt())
    return attempt


def show_state(player: Player, servers: list[IceServer]) -> None:
    """What is seen now, in words that a screen reader speaks when they change."""
    say, watcher = catalogue(), player.video_processor
    attempt = this_attempt()
    attempt.update(is_wanted(player), watcher.received if watcher else 0, time.monotonic())
    if attempt.failed:
        show_trouble(servers)
        return
    with st.container(key=SPOKEN):
        show_banner(watcher.violations() if watcher else ())
        st.markdown(f"**{plain(state_words(player, watcher))}**")
    if watcher and watcher.received:
        st.caption(
            text(
                "live.rate",
                rate=f"{watcher.rate_fps:.0f}",
                dropped=say.whole(watcher.dropped),
                received=say.whole(watcher.received),
            )
        )
    show_tally(watcher)
    st.html(SPEAK, unsafe_allow_javascript=True)
    sound_out(watcher.alarm if watcher else Alarm())


def show_tally(watcher: Watcher | None) -> None:
    """Who was seen, also for a while after the end; what cannot be kept of it."""
    if watcher:
        st.session_state[TALLY] = watcher.tally()
    tally: Tally = st.session_state.get(TALLY, Tally())
    if tally != Tally():
        show_counts(tally if watcher else replace(tally, in_view={}))
    if keeping.is_kept():
        keeping.show_fault(keeping.ledger().error)


def state_words(player: Player, watcher: Watcher | None) -> str:
    """One sentence about now, that changes only when there is news."""
    if not is_wanted(player):
        return text("live.off")
    if watcher is None or not watcher.received:
        return text("live.connecting")
    return watcher.words()


def show_trouble(servers: list[IceServer]) -> None:
    """Why there is no video, and the way out."""
    why = text("connection.why_relayed" if servers else "connection.why_direct")
    st.error(f"**{text('connection.none')}** {why}", icon=":material/videocam_off:")
    st.button(text("live.take_stills"), on_click=choose_still, type="primary")
    if st.session_state.get(STILL):  # only a part of the page runs after the press
        st.rerun(scope="app")


def choose_still() -> None:
    """Flip the switch at the top of the page."""
    st.session_state[STILL] = True


def show_camera(analyzer: maskwatch.Analyzer) -> None:
    """A picture on request, judged like a photo."""
    finest: dict[str, Any] = {"resolution": "1080p"} if takes_resolution() else {}
    picture = st.camera_input(text("live.take_picture"), **finest)
    if picture:
        show_photo(analyzer, picture.getvalue())
    else:
        show_legend()


def takes_resolution() -> bool:
    """Whether this Streamlit can ask the camera for more than the browser's default."""
    return "resolution" in inspect.signature(st.camera_input).parameters


show_page()
