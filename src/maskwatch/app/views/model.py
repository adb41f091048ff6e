"""The page about data and model: what it learnt from, how well it does, what it cannot do.

Every number comes from the evidence beside the loaded model and from the cards of the networks; a
model without evidence, or with that of another, gets what its card says and no more.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import streamlit as st

from maskwatch.app.components import plain
from maskwatch.app.figures.base import Figure, word
from maskwatch.app.figures.data import data_figures
from maskwatch.app.figures.robustness import robustness_figures, training_figures
from maskwatch.app.figures.scores import confusion, per_class, score_figures
from maskwatch.app.language import catalogue, text
from maskwatch.app.look import put_unseen
from maskwatch.app.model_summary import (
    Tile,
    calibrated_since,
    cannot_do,
    caveats,
    compared,
    load_mistakes,
    network_rows,
    tiles,
    unseen_tile,
    what_it_is,
)
from maskwatch.app.session import app_settings, model_in_use, need_analyzer, show_privacy
from maskwatch.errors import EvidenceError
from maskwatch.models.card import ModelCard
from maskwatch.models.evaluation import Scores
from maskwatch.models.evidence import Evidence, load_evidence
from maskwatch.models.records import read_record
from maskwatch.pipeline import Analyzer

# keys: of the session's state with the part that is shown, and of what holds the model card, which
# is English in every language (Streamlit would show a docstring here)
SECTION, CARD = "section", "model_card"

# the card's tables are wider than a telephone, so each scrolls by itself
CARD_LOOK = f"""<style>
    .st-key-{CARD} table {{ display: block; overflow-x: auto; }}
</style>
<script>
    document.querySelectorAll(".st-key-{CARD}").forEach((card) => {{ card.lang = "en"; }});
