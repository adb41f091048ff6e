"""The card: a JSON file beside each ONNX file with everything one must know to use it.

After timm's PretrainedCfg: a weight file without its recipe is not a model. Loading verifies the
hash of the very bytes that are then run, so a card can never speak of another file.
"""

from __future__ import annotations

import hashlib
import json
import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from maskwatch.errors import ModelError
from maskwatch.files import write_json
from maskwatch.schema import CLASSES, MaskState

SHIPPED_MODEL = Path(__file__).parent / "classifier.onnx"
SHIPPED_DETECTOR = SHIPPED_MODEL.with_name("detector.onnx")

SIDE_RANGE_PX = (32, 4096)
"""What a detector's side may be: one cell of its coarsest grid, to what memory bears."""

_CARD_BYTES = 4_000_000  # the shipped ones have some 25 kB
_REASON_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a classifier file is, how to feed it and what to expect of it.

    The network takes RGB uint8 crops (n, side, side, 3), scales the values itself, and answers
    with probabilities (n, 3) in the order of `classes`.

    Attributes:
        name: name and version of the model.
        sha256: of the ONNX file.
        classes: the states in output order.
        input_side_px: side of the square crops.
        crop_margin_ratio: how much to widen a face box on each side, as a share of its longer side.
        temperature: divides the logits (Guo et al. 2017, "On Calibration of Modern Neural
            Networks"); 1 changes nothing.
        unsure_below: a likeliest state with less calibrated probability than this is UNSURE.
        licence: of the model file.
        intended_use: what it is for, and what it must not be used for.
        limits: plain sentences on where it fails or was not tested.
        logit_shift: is added to the divided logits, in output order; takes back what a class that
            was shown more often in training than it is met gets too much everywhere (Alexandari et
            al. 2020, "Maximum Likelihood with Bias-Corrected Calibration"). Zeros change nothing.
        training: recipe, data hash, sources and versions.
        scores: what the exported file scored, on which data.
    """

    schema: ClassVar[str] = "maskwatch.model-card/1"

    name: str
    sha256: str
    classes: tuple[MaskState, ...]
    input_side_px: int
    crop_margin_ratio: float
    temperature: float
    unsure_below: float
    licence: str
    intended_use: str
    limits: tuple[str, ...]
    logit_shift: tuple[float, ...] = (0.0, 0.0, 0.0)
    training: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if sorted(self.classes) != sorted(CLASSES):
            raise ValueError(f"classes must be {', '.join(CLASSES)} in some order")
        _check_range("input_side_px", self.input_side_px, 32, 1024)
        _check_range("crop_margin_ratio", self.crop_margin_ratio, 0, 2)
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, not {self.temperature}")
        if len(self.logit_shift) != len(self.classes):
            raise ValueError(f"logit_shift must have a value a class, not {len(self.logit_shift)}")
        for shift in self.logit_shift:
            _check_range("logit_shift", shift, -20, 20)
        _check_range("unsure_below", self.unsure_below, 0, 1)


@dataclass(frozen=True, slots=True)
class DetectorCard:
    """What a face detector file is, how to feed it and what to expect of it.

    The network takes RGB uint8 pictures (n, H, W, 3) of any sides that are multiples of 32, scales
    the values itself, and answers with what `boxes.decode_faces` reads.

    Attributes:
        name: name and version of the model.
        sha256: of the ONNX file.
        side_px: what the longer side of a photo is scaled to; more finds smaller faces and costs
            time with its square.
        live_side_px: the same for live video, where time is short.
        coarse_side_px: side of a second look, for faces that fill the picture, where the first look
            is larger by more than a quarter; 0 means none.
        fine_face_px: the largest face, in pixels of the scaled picture, that the first look answers
            for where there is a second: each is asked for sizes it has learnt only. More where the
            second leaves out larger ones.
        min_score: a candidate with less is no face; more misses faces, less takes other things
            for faces.
        live_min_score: the same for live video, where a face that is missed in one frame is seen
            in the next, and what is no face stays in view; as `min_score` where it is 0, as in
            cards that lack it.
        coarse_face_px: the smallest face, in pixels of its own scaled picture, that the second look
            answers for; the first saw smaller ones better.
        nms_iou: of two boxes that overlap more than this (intersection over union), the one with
            the lower score is dropped.
        licence: of the model file.
        intended_use: what it is for, and what it must not be used for.
        limits: plain sentences on where it fails or was not tested.
        training: recipe, data hash, sources and versions.
        scores: what the exported file scored, on which data.
    """

    schema: ClassVar[str] = "maskwatch.detector-card/1"

    name: str
    sha256: str
    side_px: int
    live_side_px: int
    coarse_side_px: int
    fine_face_px: int
    min_score: float
    nms_iou: float
    licence: str
    intended_use: str
    limits: tuple[str, ...]
    training: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    coarse_face_px: int = 0
    live_min_score: float = 0.0

    def __post_init__(self) -> None:
        _check_range("side_px", self.side_px, *SIDE_RANGE_PX)
        _check_range("live_side_px", self.live_side_px, *SIDE_RANGE_PX)
        if self.coarse_side_px != 0:
            _check_range("coarse_side_px", self.coarse_side_px, *SIDE_RANGE_PX)
        _check_range("fine_face_px", self.fine_face_px, *SIDE_RANGE_PX)
        _check_range("coarse_face_px", self.coarse_face_px, 0, SIDE_RANGE_PX[1])
        if self.live_min_score == 0:
            object.__setattr__(self, "live_min_score", self.min_score)
        for name in ("min_score", "live_min_score", "nms_iou"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must lie between 0 and 1, not {getattr(self, name)}")


Card = TypeVar("Card", ModelCard, DetectorCard)

_MISTAKEN = {
    ModelCard.schema: "a classifier; give it as --model",
    DetectorCard.schema: "a face detector; give it as --detector",
}
"""What to say of a model that is given in place of one of the other kind."""

_ONNX_HEAD = b"\x08"  # the number of its format comes first, whatever writes it


def card_path(model_path: Path) -> Path:
    """Where the card of a model file is: the same name, ending in .json."""
    return model_path.with_suffix(".json")


def write_card(card: ModelCard | DetectorCard, model_path: Path) -> None:
    """Write the card beside its model file.

    Raises:
        DataError: it cannot be written.
    """
    document = {"schema": card.schema, **asdict(card)}
    write_json(card_path(model_path), document, indent=2)


def load_model(model_path: Path) -> tuple[bytes, ModelCard]:
    """Read a classifier's ONNX file and its card, and check that they belong together.

    Raises:
        ModelError: either file is missing or unreadable, the card is not a valid card, or the
            hash of the file is not the one in the card.
    """
    return _load(model_path, ModelCard)


def load_detector(model_path: Path) -> tuple[bytes, DetectorCard]:
    """The same for a face detector.

    Raises:
        ModelError: as for a classifier.
    """
    return _load(model_path, DetectorCard)


def fingerprint(*cards: ModelCard | DetectorCard | None) -> str:
    """Tells networks from others, and from themselves before they were calibrated anew.

    The hash in a card is of the file alone, and the same file answers otherwise by another card.
    What a network was trained on and what it scored changes no answer.
    """
    told = [asdict(replace(card, training={}, scores={})) for card in cards if card]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def check_same(path: Path, card: ModelCard | DetectorCard, expected: str) -> None:
    """See whether a network that another process works with is still the one in its file.

    Args:
        path: of the file.
        card: what lies beside it now.
        expected: `fingerprint` of the card that the other process has.

    Raises:
        ModelError: it is not, or it was calibrated anew.
    """
    if fingerprint(card) != expected:
        raise ModelError(f"{path}: was replaced since another process loaded it; load it anew")


def _load(model_path: Path, kind: type[Card]) -> tuple[bytes, Card]:
    model, path = _read(model_path, "model file"), card_path(model_path)
    if not path.exists():
        raise ModelError(f"{model_path}: {_why_no_card(model, path)}")
    content = _read(path, "model card")
    if mistaken := _mistaken(content, kind):
        raise ModelError(f"{model_path}: {mistaken}")
    card = _parse_card(path, content, kind)
    if hashlib.sha256(model).hexdigest() != card.sha256:
        raise ModelError(
            f"{model_path}: the file is not the one its card describes (sha256 differs); "
            "it was altered or damaged, install or export it again"
        )
    return model, card


def _read(path: Path, what: str) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise ModelError(f"{path}: cannot read the {what} (not a regular file)")
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{path}: cannot read the {what} ({reason})") from error


def _why_no_card(model: bytes, path: Path) -> str:
    if not model.startswith(_ONNX_HEAD):
        return "not an ONNX file"
    return f"its card {path.name} is missing; copy it from where the model was exported"


def _mistaken(content: bytes, kind: type[Card]) -> str | None:
    """What to say where a card is that of the other kind of model."""
    try:
        schema = json.loads(content[:_CARD_BYTES])["schema"]
        return _MISTAKEN.get(schema) if schema != kind.schema else None
    except (ValueError, TypeError, LookupError, RecursionError):
        return None  # which is told of when it is read


def _parse_card(path: Path, content: bytes, kind: type[Card]) -> Card:
    if len(content) > _CARD_BYTES:
        size = f"{len(content) / 1e6:.0f} MB, at most {_CARD_BYTES / 1e6:.0f}"
        raise ModelError(f"{path}: not a valid model card ({size})")
    try:
        values = json.loads(content)
        schema = values.pop("schema")
        if schema != kind.schema:
            raise ValueError(f"its schema is {schema!r}, this version reads {kind.schema!r} here")
        if "classes" in values:
            values["classes"] = tuple(MaskState(name) for name in values["classes"])
        values["limits"] = tuple(values["limits"])
        if "logit_shift" in values:  # cards of 0.1 may lack it
            values["logit_shift"] = tuple(values["logit_shift"])
        return kind(**values)
    except KeyError as error:
        raise ModelError(f"{path}: not a valid model card (no {error} in it)") from error
    except RecursionError as error:
        raise ModelError(f"{path}: not a valid model card (nested too deeply)") from error
    except (ValueError, TypeError, AttributeError) as error:
        reason = textwrap.shorten(str(error), _REASON_CHARACTERS)
        raise ModelError(f"{path}: not a valid model card ({reason})") from error


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} must be {low} to {high}, not {value}")
