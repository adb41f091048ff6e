"""Films as tools and cameras really write them end as they are; really cut ones still say so.

Run: pytest tests/process/test_odd_films.py
"""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from support.drawn_video import FPS, count_up, number_in, numbered, write_video
from support.stream_servers import Mjpeg, Send, serve

from maskwatch import SettingError
from maskwatch.errors import VideoError
from maskwatch.io.video import open_source
from maskwatch.io.video_source import load_av

WIDTH, HEIGHT = 176, 144


def numbers(path: Path, video_stream: int | None = None) -> list[int]:
    with open_source(path, video_stream=video_stream) as source:
        return [number_in(frame.image_rgb) for frame in source]


def cut(film: Path, target: Path, start_s: float, end_s: float, anew: bool) -> Path:
    """Copy a part of a film without recoding; its clock starts anew, or keeps its times."""
    with av.open(str(film)) as old, av.open(str(target), "w") as new:
        given = old.streams.video[0]
        stream = new.add_stream_from_template(given)
        shift = round(start_s / given.time_base) if anew else 0
        for packet in old.demux(given):
            if packet.dts is None or not start_s <= packet.dts * packet.time_base < end_s:
                continue
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = stream
            new.mux(packet)
    return target


@pytest.mark.parametrize("anew", [True, False])
@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("film.mp4", "mpeg4"),
        ("film.mov", "mpeg4"),
        ("film.mkv", "mpeg4"),
        ("film.avi", "mpeg4"),
        ("film.wmv", "wmv2"),
        ("film.flv", "flv1"),
        ("film.mkv", "ffv1"),
        ("film.mp4", "libx264"),
        ("film.ts", "libx264"),
    ],
)
def test_a_part_that_was_cut_out_without_recoding_is_whole(
    tmp_path: Path, name: str, codec: str, anew: bool
) -> None:
    film = write_video(tmp_path / name, count_up(75, WIDTH, HEIGHT), codec=codec)
    part = cut(film, tmp_path / f"part.{name}", 0.75, 2.2, anew)
    found = numbers(part)  # pictures before the first that stands for itself lack what they change
    last = found[-1]
    assert 50 <= last < 58 and found[-5:] == sorted(found[-5:])


def jpegs(count: int, width: int = WIDTH, height: int = HEIGHT) -> list[bytes]:
    contents = []
    for number in range(count):
        content = io.BytesIO()
        Image.fromarray(numbered(number, width, height)).save(content, "JPEG")
        contents.append(content.getvalue())
    return contents


def parts(pictures: Sequence[bytes], end: bytes) -> bytes:
    head = b"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
    return b"".join(head % len(jpeg) + jpeg + b"\r\n" for jpeg in pictures) + end


def ivf(count: int, announced: int, rate: tuple[int, int]) -> bytes:
    """VP8 as WebRTC's tools dump it."""
    codec = av.CodecContext.create("libvpx", "w")
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    codec.time_base = Fraction(1, FPS)
    packets = []
    for number, image in enumerate(count_up(count, WIDTH, HEIGHT)):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts = number
        packets += codec.encode(frame)
    packets += codec.encode(None)
    content = b"DKIF\0\0\x20\0VP80" + WIDTH.to_bytes(2, "little") + HEIGHT.to_bytes(2, "little")
    for value in (*rate, announced, 0):
        content += value.to_bytes(4, "little")
    for number, packet in enumerate(packets):
        data = bytes(packet)
        content += len(data).to_bytes(4, "little") + number.to_bytes(8, "little") + data
    return content


