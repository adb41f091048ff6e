"""Any file is either the right picture or an ImageError in one line; folders and patterns expand.

Run: pytest tests/unit/io/test_images.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support import bad_images
from support.fakes import HEIGHT, WIDTH, WITHOUT_ROOT, picture

from maskwatch import ImageError
from maskwatch.io.images import list_images, load_image


def assert_looks_like(image: np.ndarray, expected: np.ndarray, tolerance: int = 25) -> None:
    """Same size, and the same colour in the middle of every quarter (lossy files blur edges)."""
    assert image.shape == expected.shape
    assert image.dtype == np.uint8
    height, width = expected.shape[:2]
    for y in (height // 4, 3 * height // 4):
        for x in (width // 4, 3 * width // 4):
            assert np.abs(image[y, x].astype(int) - expected[y, x]).max() <= tolerance, (x, y)


@pytest.mark.parametrize("name", bad_images.FINE)
def test_reads_every_way_to_store_a_picture(tmp_path: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # its remark on the broken EXIF block
        image = load_image(bad_images.write(tmp_path, name))
    assert_looks_like(image, picture())


@pytest.mark.parametrize("name", bad_images.SIXTEEN_BIT)
def test_scales_sixteen_bits_instead_of_clipping(tmp_path: Path, name: str) -> None:
    image = load_image(bad_images.write(tmp_path, name))
    assert image[0, :, 0].tolist() == list(range(256))


@pytest.mark.parametrize("name", bad_images.SEE_THROUGH)
def test_lays_transparency_on_white(tmp_path: Path, name: str) -> None:
    assert load_image(bad_images.write(tmp_path, name)).min() == 255


def test_half_transparent_black_is_gray() -> None:
    image = load_image(Image.new("RGBA", (3, 2), (0, 0, 0, 128)))
    assert np.unique(image).tolist() == [127]


def test_very_wide_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "wide.jpg"
    Image.new("RGB", (30_000, 100), "red").save(path)
    assert load_image(path).shape == (100, 30_000, 3)


@pytest.mark.parametrize("name", bad_images.BAD)
def test_says_in_one_line_what_is_wrong(tmp_path: Path, name: str) -> None:
    path = bad_images.write(tmp_path, name)
    with pytest.raises(ImageError) as caught:
        load_image(path)
    assert bad_images.BAD[name][1] in caught.value.reason
    assert str(caught.value) == f"{path}: {caught.value.reason}"
    assert "\n" not in caught.value.reason


@pytest.mark.parametrize(
    ("max_pixels", "reason"),
    [
        (2400, None),
        (2399, "60 x 40 pixels, over the limit of 0.002399 megapixels"),
        (1, "over the limit of 1e-06 megapixels"),
    ],
)
def test_a_door_may_bear_fewer_pixels(max_pixels: int, reason: str | None) -> None:
    content = bad_images.encoded("PNG")
    if reason is None:
        assert load_image(content, max_pixels).shape == (40, 60, 3)
        return
    with pytest.raises(ImageError, match=reason) as caught:
        load_image(content, max_pixels)
    assert caught.value.fault == "too_large"


def test_a_bomb_is_refused_without_a_warning_from_pillow(tmp_path: Path) -> None:
    path = bad_images.write(tmp_path, "just too large.png")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(ImageError):
            load_image(path)
    assert not seen


@pytest.mark.parametrize(
    ("array", "got"),
    [
        (np.zeros((4, 5, 3)), "float64 of shape (4, 5, 3)"),
        (np.zeros((4, 5), np.uint8), "uint8 of shape (4, 5)"),
        (np.zeros((4, 5, 4), np.uint8), "uint8 of shape (4, 5, 4)"),
        (np.zeros((0, 5, 3), np.uint8), "uint8 of shape (0, 5, 3)"),
    ],
)
def test_an_array_must_be_an_rgb_picture(array: np.ndarray, got: str) -> None:
    with pytest.raises(ImageError, match="expected uint8 of shape") as caught:
        load_image(array)
    assert caught.value.reason.endswith(f"got {got}")


def test_path_bytes_pillow_and_array_are_the_same_picture(tmp_path: Path) -> None:
    path = bad_images.write(tmp_path, "plain.png")
    with Image.open(path) as opened:
        sources = [path, str(path), path.read_bytes(), opened.copy(), picture()]
    for source in sources:
        assert np.array_equal(load_image(source), picture())


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "a folder without images"),
        (lambda path: (path.mkdir(), bad_images.write(path, "plain.png")), "a folder"),
        (os.mkfifo, "not a regular file"),
    ],
)
def test_what_is_no_file(tmp_path: Path, make: object, reason: str) -> None:
    path = tmp_path / "thing"
    make(path)
    with pytest.raises(ImageError) as caught:
        load_image(path)
    assert caught.value.reason == reason


def test_a_null_character_in_a_name() -> None:
    with pytest.raises(ImageError):
        load_image("a\0b.jpg")


READ_ALL = f"""
import sys
from maskwatch.io.images import list_images, load_image
from maskwatch import ImageError
{WITHOUT_ROOT}
for path in list_images(sys.argv[1:]):
    try:
        print(path, load_image(path).shape)
    except ImageError as error:
        print(error)
