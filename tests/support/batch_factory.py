"""Pictures by the dozen, networks that do harm, and drivers in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from PIL import Image

import maskwatch
from maskwatch.batch.run import Run
from maskwatch.pipeline import Networks
from support.paths import TESTS
from support.toy_detector import crowd, write_toy_detector
from support.toy_model import BLUE, GREEN, RED, write_toy_model
from support.waiting import until

SCENES = (
    crowd(),
    crowd((3, 2, RED)),
    crowd((3, 2, GREEN), (16, 3, BLUE)),
    crowd((3, 2, BLUE), (16, 3, RED), (12, 7, GREEN)),
)
"""Nobody, one face, two, three."""


def write_pictures(folder: Path, count: int) -> Path:
    """So many pictures in two sub-folders."""
    for number in range(count):
        path = folder / f"{number % 2}" / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(SCENES[number % len(SCENES)]).save(path)
    return folder


def toy_networks(folder: Path) -> Networks:
    """Networks that answer at once."""
    return Networks(write_toy_model(folder), write_toy_detector(folder))


@dataclass(frozen=True, slots=True)
class Harmful(Networks):
    """Networks for which some pictures are poison.

    Attributes:
        kills: of which each picture whose name has it kills the process that looks at it.
        kills_once: the same, unless there is a file of that picture's name with .died behind it.
        hangs: the same for pictures that are never done with.
        raises: the same for pictures that raise what no picture should.
        waits: the same for pictures that are begun once there is a file `gate`.
        gate: that file.
        altered_later: whether whoever loads them again finds that they were replaced.
    """

    kills: str = "\0"
    kills_once: str = "\0"
    hangs: str = "\0"
    raises: str = "\0"
    waits: str = "\0"
    gate: Path = Path()
    altered_later: bool = False

    def load(self) -> Any:
        """An Analyzer with a look at the name first."""
        if self.altered_later and self.hashes:
            return replace(self, hashes=("other", "other"), altered_later=False).load()
        analyzer = Networks.load(self)
        judge = analyzer.analyze

        def analyze(picture: Any) -> Any:
            name = str(picture)
            if self.waits in name:
                until(self.gate.exists, "the gate is open")
            if self.kills in name:
                os.kill(os.getpid(), signal.SIGKILL)
            if self.kills_once in name and not Path(f"{name}.died").exists():
                Path(f"{name}.died").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if self.hangs in name:
                time.sleep(1000)
            if self.raises in name:
                raise RuntimeError("two\nlines")
            return judge(picture)

        analyzer.analyze = analyze  # type: ignore[method-assign]
        return analyzer


class Stillborn(Networks):
    """Networks that kill whoever loads them."""

    def load(self) -> Any:
        """Never returns."""
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class HardToStart(Networks):
    """Networks that kill whoever loads them, the first times."""

    deaths: Path = Path("deaths")
    times: int = 2

    def load(self) -> Any:
        """Note each attempt in a file."""
        with self.deaths.open("a") as file:
            file.write("x")
        if self.deaths.stat().st_size <= self.times:
            os.kill(os.getpid(), signal.SIGKILL)
        return Networks.load(self)


def harmful(networks: Networks, **harm: Any) -> Harmful:
    """The same networks, with poison."""
    return Harmful(networks.model, networks.detector, **harm)


def run_here(
    source: Path | str, out: Path | str, networks: Networks, engine: Any, workers: int = 2
) -> list[dict[str, Any]]:
    """Judge all, in this process; the rows."""
    for _ in Run([str(source)], str(out), networks).judge(engine, workers):
        pass
    return rows_of(out)


def rows_of(out: Path | str) -> list[dict[str, Any]]:
    """All rows of a folder, as any reader of Parquet finds them, in the order of the plan."""
    paths = sorted(Path(out).glob("part-*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def expected_rows(paths: Sequence[Path], networks: Networks) -> list[dict[str, Any]]:
    """What Analyzer says, picture by picture, written out by hand."""
    analyzer = maskwatch.Analyzer(networks.model, networks.detector)
    rows = []
    for path in paths:
        report = analyzer.analyze(path).to_dict()
        detector = analyzer.detector_card
        assert detector is not None
        whole = {
            **dict.fromkeys(COLUMNS),
            "source": str(path),
            "status": "face" if report["faces"] else "no_face",
            "image_width": report["image_size_wh"][0],
            "image_height": report["image_size_wh"][1],
            "face_origin": report["face_origin"],
            "model": report["model"],
            "model_sha256": analyzer.card.sha256,
            "detector": report["detector"],
            "detector_sha256": detector.sha256,
        }
        faces = [
            {
                "face": index,
                **dict(zip(("left", "top", "right", "bottom"), face["box_xyxy"], strict=True)),
                **{key: face[key] for key in ("detection_score", "state", "confidence")},
                **face["probabilities"],
                **face["quality"],
            }
            for index, face in enumerate(report["faces"])
        ]
        rows += [{**whole, **face} for face in faces or [{}]]
    return rows


COLUMNS = (
    "source",
    "status",
    "error",
    "fault",
    "image_width",
    "image_height",
    "face_origin",
    "face",
    "left",
    "top",
    "right",
    "bottom",
    "detection_score",
    "state",
    "confidence",
    "mask",
    "no_mask",
    "incorrect_mask",
    "side_px",
    "sharpness",
    "visible_ratio",
    "roll_deg",
    "yaw_deg",
    "model",
    "model_sha256",
    "detector",
    "detector_sha256",
)


def start_driver(
    source: Path, out: Path, networks: Networks, engine: str = "local", workers: int = 2
) -> subprocess.Popen[str]:
    """`maskwatch predict SOURCE --out OUT`, with any networks, in a process of its own."""
    code = (
        "import sys; from support.batch_factory import *; from pathlib import *\n"
        "from maskwatch.cli.predict import predict_many\n"
        "if __name__ == '__main__':\n"
        f"    sys.exit(predict_many([{str(source)!r}], {str(out)!r}, {networks!r}, {engine!r}, "
        f"{workers}))"
    )
    here = str(TESTS)
    paths = [here, str(Path(maskwatch.__file__).parents[1])]
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        start_new_session=True,
    )


def workers_of(process_id: int) -> list[int]:
    """The processes that judge for a driver."""
    children = []
    for path in Path(f"/proc/{process_id}/task").glob("*/children"):
        children += [int(number) for number in path.read_text().split()]
    return [child for child in children if b"spawn_main" in _command(child)]


def _command(process_id: int) -> bytes:
    try:
        return Path(f"/proc/{process_id}/cmdline").read_bytes()
    except OSError:
        return b""
