"""The look at the training data: how many faces, how many different ones, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from maskwatch.app import charts
from maskwatch.app.charts import class_label, class_series, two_series
from maskwatch.app.components import plain
from maskwatch.app.figures.base import DASH, Figure, share, table, word
from maskwatch.app.i18n import Catalogue
from maskwatch.models.evidence import DataFacts, Source
from maskwatch.schema import CLASSES, MaskState

UNCLEAR = "unclear"
"""Label of faces that nobody can judge, beside the classes."""


def data_figures(data: DataFacts, say: Catalogue) -> Iterator[Figure]:
    """All of them, in the order of the page."""
    yield counts(data, say)
    yield copies(data, say)
    yield leaks(data, say)
    yield brightness(data, say)
    if data.brightness_alone:
        yield brightness_alone(data, say)
    yield sizes(data, say)


def rows_of(source: Source, label: str) -> int:
    """Faces of a class in all parts of a source."""
    return sum(part.get(label, 0) for part in source.rows.values())


def real_sources(data: DataFacts) -> list[Source]:
    """Those that somebody photographed."""
    return [source for source in data.sources if source.name != data.synthetic]


def counts(data: DataFacts, say: Catalogue) -> Figure:
    """Faces by source, class and part."""
    shown = [
        {
            "place": source.name,
            "series": class_label(say, state),
            "value": rows_of(source, state),
            "text": say.whole(rows_of(source, state)),
            "words": f"{source.name}, {say.label(state)}: {say.whole(rows_of(source, state))}",
        }
        for source in data.sources
        for state in CLASSES
    ]
    total = sum(facts.rows for facts in data.classes.values())
    rarest = min(data.classes, key=lambda label: data.classes[label].rows)
    largest = max(real_sources(data), key=lambda source: rows_of(source, rarest))
    of_rarest = data.classes[rarest].rows
    made = sum(
        rows_of(s, state) for s in data.sources if s.name == data.synthetic for state in CLASSES
    )
    numbers = [
        [
            source.name,
            word(say, f"parts.{part}"),
            *(say.whole(labels.get(label, 0)) for label in (*CLASSES, UNCLEAR)),
            source.licence,
        ]
        for source in data.sources
        for part, labels in source.rows.items()
        if any(labels.values())
    ]
    headings = [
        say.text("model_data.source"),
        say.text("model_data.part"),
        *map(say.label, CLASSES),
        say.text("model_data.unclear"),
        say.text("model_data.licence"),
    ]
    return Figure(
        say.text("model_data.counts"),
        say.text(
            "model_data.counts_say",
            total=say.whole(total),
            sources=len(real_sources(data)),
            rarest=say.label(MaskState(rarest)),
            n=say.whole(of_rarest),
            share=say.percent(of_rarest / total),
            source=plain(largest.name),
            of_source=say.percent(rows_of(largest, rarest) / of_rarest),
        ),
        (charts.bars(shown, class_series(say)),),
        table(headings, numbers),
        say.text("model_data.counts_note", made=say.whole(made)) if made else "",
    )


def copies(data: DataFacts, say: Catalogue) -> Figure:
    """How few different photos the faces come from."""
    series = two_series(say.text("model_data.faces"), say.text("model_data.photos"))
    shown = [
        {
            "place": class_label(say, MaskState(label)),
            "series": item.name,
            "value": number,
            "text": say.whole(number),
            "words": f"{say.label(MaskState(label))}, {item.name}: {say.whole(number)}",
        }
        for label, facts in data.classes.items()
        for item, number in zip(series, (facts.rows, facts.groups), strict=True)
    ]
    there = [
        (source, state, rows_of(source, state), source.groups[state])
        for source in real_sources(data)
        for state in CLASSES
        if rows_of(source, state)
    ]
    source, state, faces, photos = max(there, key=lambda item: item[2] / item[3])
    return Figure(
        say.text("model_data.copies"),
        say.text(
            "model_data.copies_say",
            source=plain(source.name),
            faces=say.whole(faces),
            label=say.label(state),
            photos=say.whole(photos),
        ),
        (charts.bars(shown, series),),
        table(
            [
                say.text("model_data.source"),
                say.text("table.verdict"),
                say.text("model_data.faces"),
                say.text("model_data.photos"),
            ],
            [[s.name, say.label(c), say.whole(n), say.whole(k)] for s, c, n, k in there],
        ),
        say.text(
            "model_data.copies_note",
            groups=say.whole(data.groups),
            files=say.whole(data.files),
            across=say.whole(data.groups_across_sources),
        ),
    )


def leaks(data: DataFacts, say: Catalogue) -> Figure:
    """What kinds of split let through."""
    named = [(word(say, f"splits.{leak.name}"), leak) for leak in data.leaks]
    shown = [
        {
            "place": name,
            "value": leak.share,
            "text": share(say, leak.share),
            "words": f"{name}: {share(say, leak.share)}",
        }
        for name, leak in named
    ]
    return Figure(
        say.text("model_data.leaks"),
        say.text(
            "model_data.leaks_say",
            share=share(say, data.leaks[0].share),
            own=share(say, data.leaks[-1].share),
        ),
        (charts.bars(shown),),
        table(
            [
                say.text("model_data.split"),
                say.text("model_data.leaking"),
                say.text("model_data.crossing"),
            ],
            [[name, share(say, leak.share), say.whole(leak.groups)] for name, leak in named],
        ),
        say.text("model_data.leaks_note"),
    )


def brightness(data: DataFacts, say: Catalogue) -> Figure:
    """How bright the faces of each class are."""
    edges = data.brightness_edges
    places = [f"{low}{DASH}{high - 1}" for low, high in pairwise(edges)]
    medians = {label: facts.brightness_quartiles[1] for label, facts in data.classes.items()}
    darkest, brightest = (
        min(medians, key=medians.__getitem__),
        max(medians, key=medians.__getitem__),
    )
    return Figure(
        say.text("model_data.brightness"),
        say.text(
            "model_data.brightness_say",
            darkest=say.label(MaskState(darkest)),
            dark=say.number(medians[darkest], 0),
            brightest=say.label(MaskState(brightest)),
            bright=say.number(medians[brightest], 0),
        ),
        (_histogram(data, say, [f.brightness for f in data.classes.values()], places, "light"),),
        table(
            [say.text("table.verdict"), *(say.text(f"model_data.quartile_{k}") for k in "abc")],
            [
                [
                    say.label(MaskState(label)),
                    *(say.number(q, 0) for q in facts.brightness_quartiles),
                ]
                for label, facts in data.classes.items()
            ],
        ),
    )


def brightness_alone(data: DataFacts, say: Catalogue) -> Figure:
    """How much of the class brightness gives away."""
    named = [(word(say, f"slices.{item.name}"), item) for item in data.brightness_alone]
    worst = max(data.brightness_alone, key=lambda item: item.recall - item.chance)
    shown = [
        {
            "place": name,
            "value": item.recall,
            "text": say.percent(item.recall, 0),
            "words": f"{name}: {say.percent(item.recall)}",
        }
        for name, item in named
    ]
    return Figure(
        say.text("model_data.giveaway"),
        say.text(
            "model_data.giveaway_say",
            source=plain(word(say, f"slices.{worst.name}")),
            recall=say.percent(worst.recall, 0),
            chance=say.percent(worst.chance, 0),
        ),
        (charts.bars(shown),),
        table(
            [
                say.text("model_data.source"),
                say.text("model_data.by_light"),
                say.text("model_data.by_chance"),
            ],
            [[name, share(say, item.recall), share(say, item.chance)] for name, item in named],
        ),
        say.text("model_data.giveaway_note"),
    )


def sizes(data: DataFacts, say: Catalogue) -> Figure:
    """How many pixels the faces have."""
    edges = data.size_edges_px
    places = [f"{low}{DASH}{high - 1}" for low, high in pairwise(edges)]
    places.append(f"{edges[-1]}+")
    tiny = sum(source.tiny for source in real_sources(data))
    total = sum(facts.rows for facts in data.classes.values())
    return Figure(
        say.text("model_data.sizes"),
        say.text(
            "model_data.sizes_say",
            tiny=say.whole(tiny),
            share=say.percent(tiny / total),
            px=data.tiny_px,
        ),
        (_histogram(data, say, [f.sizes for f in data.classes.values()], places, "side"),),
        table(
            [say.text("model_data.side"), *(say.label(MaskState(label)) for label in data.classes)],
            [
                [place, *(say.whole(facts.sizes[k]) for facts in data.classes.values())]
                for k, place in enumerate(places)
            ],
        ),
    )


def _histogram(
    data: DataFacts, say: Catalogue, counted: Sequence[Sequence[int]], places: Sequence[str], x: str
) -> charts.Chart:
    """Shares of each class over places, as lines that can be told apart without colour."""
    shown: list[dict[str, Any]] = []
    for (label, facts), numbers in zip(data.classes.items(), counted, strict=True):
        name = class_label(say, MaskState(label))
        for place, number in zip(places, numbers, strict=True):
            ratio = number / facts.rows
            words = f"{name}, {place}: {say.percent(ratio)} ({say.whole(number)})"
            shown.append({"x": place, "value": ratio, "series": name, "words": words})
    top = max((row["value"] for row in shown), default=1.0)
    return charts.lines(shown, say, class_series(say), say.text(f"model_data.{x}"), high=top)
