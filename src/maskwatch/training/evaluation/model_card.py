"""The model card for people, as Markdown: written from an evaluation and the card beside the model.

Nothing in it is written by hand and nothing depends on the day or the machine, so the same model on
the same data gives the same page.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from maskwatch._version import __version__
from maskwatch.models.card import ModelCard
from maskwatch.training.data.catalog import PUBLIC_SETS, ROW_LABELS
from maskwatch.training.data.manifest import PARTS
from maskwatch.training.evaluation.card_tables import (
    bullets,
    code,
    number_sections,
    plain,
    summary,
    table,
)
from maskwatch.training.evaluation.comparison import Comparison, caveats
from maskwatch.training.evaluation.result import Result
from maskwatch.training.evaluation.slices import NOT_SLICED

NOT_FOR = (
    "**Not for identifying people.** It does not know who anybody is, and it must not be joined "
    "to anything that does: no names, no tracking of a person from camera to camera, no lists of "
    "who wore a mask and who did not.",
    "**Not for punishing people.** No fine, warning, refused entry, mark in a file or lost shift "
    "may follow from what it says. It is wrong about some faces, and nothing tells beforehand "
    "which.",
    "**Not for monitoring named workers or pupils.** Laws may call that high-risk (in the "
    "European Union, Annex III of the AI Act): ask somebody who knows before you try.",
    "**Not a medical or safety device.** It sees neither whether a mask filters nor whether "
    "anybody is protected.",
    "**Not for guessing anything else of a person**: health, age, sex, origin or mood.",
)
"""What the model must not be used for, in plain words."""


def card_text(result: Result) -> str:
    """The card as Markdown text."""
    blocks = [*_what_it_is(result), *_training(result), *_testing(result)]
    blocks += number_sections(result)
    blocks += _ending(result)
    return "\n\n".join(blocks) + "\n"


def command(comparison: Comparison) -> str:
    """The command that gives this evaluation; files of elsewhere by their name alone."""
    model, *baselines = (_file(model.path) for model in comparison.models)
    words = ["maskwatch", "evaluate", model, "--data", comparison.manifest]
    if comparison.part_name != "test":
        words += ["--part", comparison.part_name]
    for name in baselines:
        words += ["--baseline", name]
    for item in comparison.left_out:
        words += ["--left-out", f"{item.source}={_file(item.model.path)}"]
    return shlex.join([*words, "--out", "evaluation"])


def _file(path: Path) -> str:
    return path.name if path.is_absolute() else path.as_posix()


def _what_it_is(result: Result) -> Iterator[str]:
    comparison = result.comparison
    model, card = comparison.models[0], comparison.models[0].card
    yield f"# Model card: {plain(card.name)}"
    yield (
        "*Written by `maskwatch evaluate` from an evaluation of the file and from the card "
        "beside it. Do not edit it: run the command at its end again.*"
    )
    yield "## What it is"
    yield (
        "A network that looks at one face cut out of a picture and answers whether the mask on "
        "it is worn, worn incorrectly (nose or mouth bare) or missing. Where its calibrated "
        f"probability stays below {card.unsure_below:g} the answer is **unsure**, which never "
        "counts as a violation. It does not find the faces; another network does that."
    )
    network = card.training.get("recipe", {}).get("network", {})
    shape = f"{card.input_side_px} x {card.input_side_px} pixels"
    if "alpha" in network:
        shape = f"MobileNetV2 (width {network['alpha']:g}) for faces of {shape}"
    yield bullets(
        [
            f"File: `{model.path.name}`, SHA-256 `{card.sha256}`",
            f"Licence of the file: {plain(card.licence)}",
            f"Network: {shape}, {card.crop_margin_ratio:.0%} of surroundings on each side of a box",
            f"Calibration: {_calibration(card)}",
            f"Made into this page by MaskWatch {__version__}",
        ]
    )
    yield summary(result)
    yield "## What it is for"
    yield plain(card.intended_use)
    yield "## What it must not be used for"
    yield bullets(NOT_FOR)


def _calibration(card: ModelCard) -> str:
    divided = f"logits divided by {card.temperature:g}"
    if not any(card.logit_shift):
        return divided
    shifts = zip(card.classes, card.logit_shift, strict=True)
    return f"{divided}, then " + ", ".join(f"{shift:+.2f} for `{name}`" for name, shift in shifts)


def _training(result: Result) -> Iterator[str]:
    trained = result.comparison.models[0].card.training
    yield "## What it learnt from"
    if not trained.get("sources"):
        yield "The card beside the model does not say what it learnt from."
        return
    counts = trained.get("crops_by_source", {})
    yield (
        "Faces and pictures of each source in the parts of the split. It learnt from `train`; its "
        "calibration was fitted on `val`."
    )
    rows = [
        [
            plain(source),
            plain(licence),
            _origin(source),
            *(f"{counts.get(part, {}).get(source, 0):,}" if counts else "-" for part in PARTS),
        ]
        for source, licence in sorted(trained["sources"].items())
    ]
    yield table(["source", "licence", "from", *PARTS], rows)
    of_parts = trained.get("crops", {})
    if of_parts:
        labels = [name for name in ROW_LABELS if any(name in row for row in of_parts.values())]
        rows = [
            [f"`{part}`", *(f"{of_parts[part].get(name, 0):,}" for name in labels)]
            for part in PARTS
            if part in of_parts
        ]
        yield table(["part", *(f"`{name}`" for name in labels)], rows)
    recipe = code(trained.get("recipe", {}).get("name", "not named"))
    yield (
        f"Recipe: {recipe}; it stands in full in the card beside the model. Hash of the manifest "
        f"it learnt from: {code(trained.get('data_sha256', 'not recorded'))}."
    )


def _origin(source: str) -> str:
    return f"<{PUBLIC_SETS[source].origin}>" if source in PUBLIC_SETS else "-"


def _testing(result: Result) -> Iterator[str]:
    comparison = result.comparison
    model = comparison.models[0]
    scores = result.found.scores[model.name]["all"]
    yield "## How it was tested"
    yield (
        f"The file itself, through ONNX Runtime, on the part `{comparison.part_name}` of "
        f"{code(comparison.manifest)}: {scores.n:,} rows in {scores.groups:,} groups of "
        f"near-identical pictures, and {len(comparison.unclear.labels):,} faces that nobody can "
        "judge, apart from them."
    )
    yield bullets(
        [
            f"What its card says of these rows: {model.seen.value}.",
            f"{comparison.twins:,} of the rows have a near-identical picture in the training part.",
            "Brackets are 95 % intervals of a bootstrap over groups: forty copies of a photo are "
            "one observation. They tell how much the numbers owe to which photos were drawn, not "
            "how other cameras or places differ.",
            "Where no mistake was seen, brackets of 1.000-1.000 are no promise: in n groups "
            "without a mistake, up to three in n may still be wrong.",
            "Unsure counts as not found: it lowers recall and accuracy, never precision.",
            f"Hash of the data: `{comparison.data_sha256}`",
        ]
    )
    found = caveats(comparison)
    if found:
        yield "**Read this first:** these scores may be too good."
        yield bullets([plain(sentence) for sentence in found])


def _ending(result: Result) -> Iterator[str]:
    yield "## What these numbers do not cover"
    yield bullets(NOT_SLICED)
    yield "## Limits"
    yield bullets([plain(limit) for limit in result.comparison.models[0].card.limits])
    yield "## How this page was made"
    yield f"```\n{command(result.comparison)}\n```"
