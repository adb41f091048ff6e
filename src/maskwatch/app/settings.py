"""What the pages are told by the command that opens them, in variables of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from maskwatch.errors import SettingError
from maskwatch.io.settings import between, require

if TYPE_CHECKING:
    from maskwatch.vision.tiles import Tiles  # the doctor reads this where NumPy does not load

MODEL_VARIABLE = "MASKWATCH_MODEL"
DETECTOR_VARIABLE = "MASKWATCH_DETECTOR"
SIDE_VARIABLE = "MASKWATCH_DETECTOR_SIDE_PX"
TILES_VARIABLE = "MASKWATCH_TILES"
STATISTICS_VARIABLE = "MASKWATCH_STATISTICS"
EVALUATION_VARIABLE = "MASKWATCH_EVALUATION"
RUNS_VARIABLE = "MASKWATCH_RUNS"
DATA_VARIABLE = "MASKWATCH_DATA"
WEIGHTS_VARIABLE = "MASKWATCH_WEIGHTS"
PHOTOS_MB_VARIABLE = "MASKWATCH_PHOTOS_MB"
CORRECTIONS_VARIABLE = "MASKWATCH_CORRECTIONS"
CORRECTIONS_DAYS_VARIABLE = "MASKWATCH_CORRECTIONS_DAYS"

PHOTOS_MB = 400.0
CORRECTIONS_DAYS = 90.0
_CENTURY_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class AppSettings:
    """What an operator may choose for all visitors.

    The command hands it to Streamlit's own process in the environment; several paths stand there
    as in PATH, and what is not chosen is not there.

    Attributes:
        model: the ONNX classifier, where it is not the shipped one.
        detector: the same for the face detector.
        detector_side_px: what the longer side of a photo is scaled to for the face detector,
            where not as in its card.
        tiles: whether large photos are also searched tile by tile.
        statistics: their file, where it is not the one in the user's folder for data.
        evaluation: folder of an evaluation, for pictures of mistakes; none are shown without it.
        runs: folder of training runs; only with it is there a page for training.
        data: folders with pictures for training.
        weights: files of ImageNet weights.
        photos_mb: how many megabytes of photos all visitors together may have in memory.
        corrections: where faces are kept whose answer a visitor corrects; none are without it.
        corrections_days: how long.
    """

    model: Path | None = None
    detector: Path | None = None
    detector_side_px: int | None = None
    tiles: Tiles = "off"
    statistics: Path | None = None
    evaluation: Path | None = None
    runs: Path | None = None
    data: tuple[Path, ...] = ()
    weights: tuple[Path, ...] = ()
    photos_mb: float = PHOTOS_MB
    corrections: Path | None = None
    corrections_days: float = CORRECTIONS_DAYS

    def __post_init__(self) -> None:
        between("--max-photos-mb", self.photos_mb, 1, 1_000_000)
        is_possible = 0 < self.corrections_days <= _CENTURY_DAYS
        require(is_possible, "--corrections-days", f"above 0, {_CENTURY_DAYS} at most")

    @staticmethod
    def from_environment(variables: Mapping[str, str] = os.environ) -> AppSettings:
        """The settings as the command left them.

        Raises:
            SettingError: what should be a number is none, or out of its range.
        """

        def path(variable: str) -> Path | None:
            return Path(text) if (text := variables.get(variable)) else None

        def paths(variable: str) -> tuple[Path, ...]:
            return tuple(map(Path, filter(None, variables.get(variable, "").split(os.pathsep))))

        def number(variable: str, default: float, unit: str) -> float:
            given = variables.get(variable) or f"{default:g}"
            try:
                return float(given)
            except ValueError:
                raise SettingError(f"{variable}: must be a number of {unit}, not {given}") from None

        side_px = variables.get(SIDE_VARIABLE)
        if side_px and not side_px.isdecimal():
            raise SettingError(f"{SIDE_VARIABLE}: must be a number of pixels, not {side_px}")
        return AppSettings(
            model=path(MODEL_VARIABLE),
            detector=path(DETECTOR_VARIABLE),
            detector_side_px=int(side_px) if side_px else None,
            tiles=cast("Tiles", variables.get(TILES_VARIABLE) or "off"),  # the detector checks it
            statistics=path(STATISTICS_VARIABLE),
            evaluation=path(EVALUATION_VARIABLE),
            runs=path(RUNS_VARIABLE),
            data=paths(DATA_VARIABLE),
            weights=paths(WEIGHTS_VARIABLE),
            photos_mb=number(PHOTOS_MB_VARIABLE, PHOTOS_MB, "megabytes"),
            corrections=path(CORRECTIONS_VARIABLE),
            corrections_days=number(CORRECTIONS_DAYS_VARIABLE, CORRECTIONS_DAYS, "days"),
        )

    def to_environment(self) -> dict[str, str]:
        """The variables that say the same to another process, whatever folder it works in."""
        paths: dict[str, tuple[Path | None, ...]] = {
            MODEL_VARIABLE: (self.model,),
            DETECTOR_VARIABLE: (self.detector,),
            STATISTICS_VARIABLE: (self.statistics,),
            EVALUATION_VARIABLE: (self.evaluation,),
            RUNS_VARIABLE: (self.runs,),
            DATA_VARIABLE: self.data,
            WEIGHTS_VARIABLE: self.weights,
            CORRECTIONS_VARIABLE: (self.corrections,),
        }
        side_px = "" if self.detector_side_px is None else str(self.detector_side_px)
        variables = {
            **{
                name: os.pathsep.join(str(p.absolute()) for p in of if p)
                for name, of in paths.items()
            },
            SIDE_VARIABLE: side_px,
            TILES_VARIABLE: self.tiles,
            PHOTOS_MB_VARIABLE: f"{self.photos_mb:g}",
            CORRECTIONS_DAYS_VARIABLE: f"{self.corrections_days:g}",
        }
        return {name: value for name, value in variables.items() if value}


def can_train() -> bool:
    """Whether what trains is installed; importing it would end live video with a crash."""
    return all(find_spec(name) for name in ("keras", "tensorflow", "yaml", "pydantic", "pandas"))
