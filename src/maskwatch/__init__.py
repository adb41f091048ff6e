"""MaskWatch: for every face, is the mask worn, worn incorrectly or missing?"""

from maskwatch._version import __version__
from maskwatch.errors import (
    DataError,
    ImageError,
    InputError,
    MaskWatchError,
    MissingExtraError,
    ModelError,
    SettingError,
)
from maskwatch.model_card import ModelCard
from maskwatch.pipeline import Analyzer
from maskwatch.schema import FaceOrigin, FaceVerdict, FrameReport, MaskState

__all__ = [
    "Analyzer",
    "DataError",
    "FaceOrigin",
    "FaceVerdict",
    "FrameReport",
    "ImageError",
    "InputError",
    "MaskState",
    "MaskWatchError",
    "MissingExtraError",
    "ModelCard",
    "ModelError",
    "SettingError",
    "__version__",
]
