"""Everything MaskWatch raises on purpose.

    MaskWatchError
    |-- InputError          something the user gave cannot be used
    |   |-- ImageError      one image cannot be read
    |   |-- VideoError      a video, camera or stream cannot be read, or fails while it is
    |   |-- DataError       a data set, manifest or run folder is not what it should be
    |   |-- StoreError      the file with the statistics cannot be read or written
    |   `-- SettingError    an option or a recipe holds a value that makes no sense
    |-- ModelError          a model file or its card is missing, altered or unusable
    |-- ServiceError        a MaskWatch service cannot be reached, refuses or fails
    |-- EvidenceError       what is known of a model beyond its card is missing or unusable
    |-- BatchError          a run over many pictures cannot go on; what is done is kept
    |-- ClusterError        Ray cannot be joined or started, or starts nothing
    `-- MissingExtraError   an optional part of MaskWatch is not installed

Each message is one line for a person: what was wrong with which input, and what to do. Doors (the
command line, the page, the service) turn them into exit codes and notices; nothing else is shown.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar


def pip(arguments: str) -> str:
    """The command that has the pip of this very Python do something, as every shell takes it."""
    python = sys.executable or "python"
    return f'"{python}" -m pip {arguments}' if " " in python else f"{python} -m pip {arguments}"


class ImageFault(StrEnum):
    """Why an image cannot be read, for doors that say it in another language."""

    UNAVAILABLE = "unavailable"
    EMPTY = "empty"
    FORMAT = "format"
    DAMAGED = "damaged"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    PIXELS = "pixels"


class VideoFault(StrEnum):
    """Why a video or camera gives no pictures, for doors that say it in another language."""

    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    NOT_FOUND = "not_found"
    NO_ANSWER = "no_answer"
    FROZEN = "frozen"
    BROKEN = "broken"
    ENDED = "ended"
    STUCK = "stuck"
    NO_CAMERA = "no_camera"
    IN_USE = "in_use"
    DENIED = "denied"
    RECORDING = "recording"
    NO_VIDEO = "no_video"
    NO_STREAM = "no_stream"
    PIXELS = "pixels"
    UNKNOWN_KIND = "unknown_kind"
    UNAVAILABLE = "unavailable"
    EMPTY = "empty"
    PICTURE = "picture"
    CUT_SHORT = "cut_short"
    DAMAGED = "damaged"
    UNWRITABLE = "unwritable"


class StoreFault(StrEnum):
    """Why statistics cannot be kept or shown, for doors that say it in another language."""

    UNAVAILABLE = "unavailable"
    FULL = "full"
    FOREIGN = "foreign"
    NEWER = "newer"
    BUSY = "busy"


class EvidenceFault(StrEnum):
    """Why the evidence of a model cannot be used, for doors that say it in another language."""

    MISSING = "missing"
    DAMAGED = "damaged"
    FOREIGN = "foreign"


class MaskWatchError(Exception):
    """Any failure that MaskWatch explains; catch this to catch them all."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Its message and attributes, not what it was made from: so it goes to other processes."""
        return _again, (type(self), self.args), self.__dict__


class InputError(MaskWatchError):
    """Something the user gave cannot be used."""


class ImageError(InputError):
    """One image cannot be read.

    Attributes:
        source: path or name of the image.
        reason: what is wrong with it, without the name.
        fault: the kind of that.
    """

    def __init__(self, source: str, reason: str, fault: ImageFault) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason
        self.fault = fault


class VideoError(InputError):
    """A video, camera or stream cannot be read, or fails while it is.

    Attributes:
        source: its name, without a password.
        reason: what is wrong with it, without the name.
        fault: the kind of that.
    """

    def __init__(self, source: str, reason: str, fault: VideoFault) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason
        self.fault = fault


class DataError(InputError):
    """A data set, manifest or run folder is not what it should be."""


class StoreError(InputError):
    """The file with the statistics cannot be read or written.

    Attributes:
        fault: the kind of what is wrong.
    """

    def __init__(self, path: object, reason: str, fault: StoreFault) -> None:
        super().__init__(f"{path}: {reason}")
        self.fault = fault


class SettingError(InputError, ValueError):
    """An option or a recipe holds a senseless value; the message names the valid range.

    Attributes:
        place: keys and positions on the way to the value, where it is one of several in a document.
    """

    place: tuple[int | str, ...] = ()


class ModelError(MaskWatchError):
    """A model file or its card is missing, altered or unusable."""


class ServiceError(MaskWatchError):
    """A MaskWatch service cannot be reached, refuses or fails; its client raises this.

    Attributes:
        status: the HTTP status it answered, None where it did not answer.
        retry_after_s: when to try again, None where the service does not say.
    """

    def __init__(
        self, message: str, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class EvidenceError(MaskWatchError):
    """What is known of a model beyond its card is missing or unusable.

    Attributes:
        fault: the kind of that.
    """

    def __init__(self, path: Path, reason: str, fault: EvidenceFault) -> None:
        super().__init__(f"{path}: {reason}")
        self.fault = fault


class BatchError(MaskWatchError):
    """A run over many pictures cannot go on; what is done is kept."""


class ClusterError(MaskWatchError):
    """Ray cannot be joined or started, or starts nothing."""


class MissingExtraError(MaskWatchError):
    """An optional part is not installed; the message holds the command that adds it.

    Attributes:
        extra: name of the part.
    """

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs more packages: {pip_extra(extra)}")
        self.extra = extra


def pip_extra(extra: str) -> str:
    """The command that adds an optional part to this very Python."""
    return pip(f'install "maskwatch[{extra}]"')


_Error = TypeVar("_Error", bound=MaskWatchError)


def _again(kind: type[_Error], args: tuple[object, ...]) -> _Error:
    """An error as it was in another process, before its attributes."""
    return kind.__new__(kind, *args)
