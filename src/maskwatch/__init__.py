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
from maskwatch.schema import (
    FaceOrigin,
    FaceQuality,
    FaceVerdict,
    FrameReport,
    MaskState,
    TrackedFace,
)
from maskwatch.stream import Stream

__all__ = [
    "Analyzer",
    "DataError",
    "DetectorCard",
    "FaceDetector",
    "FaceOrigin",
    "FaceQuality",
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
    "Stream",
    "TrackedFace",
    "WholeImage",
    "__version__",
]
