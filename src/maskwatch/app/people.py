"""How many people were seen: a table, and compliance over the last minutes."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from maskwatch.app.count_charts import recent_chart
from maskwatch.app.language import catalogue, text
from maskwatch.io.style import STYLES, hex_colour
from maskwatch.live.counting import RECENT_S, STEP_S, SessionCounts, worn_ratio
from maskwatch.schema import MaskState

_CELL = "padding:.3rem .6rem;text-align:right;font-variant-numeric:tabular-nums"

People = Mapping[MaskState, int]


def show_counts(counts: SessionCounts) -> None:
    """People in view and of the session, and how compliance went, in numbers, words and a line."""
    columns = {
        text("live_counts.in_view"): counts.in_view,
        text("live_counts.session"): counts.people,
    }
    show_people(text("live_counts.title"), columns, counts.face_s)
    if counts.steps:
        words = _line_words(counts)
        st.altair_chart(recent_chart(counts, catalogue()), width="stretch", alt=words)
        st.caption(words)


def show_people(
    title: str, columns: Mapping[str, People], face_s: Mapping[MaskState, float]
) -> None:
    """A table of people by state, and how long the mask was worn.

    Args:
        title: what the table says.
        columns: people, by what stands above them.
        face_s: seconds of faces, by state.
    """
    st.html(_table(title, columns))
    worn = worn_ratio(face_s)
    if worn is not None:
        st.markdown(text("live_counts.worn", ratio=catalogue().percent(worn, 0)))


def _line_words(counts: SessionCounts) -> str:
    """What the line shows."""
    say, ratios = catalogue(), [step.ratio for step in counts.steps]
    return text(
        "live_counts.line",
        minutes=say.whole(round(RECENT_S / 60)),
        seconds=say.whole(round(STEP_S)),
        low=say.percent(min(ratios), 0),
        high=say.percent(max(ratios), 0),
        newest=say.percent(ratios[-1], 0),
    )


def _table(title: str, columns: Mapping[str, People]) -> str:
    """The numbers as HTML, for Streamlit's own tables cannot show what a state looks like."""
    say = catalogue()
    rows = "".join(
        f'<tr><th scope="row" style="padding:.3rem .6rem;text-align:left;border-left:6px '
        f'{STYLES[state].line.value} {hex_colour(STYLES[state].colour)}">'
        f'<span aria-hidden="true">{STYLES[state].symbol}</span> {say.label(state)}</th>'
        + "".join(
            f'<td style="{_CELL}">{say.whole(people.get(state, 0))}</td>'
            for people in columns.values()
        )
        + "</tr>"
        for state in MaskState
    )
    heads = "".join(f'<th scope="col" style="{_CELL}">{head}</th>' for head in columns)
    return (
        '<table style="border-collapse:separate;border-spacing:0 .3rem">'
        f'<caption style="text-align:left">{title}</caption>'
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )
