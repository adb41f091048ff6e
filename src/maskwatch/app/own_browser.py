"""Live video judged in the visitor's own browser, in the page itself; counts alone come back.

The browser's side is web/page/streamlit.js, a Streamlit component; Streamlit finds its files by
maskwatch/pyproject.toml. What browsers say they counted is kept apart, for nobody here saw it.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import streamlit as st
from streamlit import runtime

import maskwatch
from maskwatch.app import consent
from maskwatch.app.components import show_legend
from maskwatch.app.language import catalogue, text
from maskwatch.app.runtime_file import runtime_name
from maskwatch.app.session import app_settings, model_in_use
from maskwatch.live.counting import LEAST_S, Count
from maskwatch.pipeline import Networks
from maskwatch.schema import MaskState
from maskwatch.store.statistics import CLAIMED, StatisticsWriter, bucket_start
from maskwatch.web.bundle import PAGE, PackedNetwork, pack_networks, page_facts, page_words

MOST_FACES = 50
"""More are in no view; a claim of more face time than that many faces could have had is no news."""

Sums = dict[MaskState, Count]


class ClaimCounter:
    """Takes in what one visitor's browser claims, as sums that grow."""

    def __init__(self, began_s: float) -> None:
        """Begin with nothing.

        Args:
            began_s: when, on the clock that `add` is told.
        """
        self._began_s = self._heard_s = began_s
        self._visit = ""
        self._known: Sums = {}

    def add(self, claim: object, writer: StatisticsWriter, now_s: float) -> None:
        """Note what is new in a claim; one that cannot be true is passed over.

        Args:
            claim: what the browser sent: {"visit": str, "people": {...}, "face_s": {...}}, both by
                state and summed since the visit began; None before it sends any.
            writer: where the counts go.
            now_s: UTC seconds since the epoch.
        """
        sums = read_claim(claim)
        if sums is None:
            return
        visit = str(cast(Mapping[str, object], claim)["visit"])
        is_known = visit == self._visit
        known, began_s = (self._known, self._began_s) if is_known else ({}, self._heard_s)
        seen_s = max(_face_s(sums), LEAST_S * _everybody(sums))
        if seen_s > MOST_FACES * (now_s - began_s):
            return
        start_s = bucket_start(now_s)
        changes = {
            (start_s, state): count + _negative(known.get(state, Count()))
            for state, count in sums.items()
        }
        news = {key: count for key, count in changes.items() if count != Count()}
        writer.note(CLAIMED, news)
        self._visit, self._known, self._began_s = visit, sums, began_s
        if news:
            self._heard_s = now_s


def read_claim(claim: object) -> Sums | None:
    """The sums of a claim; None where it is none, or says what cannot be."""
    if not isinstance(claim, Mapping) or not isinstance(claim.get("visit"), str):
        return None
    people, face_s = claim.get("people"), claim.get("face_s")
    if not isinstance(people, Mapping) or not isinstance(face_s, Mapping):
        return None
    sums = {}
    for state in MaskState:
        seen, held_s = people.get(state.value, 0), face_s.get(state.value, 0)
        if not (_is_number(seen) and _is_number(held_s)):
            return None
        sums[state] = Count(max(0, int(seen)), max(0.0, float(held_s)))
    # each person was seen for so long at least
    return sums if _everybody(sums) * LEAST_S <= _face_s(sums) + LEAST_S else None


def _is_number(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(cast(float, value))


def _everybody(sums: Sums) -> int:
    return sum(count.people for count in sums.values())


def _face_s(sums: Sums) -> float:
    return sum(count.face_s for count in sums.values())


def _negative(count: Count) -> Count:
    return Count(-count.people, -count.face_s)


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
    packed = _packed(model_in_use(analyzer), analyzer.card.sha256)
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


@st.cache_resource(show_spinner=False, max_entries=2)
def _packed(model: Path, sha256: str) -> Mapping[str, PackedNetwork]:
    """The networks of the pages, packed for browsers.

    Args:
        model: the classifier's file.
        sha256: of the file, so that a changed one is packed anew.
    """
    settings = app_settings()
    return pack_networks(Networks(model, settings.detector, settings.detector_side_px))


def _address(kind: str, network: PackedNetwork) -> str:
    """Where Streamlit hands out a network as long as this page is open."""
    media: Any = runtime.get_instance().media_file_mgr
    return str(media.add(network.content, "application/gzip", f"own_browser.{kind}"))
