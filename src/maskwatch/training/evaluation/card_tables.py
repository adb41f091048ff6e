"""The numbers of the model card as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from maskwatch.training.evaluation.imitated import UNPRACTISED, reasons
from maskwatch.training.evaluation.result import Evaluation, left_out_means
from maskwatch.training.evaluation.slices import MEASURES
from maskwatch.training.evaluation.unclear import NONE_THERE
from maskwatch.training.evaluation.wording import WORDS, interval, number, occurs, points, share

_SCORES = ("accuracy", "macro F1", *(f"recall: {word}" for word in WORDS.values()), "unsure")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; cells are Markdown already."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def bullets(sentences: Iterable[str]) -> str:
    """A Markdown list."""
    return "\n".join(f"- {sentence}" for sentence in sentences)


def plain(text: object) -> str:
    """Any text so that Markdown shows it as it is, on one line."""
    words = " ".join(str(text).split())
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#" else letter for letter in words)


def code(text: object) -> str:
    """Any text as a code span."""
    words = " ".join(str(text).split()).replace("`", "'")
    return f"`{words}`"


def summary(result: Evaluation) -> str:
    """The few numbers to read first."""
    name = _own(result)
    scores, spoilt = result.scores[name]["all"], result.corruptions[name]
    incorrect = scores["per_class"]["incorrect_mask"]
    unclear, left_out = result.unclear[name], left_out_means(result.left_out)["without_source"]
    rows = [
        ["accuracy", interval(scores["accuracy"])],
        ["macro F1", interval(scores["macro_f1"])],
        ["unsure", interval(scores["unsure_share"])],
        ["incorrect masks: recall", interval(incorrect["recall"])],
        ["incorrect masks: precision", interval(incorrect["precision"])],
        ["macro F1 on sources left out of training, mean", interval(left_out["macro_f1"])],
        ["faces that nobody can judge, answered unsure", interval(unclear["unsure_share"])],
        ["points lost on spoilt pictures, 15 kinds", points(spoilt["drop_points"])],
        [
            f"... of kinds that training does not imitate ({len(UNPRACTISED)})",
            points(spoilt["unpractised"]["drop_points"]),
        ],
        ["calibration error (ECE)", number(result.calibration[name]["all"].ece)],
    ]
    return table(["in short", "value"], rows)


def number_sections(result: Evaluation) -> Iterator[str]:
    """Headings and tables of everything that was measured."""
    yield from _classes(result)
    yield from _sources(result)
    yield from _left_out(result)
    yield from _unclear(result)
    yield from _measured(result)
    yield from _corruptions(result)
    yield from _sweeps(result)
    yield from _calibration(result)
    yield from _strictness(result)


def _own(result: Evaluation) -> str:
    return result.contest.entrants[0].name


def _classes(result: Evaluation) -> Iterator[str]:
    yield "## By class"
    per_class = result.scores[_own(result)]["all"]["per_class"]
    yield table(
        ["class", "rows", "precision", "recall", "F1"],
        [[word, *_class_cells(per_class[key])] for key, word in WORDS.items()],
    )
    confusion = result.scores[_own(result)]["all"]["confusion"]
    yield table(
        ["true class", *(f"answered {word}" for word in (*WORDS.values(), "unsure"))],
        [
            [word, *(f"{count:,}" for count in counts)]
            for word, counts in zip(WORDS.values(), confusion, strict=True)
        ],
    )
    if len(result.scores) > 1:
        yield "Other models on the same rows:"
        rows = [
            [plain(name), *_score_cells(of_model["all"])]
            for name, of_model in result.scores.items()
        ]
        yield table(["model", *_SCORES], rows)


def _sources(result: Evaluation) -> Iterator[str]:
    slices = result.scores[_own(result)]
    yield "## By source"
    yield "Faces in boxes and whole pictures apart: an average over them hides which one is hard."
    yield _slice_table("source", slices)
    yield table(
        ["source", "class", "rows", "precision", "recall", "F1"],
        [
            [plain(name), word, *_class_cells(scores["per_class"][key])]
            for name, scores in slices.items()
            for key, word in WORDS.items()
            if name != "all" and occurs(scores["per_class"][key])
        ],
    )


def _left_out(result: Evaluation) -> Iterator[str]:
    yield "## On sources left out of training"
    if not result.left_out:
        yield (
            "Not measured: no model that was trained without a source was given (`--left-out`). "
            "All other scores come from sources that the model was trained on; expect less "
            "elsewhere."
        )
        return
    yield (
        "What to expect of photos from elsewhere: each source judged by a model that was trained "
        "without it. In the mean every source weighs alike; its brackets are the "
        "lowest and the highest source."
    )
    part = result.contest.part_name
    whose = ("without it, all rows", f"without it, `{part}`", f"this model, `{part}`")
    rows = [
        [plain(item.left_out.source), who, *_counts(row), *_score_cells(row), number(row["ece"])]
        for item in result.left_out
        for who, row in zip(whose, item.by_name.values(), strict=True)
    ]
    for who, row in zip(whose, left_out_means(result.left_out).values(), strict=True):
        recalls = [interval(row["recall"][key]) for key in WORDS]
        overall = [interval(row["accuracy"]), interval(row["macro_f1"])]
        unsure = share(row["unsure_share"]["value"])
        cells = [*overall, *recalls, unsure, interval(row["ece"])]
        rows.append([f"**mean of {row['accuracy']['sources']}**", who, "", "", *cells])
    yield table(["source", "judged by", "rows", "groups", *_SCORES, "ECE"], rows)
    yield bullets(
        f"{plain(item.left_out.source)}: judged by {plain(item.left_out.entrant.card.name)}, "
        f"SHA-256 `{item.left_out.entrant.card.sha256}`; {item.left_out.proof.value}."
        for item in result.left_out
    )


def _unclear(result: Evaluation) -> Iterator[str]:
    yield "## Faces that nobody can judge"
    if not result.unclear[_own(result)]["n"]:
        yield NONE_THERE
        return
    yield (
        "Real faces whose mouth and nose are behind a hand, a scarf or a phone. Only unsure is "
        "right; every other answer is a guess given as knowledge."
    )
    rows = [
        [
            *(plain(name), *_counts(row), interval(row["unsure_share"])),
            *(f"{row['answers'][key]:,}" for key in WORDS),
            number(row["confidence"]),
        ]
        for name, row in result.unclear.items()
    ]
    answered = [f"answered {word}" for word in WORDS.values()]
    yield table(["model", "rows", "groups", "unsure", *answered, "mean confidence"], rows)


def _measured(result: Evaluation) -> Iterator[str]:
    yield "## By what can be measured of a face"
    for kind, measure in MEASURES.items():
        yield f"### {measure.title}"
        yield measure.note
        yield _slice_table(measure.column.lower(), result.measured[kind][_own(result)])


def _corruptions(result: Evaluation) -> Iterator[str]:
    of_model, sample = result.corruptions[_own(result)], result.sample
    yield "## On spoilt pictures"
    yield (
        f"The 15 common corruptions of ImageNet-C at 5 strengths on {sample['crops']:,} crops of "
        f"{sample['groups']:,} groups. Accuracy is the mean recall of the classes. Training draws "
        "kin of most families, and what was practised goes well; those it never draws are given "
        "apart."
    )
    clean = of_model["clean"]
    rows = [["clean", "", number(clean["accuracy"]), share(clean["unsure_share"]), "-"]]
    for title, row in (
        ("mean of all 15", of_model),
        ("mean of those not imitated", of_model["unpractised"]),
    ):
        mean = (number(row["mean"]["accuracy"]), share(row["mean"]["unsure_share"]))
        rows.append([f"**{title}**", "", *mean, points(row["drop_points"])])
    for family, kin in reasons().items():
        strengths = of_model["families"][family]
        accuracy, unsure, lost = (
            _mean(row[key] for row in strengths)
            for key in ("accuracy", "unsure_share", "drop_points")
        )
        why = f"{'yes' if kin['imitated'] else 'no'}: {kin['reason']}"
        rows.append([family, why, number(accuracy), share(unsure), number(lost, 1)])
    header = ["family, mean of 5 strengths", "imitated by training", "accuracy", "unsure"]
    yield table([*header, "points lost"], rows)


def _sweeps(result: Evaluation) -> Iterator[str]:
    yield "## Turned, darkened and brightened"
    yield "The same crops; accuracy is the mean recall of the classes."
    for title, sweep in (("degrees", result.rotation), ("brightness times", result.brightness)):
        rows = sweep[_own(result)]["all"]
        yield table(
            [title, *(f"{row['amount']:g}" for row in rows)],
            [
                ["accuracy", *(number(row["accuracy"]) for row in rows)],
                ["unsure", *(share(row["unsure_share"]) for row in rows)],
            ],
        )


def _calibration(result: Evaluation) -> Iterator[str]:
    yield "## How far its confidence can be trusted"
    yield (
        "Expected calibration error over 15 bins: 0 means that of 100 answers given with a "
        "confidence of 0.9, 90 are right. With few rows it is never near 0."
    )
    rows = [
        [plain(n), f"{c.n:,}", number(c.ece), number(c.confidence), number(c.accuracy)]
        for n, c in result.calibration[_own(result)].items()
    ]
    yield table(["source", "rows", "ECE", "mean confidence", "right"], rows)


def _strictness(result: Evaluation) -> Iterator[str]:
    own = _own(result)
    yield "## What a stricter threshold would bring"
    yield (
        "An answer whose probability stays below the threshold is unsure. Every other number here "
        "is with the threshold in bold; the three probabilities are in every result, so a program "
        "can be stricter."
    )
    any_unclear = bool(result.unclear[own]["n"])
    rows = []
    for row in result.strictness[own]:
        below = f"{row['unsure_below']:g}"
        cells = [
            f"**{below}**" if row["is_own"] else below,
            share(row["unsure_share"]["value"]),
            interval(row["accuracy_of_answers"]),
            f"{row['wrong_answers']:,}",
            f"{row['withheld_wrong']:,}",
            f"{row['withheld_right']:,}",
        ]
        rows.append([*cells, interval(row["unclear_unsure_share"])] if any_unclear else cells)
    header = ["unsure below", "unsure", "right, of those answered", "wrong answers"]
    header += ["wrong ones withheld", "right ones withheld"]
    header += ["faces that nobody can judge, unsure"] if any_unclear else []
    yield table(header, rows)


def _slice_table(first: str, slices: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [[plain(name), *_counts(row), *_score_cells(row)] for name, row in slices.items()]
    return table([first, "rows", "groups", *_SCORES], rows)


def _counts(row: Mapping[str, Any]) -> tuple[str, str]:
    return f"{row['n']:,}", f"{row['groups']:,}"


def _score_cells(scores: Mapping[str, Any]) -> list[str]:
    recalls = []
    for key in WORDS:
        row = scores["per_class"][key]
        recalls.append(f"{interval(row['recall'])} of {row['n']:,}" if row["n"] else "-")
    unsure = share(scores["unsure_share"]["value"])
    return [interval(scores["accuracy"]), interval(scores["macro_f1"]), *recalls, unsure]


def _class_cells(row: Mapping[str, Any]) -> list[str]:
    return [f"{row['n']:,}", *(interval(row[name]) for name in ("precision", "recall", "f1"))]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
