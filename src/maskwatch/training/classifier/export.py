"""Run folder -> ONNX file, card and golden tensors; the exported file itself is what is scored."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch._version import __version__
from maskwatch.errors import DataError, ModelError
from maskwatch.files import writing
from maskwatch.models.card import ModelCard, card_path, load_model, write_card
from maskwatch.models.evidence import evidence_path
from maskwatch.models.records import to_json
from maskwatch.models.runtime import create_session
from maskwatch.schema import CLASSES
from maskwatch.training.data.catalog import PUBLIC_SETS, source_licence
from maskwatch.training.data.class_names import untaught, what_it_means
from maskwatch.training.data.manifest import data_sha256
from maskwatch.training.data.parts import Part, load_canvases, take_part
from maskwatch.training.metrics import score_slices
from maskwatch.training.onnx_file import convert_to_onnx
from maskwatch.training.onnx_graph import rewrite
from maskwatch.training.recipes.classifier import Recipe
from maskwatch.training.run_folder import RunFolder
from maskwatch.vision.classify import calibrate

PARITY = 1e-4
"""Largest difference of a probability between Keras and ONNX Runtime."""

UNSURE_BELOW = 0.5
"""Chow's rule (1970): with an "unsure" half as bad as a wrong answer, abstain below 1 - 1/2."""

_GOLDEN_CROPS = 7
_INTENDED_USE = (
    "Tells whether the mask on a face is worn, worn incorrectly or missing, to count or to remind. "
    "Not for identifying people, not for punishing them, and not a medical device."
)
_LIMITS = (
    "Skin tones, ages and head coverings are unevenly covered by the public training data; "
    "no score per group of people has been measured.",
    "Masks worn incorrectly are rare in the data: their recall has a wide interval.",
    "A hand, a scarf, a beard or a drawn face can be taken for a mask with high confidence.",
    "Scores are from public photos of 2020 to 2021; expect less on your own camera and measure it.",
)


def export_run(folder: RunFolder, table: pd.DataFrame, model_path: Path) -> ModelCard:
    """Write `model_path` (.onnx), its card (.json) and its golden tensors (.golden.npz).

    The temperature is fitted on the `val` part; the scores are those of the `test` part, or of
    `val` where there is no test part, and the card says which.

    Raises:
        DataError: the run is not finished, or the manifest is not the one it was trained on.
        ModelError: the exported file does not give what the Keras model gives.
    """
    run, recipe, model = folder.read(), folder.load_recipe(Recipe), folder.load_model()
    if run["data_sha256"] != data_sha256(table):
        raise DataError(
            f"{folder.path}: was trained on other data than this manifest (its hash starts with "
            f"{run['data_sha256'][:12]}); give the manifest of the run"
        )
    onnx = rewrite(convert_to_onnx(model))
    session = create_session(onnx, "exported file")
    parity = check_parity(session, model, recipe)
    val, test = take_part(table, "val"), take_part(table, "test")
    shape = (recipe.network.input_side_px, recipe.crop_margin_ratio)
    val_answers = _answer_part(session, val, *shape)
    calibration = fit_temperature(val.labels, val_answers)
    card = ModelCard(
        name=f"{recipe.name}-{recipe.network.input_side_px} {__version__}",
        sha256=hashlib.sha256(onnx).hexdigest(),
        classes=CLASSES,
        input_side_px=recipe.network.input_side_px,
        crop_margin_ratio=recipe.crop_margin_ratio,
        temperature=calibration.temperature,
        unsure_below=UNSURE_BELOW,
        licence=_licence(run["sources"]),
        intended_use=_INTENDED_USE,
        limits=(*_LIMITS, *map(what_it_means, untaught(run["counts"]["train"]))),
        logit_shift=calibration.logit_shift,
        training={
            "recipe": asdict(recipe),
            "data_sha256": run["data_sha256"],
            "sources": {name: source_licence(name) for name in run["sources"]},
            "crops": run["counts"],
            "crops_by_source": _crops_by_source(table),
            "versions": run["versions"],
            "weights_sha256": run["weights_sha256"],
            "parity_with_keras": parity,
        },
        scores=_scores(session, val, test, *shape, calibration, UNSURE_BELOW),
    )
    _write(onnx, card, session, model_path)
    return card


