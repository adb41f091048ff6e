"""Rows with what was answered: the worst mistakes, and a sheet of faces to look at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from maskwatch.io.draw import annotate
from maskwatch.io.style import INK, PLATE, STYLES
from maskwatch.models import evidence
from maskwatch.models.evaluation_document import ShownFace
from maskwatch.models.evidence import CELL_PX
from maskwatch.schema import CLASSES, FaceOrigin, FaceVerdict, FrameReport, ImageRGB, MaskState
from maskwatch.training.data.manifest import BOX
from maskwatch.training.data.parts import NONE_OF_THEM, Part, load_canvases, longer_side_px
from maskwatch.training.evaluation.answers import Answers

SHOWN = 36
"""Mistakes on the page."""

PER_GROUP = 2
"""At most so many from one near-identical group: forty copies of a photo are one mistake."""

SHEET_FACES = 40
"""How many faces a sheet shows."""

THUMB_PX = 160
_MARGIN_RATIO = 0.3

STATES = (*CLASSES, MaskState.UNSURE)
"""What can be answered, in the order of Answers.states."""


@dataclass(frozen=True, slots=True)
class Case:
    """A row and what a model says of it.

    Attributes:
        row: its position in the part.
        label: what the row shows; UNSURE where nobody can tell.
        answer: what the model says.
        confidence: calibrated probability of the likeliest class.
        source: the row's set.
        sha256: of its picture file.
        box_xyxy: where in it, None for a whole picture.
        size_px: longer side of the box, None for a whole picture.
    """

    row: int
    label: MaskState
    answer: MaskState
    confidence: float
    source: str
    sha256: str
    box_xyxy: tuple[float, ...] | None
    size_px: float | None

    @property
    def shown(self) -> ShownFace:
        """What evaluation.json says of it."""
        return ShownFace(
            self.label,
            self.answer,
            round(self.confidence, 4),
            self.source,
            self.sha256,
            self.box_xyxy and tuple(round(value, 2) for value in self.box_xyxy),
        )


def worst_mistakes(part: Part, answers: Answers, most: int = SHOWN) -> tuple[Case, ...]:
    """The wrong answers given with most confidence; UNSURE is no wrong answer."""
    states = answers.states
    wrong = np.flatnonzero((states != part.labels) & (states < len(CLASSES)))
    return surest(part, answers, wrong, most)


def surest(part: Part, answers: Answers, rows: NDArray[np.integer], most: int) -> tuple[Case, ...]:
    """Of some rows (k,) those answered with most confidence, few of each near-identical group."""
    rows = rows[np.argsort(-answers.confidence[rows], kind="stable")]
    sides, boxes = longer_side_px(part.table), part.table[list(BOX)].to_numpy(float)
    cases = []
    for row in _few_per_group(rows, part.groups)[:most]:
        whole, label = bool(np.isnan(sides[row])), part.labels[row]
        cases.append(
            Case(
                row=int(row),
                label=MaskState.UNSURE if label == NONE_OF_THEM else CLASSES[label],
                answer=STATES[answers.states[row]],
                confidence=float(answers.confidence[row]),
                source=str(part.table["source"].iloc[row]),
                sha256=str(part.table["sha256"].iloc[row]),
                box_xyxy=None if whole else tuple(float(value) for value in boxes[row]),
                size_px=None if whole else float(sides[row]),
            )
        )
    return tuple(cases)


def thumbnails(part: Part, rows: Iterable[int], side_px: int = THUMB_PX) -> NDArray[np.uint8]:
    """Pictures (k, side, side, 3) of rows of a part with some surroundings.

    Raises:
        DataError: images that cannot be read.
    """
    return load_canvases(part.table.iloc[list(rows)], side_px, _MARGIN_RATIO, 0)


def faces_sheet(part: Part, answers: Answers) -> ImageRGB:
    """Up to 40 faces with border and label as users see them, and the label in the data beneath.

    Mistakes stand first, then the faces the model is unsure of, then right answers in turn of the
    classes; whom it shows is a function of the part and the answers.
    """
    rows = _sheet_rows(part, answers)
    sheet = Image.new("RGB", evidence.sheet_size_wh(len(rows)), PLATE)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    pictures = thumbnails(part, rows, CELL_PX)
    for place, (row, picture) in enumerate(zip(rows, pictures, strict=True)):
        left, top = evidence.cell_xy(place)
        sheet.paste(Image.fromarray(annotate(picture, _report(answers, row))), (left, top))
        label = CLASSES[part.labels[row]]
        right = answers.states[row] == part.labels[row]
        verdict = "right" if right else "unsure" if answers.states[row] == 3 else "wrong"
        words = f"{verdict}, {part.table['source'].iloc[row]}"
        draw.text((left, top + CELL_PX + 1), f"label: {STYLES[label].label}", INK, font)
        draw.text((left, top + CELL_PX + 16), words, STYLES[MaskState.UNSURE].colour, font)
    return np.asarray(sheet)


def _sheet_rows(part: Part, answers: Answers) -> list[int]:
    wrong = [mistake.row for mistake in worst_mistakes(part, answers, evidence.MISTAKES)]
    states, shuffled = answers.states, np.random.default_rng(0).permutation(len(part.labels))
    unsure = _few_per_group(shuffled[states[shuffled] == 3], part.groups)[: evidence.MISTAKES // 4]
    right = _few_per_group(shuffled[states[shuffled] == part.labels[shuffled]], part.groups)
    turns = [[row for row in right if part.labels[row] == index] for index in range(len(CLASSES))]
    in_turn = [rows[k] for k in range(SHEET_FACES) for rows in turns if k < len(rows)]
    return [int(row) for row in [*wrong, *unsure, *in_turn][:SHEET_FACES]]


def _few_per_group(rows: NDArray[np.integer], groups: NDArray[Any]) -> list[int]:
    """The first `PER_GROUP` rows of each group, in order."""
    taken: dict[str, int] = {}
    kept = []
    for row in rows:
        taken[groups[row]] = taken.get(groups[row], 0) + 1
        if taken[groups[row]] <= PER_GROUP:
            kept.append(int(row))
    return kept


def _report(answers: Answers, row: int) -> FrameReport:
    """What users would see of this crop."""
    probabilities = {s: float(p) for s, p in zip(CLASSES, answers.probabilities[row], strict=True)}
    box = (0.0, 0.0, float(CELL_PX), float(CELL_PX))
    state = STATES[answers.states[row]]
    face = FaceVerdict(box, 1.0, state, float(answers.confidence[row]), probabilities)
    return FrameReport((face,), (CELL_PX, CELL_PX), FaceOrigin.WHOLE_IMAGE, "")
