"""The numbers of the model card as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from maskwatch.models.evaluation import POINTS, ClassScores, Scores, Unclear, number, share
from maskwatch.training.data.catalog import WORDS
from maskwatch.training.evaluation.abstention import NONE_THERE
from maskwatch.training.evaluation.corruptions import UNPRACTISED, reasons
from maskwatch.training.evaluation.result import Result
from maskwatch.training.evaluation.slices import MEASURES

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


def summary(result: Result) -> str:
    """The few numbers to read first."""
    name = _own(result)
    scores, corrupted = result.found.scores[name]["all"], result.found.corruptions[name]
    incorrect = scores.per_class["incorrect_mask"]
    unclear, left_out = result.found.unclear[name], result.found.left_out_mean["without_source"]
    rows = [
        ["accuracy", scores.accuracy.text()],
        ["macro F1", scores.macro_f1.text()],
        ["unsure", scores.unsure_share.text()],
        ["incorrect masks: recall", incorrect.recall.text()],
        ["incorrect masks: precision", incorrect.precision.text()],
        ["macro F1 on sources left out of training, mean", left_out.macro_f1.text()],
        ["faces that nobody can judge, answered unsure", unclear.unsure_share.text()],
        ["points lost on corrupted pictures, 15 kinds", corrupted.drop_points.text(POINTS)],
        [
            f"... of kinds that training does not imitate ({len(UNPRACTISED)})",
            corrupted.unpractised.drop_points.text(POINTS),
        ],
        ["calibration error (ECE)", number(result.found.calibration[name]["all"].ece)],
    ]
    return table(["in short", "value"], rows)


def number_sections(result: Result) -> Iterator[str]:
    """Headings and tables of everything that was measured."""
    yield from _classes(result)
    yield from _sources(result)
    yield from _left_out(result)
    yield from _unclear(result)
    yield from _measured(result)
    yield from _corruptions(result)
    yield from _sweeps(result)
    yield from _calibration(result)
    yield from _abstention(result)


def _own(result: Result) -> str:
    return result.comparison.models[0].name


def _classes(result: Result) -> Iterator[str]:
    yield "## By class"
    per_class = result.found.scores[_own(result)]["all"].per_class
    yield table(
        ["class", "rows", "precision", "recall", "F1"],
        [[word, *_class_cells(per_class[key])] for key, word in WORDS.items()],
    )
    confusion = result.found.scores[_own(result)]["all"].confusion
    yield table(
        ["true class", *(f"answered {word}" for word in (*WORDS.values(), "unsure"))],
        [
            [word, *(f"{count:,}" for count in counts)]
            for word, counts in zip(WORDS.values(), confusion, strict=True)
        ],
    )
    if len(result.found.scores) > 1:
        yield "Other models on the same rows:"
        rows = [
            [plain(name), *_score_cells(of_model["all"])]
            for name, of_model in result.found.scores.items()
        ]
        yield table(["model", *_SCORES], rows)


def _sources(result: Result) -> Iterator[str]:
    slices = result.found.scores[_own(result)]
    yield "## By source"
    yield "Faces in boxes and whole pictures apart: an average over them hides which one is hard."
    yield _slice_table("source", slices)
    yield table(
        ["source", "class", "rows", "precision", "recall", "F1"],
        [
            [plain(name), word, *_class_cells(scores.per_class[key])]
            for name, scores in slices.items()
            for key, word in WORDS.items()
            if name != "all" and scores.per_class[key].occurs
        ],
    )


def _left_out(result: Result) -> Iterator[str]:
    yield "## On sources left out of training"
    if not result.found.left_out:
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
    part = result.comparison.part_name
    whose = ("without it, all rows", f"without it, `{part}`", f"this model, `{part}`")
    rows = [
        [plain(item.source), who, *_counts(row), *_score_cells(row), number(row.ece)]
        for item in result.found.left_out
        for who, row in zip(whose, item.by_name.values(), strict=True)
    ]
    for who, row in zip(whose, result.found.left_out_mean.values(), strict=True):
        recalls = [row.recall[key].text() for key in WORDS]
        overall = [row.accuracy.text(), row.macro_f1.text()]
        unsure = share(row.unsure_share.value)
        cells = [*overall, *recalls, unsure, row.ece.text()]
        rows.append([f"**mean of {row.accuracy.sources}**", who, "", "", *cells])
    yield table(["source", "judged by", "rows", "groups", *_SCORES, "ECE"], rows)
    yield bullets(
        f"{plain(item.source)}: judged by {plain(item.model)}, "
        f"SHA-256 `{item.sha256}`; {item.proof}."
        for item in result.found.left_out
    )


def _unclear(result: Result) -> Iterator[str]:
    yield "## Faces that nobody can judge"
    if not result.found.unclear[_own(result)].n:
        yield NONE_THERE
        return
    yield (
        "Real faces whose mouth and nose are behind a hand, a scarf or a phone. Only unsure is "
        "right; every other answer is a guess given as knowledge."
    )
    rows = [
        [
            plain(name),
            *_counts(row),
            row.unsure_share.text(),
            *(f"{row.answers[key]:,}" for key in WORDS),
            number(row.confidence),
        ]
        for name, row in result.found.unclear.items()
    ]
    answered = [f"answered {word}" for word in WORDS.values()]
    yield table(["model", "rows", "groups", "unsure", *answered, "mean confidence"], rows)


def _measured(result: Result) -> Iterator[str]:
    yield "## By what can be measured of a face"
    for kind, measure in MEASURES.items():
        yield f"### {measure.title}"
        yield measure.note
        yield _slice_table(measure.column.lower(), getattr(result.found, kind)[_own(result)])


def _corruptions(result: Result) -> Iterator[str]:
    of_model, sample = result.found.corruptions[_own(result)], result.found.sample
    yield "## On corrupted pictures"
    yield (
        f"The 15 common corruptions of ImageNet-C at 5 strengths on {sample.crops:,} crops of "
        f"{sample.groups:,} groups. Accuracy is the mean recall of the classes. Training draws "
        "kin of most families, and what was practised goes well; those it never draws are given "
        "apart."
    )
    clean = of_model.clean
    rows = [["clean", "", number(clean.accuracy), share(clean.unsure_share), "-"]]
    for title, row in (
        ("mean of all 15", of_model),
        ("mean of those not imitated", of_model.unpractised),
    ):
        mean = (number(row.mean.accuracy), share(row.mean.unsure_share))
        rows.append([f"**{title}**", "", *mean, row.drop_points.text(POINTS)])
    for family, kin in reasons().items():
        strengths = of_model.families[family]
        accuracy = _mean(row.accuracy for row in strengths)
        unsure = _mean(row.unsure_share for row in strengths)
        lost = _mean(row.drop_points for row in strengths)
        why = f"{'yes' if kin.imitated else 'no'}: {kin.reason}"
        rows.append([family, why, number(accuracy), share(unsure), number(lost, 1)])
    header = ["family, mean of 5 strengths", "imitated by training", "accuracy", "unsure"]
    yield table([*header, "points lost"], rows)


def _sweeps(result: Result) -> Iterator[str]:
    yield "## Turned, darkened and brightened"
    yield "The same crops; accuracy is the mean recall of the classes."
    for title, sweep in (
        ("degrees", result.found.rotation_deg),
        ("brightness times", result.found.brightness_factor),
    ):
        rows = sweep[_own(result)].all
        yield table(
            [title, *(f"{row.amount:g}" for row in rows)],
            [
                ["accuracy", *(number(row.accuracy) for row in rows)],
                ["unsure", *(share(row.unsure_share) for row in rows)],
            ],
        )


def _calibration(result: Result) -> Iterator[str]:
    yield "## How far its confidence can be trusted"
    yield (
        "Expected calibration error over 15 bins: 0 means that of 100 answers given with a "
        "confidence of 0.9, 90 are right. With few rows it is never near 0."
    )
    rows = [
        [plain(n), f"{c.n:,}", number(c.ece), number(c.confidence), number(c.accuracy)]
        for n, c in result.found.calibration[_own(result)].items()
    ]
    yield table(["source", "rows", "ECE", "mean confidence", "right"], rows)


def _abstention(result: Result) -> Iterator[str]:
    own = _own(result)
    yield "## What a stricter threshold would bring"
    yield (
        "An answer whose probability stays below the threshold is unsure. Every other number here "
        "is with the threshold in bold; the three probabilities are in every result, so a program "
        "can be stricter."
    )
    any_unclear = bool(result.found.unclear[own].n)
    rows = []
    for row in result.found.strictness[own]:
        below = f"{row.unsure_below:g}"
        cells = [
            f"**{below}**" if row.is_own else below,
            share(row.unsure_share.value),
            row.accuracy_of_answers.text(),
            f"{row.wrong_answers:,}",
            f"{row.withheld_wrong:,}",
            f"{row.withheld_right:,}",
        ]
        rows.append([*cells, row.unclear_unsure_share.text()] if any_unclear else cells)
    header = ["unsure below", "unsure", "right, of those answered", "wrong answers"]
    header += ["wrong ones withheld", "right ones withheld"]
    header += ["faces that nobody can judge, unsure"] if any_unclear else []
    yield table(header, rows)


def _slice_table(first: str, slices: Mapping[str, Scores]) -> str:
    rows = [[plain(name), *_counts(row), *_score_cells(row)] for name, row in slices.items()]
    return table([first, "rows", "groups", *_SCORES], rows)


def _counts(row: Scores | Unclear) -> tuple[str, str]:
    return f"{row.n:,}", f"{row.groups:,}"


def _score_cells(scores: Scores) -> list[str]:
    recalls = []
    for key in WORDS:
        row = scores.per_class[key]
        recalls.append(f"{row.recall.text()} of {row.n:,}" if row.n else "-")
    unsure = share(scores.unsure_share.value)
    return [scores.accuracy.text(), scores.macro_f1.text(), *recalls, unsure]


def _class_cells(row: ClassScores) -> list[str]:
    return [f"{row.n:,}", *(one.text() for one in (row.precision, row.recall, row.f1))]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
