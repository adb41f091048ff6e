"""MaskWatch: for every face, is the mask worn, worn incorrectly or missing?"""

from maskwatch._version import __version__
from maskwatch.detect import FaceDetector, WholeImage
from maskwatch.errors import (
    DataError,
    ImageError,
    InputError,
    MaskWatchError,
    MissingExtraError,
    ModelError,
    SettingError,
)
from maskwatch.model_card import DetectorCard, ModelCard
from maskwatch.pipeline import Analyzer
from maskwatch.schema import FaceOrigin, FaceVerdict, FrameReport, MaskState

__all__ = [
    "Analyzer",
    "DataError",
    "DetectorCard",
    "FaceDetector",
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
    "WholeImage",
    "__version__",
]
