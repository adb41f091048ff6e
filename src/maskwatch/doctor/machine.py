"""What of the machine matters: cores, cameras, fonts, the TURN server, the place for statistics."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
import tomllib
from collections.abc import Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path

from maskwatch.app.ice import ice_servers
from maskwatch.doctor.packages import Finding
from maskwatch.errors import MaskWatchError, SettingError, StoreError, pip
from maskwatch.io.addresses import shown_address
from maskwatch.models.runtime import available_cpus

_DEVICES = Path("/dev")
_LEAST_FREE_MB = 50
_OPENING_S = 15.0


def check_python() -> Finding:
    """Which Python, on which system."""
    where = "" if sys.prefix == sys.base_prefix else ", in a virtual environment"
    says = f"{platform.python_version()} ({platform.python_implementation()}){where}"
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return Finding("Python", f"{says}, {system}")


def check_cores() -> Finding:
    """How many cores may be used, which is how many threads a network has."""
    usable, present = available_cpus(), os.cpu_count() or 1
    limited = f" of {present}; a limit of this process or container" if usable < present else ""
    return Finding("cores", f"{usable}{limited}; threads per network")


def check_cameras(devices: Path = _DEVICES) -> Finding:
    """The cameras that Linux lists, and whether this user may open them."""
    if sys.platform != "linux":
        return Finding("cameras", "not listed on this system; try --camera 0")
    cameras = sorted(devices.glob("video[0-9]*"))
    faults = [
        f"{camera}: permission denied; sudo usermod -aG {_group(camera)} NAME, then log in again"
        for camera in cameras
        if not os.access(camera, os.R_OK | os.W_OK)
    ]
    return Finding("cameras", ", ".join(map(str, cameras)) or "none", tuple(faults))


def check_camera(source: str) -> Finding:
    """Open a camera, or whatever else `maskwatch live` takes, and read a picture."""
    from maskwatch.io.connections import RetryPolicy
    from maskwatch.io.video import open_source

    topic = f"camera {shown_address(source)}"
    try:
        policy = RetryPolicy(give_up_s=_OPENING_S)
        with closing(open_source(source, policy)) as frames:
            for frame in islice(frames, 1):
                height, width = frame.image_rgb.shape[:2]
                return Finding(topic, f"gives pictures of {width} x {height} pixels")
        return Finding(topic, "gives no picture", ("it holds no picture; name another one",))
    except MaskWatchError as error:
        return Finding(topic, "gives no picture", (f"{error}; see also the line about cameras",))


def check_fonts() -> Finding:
    """Whether labels can be written, and in which scripts."""
    from PIL import features

    from maskwatch.io.style import font_files

    if not features.check("freetype2"):
        again = pip("install --force-reinstall pillow")
        fault = f"this Pillow writes labels badly (no FreeType); {again}"
        return Finding("fonts", "Pillow's bitmap letters only", (fault,))
    others = sum(1 for _ in font_files())
    return Finding("fonts", f"Pillow's own; for other scripts {others or 'no'} files of the system")


def check_turn(environment: Mapping[str, str], folders: tuple[Path, ...]) -> Finding:
    """Whether live video in the browser has a TURN server, and whether all it needs is there.

    Args:
        environment: variables.
        folders: where Streamlit looks for .streamlit/secrets.toml; the first has the last word.
    """
    settings = dict(environment)
    try:
        for folder in reversed(folders):
            settings |= _secrets(folder / ".streamlit" / "secrets.toml")
        servers = ice_servers(settings, time.time())
    except (SettingError, tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        fault = f"{error}; see the settings of the live page"
        return Finding("TURN server", "set up in part", (fault,))
    if servers:
        return Finding("TURN server", f"{len(servers[0]['urls'])} addresses")
    return Finding("TURN server", "none; needed only for live video over the internet")


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises where it may not look


def check_statistics(path: Path, named: bool) -> Finding:
    """Whether the file of the statistics can be read, and written on.

    Args:
        path: of the file.
        named: whether somebody asked for this very file, so that it must be possible to make it.
    """
    from maskwatch.store.statistics import StatisticsStore

    folder = next(place for place in path.absolute().parents if _exists(place))
    is_there = _exists(path)
    free_mb = shutil.disk_usage(folder).free // 10**6
    says = f"{path}: {'there' if is_there else 'not begun'}, {free_mb} MB free"
    faults = []
    if is_there:
        try:
            StatisticsStore(path).span()
        except StoreError as error:
            faults.append(str(error))
    if not folder.is_dir():
        faults.append(f"{path}: {folder} is no folder; name another file with --statistics FILE")
    elif is_there or named:
        if not os.access(path if is_there else folder, os.W_OK):
            faults.append(f"{path}: may not be written; name another with --statistics FILE")
        if free_mb < _LEAST_FREE_MB:
            faults.append(f"{path}: only {free_mb} MB are free; make room on that disk")
    return Finding("statistics", says, tuple(faults))


def _group(device: Path) -> str:
    try:
        return device.group()
    except (KeyError, OSError):  # a group without a name, as in a container
        return "video"


def _secrets(path: Path) -> dict[str, str]:
    """What Streamlit puts into the environment from its secrets."""
    if not path.is_file():
        return {}
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        name: str(value) for name, value in values.items() if isinstance(value, str | int | float)
    }
