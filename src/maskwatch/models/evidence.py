"""What is known of a classifier beyond its card: its data, its training, what it scored.

`maskwatch pack` writes it beside the model from what training and evaluation left behind, and the
page about the model shows it. It holds counts and scores, no picture and no name of one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from PIL import Image

from maskwatch.errors import EvidenceError, EvidenceFault
from maskwatch.files import write_json
from maskwatch.models.evaluation import Evaluation
from maskwatch.models.records import read_record, to_json

EVALUATION_FILE = "evaluation.json"
"""In the folder of an evaluation."""


@dataclass(frozen=True, slots=True)
class Leak:
    """What a kind of split lets through.

    Attributes:
        name: the split.
        share: of the validation faces that have a twin, a face of the same group, in training.
        groups: that lie on both sides.
    """

    name: str
    share: float
    groups: int


@dataclass(frozen=True, slots=True)
class BrightnessScore:
    """How often brightness alone names the right class.

    Attributes:
        name: the set, "all" for all of them.
        recall: mean over its classes.
        chance: what guessing reaches.
    """

    name: str
    recall: float
    chance: float


@dataclass(frozen=True, slots=True)
class Source:
    """A data set, or what was synthesised.

    Attributes:
        name: its name.
        licence: as its page states it.
        rows: faces by part of the split and label.
        groups: different photos by label.
        tiny: faces that are too small for a sure verdict.
    """

    name: str
    licence: str
    rows: Mapping[str, Mapping[str, int]]
    groups: Mapping[str, int]
    tiny: int


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """The real faces of a class.

    Attributes:
        rows: faces.
        groups: different photos among them.
        sizes: how many faces between the size edges.
        brightness: how many between the brightness edges.
        brightness_quartiles: of the mean grey level, 0 to 255.
    """

    rows: int
    groups: int
    sizes: tuple[int, ...]
    brightness: tuple[int, ...]
    brightness_quartiles: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class DataFacts:
    """A manifest in counts; all but `sources` are of real faces that show one of the classes.

    Attributes:
        sha256: hash of the manifest, see manifest.data_sha256.
        synthetic: name of the source that was synthesised.
        sources: what there is.
        files: different picture files.
        groups: different photos.
        groups_across_sources: of those, how many are in several sources.
        groups_by_files: how many photos come in so many files.
        classes: by label.
        size_edges_px: of the shorter side of a face; the last class is open.
        brightness_edges: of the mean grey level.
        tiny_px: below this a face is too small for a sure verdict.
        leaks: of several kinds of split.
        brightness_alone: by source.
    """

    sha256: str
    synthetic: str
    sources: tuple[Source, ...]
    files: int
    groups: int
    groups_across_sources: int
    groups_by_files: Mapping[str, int]
    classes: Mapping[str, ClassFacts]
    size_edges_px: tuple[int, ...]
    brightness_edges: tuple[int, ...]
    tiny_px: int
    leaks: tuple[Leak, ...]
    brightness_alone: tuple[BrightnessScore, ...]

    def __post_init__(self) -> None:
        for facts in self.classes.values():
            if len(facts.sizes) != len(self.size_edges_px):
                raise ValueError("the sizes do not fit their edges")
            if len(facts.brightness) != len(self.brightness_edges) - 1:
                raise ValueError("the brightness does not fit its edges")
            if len(facts.brightness_quartiles) != 3:
                raise ValueError("there must be three quartiles of brightness")


@dataclass(frozen=True, slots=True)
class Epoch:
    """A pass over the training crops; what was not measured is None."""

    epoch: int
    accuracy: float | None
    loss: float | None
    val_accuracy: float | None
    val_loss: float | None


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """A training run.

    Attributes:
        name: of its recipe.
        seconds: how long it took.
        cpu: the machine's.
        cores: that it could use.
        parameters: of the network.
        epochs: in their order.
    """

    name: str
    seconds: float
    cpu: str
    cores: int
    parameters: int
    epochs: tuple[Epoch, ...]

    def __post_init__(self) -> None:
        if not self.epochs:
            raise ValueError("there must be an epoch")


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it.

    Attributes:
        sha256: of the ONNX file that it is about.
        data: what it learnt from and was tested on.
        training: how it learnt.
        evaluation: what it scored; it is the first of the models there.
        model_card: the model card for people, Markdown in English.
    """

    sha256: str
    data: DataFacts
    training: TrainingFacts
    evaluation: Evaluation
    model_card: str

    schema: ClassVar[str] = "maskwatch.evidence/1"

    def __post_init__(self) -> None:
        if self.evaluation.own.sha256 != self.sha256:
            raise ValueError("the evaluation is of another model")