"""


def test_files_and_folders_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for folder in ("open", "closed", "open/inner"):
        (tmp_path / folder).mkdir()
        bad_images.write(tmp_path / folder, "plain.png")
    closed = [tmp_path / "closed", tmp_path / "open/inner", tmp_path / "open/secret.jpg"]
    closed[-1].touch()
    for path in closed:
        path.chmod(0)
    seen = subprocess.run(
        [sys.executable, "-c", READ_ALL, "open", "closed", "closed/plain.png"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    for path in closed:
        path.chmod(0o755)
    assert seen.stdout.splitlines() == [
        f"open/plain.png ({HEIGHT}, {WIDTH}, 3)",
        "open/secret.jpg: permission denied",
        "open/inner: permission denied",
        "closed: permission denied",
        "closed/plain.png: permission denied",
    ], seen.stderr


def test_threads_read_side_by_side(tmp_path: Path) -> None:
    paths = [bad_images.write(tmp_path, name) for name in ("plain.png", "plain.gif", "plain.webp")]
    with ThreadPoolExecutor(8) as pool:
        for image in pool.map(load_image, paths * 20):
            assert_looks_like(image, picture())


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0"]))
def test_random_bytes_give_an_image_or_an_image_error(content: bytes, start: bytes) -> None:
    check_either(start + content)


DAMAGED = [bad_images.encoded(name) for name in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")] + [
    bad_images.rotated(6)
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(DAMAGED), st.data())
def test_flipped_and_cut_files_give_an_image_or_an_image_error(
    content: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(content[: data.draw(st.integers(0, len(content)))])
    for _ in range(data.draw(st.integers(0, 4)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    check_either(bytes(damaged))


def check_either(content: bytes) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        try:
            image = load_image(content)
        except ImageError as error:
            assert "\n" not in str(error)
            return
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3


def test_a_folder_expands_in_order_with_its_sub_folders(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt", "._a.png", "sub/c.webp", "sub/deep/d.tif"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    names = [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)]
    assert names == ["a.png", "b.JPG", "sub/c.webp", "sub/deep/d.tif"]


def test_patterns_lists_and_what_is_not_there(tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c[1].jpg", "sub/d.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    empty = tmp_path / "empty"
    empty.mkdir()

    def names(source: object) -> list[str]:
        return [path.relative_to(tmp_path).as_posix() for path in list_images(source)]

    assert names([]) == []
    assert names(str(tmp_path / "*.png")) == ["a.png", "b.png"]
    assert names(str(tmp_path / "**/*.png")) == ["a.png", "b.png", "sub/d.png"]
    assert names(tmp_path / "c[1].jpg") == ["c[1].jpg"]  # a name, although it looks like a pattern
    assert names([tmp_path / "gone.png", empty, str(tmp_path / "*.bmp"), tmp_path / "b.png"]) == [
        "gone.png",
        "empty",
        "*.bmp",
        "b.png",
    ]


def test_a_file_open_as_text_is_told_from_a_picture(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "a.jpg")
    with (
        (tmp_path / "a.jpg").open(encoding="utf-8") as text,
        pytest.raises(ImageError, match=r"a\.jpg: gives no bytes .*; open it in binary mode"),
    ):
        load_image(text)
