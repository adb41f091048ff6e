"""Saved videos: real times, any size, and a file that plays whatever ended the recording.

Run: pytest tests/process/test_recording.py
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest
from support.drawn_video import count_up, number_in, numbered
from support.fakes import picture
from support.paths import TESTS
from support.programs import unmeasured

from maskwatch.errors import SettingError, VideoError
from maskwatch.io.recording import Recording
from maskwatch.io.video import open_source
from maskwatch.schema import Frame


def frames_of(path: Path) -> list[Frame]:
    with open_source(path) as source:
        return list(source)


def playable(path: Path) -> int:
    """How many frames a file gives before it says that it is cut short."""
    count = 0
    with suppress(VideoError), open_source(path) as source:
        for _ in source:
            count += 1
    return count


def test_pictures_and_their_times_come_back(tmp_path: Path) -> None:
    times_s = [1000.0, 1000.04, 1000.5, 1003.0]
    with Recording(tmp_path / "new" / "out.mp4") as recording:
        for image, time_s in zip(count_up(4), times_s, strict=True):
            recording.add(image, time_s)
    frames = frames_of(tmp_path / "new" / "out.mp4")
    assert [number_in(frame.image_rgb) for frame in frames] == [0, 1, 2, 3]
    assert [frame.time_s for frame in frames] == pytest.approx([0, 0.04, 0.5, 3.0], abs=1e-3)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out.mp4"]
    with av.open(str(tmp_path / "new" / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")


def test_colours(tmp_path: Path) -> None:
    with Recording(tmp_path / "out.mp4") as recording:
        recording.add(picture(64, 48), 0.0)
    (frame,) = frames_of(tmp_path / "out.mp4")
    assert np.abs(frame.image_rgb[::40, ::60].astype(int) - picture(64, 48)[::40, ::60]).max() < 20


def test_nothing_recorded_is_no_file(tmp_path: Path) -> None:
    with Recording(tmp_path / "out.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_clock_that_stands_still_keeps_all_pictures(tmp_path: Path) -> None:
    with Recording(tmp_path / "out.mp4") as recording:
        for image in count_up(5):
            recording.add(image, 3.0)
    numbers = [number_in(frame.image_rgb) for frame in frames_of(tmp_path / "out.mp4")]
    assert numbers == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("width", "height"), [(97, 65), (97, 64), (96, 65), (1, 1)])
def test_odd_sides_get_an_edge_of_one_pixel(tmp_path: Path, width: int, height: int) -> None:
    image = np.full((height, width, 3), 200, np.uint8)
    with Recording(tmp_path / "out.mp4") as recording:
        recording.add(image, 0.0)
    (frame,) = frames_of(tmp_path / "out.mp4")
    assert frame.image_rgb.shape == (height + height % 2, width + width % 2, 3)
    assert np.abs(frame.image_rgb.astype(int) - 200).max() < 12


@pytest.mark.parametrize(
    ("size", "bar", "inside"),
    [((192, 128), None, (32, 48)), ((96, 192), (32, 4), (32, 48)), ((400, 64), (2, 48), (32, 48))],
)
def test_a_new_size_is_fitted_into_the_first(
    tmp_path: Path, size: tuple[int, int], bar: tuple[int, int] | None, inside: tuple[int, int]
) -> None:
    with Recording(tmp_path / "out.mp4") as recording:
        recording.add(np.zeros((64, 96, 3), np.uint8), 0.0)
        recording.add(np.full((size[1], size[0], 3), 255, np.uint8), 1.0)
    image = frames_of(tmp_path / "out.mp4")[1].image_rgb
    assert image.shape == (64, 96, 3)
    assert image[inside].min() > 240
    assert bar is None or image[bar].max() < 16


def test_an_older_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"older")
    recording = Recording(target)
    recording.add(numbered(1), 0.0)
    assert target.read_bytes() == b"older"
    recording.close()
    recording.close()
    assert len(frames_of(target)) == 1


def test_an_error_on_the_way_still_leaves_a_file_that_plays(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Recording(tmp_path / "out.mp4") as recording:
        for image in count_up(9):
            recording.add(image, number_in(image) / 10)
        raise ZeroDivisionError
    assert len(frames_of(tmp_path / "out.mp4")) == 9


def test_a_machine_that_goes_off_leaves_most_of_it(tmp_path: Path) -> None:
    code = f"""
import os, sys
from pathlib import Path
sys.path.insert(0, {str(TESTS)!r})
from support.drawn_video import numbered
from maskwatch.io.recording import Recording
recording = Recording(Path({str(tmp_path / "out.mp4")!r}))
for index in range(600):
    recording.add(numbered(index % 256), index / 25)
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    (left,) = tmp_path.iterdir()
    assert left.name == "out.mp4.part"
    assert playable(left) > 200


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("out.avi", "the name must end in .mp4"),
        ("out", "the name must"),
        ("dir.mp4", "is a folder"),
    ],
)
def test_what_cannot_be_saved_to(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "dir.mp4").mkdir()
    with pytest.raises(SettingError, match=reason) as caught:
        Recording(tmp_path / name)
    assert str(caught.value).startswith(f"--save {tmp_path / name}: ")


def test_a_name_that_is_too_long_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"\.mp4: cannot be written \(file name too long\)$"):
        Recording(tmp_path / f"{'a' * 300}.mp4")


def test_a_shape_that_the_encoder_refuses_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(VideoError) as caught, Recording(tmp_path / "out.mp4") as recording:
        recording.add(np.zeros((16, 17_000, 3), np.uint8), 0)
    assert "cannot be written on" in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match="cannot be written"):
        Recording(tmp_path / "file" / "out.mp4")


def test_what_an_earlier_recording_left_is_kept_and_may_be_what_is_read(tmp_path: Path) -> None:
    """A machine went off, and the film is recorded anew from what it left."""
    target, left = tmp_path / "out.mp4", tmp_path / "out.mp4.part"
    for _ in range(2):
        with Recording(tmp_path / "first.mp4") as recording:
            for index, image in enumerate(count_up(4)):
                recording.add(image, index / 25)
        (tmp_path / "first.mp4").rename(left)
        with open_source(left) as source, Recording(target) as recording:
            for frame in source:
                recording.add(frame.image_rgb, frame.time_s)
        assert playable(left) == playable(target) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "out.mp4.part"]


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    code = f"""
import resource, sys
from pathlib import Path
sys.path.insert(0, {str(TESTS)!r})
from support.drawn_video import numbered
from maskwatch.errors import VideoError
from maskwatch.io.recording import Recording
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    with Recording(Path({str(tmp_path / "out.mp4")!r})) as recording:
        for index in range(5000):
            recording.add(numbered(index % 256), index / 25)
except VideoError as error:
    print(error)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=unmeasured(), capture_output=True, text=True, check=False)
    reason = "cannot be written on (file too large); out.mp4.part holds what was written"
    assert (done.stderr, done.stdout) == ("", f"{tmp_path / 'out.mp4'}: {reason}\n")
    assert playable(tmp_path / "out.mp4.part") > 10