def evidence_path(model_path: Path) -> Path:
    """Where the evidence of a model file is: the same name, ending in .evidence.json."""
    return model_path.with_suffix(".evidence.json")


def write_evidence(evidence: Evidence, model_path: Path) -> Path:
    """Write the evidence beside its model file.

    Raises:
        DataError: it cannot be written.
    """
    document = {"schema": evidence.schema, **to_json(evidence)}
    path = evidence_path(model_path)
    write_json(path, document, indent=1)
    return path


def load_evidence(model_path: Path, sha256: str) -> Evidence:
    """Read the evidence of a model file, and check that the two belong together.

    Args:
        model_path: the ONNX file.
        sha256: its hash.

    Raises:
        EvidenceError: there is none, it is damaged, or it is about another file.
    """
    path = evidence_path(model_path)
    document = read_document(path, Evidence.schema)
    if document.get("sha256") != sha256:
        raise EvidenceError(path, "it is about another model file", EvidenceFault.FOREIGN)
    try:
        return read_record(Evidence, document)
    except ValueError as error:
        raise EvidenceError(path, str(error), EvidenceFault.DAMAGED) from error


def read_document(path: Path, schema: str) -> dict[str, object]:
    """A JSON file of a schema as plain values.

    Raises:
        EvidenceError: it is not there, cannot be read or is of another schema.
    """
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise EvidenceError(path, "no such file", EvidenceFault.MISSING) from error
    except (OSError, ValueError) as error:
        raise EvidenceError(path, "not readable JSON", EvidenceFault.DAMAGED) from error
    if not isinstance(document, dict) or document.get("schema") != schema:
        raise EvidenceError(path, f"not of the schema {schema}", EvidenceFault.DAMAGED)
    return document


# The sheet of faces that an evaluation leaves (faces.png): how it is laid out, and its cells.
#
# Whoever writes it and whoever cuts it share this file.

FACES_FILE = "faces.png"
"""In the folder of an evaluation."""

COLUMNS, CELL_PX, CAPTION_PX, GAP_PX = 8, 190, 34, 8
"""Faces in a row, the side of each, the height of the words beneath, and the space between."""

MISTAKES = 16
"""At most so many mistakes come first, in the order of `mistakes` in evaluation.json."""


def sheet_size_wh(faces: int) -> tuple[int, int]:
    """Size of a sheet of so many faces, in pixels."""
    rows = max(-(-faces // COLUMNS), 1)
    step_x, step_y = CELL_PX + GAP_PX, CELL_PX + CAPTION_PX + GAP_PX
    return COLUMNS * step_x + GAP_PX, rows * step_y + GAP_PX


def cell_xy(place: int) -> tuple[int, int]:
    """Left and upper edge of a face, in pixels."""
    row, column = divmod(place, COLUMNS)
    step_x, step_y = CELL_PX + GAP_PX, CELL_PX + CAPTION_PX + GAP_PX
    return GAP_PX + column * step_x, GAP_PX + row * step_y


def cut_faces(sheet: Image.Image, count: int) -> list[Image.Image]:
    """The first faces of a sheet, without the words beneath.

    Raises:
        ValueError: the sheet has not so many faces.
    """
    width, height = sheet_size_wh(count)
    if sheet.width != width or sheet.height < height:
        raise ValueError(f"the sheet must be {width} pixels wide and {height} high at least")
    corners = map(cell_xy, range(count))
    return [sheet.crop((x, y, x + CELL_PX, y + CELL_PX)) for x, y in corners]
