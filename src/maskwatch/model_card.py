"""The card: a JSON file beside each ONNX file with everything one must know to use it.

After timm's PretrainedCfg: a weight file without its recipe is not a model. Loading verifies the
hash of the very bytes that are then run, so a card can never speak of another file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from maskwatch.errors import ModelError
from maskwatch.schema import CLASSES, MaskState

CARD_SCHEMA = "maskwatch.model-card/1"
SHIPPED_MODEL = Path(__file__).parent / "models" / "classifier.onnx"


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
        training: recipe, data hash, sources and versions.
        scores: what the exported file scored, on which data.
    """

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
    training: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if sorted(self.classes) != sorted(CLASSES):
            raise ValueError(f"classes must be {', '.join(CLASSES)} in some order")
        if not 32 <= self.input_side_px <= 1024:
            raise ValueError(f"input_side_px must be 32 to 1024, not {self.input_side_px}")
        if not 0 <= self.crop_margin_ratio <= 2:
            raise ValueError(f"crop_margin_ratio must be 0 to 2, not {self.crop_margin_ratio}")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, not {self.temperature}")
        if not 0 <= self.unsure_below <= 1:
            raise ValueError(f"unsure_below must be 0 to 1, not {self.unsure_below}")


def card_path(model_path: Path) -> Path:
    """Where the card of a model file is: the same name, ending in .json."""
    return model_path.with_suffix(".json")


def write_card(card: ModelCard, model_path: Path) -> None:
    """Write the card beside its model file."""
    document = {"schema": CARD_SCHEMA, **asdict(card)}
    card_path(model_path).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def load_model(model_path: Path) -> tuple[bytes, ModelCard]:
    """Read an ONNX file and its card, and check that they belong together.

    Raises:
        ModelError: either file is missing or unreadable, the card is not a valid card, or the
            hash of the file is not the one in the card.
    """
    model = _read(model_path, "model file")
    card = _parse_card(card_path(model_path), _read(card_path(model_path), "model card"))
    if hashlib.sha256(model).hexdigest() != card.sha256:
        raise ModelError(
            f"{model_path}: the file is not the one its card describes (sha256 differs); "
            "it was altered or damaged, install or export it again"
        )
    return model, card


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot read the {what} ({error.strerror})") from error


def _parse_card(path: Path, content: bytes) -> ModelCard:
    try:
        values = json.loads(content)
        schema = values.pop("schema")
        if schema != CARD_SCHEMA:
            raise ValueError(f"its schema is {schema!r}, this version reads {CARD_SCHEMA!r}")
        values["classes"] = tuple(MaskState(name) for name in values["classes"])
        values["limits"] = tuple(values["limits"])
        return ModelCard(**values)
    except KeyError as error:
        raise ModelError(f"{path}: not a valid model card (no {error} in it)") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: not a valid model card ({error})") from error