def recalibrate(model_path: Path, table: pd.DataFrame, out: Path) -> ModelCard:
    """Write a copy of an exported classifier with its calibration fitted on other pictures.

    The copy takes the classes for as frequent as they are in the `val` part.

    Args:
        model_path: the .onnx file, its card beside it.
        table: a manifest with a `val` part, best of the camera that the copy is for.
        out: the .onnx file to write; may be the same.

    Raises:
        DataError: there is no `val` part.
        ModelError: the file or its card cannot be used.
    """
    onnx, card = load_model(model_path)
    session = create_session(onnx, str(model_path))
    val, test = take_part(table, "val"), take_part(table, "test")
    if not len(val.labels):
        raise DataError(
            "the manifest has no `val` rows to calibrate on; see `maskwatch data split`"
        )
    shape = (card.input_side_px, card.crop_margin_ratio)
    calibration = fit_calibration(val.labels, _answer_part(session, val, *shape))
    card = replace(
        card,
        temperature=calibration.temperature,
        logit_shift=calibration.logit_shift,
        scores=_scores(session, val, test, *shape, calibration, card.unsure_below),
        training={**card.training, "calibrated_on": data_sha256(table)},
    )
    _write(onnx, card, session, out)
    return card


def _scores(
    session: Any,
    val: Part,
    test: Part,
    side_px: int,
    margin: float,
    calibration: Calibration,
    unsure_below: float,
) -> dict[str, Any]:
    """Those of the test part, or of `val` where there is none."""
    scored, name = (test, "test") if len(test.labels) else (val, "val")
    answers = calibration.apply(_answer_part(session, scored, side_px, margin))
    return {"part": name, **to_json(score_slices(scored, answers, unsure_below))}


def _write(onnx: bytes, card: ModelCard, session: Any, model_path: Path) -> None:
    with writing(model_path) as part:
        part.write_bytes(onnx)
        for old in (card_path(model_path), evidence_path(model_path)):
            old.unlink(missing_ok=True)  # none must stand beside a new file, or a new calibration
    _write_golden(session, card.input_side_px, model_path)
    write_card(card, model_path)


def check_parity(session: Any, model: Any, recipe: Recipe) -> float:
    """Largest difference of a probability between Keras and ONNX Runtime at batch 1, 2 and 7.

    Raises:
        ModelError: it is above PARITY.
    """
    differences = []
    for batch in (1, 2, 7):
        crops = golden_crops(recipe.network.input_side_px)[:batch]
        differences.append(np.abs(_answer(session, crops) - model.predict(crops, verbose=0)).max())
    worst = float(np.max(differences))
    if not worst <= PARITY:  # a network that answers with no numbers differs from itself
        raise ModelError(
            f"the exported file differs from Keras by {worst:.1e} in a probability, "
            f"{PARITY:.0e} is allowed; nothing was written"
        )
    return worst


