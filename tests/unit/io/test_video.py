"""Video files: every frame once, at its own time, upright; bad files say what is wrong with them.

Run: pytest tests/unit/io/test_video.py
"""

from __future__ import annotations

import logging
import threading
import wave
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.drawn_video import FPS, HEIGHT, WIDTH, count_up, number_in, numbered, write_video
from support.waiting import LIMIT_S

from maskwatch.errors import VideoError
from maskwatch.io.video import MediaClock, VideoFile, open_source
from maskwatch.schema import Frame


def frames_of(path: Path) -> list[Frame]:
    with open_source(path) as source:
        return list(source)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("clip.mp4", "libx264"),
        ("clip.mov", "libx264"),
        ("clip.mkv", "libx264"),
        ("clip.webm", "libvpx"),
        ("clip.avi", "mpeg4"),
        ("clip.ts", "libx264"),
        ("clip.gif", "gif"),
    ],
)
def test_every_frame_at_its_own_time(tmp_path: Path, name: str, codec: str) -> None:
    frames = frames_of(write_video(tmp_path / name, count_up(30), codec=codec))
    assert [number_in(frame.image_rgb) for frame in frames] == list(range(30))
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.time_s for frame in frames] == pytest.approx([i / FPS for i in range(30)])
    assert frames[0].image_rgb.shape == (HEIGHT, WIDTH, 3)
    assert frames[0].image_rgb.dtype == np.uint8


def test_odd_sides(tmp_path: Path) -> None:
    images = count_up(5, 97, 65)
    frames = frames_of(write_video(tmp_path / "clip.gif", images, codec="gif"))
    assert [frame.image_rgb.shape for frame in frames] == [(65, 97, 3)] * 5
    assert [number_in(frame.image_rgb) for frame in frames] == [0, 1, 2, 3, 4]


def test_a_changing_frame_rate(tmp_path: Path) -> None:
    times_s = [0.0, 0.04, 0.5, 0.54, 2.0, 2.5]
    frames = frames_of(write_video(tmp_path / "clip.mkv", count_up(6), times_s))
    assert [frame.time_s for frame in frames] == pytest.approx(times_s, abs=1e-3)


@pytest.mark.parametrize("rotation_deg", [90, 180, -90])
def test_a_phone_held_sideways(tmp_path: Path, rotation_deg: int) -> None:
    path = write_video(tmp_path / "clip.mp4", count_up(4), rotation_deg=rotation_deg)
    image = frames_of(path)[3].image_rgb
    lying = np.rot90(image, -rotation_deg // 90)
    assert lying.shape == (HEIGHT, WIDTH, 3) and number_in(lying) == 3
    assert image.flags.c_contiguous


def test_colours_are_red_green_blue(tmp_path: Path) -> None:
    red = np.full((HEIGHT, WIDTH, 3), (250, 10, 10), np.uint8)
    frame = frames_of(write_video(tmp_path / "clip.mp4", [red]))[0]
    assert np.abs(frame.image_rgb.astype(int) - red).max() < 12


def test_a_name_that_looks_like_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "clip.mp4", count_up(2)).rename("noon 12:30 %d.mp4")
    assert len(frames_of(Path("noon 12:30 %d.mp4"))) == 2


def empty(path: Path) -> None:
    path.touch()


def text(path: Path) -> None:
    path.write_text("Dear diary\n" * 100)


def noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(50_000))


def picture(path: Path) -> None:
    Image.fromarray(numbered(1)).save(path, "PNG")


def sound(path: Path) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16_000))


def song_with_cover(path: Path) -> None:
    with av.open(str(path), "w", format="mp3") as container:
        song, cover = container.add_stream("mp3", rate=44_100), container.add_stream("png")
        cover.width, cover.height, cover.pix_fmt = WIDTH, HEIGHT, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        samples = av.AudioFrame.from_ndarray(np.zeros((2, 44_100), np.float32), "fltp", "stereo")
        samples.sample_rate, samples.pts = 44_100, 0
        container.mux(cover.encode(av.VideoFrame.from_ndarray(numbered(1), format="rgb24")))
        container.mux(cover.encode())
        container.mux(song.encode(samples))
        container.mux(song.encode())


