"""Which source of moving pictures a text names."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from maskwatch.addresses import without_passwords
from maskwatch.errors import VideoError
from maskwatch.video_file import VideoFile
from maskwatch.video_live import LiveSource, Patience
from maskwatch.video_readers import read_camera, read_stream
from maskwatch.video_source import VideoSource

_CAMERA = re.compile(r"(?:/dev/video)?(\d{1,3})")
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_STREAMS = ("rtsp", "rtsps", "http", "https")


def open_source(text: str | Path, patience: Patience | None = None) -> VideoSource:
    """A video file, a camera or a network stream, as a source of frames.

    Args:
        text: the path of a video file; the number of a camera such as "0", or /dev/video0; or the
            address of a stream, rtsp://, rtsps://, http:// or https://.
        patience: how long a live source waits for what.

    Raises:
        VideoError: the address is of no kind that can be read. What else is wrong shows with the
            first frame.
    """
    text = str(text)
    if camera := _CAMERA.fullmatch(text):
        number = int(camera[1])
        return LiveSource(f"camera {number}", partial(read_camera, number), patience)
    if address := _ADDRESS.match(text):
        if address[1].lower() not in _STREAMS:
            kinds = ", ".join(f"{kind}://" for kind in _STREAMS)
            raise VideoError(without_passwords(text), f"no kind of stream that is known ({kinds})")
        return LiveSource(text, partial(read_stream, text), patience)
    return VideoFile(Path(text))
