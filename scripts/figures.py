"""Draws the pictures of the documentation that show results, from what was measured.

    make figures      # or: python scripts/figures.py

The numbers come from benchmarks/results/*.json. The people in the first picture are drawn, see
draw_samples.py, and judged by the shipped models; `maskwatch predict --save` marks them likewise.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import draw_samples
import matplotlib.pyplot as plt
import numpy as np
from draw_samples import BARE, BLACK, BROWN, DARK, GREY_HAIR, LIGHT, MASK, NOSE_OUT, OLIVE
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

import maskwatch
from maskwatch import MaskState
from maskwatch.io.draw import annotate

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "img"
RESULTS = ROOT / "benchmarks" / "results"
GREY, BLUE = "#767676", "#0072b2"
THE_REPORT, OURS = "the report's system", "MaskWatch"

Range = tuple[float, float, float]
"""A value, and the ends of its interval or of the spread of folds; from 0 to 1."""

HERO = draw_samples.Scene(
    (1000, 540),
    (226, 214, 196),
    (
        (draw_samples.Person(MASK, DARK, BLACK, (150, 110, 60)), (150, 230), 130),
        (draw_samples.Person(NOSE_OUT, LIGHT, BROWN, (112, 64, 72), tilt_deg=-4), (380, 262), 130),
        (draw_samples.Person(BARE, OLIVE, BLACK, (44, 92, 88), long_hair=True), (615, 230), 130),
        (draw_samples.Person(BARE, LIGHT, GREY_HAIR, (84, 84, 92)), (850, 260), 130),
    ),
)
SHOWS = (MaskState.MASK, MaskState.INCORRECT_MASK, MaskState.NO_MASK, MaskState.UNSURE)


def draw_hero() -> None:
    """Four people, one for each answer; the last drinks, and nobody knows what is behind the cup.

    Raises:
        SystemExit: the shipped models judge them otherwise; draw the cup otherwise then.
    """
    image_rgb = draw_samples.draw_scene(HERO, and_then=draw_cup)
    report = maskwatch.Analyzer().analyze(image_rgb)
    states = tuple(face.state for face in report.faces)
    if states != SHOWS:
        raise SystemExit(f"the people of the first picture are judged {', '.join(states)}")
    marked = Image.fromarray(annotate(image_rgb, report))
    marked.save(IMAGES / "hero.jpg", quality=88, optimize=True)


def draw_cup(canvas: draw_samples.Canvas) -> None:
    """A cup before the mouth of the last of HERO, and the fingers that hold it."""
    person, middle_xy, breadth_px = HERO.people[-1]
    pen = draw_samples.Pen(canvas, middle_xy, breadth_px, person.tilt_deg)
    cup, top = (170, 70, 60), 0.3
    pen.shape(np.array([[-0.5, top], [0.5, top], [0.4, 1.6], [-0.4, 1.6]]), cup, 0.01)
    pen.shape(draw_samples.oval(0, top, 0.5, 0.1), draw_samples.shade(cup, 0.8), 0.01)
    for finger in range(4):
        place = draw_samples.oval(0.6, top + 0.35 + 0.22 * finger, 0.35, 0.11)
        pen.shape(place, draw_samples.shade(LIGHT, 0.95), 0.01)


def draw_accuracy() -> None:
    """What each way to measure says of the report's system and of MaskWatch."""
    labels = [
        "report's own split (leaky)",
        "five grouped folds of that set",
        "twelve sets, grouped test part",
        "... of it, voc-853: crowds",
        "... of it, yolo-800: crowds",
    ]
    figure, panels = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
    titles = ("accuracy, %", "of masks worn incorrectly, found, %")
    for axes, title, of in zip(panels, titles, (_accuracy, _recall), strict=True):
        _series(axes, _measured(of), labels)
        axes.set_title(title, loc="left")
    panels[0].legend(frameon=False, loc="lower left")
    _save(figure, "accuracy.png")


def _measured(of: Callable[[dict[str, Any]], Range]) -> dict[str, list[Range]]:
    """For each system one figure of every way to measure it."""
    report = {
        name.removeprefix("report-code/"): run
        for name, run in _read("report_runs")["runs"].items()
        if name.startswith("report-code/")
    }
    runs = {run["name"]: run["scores"] for run in _read("classifier_runs")["runs"]}
    ours, theirs, *_ = _read("classifier")["scores"].values()
    parts = ("all", "voc-853 faces", "yolo-800 faces")
    return {
        THE_REPORT: [
            of(report["report"]),
            _spread([of(report[f"grouped-{fold}"]) for fold in range(5)]),
            *(of(theirs[part]) for part in parts),
        ],
        OURS: [
            of(runs["report-protocol longer"]["all"]),
            _spread([of(runs[f"fold-{fold} longer"]["kaggle-8982"]) for fold in range(5)]),
            *(of(ours[part]) for part in parts),
        ],
    }


