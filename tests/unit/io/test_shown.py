"""A report is saved and plotted with its own picture, or says in one line why it cannot be.

Run: pytest tests/unit/io/test_shown.py
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image
from support.fakes import picture, report, tracked, verdict

from maskwatch import ImageError, MissingExtraError, SettingError
from maskwatch.io.blur import blur_heads
from maskwatch.io.draw import annotate
from maskwatch.io.images import load_image
from maskwatch.schema import FrameReport, MaskState

SIZE = (240, 160)
PICTURE = picture(*SIZE)
FACES = (
    verdict(MaskState.NO_MASK, (60.0, 40.0, 120.0, 110.0), 0.991),
    verdict(MaskState.MASK, (130.0, 40.0, 190.0, 110.0)),
)
REPORT = replace(report(*FACES, size_wh=SIZE), source=None)


@pytest.fixture
def named(tmp_path: Path) -> FrameReport:
    """A report of a file."""
    Image.fromarray(PICTURE).save(tmp_path / "photo.png")
    return replace(REPORT, source=str(tmp_path / "photo.png"))


@pytest.mark.parametrize("blur", [False, True])
def test_a_copy_is_marked_and_blurred_where_that_is_wanted(
    tmp_path: Path, named: FrameReport, blur: bool
) -> None:
    named.save(tmp_path / "deep" / "out.png", blur=blur)
    saved = load_image(tmp_path / "deep" / "out.png")
    shown = blur_heads(PICTURE, REPORT) if blur else PICTURE
    assert np.array_equal(saved, annotate(shown, REPORT))


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".webp"])
def test_a_picture_in_memory_is_given(tmp_path: Path, suffix: str) -> None:
    REPORT.save(str(tmp_path / f"out{suffix}"), PICTURE)
    assert load_image(tmp_path / f"out{suffix}").shape == PICTURE.shape


def test_what_cannot_be_saved_says_why(tmp_path: Path, named: FrameReport) -> None:
    with pytest.raises(SettingError, match="names no file; give its picture, as image="):
        REPORT.save(tmp_path / "out.jpg")
    with pytest.raises(SettingError, match="path: must be the name of a file, not None"):
        named.save(cast("Path", None))
    with pytest.raises(SettingError, match=r"must end in \.jpg"):
        named.save(tmp_path / "out.pdf")
    with pytest.raises(SettingError, match="has 60 x 40 pixels, the report speaks of 240 x 160"):
        named.save(tmp_path / "out.jpg", picture())
    with pytest.raises(SettingError, match="cannot be written"):
        named.save(tmp_path / "photo.png" / "out.jpg")
    (tmp_path / "link.png").symlink_to("photo.png")
    before = (tmp_path / "photo.png").read_bytes()
    for name in ("photo.png", "link.png"):
        with pytest.raises(SettingError, match=rf"{name}: would overwrite the picture itself"):
            named.save(tmp_path / name)
        with pytest.raises(SettingError, match="would overwrite the picture itself"):
            REPORT.save(tmp_path / name, tmp_path / "photo.png")
    assert (tmp_path / "photo.png").read_bytes() == before
    Path(str(named.source)).unlink()
    with pytest.raises(ImageError, match="no such file"):
        named.save(tmp_path / "out.jpg")
    assert not list(tmp_path.glob("*out*"))


def test_a_plot_has_the_marked_picture_and_the_name(named: FrameReport) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    from matplotlib import pyplot

    axes = named.plot()
    assert np.array_equal(axes.images[0].get_array(), annotate(PICTURE, REPORT))
    assert axes.get_title() == "photo.png"
    assert REPORT.plot(PICTURE, blur=True).get_title() == ""
    pyplot.close("all")


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"report.plot\(\) needs .*maskwatch\[plot\]"):
        REPORT.plot(PICTURE)


def test_records_are_loaded_without_what_draws() -> None:
    code = "import sys, maskwatch.schema; print({'PIL', 'cv2', 'matplotlib'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_report_says_itself_in_a_line() -> None:
    assert repr(replace(REPORT, source="a.jpg")) == (
        "<FrameReport a.jpg 240 x 160: 2 faces: 1 mask, 1 no_mask>"
    )
    assert repr(replace(REPORT, faces=())) == "<FrameReport 240 x 160: 0 faces>"
    assert repr(REPORT.faces[0]) == "<FaceVerdict no_mask 99.1% at (60, 40, 120, 110)>"
    assert repr(tracked(MaskState.MASK)).startswith("<TrackedFace mask 75.0% at (0, 0,")


@pytest.mark.parametrize(
    ("name", "longest_px"), [("a.webp", 16_383), ("a.jpg", 65_500), ("a.jpeg", 65_500)]
)
def test_a_picture_too_long_for_its_format_says_so(
    tmp_path: Path, name: str, longest_px: int
) -> None:
    for longer_px in (longest_px, longest_px + 1):
        strip = np.zeros((2, longer_px, 3), np.uint8)
        nobody = replace(report(size_wh=(longer_px, 2)), source=None)
        if longer_px == longest_px:
            nobody.save(tmp_path / name, strip)
            continue
        with pytest.raises(SettingError, match=f"no room for {longer_px} pixels a side; save it"):
            nobody.save(tmp_path / name, strip)
        nobody.save(tmp_path / "a.png", strip)
