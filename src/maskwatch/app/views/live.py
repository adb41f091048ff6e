"""The page for live video: what a browser's camera sees comes back with a label on every face.

An adapter between Streamlit, streamlit-webrtc and `Watcher`, which does the work. No picture is
written to disk, and counts are only where the visitor has switched statistics on.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from html import escape
from typing import Any

import streamlit as st
from PIL import Image
from streamlit_webrtc import WebRtcStreamerContext, webrtc_streamer

import maskwatch
from maskwatch.app import browser_camera, consent, own_browser
from maskwatch.app.browser_camera import SPOKEN, prepare_refusal, show_still
from maskwatch.app.components import framed, jpeg, plain, show_legend
from maskwatch.app.ice import IceServer, ice_servers
from maskwatch.app.intake import hold
from maskwatch.app.language import catalogue, text
from maskwatch.app.look import put_unseen, speak_changes
from maskwatch.app.people import show_counts
from maskwatch.app.session import need_analyzer, show_privacy
from maskwatch.app.watcher import Told, Watcher
from maskwatch.errors import SettingError
from maskwatch.live.counting import SessionCounts
from maskwatch.live.events import Alarm
from maskwatch.stream import Stream
from maskwatch.web.bundle import PAGE

# How a visitor is warned of a steady violation: by a banner, and by a sound if wanted.

# keys of the session's state
BANNER, SOUND, HEARD, RUNG = "banner", "sound", "heard", "rung"
STEADINESS = "steadiness"

# Any press wakes the bell, which sounds only after one.
_RING = """<script>{
    BELL
    const sound = (window.maskwatchSound ??= {rung: 0, bell: null});
    if (!sound.bell) {
        sound.bell = new Bell();
        const wake = () => sound.bell.wake();
        for (const press of ["pointerup", "keydown"]) document.addEventListener(press, wake, true);
    }
    const wanted = NUMBER;
    if (wanted && sound.rung !== wanted) sound.bell.ring();
    sound.rung = wanted;
}</script>""".replace("BELL", (PAGE / "bell.js").read_text("utf-8").replace("export ", ""))


def show_choices() -> float:
    """The dial for steadiness, which it returns, and the switches for banner and sound."""
    st.session_state.setdefault(BANNER, True)
    st.session_state.setdefault(STEADINESS, 0.5)
    steadiness = st.slider(
        text("live.steadiness"),
        0.0,
        1.0,
        step=0.1,
        help=text("live.steadiness_help"),
        key=STEADINESS,
        persist_state="session",
    )
    st.toggle(text("warning_signs.banner"), key=BANNER, persist_state="session")
    st.toggle(
        text("warning_signs.sound"),
        key=SOUND,
        help=text("warning_signs.sound_help"),
        persist_state="session",
    )
    return steadiness


def told_html(told: Told) -> str:
    """What there is to say, in one element, so that no part of it is older than another.

    Warnings have the colours and lines that they have in the picture.
    """
    parts = []
    if st.session_state.get(BANNER):
        for state in told.warned:
            words = text(f"warning_signs.{state}")
            parts.append(framed(state, f"<strong>{words}</strong>"))
        parts += [framed(state, text(f"warned_before.{state}")) for state in told.before]
    parts.append(f"<strong>{escape(told.words)}</strong>")
    rows = "".join(f'<div style="padding:.3rem 0">{part}</div>' for part in parts)
    return f'<div class="told">{rows}</div>'


def sound_out(alarm: Alarm) -> None:
    """Let it be heard when it rings; to be called again and again.

    It also sounds when it is switched on, so that one knows how, and that it does.
    """
    before, st.session_state[HEARD] = st.session_state.get(HEARD, 0), alarm.rings
    if alarm.rings > before:
        st.session_state[RUNG] = st.session_state.get(RUNG, 1) + 1
    number = st.session_state.get(RUNG, 1) if st.session_state.get(SOUND) else 0
    put_unseen(_RING.replace("NUMBER", str(number)))


LOG = logging.getLogger("maskwatch.app.views.live")

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
# the video stands on a first screen of 800 pixels with its button below it
_STAGE_PX = 720
# keys of the session's state
STILL, ATTEMPT, PLAYER, COUNTS = "still", "attempt", "live", "counts"


def show_page() -> None:
    """The whole page."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title(text("pages.live"), width="content")
        still = st.toggle(text("live.still"), key=STILL, persist_state="session")
        here = not still and own_browser.chooses_here()
    if browser_camera.keeps_camera(st.context.url):
        st.warning(text("connection.no_camera_here"), icon=":material/no_photography:")
    analyzer = need_analyzer()
    if still:
        show_still(analyzer)
    elif here:
        if own_browser.fell_back():
            show_trouble(ice_servers(os.environ, time.time()))
        own_browser.show_own_browser(analyzer)
    else:
        show_video(analyzer)
    not_stored = "own_browser.judged" if here else "networks.not_stored"
    show_privacy(analyzer, *consent.privacy_words(), not_stored=not_stored)


