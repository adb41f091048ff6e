"""One list of kinds for all doors; nothing that looks like a picture is left out in silence.

Run: pytest tests/unit/io/test_image_kinds.py
"""

from __future__ import annotations

import io
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support import bad_images
from support.fakes import picture

from maskwatch import ImageError
from maskwatch.io.image_kinds import IMAGE_SUFFIXES, READ, UPLOAD_SUFFIXES, kind_of
from maskwatch.io.images import list_images, load_image

HEIC = Path(__file__).with_name("drawn.heic")


def listed(source: object, folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in list_images(source)]


def write(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# kinds


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "damaged HEIC|maskwatch\\[heif\\]"),
        ("a.dng", bad_images.encoded("TIFF"), "raw photo, which is not read; export it as JPEG"),
        ("a.nef", bad_images.encoded("TIFF"), "raw photo"),
        ("preview.tif", bad_images.encoded("TIFF", tiffinfo={254: 1}), "raw photo"),
        ("a.cr2", b"II*\0\x10\0\0\0CR\2\0", "raw photo"),
        ("a.jxl", b"\xff\x0a12", "JPEG XL, which is not read"),
        ("a.jp2", b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        ("a.psd", b"8BPS", "Photoshop file"),
        ("a.ppm", b"P6 2 2 255\n", "PNM"),
        ("a.svg", b"<svg xmlns='x'/>", "SVG drawing"),
        ("no suffix", b"8BPS", "Photoshop file"),
        ("a.jpg", b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "a film, not a picture"),
        ("a.jpg", b"\x1aE\xdf\xa3", "a film, not a picture"),
        ("BM.txt", b"BM is how this text begins", "not a JPEG, PNG"),
    ],
)
def test_what_is_not_read_says_what_it_is(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    with pytest.raises(ImageError, match=reason):
        load_image(write(tmp_path / name, content))


def test_heic_is_read_where_its_package_is_installed() -> None:
    pytest.importorskip("pi_heif")
    image = load_image(HEIC)
    assert image.shape == picture().shape
    assert np.abs(image.astype(int) - picture())[10, 10].max() < 25


def test_every_kind_that_is_read_is_offered_on_the_page_and_found_in_folders() -> None:
    assert {f".{suffix}" for suffix in UPLOAD_SUFFIXES} <= IMAGE_SUFFIXES
    assert len(UPLOAD_SUFFIXES) == len(set(UPLOAD_SUFFIXES)) == sum(len(k.suffixes) for k in READ)
    for name in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF"):
        kind = kind_of(bad_images.encoded(name)[:64])
        assert kind is not None and kind.name.upper() == name


# folders


def test_a_folder_tells_of_every_file_that_looks_like_a_picture(tmp_path: Path) -> None:
    names = ["a.jfif", "b.jpe", "c.mpo", "d.HEIC", "e.avif", "f.dng", "g.jxl", "h.JPG"]
    for name in (*names, "notes.txt", "labels.xml", "._h.jpg", ".hidden"):
        write(tmp_path / name)
    write(tmp_path / "IMG_1", bad_images.encoded())  # of no suffix, and of one that says nothing
    write(tmp_path / "photo.jpg_large", bad_images.encoded("PNG"))
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    found = listed(tmp_path, tmp_path)
    assert found == sorted(["IMG_1", *names, "gone", "photo.jpg_large"])
    with pytest.raises(ImageError, match="a link that leads nowhere"):
        load_image(tmp_path / "gone")


def test_linked_folders_are_looked_into_once(tmp_path: Path) -> None:
    photos, other = tmp_path / "photos", tmp_path / "other"
    write(photos / "z" / "1.png")
    write(other / "2.png")
    (other / "back").symlink_to(photos)  # in a circle
    (photos / "self").symlink_to(photos)
    (photos / "z" / "up").symlink_to("..")
    (photos / "a").symlink_to(photos / "z")  # comes first, but is no name of its own
    (photos / "linked").symlink_to(other)
    (photos / "knot").symlink_to("knot")
    assert sorted(listed(photos, photos)) == ["knot", "linked/2.png", "z/1.png"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("photos [1]/*.jpg", ["photos [1]/a.jpg"]),
        ("photos [1]/*", ["photos [1]/a.jpg", "photos [1]/b*/c.jpg", "photos [1]/sub/d.jpg"]),
        ("photos [1]/b*/c.jpg", ["photos [1]/b*/c.jpg"]),
        (
            "photos [1]/**/*.jpg",
            ["photos [1]/a.jpg", "photos [1]/b*/c.jpg", "photos [1]/sub/d.jpg"],
        ),
        ("photos [[]1]/*.jpg", ["photos [1]/a.jpg"]),
        ("photos [2]/*.jpg", ["photos [2]/*.jpg"]),  # there is none: it is told
        ("photos*/s?b/*", ["photos [1]/sub/d.jpg"]),
    ],
)
def test_patterns_below_folders_with_brackets(
    tmp_path: Path, pattern: str, expected: list[str]
) -> None:
    for name in ("a.jpg", "b*/c.jpg", "sub/d.jpg"):
        write(tmp_path / "photos [1]" / name)
    assert listed(str(tmp_path / pattern), tmp_path) == expected


