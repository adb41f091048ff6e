"""Live video judged in the visitor's own browser, in the page itself; counts alone come back.

The browser's side is web/page/streamlit.js, a Streamlit component; Streamlit finds its files by
maskwatch/pyproject.toml.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import streamlit as st
from streamlit import runtime

import maskwatch
from maskwatch.app import consent
from maskwatch.app.claims import ClaimCounter
from maskwatch.app.components import show_legend
from maskwatch.app.language import catalogue, text
from maskwatch.app.runtime_file import runtime_name
from maskwatch.app.session import app_settings, chosen_model
from maskwatch.errors import ModelError
from maskwatch.pipeline import Networks
from maskwatch.web.bundle import PAGE, PackedNetwork, pack_networks, page_facts, page_words

# keys of the session's state
PLACE, FELL_BACK, CLAIMS = "place", "fell_back", "claims"

HERE, SERVER = "here", "server"
"""Where video may be judged: in the visitor's browser, or on this server."""

_NAME = "maskwatch.own_browser"
# unseen until its script has come
_HTML = """<div id="own_browser" hidden>
<p class="notice" id="broken" role="alert" hidden></p>
{}</div>"""


def chooses_here() -> bool:
    """The switch between browser and server, and whether the first is chosen.

    It is where the server is far away, or no video connection came up.
    """
    if st.session_state.get(FELL_BACK):
        st.session_state[PLACE] = HERE
    st.session_state.setdefault(PLACE, SERVER if is_near(st.context.url) else HERE)
    place = st.segmented_control(
        text("own_browser.place"),
        [HERE, SERVER],
        format_func=lambda place: text(f"own_browser.{place}"),
        required=True,
        key=PLACE,
        persist_state="session",
        on_change=_forget_trouble,
        label_visibility="collapsed",
    )
    return place == HERE


def fall_back() -> None:
    """Have the page come again with the video judged in the browser."""
    st.session_state[FELL_BACK] = True
    st.rerun(scope="app")


def fell_back() -> bool:
    """Whether the choice was made because no connection to the server came up."""
    return bool(st.session_state.get(FELL_BACK))


def _forget_trouble() -> None:
    st.session_state[FELL_BACK] = False


def is_near(url: str | None) -> bool:
    """Whether a page with this address comes from this computer or network; unknown means yes."""
    host = urlsplit(url or "").hostname or "localhost"
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:  # a name
        return "." not in host or host.endswith((".localhost", ".local"))


def show_own_browser(analyzer: maskwatch.Analyzer) -> None:
    """The video with its buttons and counts, all of it judged by the browser."""
    packed = _packed(_model_in_use(analyzer), analyzer.card.sha256)
    files = {kind: _address(kind, network) for kind, network in packed.items()}
    files["runtime"] = runtime_name()
    stage, side = st.columns([3, 2])
    with side:
        st.write(text("live.intro"))
        show_legend()
        consent.show_switch()
    is_counted = consent.is_kept()
    component = st.components.v2.component(
        _NAME,
        html=_HTML.format((PAGE / "live_view.html").read_text(encoding="utf-8")),
        css="style.css",
        js="streamlit.js",
    )
    with stage:
        result = component(
            # other networks begin anew
            key=f"own_browser_{analyzer.card.sha256[:12]}",
            data={
                "language": catalogue().code,
                "words": page_words(catalogue().code),
                "about": page_facts(packed),
                "files": files,
                "is_counted": is_counted,
            },
            on_claim_change=lambda: None,
        )
    if is_counted:
        with side:
            st.caption(text("own_browser.claimed"))
            _count(result.get("claim"))


def _count(claim: object) -> None:
    writer = consent.statistics_writer()
    counter: ClaimCounter = st.session_state.setdefault(CLAIMS, ClaimCounter(time.time()))
    counter.add(claim, writer, time.time())
    consent.show_fault(writer.error)


def _model_in_use(analyzer: maskwatch.Analyzer) -> Path | None:
    """The file of the classifier that judges on all pages."""
    try:
        chosen = chosen_model()
    except ModelError:
        chosen = None
    is_used = chosen is not None and chosen.sha256 == analyzer.card.sha256
    return chosen.path if chosen and is_used else app_settings().model


@st.cache_resource(show_spinner=False, max_entries=2)
def _packed(model: Path | None, sha256: str) -> Mapping[str, PackedNetwork]:
    """The networks of the pages, packed for browsers.

    Args:
        model: the classifier's file, None for the shipped one.
        sha256: of the file, so that a changed one is packed anew.
    """
    settings = app_settings()
    return pack_networks(Networks(model, settings.detector, settings.detector_side_px))


def _address(kind: str, network: PackedNetwork) -> str:
    """Where Streamlit hands out a network as long as this page is open."""
    media: Any = runtime.get_instance().media_file_mgr
    return str(media.add(network.content, "application/gzip", f"own_browser.{kind}"))