def show_video(analyzer: maskwatch.Analyzer) -> None:
    """The camera's video with what is found in it, and beside it the same in words."""
    try:
        servers = ice_servers(os.environ, time.time())
    except SettingError as error:
        st.error(text("live.set_up_wrongly", why=plain(str(error))), icon=":material/error:")
        return
    stage, side = st.columns([3, 2])
    with side:
        said, choices = st.container(), st.container()
    with choices:
        steadiness = show_choices()
        consent.show_switch()
        st.caption(text("connection.relayed" if servers else "connection.direct"))
    with stage.container(width=_STAGE_PX):
        player = start_player(analyzer, servers, steadiness)
    with said:
        if player is None:
            own_browser.fall_back()
        else:
            every_s = 1.0 if is_wanted(player) else None
            st.fragment(show_state, run_every=every_s)(player)
            prepare_refusal(choose_still)
        if player and not is_wanted(player):
            st.write(text("live.intro"))
            show_legend()
    if player and (watcher := player.video_processor):  # asked once, it may go at any moment
        watcher.steadiness = steadiness
        watcher.say = catalogue()
        watcher.counter = consent.camera_counter(watcher.counter)


def start_player(
    analyzer: maskwatch.Analyzer, servers: list[IceServer], steadiness: float
) -> Player | None:
    """The video with its buttons; None if the connection cannot even be tried."""
    # given to both sides, for what is left out is looked up at third parties
    configuration: dict[str, Any] = {"iceServers": servers}
    say, counter = catalogue(), consent.camera_counter(None)

    def new_watcher() -> Any:
        # asked for is a subclass of the library's, called are two methods
        return Watcher(Stream(analyzer, steadiness), say, counter)

    try:
        player: Player = webrtc_streamer(
            key=PLAYER,
            video_processor_factory=new_watcher,
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
    words = {name: text(f"live.{name}") for name in ("start", "stop", "select_device")}
    return words | {
        "device_ask_permission": text("camera.asks"),
        "device_access_denied": text("camera.refused"),
        "device_not_available": text("camera.missing"),
        "media_api_not_available": text("connection.no_camera_here"),
    }


def is_wanted(player: Player) -> bool:
    """Whether the browser connects or is connected."""
    return player.state.playing or player.state.signalling


def note_change() -> None:
    """Start counting as soon as the browser asks, and not when there is an answer."""
    this_attempt().update(is_wanted(st.session_state[PLAYER]), 0, time.monotonic())


def this_attempt() -> browser_camera.Attempt:
    """What is known of this browser's connection."""
    attempt: browser_camera.Attempt = st.session_state.setdefault(ATTEMPT, browser_camera.Attempt())
    return attempt


def show_state(player: Player) -> None:
    """What is seen now, in words that a screen reader speaks when they change."""
    say, watcher = catalogue(), player.video_processor
    attempt = this_attempt()
    attempt.update(is_wanted(player), watcher.received if watcher else 0, time.monotonic())
    if attempt.failed:
        own_browser.fall_back()
    told = told_now(player, watcher)
    with st.container(key=SPOKEN):
        st.html(told_html(told))
    if told.hints:
        hints = "  \n".join(text(f"view_check.{hint}") for hint in told.hints)
        st.info(hints, icon=":material/tune:")
    if watcher and watcher.snapshot() is not None:
        offer_snapshot(watcher)
    if watcher and watcher.received:
        st.caption(
            text(
                "live.rate",
                rate=f"{watcher.rate_fps:.0f}",
                dropped=say.whole(watcher.dropped),
                received=say.whole(watcher.received),
            )
        )
    show_session(watcher)
    speak_changes(SPOKEN)
    sound_out(watcher.alarm if watcher else Alarm())


def offer_snapshot(watcher: Watcher) -> None:
    """The picture of the moment of the press, to keep."""

    def taken() -> bytes:
        image_rgb = watcher.snapshot()
        return b"" if image_rgb is None else jpeg(Image.fromarray(image_rgb), 92)

    st.download_button(
        text("live.snapshot"),
        taken,
        file_name="maskwatch.jpg",
        mime="image/jpeg",
        on_click="ignore",
        icon=":material/photo_camera:",
    )


def show_session(watcher: Watcher | None) -> None:
    """Who was seen, also for a while after the end; what cannot be kept of it."""
    if watcher:
        st.session_state[COUNTS] = watcher  # it knows of its last moment, too
    last: Watcher | None = st.session_state.get(COUNTS)
    if last and not watcher:
        last.on_ended()  # the connection may take a while to say so
    counts = last.counts() if last else SessionCounts()
    hold(COUNTS, any(counts.people.values()))
    if counts != SessionCounts():
        show_counts(counts if watcher else replace(counts, in_view={}))
    if consent.is_kept():
        consent.show_fault(consent.statistics_writer().error)


def told_now(player: Player, watcher: Watcher | None) -> Told:
    """What there is to say about now."""
    if not is_wanted(player):
        return Told(text("live.off"))
    if watcher is None or not watcher.received:
        return Told(text("live.connecting"))
    return watcher.told()


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


show_page()