def without_index(path: Path) -> None:
    content = write_video(path, count_up(30)).read_bytes()
    path.write_bytes(content[: len(content) // 2])


def playlist_from_elsewhere(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXTINF:2,\nhttp://127.0.0.1:9/clip.ts\n#EXT-X-ENDLIST\n")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "no such file"),
        (empty, "empty file"),
        (Path.mkdir, "a folder; `maskwatch predict` judges folders of pictures"),
        (text, "not a video"),
        (noise, "not a video"),
        (picture, "a picture, not a video; `maskwatch predict` judges pictures"),
        (sound, "holds sound but no video"),
        (song_with_cover, "holds sound but no video"),
        (without_index, "has no index of its pictures: it is cut short, or still being recorded"),
        (playlist_from_elsewhere, "not a video"),
    ],
)
def test_what_is_no_video(tmp_path: Path, make: Callable[[Path], None], reason: str) -> None:
    path = tmp_path / "clip.mp4"
    make(path)
    with pytest.raises(VideoError) as caught:
        frames_of(path)
    assert str(caught.value) == f"{path}: {reason}"
    assert (caught.value.source, caught.value.reason) == (str(path), reason)


@pytest.mark.parametrize(
    ("name", "options"),
    [("clip.mp4", {"movflags": "faststart"}), ("clip.mkv", {}), ("clip.avi", {})],
)
def test_a_truncated_video_gives_what_is_there(
    tmp_path: Path, name: str, options: dict[str, str]
) -> None:
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = write_video(tmp_path / name, count_up(100), codec=codec, options=options)
    assert len(frames_of(path)) == 100
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    seen = []
    reason = r"cut short: it ends after \d\.\d of 4\.0 s"
    with pytest.raises(VideoError, match=reason), open_source(path) as source:
        for frame in source:
            seen.append(number_in(frame.image_rgb))
    # the last one may be half a picture
    assert seen[:-1] == list(range(len(seen) - 1)) and 20 < len(seen) < 80


def test_a_clock_that_starts_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    half = write_video(tmp_path / "half.ts", count_up(50)).read_bytes()
    path = tmp_path / "both.ts"
    path.write_bytes(half + half)
    with caplog.at_level(logging.WARNING):
        frames = frames_of(path)
    assert [number_in(frame.image_rgb) for frame in frames] == [*range(50), *range(50)]
    assert [frame.time_s for frame in frames] == pytest.approx([i / FPS for i in range(100)])
    assert caplog.messages == [f"{path}: its clock goes backwards (1 x); its times were mended"]


@pytest.mark.parametrize(
    ("media_s", "expected_s", "mended"),
    [
        ([], [], 0),
        ([7.0, 7.1, 7.2], [0.0, 0.1, 0.2], 0),
        ([None, None, None], [0.0, 0.1, 0.2], 0),
        ([None, 5.0, None, 5.2], [0.0, 0.1, 0.2, 0.3], 0),
        ([0.0, 0.2, 0.1, 0.3], [0.0, 0.2, 0.201, 0.3], 1),
        ([0.0, 0.0], [0.0, 0.001], 1),
        ([8.0, 8.1, 0.0, 0.1], [0.0, 0.1, 0.2, 0.3], 1),
        ([0.0, 60.0], [0.0, 60.0], 0),
        ([0.0, 1e9, 1e9 + 1, 0.3], [0.0, 0.1, 1.1, 1.2], 2),
        # clips of half a second one behind the other, each with a clock of its own
        ([0.0, 0.1, 0.2, 0.3, 0.4, 0.0, 0.1, 0.2, 0.3, 0.4],
         [0.0, 0.1, 0.2, 0.3, 0.4, 0.401, 0.402, 0.502, 0.602, 0.702], 3),
        # late ones that run back are in disorder
        ([0.0, 0.5, 0.4, 0.3, 0.2, 0.6], [0.0, 0.5, 0.501, 0.502, 0.503, 0.6], 3),
    ],
)  # fmt: skip
def test_the_clock(media_s: list[float | None], expected_s: list[float], mended: int) -> None:
    clock = MediaClock(step_s=0.1)
    assert [clock.time_s(value) for value in media_s] == pytest.approx(expected_s)
    assert clock.mended == mended


@given(st.lists(st.none() | st.floats(-1e6, 1e6), max_size=40))
def test_the_clock_never_goes_back(media_s: list[float | None]) -> None:
    clock = MediaClock(step_s=0.04)
    times_s = [clock.time_s(value) for value in media_s]
    assert times_s[:1] in ([], [0.0])
    assert all(later > earlier for earlier, later in pairwise(times_s))


def test_closing_before_the_first_frame_twice_and_in_the_middle(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", count_up(20))
    source = VideoFile(path)
    source.close()
    source.close()
    assert list(source) == []
    source = VideoFile(path)
    assert next(iter(source)).index == 0
    source.close()
    assert list(source) == []


def test_closing_from_another_thread(tmp_path: Path) -> None:
    source = open_source(write_video(tmp_path / "clip.mp4", count_up(200)))
    frames = iter(source)
    next(frames)
    reached = threading.Event()

    def read() -> None:
        for _ in frames:
            reached.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert reached.wait(LIMIT_S)
    source.close()
    thread.join(LIMIT_S)
    assert not thread.is_alive()
    source.close()