# whole pictures in odd files


def encodings() -> dict[str, bytes]:
    noise = np.random.default_rng(0).integers(0, 256, (48, 80, 3), np.uint8)
    image = Image.fromarray(noise)
    return {
        "baseline": bad_images.encoded("JPEG", image),
        "progressive": bad_images.encoded("JPEG", image, progressive=True),
        "restarts": bad_images.encoded("JPEG", image, restart_marker_blocks=1),
        "rows": bad_images.encoded("JPEG", image, restart_marker_rows=1),
        "grey": bad_images.encoded("JPEG", image.convert("L")),
        "cmyk": bad_images.encoded("JPEG", image.convert("CMYK")),
    }


@pytest.mark.parametrize("name", encodings())
def test_only_the_end_of_a_jpeg_may_be_missing(name: str, caplog: pytest.LogCaptureFixture) -> None:
    content = encodings()[name]
    whole = load_image(content)
    for end in (content[:-1], content[:-2]):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert np.array_equal(load_image(end), whole)
        assert caplog.messages == ["<bytes>: lacks its end; all its pixels are there"]
    assert np.array_equal(load_image(content[:-2] + bytes(700)), whole)
    # from the last byte of pixels on, and at every mark
    marks = [at for at in range(700, len(content) - 2) if content[at] == 0xFF]
    for at in {*range(len(content) - 40, len(content) - 2), *marks[:: len(marks) // 60 + 1]}:
        with pytest.raises(ImageError, match="damaged JPEG"):
            load_image(content[:at])


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(encodings())), st.data())
def test_a_cut_jpeg_is_never_taken_for_a_whole_one(name: str, data: st.DataObject) -> None:
    content = encodings()[name]
    at = data.draw(st.integers(3, len(content) - 3))
    with pytest.raises(ImageError):
        load_image(content[:at])


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_few_bits_in_sixteen_are_scaled(
    tmp_path: Path, bits: int, suffix: str, channels: int
) -> None:
    ramp = np.linspace(0, 2**bits - 1, 256).astype(np.uint16)
    values = np.repeat(np.tile(ramp, (4, 1))[:, :, None], channels, axis=2)
    if channels == 4:
        values[..., 3] = 65535
    if channels > 1:
        values[..., 0] //= 2  # blue, as OpenCV has it
    path = tmp_path / f"deep{suffix}"
    cv2.imwrite(str(path), values.squeeze())
    image = load_image(path)
    assert np.abs(image[0, :, 0].astype(int) - np.arange(256)).max() <= 1
    if channels > 1:
        assert np.abs(image[0, :, 2].astype(int) - np.arange(256) // 2).max() <= 1


# what people hand over


def test_open_files_and_buffers(tmp_path: Path) -> None:
    content = bad_images.encoded("PNG")
    path = write(tmp_path / "a.png", content)
    read_on = io.BytesIO(content)
    read_on.read()
    with path.open("rb") as file:
        sources = [io.BytesIO(content), read_on, file, bytearray(content), memoryview(content)]
        for source in sources:
            assert np.array_equal(load_image(source), picture())


class Asynchronous:
    async def read(self) -> bytes:
        return b""


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "expected a path, bytes, .*, got None"),
        (7, "got int"),
        ([b"a"], "got list"),
        (object(), "got object"),
        (io.StringIO("a"), "<file>: gives no bytes"),
        (Asynchronous(), "<file>: gives no bytes"),
        ("https://user:geheim@host/a.jpg?x=1", r"^https://\*\*\*@host/\.\.\.: an address"),
        (Path("https://host/a.jpg"), r"^https://host/\.\.\.: an address, and none is fetched here"),
        ("s3://bucket/a.jpg", r"^s3://bucket/\.\.\.: an address"),
        ("data:image/png;base64," + "A" * 5000, "^data:...: the picture itself in text"),
    ],
)
def test_what_is_no_picture_is_an_image_error(source: object, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        load_image(source)
    assert "geheim" not in str(caught.value) and len(str(caught.value)) < 300


def test_a_closed_file_is_an_image_error(tmp_path: Path) -> None:
    with write(tmp_path / "a.png", bad_images.encoded("PNG")).open("rb") as file:
        pass
    with pytest.raises(ImageError, match=r"a\.png: "):
        load_image(file)
