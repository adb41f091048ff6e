"""The pictures of a run: curves, confusion matrix, architecture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from maskwatch.schema import CLASSES

_BLUE, _ORANGE = "#0072B2", "#D55E00"  # Okabe and Ito: told apart by colour-blind readers


def draw_curves(history: Sequence[dict[str, float]], path: Path) -> None:
    """Accuracy (where there is one) and loss by epoch, as in the student report."""
    names = [name for name in ("accuracy", "loss") if name in history[0]]
    figure = Figure(figsize=(4.5 * len(names), 3.6), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        epochs = [row["epoch"] for row in history]
        axis.plot(epochs, [row[name] for row in history], "o-", color=_BLUE, label="training")
        validation = [row.get(f"val_{name}") for row in history]
        if any(value is not None for value in validation):
            axis.plot(epochs, validation, "s--", color=_ORANGE, label="validation")
        axis.set(xlabel="epoch", ylabel=name)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, dpi=120)


def draw_confusion(counts: Sequence[Sequence[int]], path: Path) -> None:
    """True class by answered class, the share of the true class as colour, counts as text."""
    table = np.asarray(counts, float)
    columns = [*CLASSES, "unsure"] if table[:, 3].any() else list(CLASSES)
    table = table[:, : len(columns)]
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(1.3 * len(columns) + 2.2, 4.2), layout="constrained")
    axis = figure.subplots()
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(table):
        colour = "white" if share[row, column] > 0.5 else "black"
        text = f"{int(count)}\n{share[row, column]:.1%}"
        axis.text(column, row, text, ha="center", va="center", color=colour)
    axis.set_xticks(range(len(columns)), [_words(name) for name in columns])
    axis.set_yticks(range(len(CLASSES)), [_words(name) for name in CLASSES])
    axis.set(xlabel="answered", ylabel="true")
    figure.savefig(path, dpi=120)


def draw_architecture(network: Any, path: Path) -> None:
    """The network as a column of blocks: layer, output shape, parameters, whether it learns."""
    layers = [*network.backbone.layers, *network.head.layers[1:]]
    figure = Figure(figsize=(6.4, 0.62 * len(layers) + 0.3), layout="constrained")
    axis = figure.subplots()
    for index, layer in enumerate(layers):
        y = -index
        learning = sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
        total = layer.count_params()
        colour = "#cfe6f5" if learning else "#ececec"
        box = {"boxstyle": "round,pad=0.45", "facecolor": colour, "edgecolor": "#444444"}
        shape = " x ".join(str(side) for side in layer.output.shape[1:])
        text = f"{layer.name}  ->  {shape}"
        if total:
            text += f"\n{total:,} parameters, {learning:,} learn"
        axis.text(0.5, y, text, ha="center", va="center", bbox=box, fontsize=9)
        if index:
            arrow = {"arrowstyle": "->", "color": "#444444"}
            axis.annotate("", (0.5, y + 0.36), (0.5, y + 0.64), arrowprops=arrow)
    axis.set(xlim=(0, 1), ylim=(0.6 - len(layers), 0.6))
    axis.axis("off")
    figure.savefig(path, dpi=120)


def _words(name: str) -> str:
    return str(name).replace("_", "\n")
