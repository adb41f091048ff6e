"""Why a face got its verdict: what the network saw, what it made of it, and what that rests on."""

from __future__ import annotations

import streamlit as st

import maskwatch
from maskwatch.app.findings import plain
from maskwatch.app.heat import HEAT_PX, WEAK, full_scale, heat_picture, legend_strip, place_of
from maskwatch.app.language import catalogue, text
from maskwatch.app.pictures import data_url
from maskwatch.app.session_photos import Judged, Photo, SessionPhotos, Why
from maskwatch.app.wording import quality_lines
from maskwatch.schema import FaceVerdict, FrameReport
from maskwatch.style import STYLES, verdict_text

# two beside each other fit on a telephone
_PICTURE_PX = 144


def show_why(
    analyzer: maskwatch.Analyzer,
    store: SessionPhotos,
    photo: Photo,
    judged: Judged,
    report: FrameReport,
) -> None:
    """A switch, and behind it why a face got its verdict; nothing is computed before."""
    if not st.toggle(text("why.ask"), key=f"why-{photo.upload_id}"):
        return
    index = 0
    if len(report.faces) > 1:
        words = catalogue().picture_words()
        index = st.selectbox(
            text("table.face"),
            range(len(report.faces)),
            format_func=lambda i: f"{i + 1}: {verdict_text(report.faces[i], words)}",
            key=f"face-{photo.upload_id}",
        )
    with st.spinner(text("why.asking")):
        why = store.why(analyzer, photo, judged, index)
    show_pictures(why)
    show_probabilities(report.faces[index])
    quality = report.faces[index].quality
    if quality is not None:
        st.markdown(f"**{text('why.seen')}**")
        lines = quality_lines(catalogue(), quality)
        st.markdown("  \n".join(plain(line) for line in lines))


def show_pictures(why: Why) -> None:
    """What the network saw, and on it where the verdict rests."""
    say, explanation = catalogue(), why.explanation
    label, most = say.label(explanation.state), float(explanation.drop.max())
    numbers = {
        "state": label,
        "before": say.percent(explanation.probability),
        "after": say.percent(explanation.probability - most),
        "place": text(f"places.{place_of(explanation.drop)}"),
    }
    told = text("why.nowhere" if most < WEAK else "why.somewhere", **numbers)
    with st.container(horizontal=True):
        st.image(why.crop_rgb, caption=text("why.crop"), width=_PICTURE_PX, alt=text("why.crop"))
        st.image(
            heat_picture(why.crop_rgb, explanation.drop),
            caption=text("why.heat"),
            width=_PICTURE_PX,
            alt=told,
        )
    st.html(
        f'<div style="max-width:{HEAT_PX}px">'
        f'<img src="{data_url(legend_strip())}" alt="" style="width:100%;height:14px">'
        '<div style="display:flex;justify-content:space-between;font-size:.875rem">'
        f"<span>{say.percent(0, 0)}</span><span>{text('why.legend')}</span>"
        f"<span>{say.percent(full_scale(explanation.drop), 0)}</span></div></div>"
    )
    st.markdown(told)
    st.caption(text("why.means"))


def show_probabilities(face: FaceVerdict) -> None:
    """The three states as bars, the likeliest first, each with its symbol, words and number."""
    say = catalogue()
    ranked = sorted(face.probabilities.items(), key=lambda item: item[1], reverse=True)
    bars = "".join(
        '<li style="margin:0 0 .4rem 0">'
        f'<span aria-hidden="true">{STYLES[state].symbol}</span> {say.label(state)} '
        f"<strong>{say.percent(share)}</strong>"
        '<div aria-hidden="true" style="height:.6rem;border-radius:.3rem;'
        'background:color-mix(in srgb, currentColor 12%, transparent)">'
        f'<div style="height:100%;border-radius:.3rem;width:{100 * share:.1f}%;'
        "background:#{:02x}{:02x}{:02x}".format(*STYLES[state].colour)
        + '"></div></div></li>'
        for state, share in ranked
    )
    st.html(f'<ul style="list-style:none;padding:0;margin:0">{bars}</ul>')