</script>"""

TILE_PX, MISTAKE_PX = 160, 150


def show_page() -> None:
    """The whole page."""
    st.title(text("pages.model"))
    analyzer = need_analyzer()
    card = analyzer.card
    st.markdown(what_it_is(card, catalogue()))
    try:
        evidence = load_evidence(model_in_use(analyzer), card.sha256)
    except EvidenceError as error:
        st.warning(text(f"evidence.{error.fault}"), icon=":material/info:")
        show_own_words(card)
        show_networks(analyzer)
    else:
        show_summary(evidence, card)
        show_sections(evidence, analyzer)
    if app_settings().runs is None:
        st.caption(text("model.train_here"))
    show_privacy(analyzer)


def show_summary(evidence: Evidence, card: ModelCard) -> None:
    """How good it is, in four numbers, and what it cannot do."""
    say, evaluation = catalogue(), evidence.evaluation
    for sentence in caveats(evaluation, say):
        st.warning(sentence, icon=":material/warning:")
    for sentence in calibrated_since(evaluation, card, say):
        st.info(sentence, icon=":material/info:")
    main = tiles(evaluation.scores[evaluation.own.name]["all"], say)
    unseen = unseen_tile(evaluation, say)
    show_tiles([*main, unseen] if unseen else main)
    st.markdown(compared(evaluation, say))
    st.markdown(f"**{text('model.cannot')}**")
    st.markdown("\n".join(f"- {sentence}" for sentence in cannot_do(evaluation, say)))


def show_tiles(shown: Iterable[Tile]) -> None:
    """Main numbers beside each other, as many as have room."""
    with st.container(horizontal=True):
        for tile in shown:
            with st.container(border=True, width=TILE_PX, height="stretch", gap="xsmall"):
                st.caption(tile.label)  # that of a metric is cut off where it is long
                st.metric(
                    tile.label,
                    tile.value,
                    tile.below,
                    delta_color="off",
                    delta_arrow="off",
                    label_visibility="collapsed",
                )


def show_sections(evidence: Evidence, analyzer: Analyzer) -> None:
    """The parts of the page, one at a time."""
    say = catalogue()
    sections = {
        "data": partial(show_figures, data_figures(evidence.data, say)),
        "training": partial(show_training, evidence, analyzer.card),
        "scores": partial(show_figures, score_figures(evidence.evaluation, say)),
        "robustness": partial(show_figures, robustness_figures(evidence.evaluation, say)),
        "mistakes": partial(show_mistakes, evidence),
        "card": partial(show_card, evidence),
        "networks": partial(show_networks, analyzer),
    }
    chosen = st.segmented_control(
        text("model.sections"),
        list(sections),
        format_func=lambda name: text(f"sections.{name}"),
        default="data",
        required=True,
        key=SECTION,
        width="stretch",
    )
    sections[chosen]()


def show_figures(figures: Iterable[Figure]) -> None:
    """Each figure with what it says above it and its numbers beneath."""
    for figure in figures:
        st.header(figure.title)
        st.markdown(figure.takeaway)
        for chart in figure.charts:
            st.altair_chart(chart.configure_text(color=ink()), alt=figure.takeaway)
        if figure.note:
            st.caption(figure.note)
        with st.expander(text("figures.numbers")):
            st.dataframe(dict(figure.table), hide_index=True, alt=figure.title)


def ink() -> str:
    """Colour of words in charts that are on no mark; Streamlit sees to those on the axes."""
    return "white" if st.context.theme.type == "dark" else "black"


def show_training(evidence: Evidence, card: ModelCard) -> None:
    """How the run went, and what was asked of it."""
    say, training = catalogue(), evidence.training
    st.markdown(
        text(
            "model_training.run",
            name=plain(training.name),
            epochs=len(training.epochs),
            minutes=say.whole(round(training.seconds / 60)),
            cores=training.cores,
            cpu=plain(training.cpu),
            parameters=say.whole(training.parameters),
        )
    )
    show_figures(training_figures(training, say))
    with st.expander(text("model_training.recipe")):
        st.json(dict(card.training.get("recipe", {})))


def show_mistakes(evidence: Evidence) -> None:
    """What goes wrong, in numbers, and in pictures where those are at hand."""
    say, evaluation = catalogue(), evidence.evaluation
    show_figures([confusion(evaluation.scores[evaluation.own.name]["all"], say)])
    st.header(text("model_mistakes.pictures"))
    folder = app_settings().evaluation
    if not folder:
        st.info(text("model_mistakes.not_at_hand"), icon=":material/hide_image:")
        return
    try:
        shown = load_mistakes(folder, evidence.sha256)
    except EvidenceError as error:
        st.warning(text(f"model_mistakes.{error.fault}"), icon=":material/info:")
        return
    st.markdown(say.counted("model_mistakes.shown", len(shown)))
    with st.container(horizontal=True):
        for mistake, picture in shown:
            words = text(
                "model_mistakes.caption",
                label=say.label(mistake.label),
                answer=say.label(mistake.answer),
                confidence=say.percent(mistake.confidence),
                source=plain(mistake.source),
            )
            st.image(picture, caption=words, width=MISTAKE_PX)


def show_card(evidence: Evidence) -> None:
    """The model card for people as it is."""
    st.caption(text("model.card_language"))
    with st.container(key=CARD):
        st.markdown(evidence.model_card)
    put_unseen(CARD_LOOK)


def show_networks(analyzer: Analyzer) -> None:
    """Which networks are loaded."""
    for heading, rows in network_rows(analyzer.card, analyzer.detector_card, catalogue()):
        st.header(heading)
        for name, value in rows:
            st.markdown(f"**{name}:** {plain(value)}")


def show_own_words(card: ModelCard) -> None:
    """What the card of a model without evidence says of its scores."""
    try:
        scores = read_record(Scores, card.scores.get("all"))
    except ValueError:  # a card may hold any scores or none
        return
    say = catalogue()
    part = word(say, f"parts.{card.scores.get('part', '')!s}")
    st.markdown(text("model.own_words", part=part, n=say.whole(scores.n)))
    show_tiles(tiles(scores, say))
    show_figures((confusion(scores, say), per_class([(text("figures.own"), scores)], say)))


show_page()
