"""The page that needs no server answers as Python does: golden vectors, photos, large ones, slim.

Run: pytest tests/browser/test_web_answers.py
"""

from __future__ import annotations

import base64
import io
import json
import struct
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from support import bad_images
from support.chromium import CHROMIUM
from support.contract_factory import FOLDER, photo_files
from support.paths import ROOT
from support.web_browsers import WebServer
from support.web_page import GROUP, Opened, assert_alike, judged

from maskwatch import Analyzer, ImageError
from maskwatch.pipeline import Networks
from maskwatch.samples import SAMPLES
from maskwatch.web.bundle import build_page

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

SHARED = ROOT.parent / "shared" / "data"


def test_every_golden_vector(parts: Page) -> None:
    told = parts.evaluate("import('/contract/check.js').then((module) => module.check())")
    assert told["lines"] == []
    assert len(told["checked"]) >= 15


def test_drawn_photos_are_judged_as_the_vectors_say(parts: Page, server: WebServer) -> None:
    photos = photo_files()
    stored = json.loads((FOLDER / "photos.json").read_text())["cases"]
    for found, case in zip(judged(parts, server, photos), stored, strict=True):
        assert_alike(found, case["answer"])


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="needs the public sets in ../shared/data")
def test_real_photos_are_judged_as_by_python(parts: Page, server: WebServer) -> None:
    paths = sorted((SHARED / "incorrect-photos").glob("*.jpg"))[::25]
    paths += sorted((SHARED / "voc-853" / "images").iterdir())[::110]
    photos = {path.name: path.read_bytes() for path in paths}
    analyzer = Analyzer()
    found = judged(parts, server, photos)
    for (name, content), report in zip(photos.items(), found, strict=True):
        assert_alike(report, {**analyzer.analyze(content).to_dict(), "source": name})


def test_kinds_of_files_are_read_as_by_python(parts: Page, server: WebServer) -> None:
    worn = Image.open(SAMPLES[0].path)
    exif = worn.getexif()
    exif[0x0112] = 6  # lies on its side
    seen_through = worn.convert("RGBA")
    seen_through.putalpha(Image.linear_gradient("L").resize(worn.size))
    photos = {}
    for name, image, options in (
        ("turned.jpg", worn, {"exif": exif}),
        ("progressive.jpg", worn, {"progressive": True}),
        ("cmyk.jpg", worn.convert("CMYK"), {}),
        ("grey.png", worn.convert("L"), {}),
        ("alpha.png", seen_through, {}),
        ("palette.gif", worn, {}),
        ("lossless.webp", worn, {"lossless": True}),
        ("small.png", worn.resize((180, 180)), {}),
    ):
        content = io.BytesIO()
        image.save(content, name.rpartition(".")[2].replace("jpg", "jpeg"), **options)
        photos[name] = content.getvalue()
    analyzer = Analyzer()
    found = judged(parts, server, photos)
    for (name, content), report in zip(photos.items(), found, strict=True):
        assert_alike(report, {**analyzer.analyze(content).to_dict(), "source": name})


def webp_that_claims(place: int, size: bytes, **options: object) -> bytes:
    """A small WebP with another size written into its head."""
    content = bytearray(bad_images.encoded("WEBP", **options))
    content[place : place + len(size)] = size
    return bytes(content)


def avif_that_claims(width: int, height: int) -> bytes:
    """A small AVIF with another size written into its head."""
    content = bytearray(bad_images.encoded("AVIF"))
    size = content.index(b"ispe") + 8
    content[size : size + 8] = struct.pack(">II", width, height)
    return bytes(content)


def test_pictures_too_large_to_open_are_refused_as_by_python(
    parts: Page, server: WebServer
) -> None:
    jpeg = bytearray(bad_images.encoded(progressive=True))
    frame = jpeg.index(b"\xff\xc2")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 12_240, 16_320)
    wide = Image.new("1", (10_000, 10_000))
    lossless = struct.pack("<I", 9_999 << 14 | 9_999)
    photos = {
        "huge.png": bad_images.png_that_claims(40_000, 40_000),
        "huge.jpg": bytes(jpeg),
        "huge.gif": bad_images.encoded("GIF", wide),
        "huge.bmp": bad_images.encoded("BMP", wide),
        "huge.webp": webp_that_claims(26, struct.pack("<HH", 10_000, 10_000)),
        "huge.avif": avif_that_claims(10_000, 10_000),
        "lossless.webp": webp_that_claims(21, lossless, lossless=True),
    }
    for found, content in zip(judged(parts, server, photos), photos.values(), strict=True):
        with pytest.raises(ImageError) as refused:
            Analyzer().analyze(content)
        assert found["error"] == refused.value.fault.value == "too_large"


def test_a_picture_that_tells_of_too_many_pixels_is_not_opened_at_all(parts: Page) -> None:
    answer = parts.evaluate(
        """async (content) => {
            const { decode } = await import("/lib/images.js");
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            const real = window.createImageBitmap;
            let opened = 0;
            window.createImageBitmap = () => Promise.reject((opened += 1));
            try {
                return [await decode(new File([bytes], "huge.avif"), 50_000_000), opened];
            } finally {
                window.createImageBitmap = real;
            }
        }""",
        base64.b64encode(avif_that_claims(10_000, 10_000)).decode(),
    )
    assert answer == ["too_large", 0]


def test_large_photos_are_searched_tile_by_tile_as_by_python(
    open_page: Opened, server: WebServer
) -> None:
    large = Image.new("RGB", (2100, 1300), (150, 160, 170))
    group = Image.open(GROUP.path)
    large.paste(group.resize((700, 460)), (1300, 100))
    small = group.resize((120, 80))  # faces that the whole photo is too coarse for
    for corner in ((60, 60), (900, 1150), (1950, 1200)):
        large.paste(small, corner)
    content = io.BytesIO()
    large.save(content, "png")
    before = server.files["about.json"]
    server.files["about.json"] = build_page(Networks(tiles="auto"))["about.json"]
    try:
        page = open_page(ready=False)
        (found,) = judged(page, server, {"large.png": content.getvalue()})
    finally:
        server.files["about.json"] = before
    expected = Analyzer(tiles="auto").analyze(content.getvalue())
    assert len(expected.faces) > len(Analyzer().analyze(content.getvalue()).faces)
    assert_alike(found, {**expected.to_dict(), "source": "large.png"})


def test_slim_networks_see_the_same_in_drawn_photos(open_page: Opened, server: WebServer) -> None:
    before = dict(server.files)
    server.files.update(build_page(Networks(), slim=True))
    try:
        photos = {sample.path.name: sample.path.read_bytes() for sample in SAMPLES}
        for report, sample in zip(
            judged(open_page(ready=False), server, photos), SAMPLES, strict=True
        ):
            assert tuple(face["state"] for face in report["faces"]) == sample.shows
            assert report["model"].endswith("(float16)")
    finally:
        server.files.update(before)
