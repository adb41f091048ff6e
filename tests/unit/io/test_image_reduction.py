"""A large JPEG is decoded smaller, and what is found in it is told in pixels of the whole.

Run: pytest tests/unit/io/test_image_reduction.py
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import maskwatch
from maskwatch import pipeline
from maskwatch.errors import ImageError
from maskwatch.io.image_decoding import Reduction
from maskwatch.io.images import load_image
from maskwatch.samples import SAMPLES
from maskwatch.schema import FrameReport

ORIENTATION = 0x0112
LONG_PX = 3900  # twice what is looked at, twice
GROUP = next(sample.path for sample in SAMPLES if sample.name == "group")


def encoded(image: Image.Image, kind: str = "JPEG", turn: int = 1) -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    exif[ORIENTATION] = turn
    image.save(file, kind, exif=exif, quality=92)
    return file.getvalue()


def photo(people: int, size_wh: tuple[int, int]) -> Image.Image:
    """A photo in which people stand that the sample shows, as large as there is room for."""
    group = Image.open(GROUP).convert("RGB")
    width, height = group.size
    part = group.crop((0, 0, width * people // 4, height))
    part.thumbnail(size_wh)
    scale = min(size_wh[0] / part.width, size_wh[1] / part.height)
    part = part.resize((int(part.width * scale), int(part.height * scale)))
    whole = Image.new("RGB", size_wh, "grey")
    whole.paste(part)
    return whole


@pytest.fixture(scope="module")
def analyzer() -> maskwatch.Analyzer:
    return maskwatch.Analyzer()


@pytest.mark.parametrize(
    ("size_wh", "least_px", "decoded_wh"),
    [
        ((1, 1), 1, (1, 1)),
        ((640, 480), 400, (640, 480)),
        ((800, 600), 400, (400, 300)),
        ((799, 600), 400, (799, 600)),
        ((1601, 1203), 400, (401, 301)),
        ((3200, 3), 400, (1600, 2)),  # the shorter side keeps a pixel
        ((90, 4000), 400, (12, 500)),
        ((16000, 16), 400, (2000, 2)),  # an eighth is the least there is
    ],
)
@pytest.mark.parametrize("turn", range(1, 9))
def test_sizes_and_turns(size_wh, least_px, decoded_wh, turn):
    content = encoded(Image.new("RGB", size_wh, "teal"), turn=turn)
    reduction = Reduction(least_px)
    height, width = load_image(content, reduction=reduction).shape[:2]
    swap = slice(None, None, -1 if turn >= 5 else 1)
    assert (width, height) == decoded_wh[swap]
    assert reduction.whole_wh == (None if decoded_wh == size_wh else size_wh[swap])


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "MPO"])
def test_of_other_kinds_nothing_is_left_out(kind):
    content = encoded(Image.new("RGB", (1600, 900), "teal"), kind, turn=6)
    reduction = Reduction(400)
    height, width = load_image(content, reduction=reduction).shape[:2]
    smaller = kind == "MPO"  # which is a JPEG, as some telephones write it
    assert (width, height) == ((225, 400) if smaller else (900, 1600))
    assert reduction.whole_wh == ((900, 1600) if smaller else None)


def test_the_limit_is_that_of_the_whole_picture():
    content = encoded(Image.new("RGB", (1600, 900)))
    with pytest.raises(ImageError, match="1600 x 900 pixels, over the limit"):
        load_image(content, 1_000_000, Reduction(400))


def same(report: FrameReport, other: FrameReport) -> None:
    """Nobody would see a difference."""
    assert report.image_size_wh == other.image_size_wh
    assert [face.state for face in report.faces] == [face.state for face in other.faces]
    for face, twin in zip(report.faces, other.faces, strict=True):
        side_px = twin.quality.side_px
        assert np.abs(np.subtract(face.box_xyxy, twin.box_xyxy)).max() < 0.03 * side_px
        assert np.abs(np.subtract(face.landmarks_xy, twin.landmarks_xy)).max() < 0.03 * side_px
        assert face.confidence == pytest.approx(twin.confidence, abs=0.05)
        assert face.quality.side_px == pytest.approx(side_px, rel=0.06)  # it has two edges
        assert face.quality.visible_ratio == pytest.approx(twin.quality.visible_ratio, abs=0.03)


@pytest.mark.parametrize("turn", [1, 6])
@pytest.mark.parametrize(("people", "opened"), [(2, 1), (4, 1), (0, 1)])
def test_answers_are_those_of_the_whole_picture(analyzer, monkeypatch, people, opened, turn):
    opens = count_opens(monkeypatch)
    whole = photo(people or 4, (LONG_PX, 2600)) if people else Image.new("RGB", (LONG_PX, 2600))
    upright = Image.open(io.BytesIO(encoded(whole)))
    if turn == 6:  # a telephone held upright: the sensor's picture lies on its side
        upright = upright.transpose(Image.Transpose.ROTATE_90)
    content = encoded(upright, turn=turn)
    report = analyzer.analyze(content)
    assert len(opens) == opened
    assert len(report.faces) == people
    same(report, analyzer.analyze(load_image(content)))


def test_small_faces_are_judged_in_the_whole_picture(analyzer, monkeypatch, tmp_path: Path):
    group = photo(4, (1100, 700))
    whole = Image.new("RGB", (LONG_PX, 2600), "grey")
    whole.paste(group, (300, 200))
    path = tmp_path / "far.jpg"
    path.write_bytes(encoded(whole))
    expected = analyzer.analyze(load_image(path))
    opens = count_opens(monkeypatch)
    report = analyzer.analyze(path)
    assert (len(opens), len(report.faces), report.source) == (2, 4, str(path))
    same(report, expected)
    with path.open("rb") as file:
        assert analyzer.analyze(file).faces == report.faces


def test_given_boxes_tiles_and_own_detectors_take_the_whole_picture(monkeypatch):
    opens = count_opens(monkeypatch)
    content = encoded(photo(2, (LONG_PX, 2600)))
    maskwatch.Analyzer().analyze(content, boxes=[(100, 100, 900, 900)])
    maskwatch.Analyzer(detector=maskwatch.WholeImage()).analyze(content)
    assert opens == [(2600, LONG_PX)] * 2
    assert maskwatch.Analyzer(tiles="auto")._detector.enough_px is None


def count_opens(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Height and width of each picture that is opened from now on."""
    sizes: list[tuple[int, int]] = []

    def load(*arguments, **named):
        image_rgb = load_image(*arguments, **named)
        sizes.append(image_rgb.shape[:2])
        return image_rgb

    monkeypatch.setattr(pipeline, "load_image", load)
    return sizes
