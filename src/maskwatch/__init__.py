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
    ServiceError,
    SettingError,
    StoreError,
    VideoError,
)
from maskwatch.model_card import DetectorCard, ModelCard
from maskwatch.pipeline import Analyzer
from maskwatch.schema import (
    FaceOrigin,
    FaceQuality,
    FaceVerdict,
    Frame,
    FrameReport,
    MaskState,
    TrackedFace,
)
from maskwatch.stream import Stream
from maskwatch.video import open_source

__all__ = [
    "Analyzer",
    "DataError",
    "DetectorCard",
    "FaceDetector",
    "FaceOrigin",
    "FaceQuality",
    "FaceVerdict",
    "Frame",
    "FrameReport",
    "ImageError",
    "InputError",
    "MaskState",
    "MaskWatchError",
    "MissingExtraError",
    "ModelCard",
    "ModelError",
    "ServiceError",
    "SettingError",
    "StoreError",
    "Stream",
    "TrackedFace",
    "VideoError",
    "WholeImage",
    "__version__",
    "open_source",
]