ODD: dict[str, Callable[[], bytes]] = {
    "raw.mjpeg": lambda: b"".join(jpegs(20)),
    "raw without suffix": lambda: b"".join(jpegs(20)),
    "saved.mjpg": lambda: parts(jpegs(20), b""),
    "saved and closed.mjpg": lambda: parts(jpegs(20), b"--cut--\r\n"),
    "ends in a header.mjpg": lambda: parts(jpegs(20), b"--cut\r\nContent-Type: image/jp"),
    "ends in a picture.mjpg": lambda: parts(jpegs(20), parts(jpegs(1), b"")[:-3000]),
    "no rate.ivf": lambda: ivf(20, 20, (1000, 40)),
    "a rate.ivf": lambda: ivf(20, 20, (FPS, 1)),
    "no count.ivf": lambda: ivf(20, 0, (FPS, 1)),
}


@pytest.mark.parametrize("name", ODD)
def test_every_picture_of_an_odd_film(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(ODD[name]())
    assert numbers(path)[:20] == list(range(20))


def test_a_film_without_its_last_packets_is_still_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "cut.ivf"
    content = ivf(60, 60, (FPS, 1))
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoError, match="cut short: it ends after"):
        numbers(path)


def test_noise_in_the_rest_of_a_saved_connection_is_told(tmp_path: Path) -> None:
    path = tmp_path / "noise.mjpg"
    path.write_bytes(parts(jpegs(5), np.random.default_rng(0).bytes(300_000)))
    with pytest.raises(VideoError, match="cannot be read on"):
        numbers(path)


def test_one_picture_is_no_film_nor_are_two_views_of_one_moment(tmp_path: Path) -> None:
    path = tmp_path / "one.jpg"
    path.write_bytes(jpegs(1)[0])
    views = tmp_path / "views.jpg"
    images = [Image.fromarray(numbered(number, WIDTH, HEIGHT)) for number in range(2)]
    images[0].save(views, "MPO", save_all=True, append_images=images[1:])
    for picture in (path, views):
        with pytest.raises(VideoError, match="a picture, not a video; `maskwatch predict`"):
            numbers(picture)


def test_pictures_that_repeat_do_not_end_a_film(tmp_path: Path) -> None:
    path = tmp_path / "repeats.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        packets = []
        for image in count_up(20, WIDTH, HEIGHT):
            packets += stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24"))
        packets += stream.encode()
        for number, packet in enumerate(packets):  # each shows twice
            packet.dts = packet.pts = 2 * number
            container.mux(packet)
            empty = load_av().Packet(b"")
            empty.stream, empty.dts, empty.pts = stream, 2 * number + 1, 2 * number + 1
            empty.time_base = packet.time_base
            container.mux(empty)
    assert numbers(path) == list(range(20))


