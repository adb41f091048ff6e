"""Pictures of strangers: opened as ever, but whatever takes too much is ended.

Run: pytest tests/process/test_decoder_pool.py
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support import bad_images
from support.hostile_images import jpeg_of_scans, tiff_of_strips, tiff_of_tags
from support.waiting import until

from maskwatch.errors import ImageError, ImageFault
from maskwatch.io.decoder_pool import QUICK_PIXELS, DecoderPool, Grant
from maskwatch.io.decoder_process import MAX_SCANS, MAX_STRIPS, check_cost
from maskwatch.io.images import load_image

SMALL = bad_images.encoded("PNG", Image.fromarray(np.arange(60, dtype=np.uint8).reshape(4, 5, 3)))
LARGE = bad_images.encoded("PNG", Image.new("L", (4000, 4000), 128))  # over the quick way's limit
MOST_PIXELS = 50_000_000


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    pool = DecoderPool(MOST_PIXELS, processes=1)
    yield pool
    pool.close()


def opened(pool: DecoderPool, content: bytes) -> np.ndarray:
    with pool.open(content) as image_rgb:
        return image_rgb


def processes(pool: DecoderPool) -> set[int]:
    decoders = [*pool.quick._decoders, *pool.patient._decoders]
    return {decoder._process.pid for decoder in decoders if decoder._process}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
def test_a_picture_comes_out_as_if_it_were_opened_here(pool: DecoderPool, kind: str) -> None:
    content = bad_images.encoded(kind, Image.effect_noise((61, 33), 50).convert("RGB"))
    assert np.array_equal(opened(pool, content), load_image(content))


def test_a_large_picture_comes_out_as_well(pool: DecoderPool) -> None:
    assert QUICK_PIXELS < 4000 * 4000
    assert opened(pool, LARGE).shape == (4000, 4000, 3)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", ImageFault.EMPTY),
        (b"hello", ImageFault.FORMAT),
        (SMALL[:-20], ImageFault.DAMAGED),
        (bad_images.png_that_claims(7100, 7100), ImageFault.TOO_LARGE),
        (jpeg_of_scans(64, MAX_SCANS + 1), ImageFault.TOO_SLOW),
        (tiff_of_strips(MAX_STRIPS + 1), ImageFault.TOO_SLOW),
    ],
)
def test_what_cannot_be_read_is_one_line(
    pool: DecoderPool, content: bytes, fault: ImageFault
) -> None:
    with pytest.raises(ImageError) as caught:
        opened(pool, content)
    assert caught.value.fault is fault and "\n" not in str(caught.value)
    assert np.array_equal(opened(pool, SMALL), load_image(SMALL))


def test_a_picture_that_takes_longer_than_its_time_loses_its_process() -> None:
    # 100 times over 49 megapixels take seconds, wherever
    slow = jpeg_of_scans(7000, MAX_SCANS - 1)
    pool = DecoderPool(MOST_PIXELS, processes=1, patient_s=0.05)
    try:
        assert opened(pool, SMALL).shape == (4, 5, 3)
        with pytest.raises(ImageError, match=r"more than 0\.05 seconds of a processor") as caught:
            opened(pool, slow)
        assert caught.value.fault is ImageFault.TOO_SLOW
    finally:
        pool.close()


def test_a_picture_that_is_slow_goes_the_patient_way() -> None:
    pool = DecoderPool(MOST_PIXELS, processes=1)
    for decoder in pool.quick._decoders:
        decoder._grant = Grant(MOST_PIXELS, cpu_s=0.001)
    try:
        assert opened(pool, LARGE).shape == (4000, 4000, 3)
    finally:
        pool.close()


def test_closing_waits_for_no_picture() -> None:
    pool = DecoderPool(MOST_PIXELS, processes=1, patient_s=1000)
    with ThreadPoolExecutor(1) as executor:
        slow = executor.submit(opened, pool, jpeg_of_scans(7000, MAX_SCANS - 1))
        until(lambda: pool.patient._decoders[0]._process)
        before = processes(pool)
        pool.close()
        with pytest.raises(ImageError, match="ending"):
            slow.result(120)
        with pytest.raises(ImageError, match="ending"):
            opened(pool, SMALL)
    assert before and not processes(pool)
    for number in before:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)
    pool.close()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_a_process_that_is_killed_costs_no_picture(pool: DecoderPool) -> None:
    pool.start()
    for _ in range(4):
        for number in processes(pool):
            os.kill(number, signal.SIGKILL)
        assert np.array_equal(opened(pool, SMALL), load_image(SMALL))


def test_many_threads_share_few_processes(pool: DecoderPool) -> None:
    together = threading.Barrier(8)

    def work(_: int) -> bool:
        together.wait(120)
        return all(np.array_equal(opened(pool, SMALL), load_image(SMALL)) for _ in range(10))

    with ThreadPoolExecutor(8) as executor:
        assert all(executor.map(work, range(8)))
    assert len(processes(pool)) <= 3


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_picture_gets_so_much_memory_and_no_more() -> None:
    # 2 GB of notes that are all the same megabyte; there is a picture behind them
    notes = bad_images.encoded("PNG", Image.new("RGB", (8, 8)), exif=tiff_of_tags(2000, 1_000_000))
    pool = DecoderPool(1_000_000, processes=1)
    try:
        with suppress(ImageError):
            assert opened(pool, notes).shape == (8, 8, 3)
        assert opened(pool, SMALL).shape == (4, 5, 3)
        for number in processes(pool):
            status = Path(f"/proc/{number}/status").read_text()
            (peak_kb,) = (line.split()[1] for line in status.splitlines() if "VmHWM" in line)
            assert int(peak_kb) < 600_000
    finally:
        pool.close()


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        (b"", False),
        (b"\xff\xd8", False),
        (b"\xff\xd8" + b"\xff\xda" * 500, False),
        (jpeg_of_scans(64, MAX_SCANS - 1), False),
        (jpeg_of_scans(64, MAX_SCANS), True),
        # what comes behind the picture may be a film, in which anything stands
        (jpeg_of_scans(64, 3) + b"\xff\xda" * 500, False),
        (b"II*\0", False),
        (b"MM\0*\0\0\0\x08\xff\xff", False),
        (tiff_of_strips(MAX_STRIPS), False),
        (tiff_of_strips(MAX_STRIPS + 1), True),
        (tiff_of_strips(1000, claimed_bytes=2000), True),
        (tiff_of_tags(10, 1000), True),
        (bad_images.encoded("TIFF", Image.new("RGB", (60, 2000))), False),
        (bad_images.encoded("JPEG", Image.new("RGB", (60, 20)), progressive=True), False),
    ],
)
def test_what_asks_for_too_much_work_is_seen_without_opening_it(
    content: bytes, refused: bool
) -> None:
    if not refused:
        check_cost(content)
        return
    with pytest.raises(ImageError) as caught:
        check_cost(content)
    assert caught.value.fault is ImageFault.TOO_SLOW
