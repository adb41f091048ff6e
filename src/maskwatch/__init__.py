"""MaskWatch: for every face, is the mask worn, worn incorrectly or missing?

A name is loaded when it is first used. So `maskwatch doctor` can still say what is wrong where
NumPy or OpenCV cannot be loaded, and commands that need neither start without them.
"""

import importlib
import typing

from maskwatch._version import __version__

if typing.TYPE_CHECKING:
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
    from maskwatch.io.video import open_source
    from maskwatch.models.card import DetectorCard, ModelCard
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
    from maskwatch.vision.detect import FaceDetector, WholeImage
else:  # hidden from type checkers, which would take any name for one of ours
    _NAMES = {
        "vision.detect": ("FaceDetector", "WholeImage"),
        "errors": (
            "DataError",
            "ImageError",
            "InputError",
            "MaskWatchError",
            "MissingExtraError",
            "ModelError",
            "ServiceError",
            "SettingError",
            "StoreError",
            "VideoError",
        ),
        "models.card": ("DetectorCard", "ModelCard"),
        "pipeline": ("Analyzer",),
        "schema": (
            "FaceOrigin",
            "FaceQuality",
            "FaceVerdict",
            "Frame",
            "FrameReport",
            "MaskState",
            "TrackedFace",
        ),
        "stream": ("Stream",),
        "io.video": ("open_source",),
    }

    def __getattr__(name: str) -> object:
        for module, names in _NAMES.items():
            if name in names:
                value = getattr(importlib.import_module(f"{__name__}.{module}"), name)
                globals()[name] = value
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


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
