"""How many people a session has seen: a table, and compliance over the last minutes."""

from __future__ import annotations

import streamlit as st

from maskwatch.app.chart_series import hex_colour
from maskwatch.app.count_charts import recent_chart
from maskwatch.app.language import catalogue, text
from maskwatch.schema import MaskState
from maskwatch.style import STYLES
from maskwatch.tally import RECENT_S, STEP_S, Tally, worn_ratio

_CELL = "padding:.3rem .6rem;text-align:right;font-variant-numeric:tabular-nums"


def show_counts(tally: Tally) -> None:
    """People in view and of the session, and how compliance went, in numbers, words and a line."""
    st.html(_table(tally))
    worn = worn_ratio(tally.face_s)
    if worn is None:
        return
    say = catalogue()
    st.markdown(text("live_counts.worn", ratio=say.percent(worn, 0)))
    if tally.steps:
        words = _line_words(tally)
        st.altair_chart(recent_chart(tally, say), width="stretch", alt=words)
        st.caption(words)


def _line_words(tally: Tally) -> str:
    """What the line shows."""
    say, ratios = catalogue(), [step.ratio for step in tally.steps]
    return text(
        "live_counts.line",
        minutes=say.whole(round(RECENT_S / 60)),
        seconds=say.whole(round(STEP_S)),
        low=say.percent(min(ratios), 0),
        high=say.percent(max(ratios), 0),
        newest=say.percent(ratios[-1], 0),
    )


def _table(tally: Tally) -> str:
    """The numbers as HTML, for Streamlit's own tables cannot show what a state looks like."""
    say = catalogue()
    rows = "".join(
        f'<tr><th scope="row" style="padding:.3rem .6rem;text-align:left;border-left:6px '
        f'{STYLES[state].line.value} {hex_colour(STYLES[state].colour)}">'
        f'<span aria-hidden="true">{STYLES[state].symbol}</span> {say.label(state)}</th>'
        f'<td style="{_CELL}">{say.whole(tally.in_view.get(state, 0))}</td>'
        f'<td style="{_CELL}">{say.whole(tally.people.get(state, 0))}</td></tr>'
        for state in MaskState
    )
    heads = "".join(
        f'<th scope="col" style="{_CELL}">{words}</th>'
        for words in (text("live_counts.in_view"), text("live_counts.session"))
    )
    return (
        '<table style="border-collapse:separate;border-spacing:0 .3rem">'
        f'<caption style="text-align:left">{text("live_counts.title")}</caption>'
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )
