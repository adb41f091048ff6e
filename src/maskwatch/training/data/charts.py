"""The charts of the data report, as SVG that takes its text colour from the page around it."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskwatch.training.data.catalog import LABELS, WORDS

# Okabe and Ito's colours, told apart by colour-blind readers too; the same as in drawn results
COLOURS = dict(zip(LABELS, ("#0072B2", "#D55E00", "#E69F00"), strict=True))

_INK = "#010203"  # stands for the page's text colour, which light and dark pages set differently
_NEUTRAL = "#8a8f98"
_SIZE_IN = (4.1, 2.8)  # narrow, so that text stays readable when a phone shrinks the chart


def class_counts(counts: Mapping[str, int]) -> str:
    """The student report's own chart: one bar per class, its count on top."""
    figure, axis = _start("faces")
    axis.yaxis.set_major_formatter("{x:,.0f}")
    bars = axis.bar([WORDS[label] for label in LABELS], [counts[label] for label in LABELS])
    for bar, label in zip(bars, LABELS, strict=True):
        bar.set_color(COLOURS[label])
    axis.bar_label(bars, fmt="{:,.0f}", padding=2, color=_INK)
    axis.margins(y=0.12)
    return _svg(figure, "counts")


def face_sizes(face_px: pd.Series[float], labels: pd.Series[str], tiny_px: int) -> str:
    """How many pixels the shorter side of the faces has, on a logarithmic axis."""
    figure, axis = _start("faces")
    axis.yaxis.set_major_formatter("{x:,.0f}")
    # wide enough that the bar of a set whose pictures are all of one size can be seen
    narrowest, widest = min(face_px.min(), tiny_px / 2), max(face_px.max(), 2 * tiny_px)
    bins = np.geomspace(narrowest / 1.01, widest * 1.3, 31)
    present = [label for label in LABELS if (labels == label).any()]
    if present:  # there may be unclear faces only
        axis.hist(
            [face_px[labels == label] for label in present],
            bins.tolist(),
            stacked=True,
            color=[COLOURS[label] for label in present],
            label=[WORDS[label] for label in present],
        )
    axis.set_xscale("log")
    axis.set_xlabel("shorter side in pixels")
    ticks = [tick for tick in (5, 10, 20, 50, 100, 200, 500, 1000) if bins[0] <= tick <= bins[-1]]
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.minorticks_off()
    axis.axvline(tiny_px, color=_INK, linestyle=":", label=f"{tiny_px} px")
    figure.legend(
        loc="outside upper center",
        ncols=len(present) + 1,
        frameon=False,
        fontsize=8,
        handlelength=1.2,
        columnspacing=1.2,
        labelcolor=_INK,
    )
    return _svg(figure, "sizes")


def brightness(values: pd.Series[float], labels: pd.Series[str]) -> str:
    """Distribution of the mean grey level of each class, with its quartiles."""
    figure, axis = _start("mean grey level (0 to 255)")
    present = [label for label in LABELS if (labels == label).sum() > 1]
    for place, label in enumerate(present):
        group = values[labels == label].to_numpy()
        if np.ptp(group) > 0:  # a density needs some spread
            shape: Any = axis.violinplot([group], [place], widths=0.85, showextrema=False)
            shape["bodies"][0].set(facecolor=COLOURS[label], alpha=0.75)
        low, middle, high = np.quantile(group, (0.25, 0.5, 0.75))
        axis.vlines(place, low, high, color=_INK, linewidth=4)
        axis.plot(place, middle, "o", color="white", markeredgecolor=_INK, markersize=6)
    axis.set_xticks(range(len(present)), [WORDS[label] for label in present])
    axis.set_ylim(0, 255)
    return _svg(figure, "brightness")


def count_group_sizes(pictures_per_group: Sequence[int]) -> dict[str, int]:
    """How many groups have one picture, two, three to four, ..."""
    edges = [1, 2, 3, 5, 9, 17, 33, 10**9]
    counts, _ = np.histogram(pictures_per_group, edges)
    names = ("1", "2", "3-4", "5-8", "9-16", "17-32", "33+")
    return dict(zip(names, counts.tolist(), strict=True))


def group_sizes(pictures_per_group: Sequence[int]) -> str:
    """The groups by their number of pictures."""
    counts = count_group_sizes(pictures_per_group)
    figure, axis = _start("groups (logarithmic)")
    bars = axis.bar(list(counts), list(counts.values()), color=_NEUTRAL)
    axis.bar_label(bars, [f"{n:,}" if n else "" for n in counts.values()], padding=2, color=_INK)
    axis.set_yscale("symlog", linthresh=1)
    axis.set_yticks([1, 10, 100, 1000, 10000], ["1", "10", "100", "1,000", "10,000"])
    axis.set_ylim(0, max(10, max(counts.values()) * 3))
    axis.set_xlabel("pictures in the group")
    return _svg(figure, "groups")


def twins(shares: Mapping[str, float]) -> str:
    """Share of validation faces with a near-identical picture in training, per kind of split."""
    figure, axis = _start("")
    names, values = list(shares), [100 * share for share in shares.values()]
    bars = axis.barh(names, values, color=["#D55E00" if value else "#0072B2" for value in values])
    axis.bar_label(bars, fmt="{:.1f} %", padding=4, color=_INK)
    axis.set_xlim(0, 118)
    axis.set_xticks([0, 25, 50, 75, 100])
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.grid(axis="x", color=_NEUTRAL, alpha=0.35)
    axis.set_xlabel("validation faces with a twin in training, %")
    return _svg(figure, "twins")


def _start(y_label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE_IN, layout="constrained")
    axis = figure.subplots()
    axis.set_ylabel(y_label)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color=_NEUTRAL, alpha=0.35)
    axis.set_axisbelow(True)
    return figure, axis


def _svg(figure: Figure, name: str) -> str:
    """The figure as an SVG element for inside a page; `name` keeps the ids of charts apart."""
    for axis in figure.axes:
        axis.tick_params(colors=_INK)
        axis.xaxis.label.set_color(_INK)
        axis.yaxis.label.set_color(_INK)
        for spine in axis.spines.values():
            spine.set_edgecolor(_NEUTRAL)
    file = io.StringIO()
    with mpl.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": name, "font.family": "sans-serif"}
    ):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    drawing = file.getvalue()
    return drawing[drawing.index("<svg") :].replace(_INK, "currentColor")
