"""Pictures of mistakes, from the folder of an evaluation on this machine; without Streamlit.

They show people of public data sets, so none ships. Where the folder is, whoever starts the pages
says; nothing that comes from a browser names a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from maskwatch.errors import EvidenceError, EvidenceFault
from maskwatch.evaluated import Evaluation
from maskwatch.evidence import EVALUATION_FILE, read_document
from maskwatch.face_sheet import FACES_FILE, MISTAKES, cut_faces
from maskwatch.records import read_record
from maskwatch.schema import MaskState


@dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong answer.

    Attributes:
        label: what the data says that the face shows.
        answer: what the model says.
        confidence: how sure it is.
        source: the data set.
    """

    label: MaskState
    answer: MaskState
    confidence: float
    source: str


@dataclass(frozen=True, slots=True)
class _Model:
    sha256: str


@dataclass(frozen=True, slots=True)
class _Mistakes:
    models: tuple[_Model, ...]
    mistakes: tuple[Mistake, ...]


def load_mistakes(folder: Path, sha256: str) -> list[tuple[Mistake, Image.Image]]:
    """The surest mistakes with their pictures.

    Args:
        folder: what `maskwatch evaluate` filled.
        sha256: hash of the model that is meant.

    Raises:
        EvidenceError: there is no evaluation, it is damaged, or of another model.
    """
    path = folder / EVALUATION_FILE
    document = read_document(path, Evaluation.SCHEMA)
    try:
        evaluation = read_record(_Mistakes, document)
        if [model.sha256 for model in evaluation.models[:1]] != [sha256]:
            raise EvidenceError(path, "it is about another model file", EvidenceFault.FOREIGN)
        shown = evaluation.mistakes[:MISTAKES]
        with Image.open(folder / FACES_FILE) as sheet:
            return list(zip(shown, cut_faces(sheet.convert("RGB"), len(shown)), strict=True))
    except (OSError, ValueError) as error:
        raise EvidenceError(folder, str(error), EvidenceFault.DAMAGED) from error