def _accuracy(scores: dict[str, Any]) -> Range:
    return _range(scores["accuracy"] if "accuracy" in scores else scores["val"]["accuracy"])


def _recall(scores: dict[str, Any]) -> Range:
    if "per_class" in scores:
        return _range(scores["per_class"]["incorrect_mask"]["recall"])
    value = scores["recall"]["incorrect_mask"]  # of the report's runs without an interval
    return value, value, value


def _range(score: dict[str, float]) -> Range:
    return score["value"], score["low"], score["high"]


def _spread(folds: Sequence[Range]) -> Range:
    values = [value for value, _, _ in folds]
    return sum(values) / len(values), min(values), max(values)


def draw_left_out() -> None:
    """How a source is judged that was never trained on."""
    names, ours = [], []
    for entry in _read("classifier_runs")["runs"]:
        source = entry["name"].removeprefix("without-").removesuffix(" recipe")
        if f"without-{source} recipe" != entry["name"]:
            continue
        scores = entry["scores"]
        found = f"{source} faces" if f"{source} faces" in scores else source
        names.append(f"{source} (n = {scores[found]['n']:,})")
        ours.append(_range(scores[found]["accuracy"]))
    order = sorted(range(len(ours)), key=lambda i: -ours[i][0])
    figure, axes = plt.subplots(figsize=(7, 2.9), layout="constrained")
    _series(axes, {OURS: [ours[i] for i in order]}, [names[i] for i in order])
    axes.set_title("accuracy on a source that was never trained on, %", loc="left")
    _save(figure, "left-out.png")


def draw_live() -> None:
    """How often a label jumps without cause."""
    films = _read("flicker")["films"]
    words = {
        "frame by frame, as in the report": "frame by frame,\nas in the report",
        "majority of the last second": "majority of\nthe last second",
        "MaskWatch": "MaskWatch",
    }
    figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
    for row, (rate, colour) in enumerate((("30 fps", BLUE), ("15 fps", "#56b4e9"))):
        values = [films[rate][name]["false_switches"] for name in words]
        places = np.arange(len(words)) + (row - 0.5) * 0.36
        bars = axes.barh(places, values, 0.34, color=colour, label=f"{rate[:2]} frames a second")
        axes.bar_label(bars, [f"{value:.3g}" for value in values], padding=3)
    axes.set_yticks(range(len(words)), words.values())
    axes.invert_yaxis()
    axes.set_title("label switches without cause, per minute and face", loc="left")
    axes.legend(frameon=False, loc="lower right")
    _save(figure, "live.png")


def draw_alarms() -> None:
    """What becomes of a thousand people at a door, for three shares of violations."""
    ours = next(iter(_read("classifier")["scores"].values()))["all"]
    runs = {run["name"]: run["scores"] for run in _read("classifier_runs")["runs"]}
    new = runs["without-yolo-800 recipe"]["yolo-800 faces"]
    shares = (0.2, 0.05, 0.005)
    figure, panels = plt.subplots(1, 2, figsize=(10, 3), layout="constrained", sharey=True)
    titles = (
        "photos from the same sources as in training",
        "photos unlike all of training (yolo-800)",
    )
    for axes, title, scores in zip(panels, titles, (ours, new), strict=True):
        day = [alarms(scores["confusion"], share) for share in shares]
        places = range(len(shares))
        true, false = ([round(one[i]) for one in day] for i in (0, 1))
        first = axes.barh(places, true, 0.6, color=BLUE, label="right")
        second = axes.barh(places, false, 0.6, left=true, color=GREY, hatch="//", label="false")
        axes.bar_label(
            first, [str(n) if n > 9 else "" for n in true], label_type="center", color="w"
        )
        axes.bar_label(
            second,
            [
                f"{wrong} of {right + wrong} are false"
                for right, wrong in zip(true, false, strict=True)
            ],
            padding=4,
        )
        axes.set_title(title, loc="left")
        axes.set_xlim(0, 360)
    labels = [f"{share * 1000:.0f} of 1,000 wear\nno mask or wear it wrong" for share in shares]
    panels[0].set_yticks(range(len(shares)), labels)
    panels[0].invert_yaxis()
    panels[1].legend(frameon=False, loc="lower right", title="alarms a day")
    _save(figure, "alarms.png")