def golden_crops(side_px: int) -> NDArray[np.uint8]:
    """Seven pictures of coloured blocks (7, side, side, 3) from a seed; no photo is needed."""
    random = np.random.default_rng(20)
    coarse = random.integers(0, 256, (_GOLDEN_CROPS, 8, 8, 3)).astype(np.uint8)
    repeats = -(-side_px // 8)
    blocks = coarse.repeat(repeats, axis=1).repeat(repeats, axis=2)
    return np.ascontiguousarray(blocks[:, :side_px, :side_px])


def _answer_part(session: Any, part: Part, side_px: int, margin: float) -> NDArray[np.float32]:
    """Uncalibrated probabilities (n, 3) of a part from the exported file."""
    crops = load_canvases(part.table, side_px, margin, context_ratio=0)
    parts = [_answer(session, crops[i : i + 32]) for i in range(0, len(crops), 32)]
    return np.concatenate([np.empty((0, len(CLASSES)), np.float32), *parts])


def _answer(session: Any, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(session.run(None, {session.get_inputs()[0].name: crops})[0], np.float32)


def _write_golden(session: Any, side_px: int, model_path: Path) -> None:
    crops = golden_crops(side_px)
    answers = _answer(session, crops)
    with writing(model_path.with_suffix(".golden.npz")) as part:
        np.savez_compressed(part, crops=crops, probabilities=answers)


def _crops_by_source(table: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Rows of each source in each part: tells a later evaluation what the model learnt from."""
    counts = table.groupby(["split", "source"]).size()
    return {
        str(part): {str(source): int(counts[part, source]) for source in counts[part].index}
        for part in counts.index.unique(level=0)
    }


def _licence(sources: list[str]) -> str:
    bound = [name for name in sources if name in PUBLIC_SETS and not PUBLIC_SETS[name].shippable]
    if bound:
        return f"for experiments only: trained on {', '.join(bound)}, see its licence"
    return "Apache-2.0"


# Fits what makes a network's probabilities mean what they say, on answers it was not trained on.
#
# A temperature alone (Guo et al. 2017) keeps every answer as it is; models are exported with it. A
# network that was shown a rare class more often than a camera meets it also gives it too much
# probability there; a shift of each class's logit takes that back (bias-corrected temperature
# scaling, Alexandari et al. 2020).

_TEMPERATURES = np.geomspace(0.25, 4, 161)
_CLOSE = 1e-4
"""Mean probabilities match the shares when no logarithm differs by more."""

_ROUNDS = 500
"""Of bringing them closer; a few do, unless nearly all answers are certain."""

TRUST_ROWS = 20.0
"""How many more rows it weighs that the network is right about itself, so that few pictures change
it little: sixty right answers would make it certain of everything."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a card says of it.

    Attributes:
        temperature: divides the logits.
        logit_shift: is added to them then, one value a class; their mean is 0.
    """

    temperature: float = 1.0
    logit_shift: tuple[float, ...] = (0.0, 0.0, 0.0)

    def apply(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """The calibrated probabilities (n, 3)."""
        return calibrate(probabilities, self.temperature, self.logit_shift)


def fit_temperature(
    labels: NDArray[np.integer], probabilities: NDArray[np.floating]
) -> Calibration:
    """The temperature with the least log loss on held-out answers, see fit_calibration."""
    return _best(labels, probabilities, is_shifted=False)


def fit_calibration(
    labels: NDArray[np.integer], probabilities: NDArray[np.floating]
) -> Calibration:
    """The temperature and the shift with the least log loss on held-out answers.

    To them come TRUST_ROWS answers with the network's own probabilities, as it gives them. For each
    temperature of a fine grid the shift is the one that gives every class as much probability, on
    the mean, as it has rows: there the log loss is least. A scan cannot diverge.
    Where a class has no row nothing can be said of the shares, and the shift is 0.

    Args:
        labels: (n,) class indices.
        probabilities: (n, 3) uncalibrated.
    """
    has_all = bool(np.bincount(labels, minlength=probabilities.shape[1]).all())
    return _best(labels, probabilities, is_shifted=has_all)


def _best(
    labels: NDArray[np.integer], probabilities: NDArray[np.floating], is_shifted: bool
) -> Calibration:
    if len(labels) == 0:
        return Calibration()
    log = np.log(np.maximum(probabilities.astype(np.float64), 1e-12))
    own = np.exp(_log_softmax(log))
    rows = np.bincount(labels, minlength=own.shape[1])
    target = (rows + TRUST_ROWS * own.mean(axis=0)) / (len(labels) + TRUST_ROWS)
    best, least, shift = Calibration(), np.inf, np.zeros(own.shape[1])
    for temperature in _TEMPERATURES:
        scaled = log / temperature
        if is_shifted:
            shift = _shift(scaled, target, shift)  # it differs little from the last
        given = _log_softmax(scaled + shift)
        loss = -given[np.arange(len(labels)), labels].sum()
        loss -= TRUST_ROWS * (own * given).sum(axis=1).mean()
        if loss < least:
            least = loss
            values = tuple(round(float(value), 4) for value in shift - shift.mean())
            best = Calibration(round(float(temperature), 4), values)
    return best


def _shift(
    logits: NDArray[np.float64], target: NDArray[np.float64], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What makes the mean probability of each class that of the target."""
    shift = start.copy()
    for _ in range(_ROUNDS):
        given = np.exp(_log_softmax(logits + shift)).mean(axis=0)
        step = np.log(target / given)
        shift += step
        if np.abs(step).max() < _CLOSE:
            break
    return shift


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
