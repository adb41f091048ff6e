"""A figure of the page about the model: one chart or some, what they say, and their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from maskwatch.app.charts import Chart, Row
from maskwatch.app.i18n import Catalogue
from maskwatch.models.evaluation import Estimate, EvaluatedModel, Evaluation

DASH = "\N{EN DASH}"
"""Between the ends of an interval."""

NONE = DASH
"""In place of a number that is undefined."""

Table = Mapping[str, Sequence[str]]
"""Columns by their heading, cells as words."""


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """A figure in one language.

    Attributes:
        title: what it is about.
        takeaway: what it says, in one sentence with its numbers; Markdown.
        charts: Altair's, one below the other.
        table: the same in numbers.
        note: how to read it, or what to beware of; Markdown, may be empty.
    """

    title: str
    takeaway: str
    charts: tuple[Chart, ...]
    table: Table
    note: str = ""


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Rows as columns."""
    listed = list(rows)
    return {name: [row[place] for row in listed] for place, name in enumerate(headings)}


def share(say: Catalogue, value: float | None) -> str:
    """A share such as "97.3%"."""
    return NONE if value is None else say.percent(value)


def spread(say: Catalogue, score: Estimate) -> str:
    """A share with its interval, such as "97.3% (96.5-98.0%)"."""
    if score.value is None or score.low is None or score.high is None:
        return NONE
    return f"{say.percent(score.value)} ({span(say, score)})"


def span(say: Catalogue, score: Estimate) -> str:
    """An interval of shares, such as "96.5-98.0%"."""
    if score.low is None or score.high is None:
        return NONE
    return f"{say.number(100 * score.low)}{DASH}{say.percent(score.high)}"


def points(say: Catalogue, score: Estimate) -> str:
    """Percentage points with their interval, such as "4.9 (3.6 to 6.1)"."""
    if score.value is None or score.low is None or score.high is None:
        return NONE
    ends = say.text("figures.from_to", low=say.number(score.low), high=say.number(score.high))
    return f"{say.number(score.value)} ({ends})"


def word(say: Catalogue, key: str) -> str:
    """A name from the artefacts in words, such as that of "sizes.under 20 px" in the catalogue.

    Where the language has none for it, the name itself.
    """
    family, _, name = key.partition(".")
    plain_name = re.sub(r"\W+", "_", name).strip("_").lower()
    return say.texts.get(f"{family}.{plain_name}", name)


def slice_word(say: Catalogue, name: str) -> str:
    """A slice such as "voc-853 faces" in words."""
    known = word(say, f"slices.{name}")
    source, _, kind = name.rpartition(" ")
    if known == name and source and kind in ("faces", "pictures"):
        return say.text(f"slices.of_{kind}", source=source)
    return known


def model_word(say: Catalogue, evaluation: Evaluation, model: EvaluatedModel) -> str:
    """What tables call a model: this one, the report's, or its name."""
    if model is evaluation.own:
        return say.text("figures.own")
    # recipes/report*.yaml are the report's system, and a model bears the name of its recipe
    return say.text("figures.report") if model.name.startswith("report") else model.name


def interval_row(place: str, series: str, score: Estimate, say: Catalogue) -> Row:
    """A point with its interval for charts.intervals."""
    return {
        "place": place,
        "series": series,
        "value": score.value,
        "low": score.low,
        "high": score.high,
        "words": f"{place}, {series}: {spread(say, score)}",
    }