def alarms(confusion: Sequence[Sequence[int]], share: float, people: int = 1000) -> Range:
    """Alarms of a day, each person judged once.

    Args:
        confusion: rows mask, no mask, incorrect; columns the same and unsure.
        share: of the people who wear none or wear it wrong, both as likely.
        people: how many come.

    Returns:
        Right alarms, false alarms, and people who were missed.
    """
    rates = np.array(confusion, float)
    rates /= rates.sum(axis=1, keepdims=True)
    alarm = rates[:, 1:3].sum(axis=1)  # either violation calls somebody
    violators = people * share
    right = violators * alarm[1:].mean()
    return float(right), float(people * (1 - share) * alarm[0]), float(violators - right)


def draw_cost() -> None:
    """What a frame costs as faces and pixels grow, and a computer as cameras do."""
    scenes = _read("bench")["scenes"]
    watched = _read("watch_cameras")
    figure, (frames, cameras) = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
    kinds = (("photo", "--"), ("live frame", "-"))
    colours = {640: BLUE, 1280: "#009e73", 1920: "#d55e00"}
    for (kind, dashes), (width, colour) in itertools.product(kinds, colours.items()):
        shown = [scene for scene in scenes if scene["size_wh"][0] == width]
        name = f"{kind}, {width} x {shown[0]['size_wh'][1]}"
        faces = [scene["faces_drawn"] for scene in shown]
        ms = [scene["stages"][kind]["p50_ms"] for scene in shown]
        frames.plot(faces, ms, dashes, color=colour, marker="o", markersize=4, label=name)
    frames.set_title("ms a frame or photo, two cores", loc="left")
    frames.set_xlabel("faces, nobody seen before")
    frames.set_xticks(sorted({scene["faces_drawn"] for scene in scenes}))
    frames.set_ylim(bottom=0)
    frames.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    numbers = [int(number) for number in watched["cameras"]]
    rows = list(watched["cameras"].values())
    judged = cameras.bar(range(len(rows)), [row["frames_per_s"] for row in rows], 0.5, color=BLUE)
    cameras.bar_label(
        judged,
        [
            f"{row['per_camera']['mean']:.3g} of each camera\n"
            f"{row['cores_used']:.2f} cores busy\np95 {row['latency_ms']['p95']} ms late"
            for row in rows
        ],
        padding=3,
        fontsize=8,
    )
    cameras.set_title("frames judged a second by maskwatch watch", loc="left")
    cameras.set_xlabel(f"cameras with {watched['offered_per_camera']} frames a second")
    cameras.set_xticks(range(len(rows)), [str(number) for number in numbers])
    cameras.margins(x=0.15, y=0.3)
    _save(figure, "cost.png")


def _series(axes: Axes, of: dict[str, list[Range]], labels: Sequence[str]) -> None:
    """One row a label, one mark a system, with its interval."""
    for row, (name, ranges) in enumerate(of.items()):
        value, low, high = np.array(ranges).T * 100
        places = np.arange(len(labels)) + (row - (len(of) - 1) / 2) * 0.3
        colour, mark = (BLUE, "o") if name == OURS else (GREY, "D")
        error = np.clip([value - low, high - value], 0, None)
        axes.errorbar(value, places, xerr=error, fmt=mark, color=colour, capsize=3, label=name)
        above, below = (0, 5), (0, -13)
        for at, place in zip(value, places, strict=True):
            axes.annotate(
                f"{at:.1f}", (at, place), below if row else above,
                textcoords="offset points", ha="center", fontsize=8, color=colour,
            )  # fmt: skip
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlim(0, 103)
    axes.grid(axis="x", color="#dddddd")
    axes.set_axisbelow(True)


def _read(name: str) -> dict[str, Any]:
    document = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def _save(figure: Figure, name: str) -> None:
    figure.savefig(IMAGES / name, dpi=110)
    plt.close(figure)


def main() -> None:
    """Draws all of them."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
    for draw in (draw_hero, draw_accuracy, draw_left_out, draw_live, draw_alarms, draw_cost):
        draw()


if __name__ == "__main__":
    main()
