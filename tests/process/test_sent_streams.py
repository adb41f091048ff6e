"""Streams of other kinds than RTSP and HTTP, from a real ffmpeg: RTMP, UDP and RTP.

Run: pytest tests/process/test_sent_streams.py
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from support.ports import free_port
from support.waiting import LIMIT_S, until

from maskwatch.errors import VideoError
from maskwatch.io.connections import RetryPolicy
from maskwatch.io.video import open_source
from maskwatch.schema import Frame

FFMPEG = shutil.which("ffmpeg")
PICTURES = [
    "-loglevel", "error", "-re", "-f", "lavfi", "-i", "color=red:size=96x64:rate=10",
    "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "5",
    "-pix_fmt", "yuv420p",
]  # fmt: skip
# how ffmpeg sends it; of RTMP it is the server here, as a camera or a media server would be
WAYS = {
    "udp": (["-f", "mpegts"], "udp://127.0.0.1:{port}", "?pkt_size=1316"),
    "rtp": (["-f", "rtp_mpegts"], "rtp://127.0.0.1:{port}", ""),
    "rtmp": (["-listen", "1", "-f", "flv"], "rtmp://127.0.0.1:{port}/live/door", ""),
}
PATIENT = RetryPolicy(answer_s=LIMIT_S, first_pause_s=0.1, longest_pause_s=0.2, give_up_s=LIMIT_S)


@contextmanager
def sending(kind: str) -> Iterator[str]:
    if FFMPEG is None:
        pytest.skip("needs ffmpeg")
    form, address, more = WAYS[kind]
    address = address.format(port=free_port())
    sender = subprocess.Popen([FFMPEG, *PICTURES, *form, address + more])
    try:
        yield address
    finally:
        sender.kill()
        sender.wait()


@pytest.mark.parametrize("kind", WAYS)
def test_what_is_sent_is_seen(kind: str) -> None:
    seen: list[Frame] = []

    def first() -> bool:
        """Whether there is a picture; before ffmpeg listens there is none, and an error at once."""
        with suppress(VideoError), open_source(address, PATIENT) as source:
            seen.append(next(iter(source)))
        return bool(seen)

    with sending(kind) as address:
        until(first)
        frame = seen[0]
        assert frame.image_rgb.shape == (64, 96, 3)
        red = frame.image_rgb.reshape(-1, 3).mean(0)
        assert red[0] > 200 and max(red[1:]) < 60


def test_an_address_that_nothing_is_sent_to_is_told_of_in_time() -> None:
    policy = RetryPolicy(answer_s=0.5, give_up_s=0.1)
    with pytest.raises(VideoError, match=r"no answer within 0\.5 s"):
        next(iter(open_source(f"udp://127.0.0.1:{free_port()}", policy)))


def test_a_media_server_that_is_not_there_is_told_of_at_once() -> None:
    """RTMP takes a time limit for "be the server"; that would wait for ever."""
    with pytest.raises(VideoError, match="connection refused"):
        next(iter(open_source(f"rtmp://127.0.0.1:{free_port()}/live/door", PATIENT)))