def two_sizes(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        streams = []
        for side in (64, 128, 96):
            stream = container.add_stream("libx264", rate=FPS)
            stream.width, stream.height, stream.pix_fmt = 2 * side, side, "yuv420p"
            streams.append(stream)
        for number in range(5):
            for stream in streams:
                image = numbered(number, stream.width, stream.height)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        for stream in streams:
            container.mux(stream.encode())
    return path


@pytest.mark.parametrize("name", ["sizes.mp4", "sizes.mkv", "sizes.ts"])
@pytest.mark.parametrize(("asked", "height"), [(None, 128), (0, 64), (1, 128), (2, 96)])
def test_of_several_sizes_the_largest_or_the_one_asked_for(
    tmp_path: Path, name: str, asked: int | None, height: int
) -> None:
    path = two_sizes(tmp_path / name)
    with open_source(path, video_stream=asked) as source:
        frames = list(source)
    assert [frame.image_rgb.shape[0] for frame in frames] == [height] * 5
    assert [number_in(frame.image_rgb) for frame in frames] == list(range(5))


def test_a_stream_that_is_not_there(tmp_path: Path) -> None:
    path = two_sizes(tmp_path / "sizes.mp4")
    with pytest.raises(VideoError, match="has no such video stream; 3 in it, counted from 0"):
        numbers(path, 3)
    for asked in (-1, True, "0"):
        with pytest.raises(SettingError, match="video_stream: must be 0 or more"):
            open_source(path, video_stream=asked)


@cache
def huge() -> bytes:
    content = io.BytesIO()
    Image.new("L", (9500, 9500), 90).save(content, "JPEG", quality=10)
    return content.getvalue()


def test_frames_have_the_limit_of_pictures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "huge.mjpg"
    path.write_bytes(parts([huge()] * 2, b""))
    with pytest.raises(VideoError, match="frames of 9500 x 9500 pixels, over the limit of 89 mil"):
        numbers(path)
    path.write_bytes(parts([*jpegs(3), huge(), *jpegs(3)], b""))  # it grows in the middle
    with caplog.at_level(logging.WARNING):
        assert numbers(path) == [0, 1, 2, 0, 1, 2]
    assert "damaged pictures were left out" in caplog.text


def test_a_camera_that_sends_a_huge_frame() -> None:
    def script(send: Send, connection: int = 0) -> None:
        for _ in range(50):
            send(parts([huge()], b""))

    refused = pytest.raises(VideoError, match="over the limit of 89 million")
    with serve(Mjpeg, script) as host, open_source(f"http://{host}/") as source, refused:
        next(source)


@pytest.mark.parametrize("source", [None, 1.5, b"a.mp4", ["a.mp4"], True])
def test_what_is_no_source(source: object) -> None:
    with pytest.raises(VideoError, match="expected a path, the number of a camera or an address"):
        open_source(source)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(("asked", "height"), [(None, 144), (0, 64)])
def test_of_the_sizes_of_a_live_address_the_largest(
    tmp_path: Path, asked: int | None, height: int
) -> None:
    master = "#EXTM3U\n"
    for rate, (wide, high) in ((90_000, (96, 64)), (900_000, (WIDTH, HEIGHT))):
        play = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n"
        for part in range(4):
            name = f"{high}-{part}.ts"
            times_s = [part + number / FPS for number in range(FPS)]
            write_video(tmp_path / name, count_up(FPS, wide, high), times_s)
            play += f"#EXTINF:1.0,\n{name}\n"
        (tmp_path / f"{high}.m3u8").write_text(play)
        master += f"#EXT-X-STREAM-INF:BANDWIDTH={rate},RESOLUTION={wide}x{high}\n{high}.m3u8\n"
    (tmp_path / "master.m3u8").write_text(master)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/master.m3u8"
        with open_source(address, video_stream=asked) as source:
            assert next(source).image_rgb.shape[0] == height
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("shape", "seen_wh"),
    [
        (Fraction(1, 2), (WIDTH, 2 * HEIGHT)),  # every other line, as recorders leave them out
        (Fraction(16, 11), (256, HEIGHT)),
        (Fraction(1), (WIDTH, HEIGHT)),
        (Fraction(1, 100), (WIDTH, HEIGHT)),  # no camera has such pixels
    ],
)
def test_pixels_become_square(tmp_path: Path, shape: Fraction, seen_wh: tuple[int, int]) -> None:
    film = tmp_path / "film.mkv"
    with av.open(str(film), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.sample_aspect_ratio = shape
        for image in count_up(3, WIDTH, HEIGHT):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    with open_source(film) as source:
        sizes = [frame.image_rgb.shape[1::-1] for frame in source]
    assert sizes == [seen_wh] * 3


def test_a_film_whose_index_is_itself_cut_says_that_it_is_cut(tmp_path: Path) -> None:
    film = write_video(tmp_path / "film.mp4", count_up(9, WIDTH, HEIGHT))
    content = film.read_bytes()
    for length in range(content.rindex(b"moov"), content.rindex(b"stsd"), 30):
        film.write_bytes(content[:length])
        with pytest.raises(VideoError, match="has no index of its pictures: it is cut short"):
            numbers(film)


def test_an_empty_name_is_not_the_current_folder() -> None:
    with pytest.raises(VideoError, match="<source>: its name is empty"):
        open_source("")
