"""Does the page that needs no server answer as Python does? On real photos and films, in Chromium.

    python benchmarks/web_parity.py --data ../shared/data

Photos are taken evenly from all public sets there are; films frame by frame, as one camera. What
differs is counted and named; the numbers go to benchmarks/results/web_parity.json, and the last
line of output is the same.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from PIL import Image

from maskwatch import Analyzer, ImageError, Stream
from maskwatch.io.environment import cpu_name
from maskwatch.io.video import open_source
from maskwatch.schema import Frame

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.chromium import chromium_with, play
from support.web_browsers import WebServer, web_server
from support.web_page import opening

if TYPE_CHECKING:
    from playwright.sync_api import Page

RESULT = Path(__file__).parent / "results" / "web_parity.json"
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
FILMS = (".mkv", ".mp4", ".gif", ".webm")
TOGETHER = 24  # frames that lie in memory


@dataclass
class Difference:
    """What was compared, and by how much it differs.

    Attributes:
        pictures: photos or frames.
        unread: pictures that the page cannot read, or Python.
        faces: of Python.
        other_faces: pictures with more or fewer faces.
        other_states: faces in another state.
        box_px: the largest distance of two sides.
        probability: the largest distance of two probabilities.
        named: pictures with another state or other faces, and those that only one of both reads.
    """

    pictures: int = 0
    unread: int = 0
    faces: int = 0
    other_faces: int = 0
    other_states: int = 0
    box_px: float = 0.0
    probability: float = 0.0
    named: list[str] = field(default_factory=list)

    def add(self, name: str, found: dict[str, Any], expected: dict[str, Any] | None) -> None:
        """Compare two reports of one picture, face by face where they have as many.

        Args:
            name: of the picture.
            found: what the page answered.
            expected: Python's report; None where it cannot read the picture.
        """
        seen, faces = found.get("faces"), (expected or {}).get("faces")
        self.pictures += 1
        self.faces += len(faces or ())
        if seen is None or faces is None:
            self.unread += 1
            if (seen is None) != (faces is None):
                self.named.append(name)
            return
        if len(seen) != len(faces):
            self.other_faces += 1
            self.named.append(name)
            return
        others = sum(a["state"] != b["state"] for a, b in zip(seen, faces, strict=True))
        self.other_states += others
        if others:
            self.named.append(name)
        for one, other in zip(seen, faces, strict=True):
            box = np.abs(np.subtract(one["box_xyxy"], other["box_xyxy"])).max()
            rows = (list(face["probabilities"].values()) for face in (one, other))
            self.box_px = max(self.box_px, float(box))
            apart = np.abs(np.subtract(next(rows), next(rows)))
            self.probability = max(self.probability, float(apart.max()))


@click.command()
@click.option(
    "--data",
    default="../shared/data",
    show_default=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
@click.option("--photos", "count", default=500, show_default=True, type=click.IntRange(min=1))
def main(data: Path, count: int) -> None:
    from playwright.sync_api import sync_playwright

    with TemporaryDirectory() as folder, web_server() as server, sync_playwright() as playwright:
        camera = Path(folder) / "camera.y4m"
        play(camera, [np.zeros((480, 640, 3), np.uint8)])
        with (
            chromium_with(playwright.chromium, camera) as chromium,
            opening(chromium, server) as opened,
        ):
            page = opened(ready=False)
            told = {
                "browser": f"Chromium {chromium.version}",
                "machine": cpu_name(),
                "photos": asdict(compare_photos(page, server, data, count)),
                "films": asdict(compare_films(page, server, sorted((data / "video").glob("*")))),
            }
    text = json.dumps(told)
    RESULT.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(text)


def chosen_photos(data: Path, count: int) -> list[Path]:
    """So many, evenly from all pictures beside the films that a browser reads too."""
    paths = [
        path
        for path in sorted(data.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.parent.name != "video"
    ]
    return [paths[int(at)] for at in np.linspace(0, len(paths) - 1, min(count, len(paths)))]


def compare_photos(page: Page, server: WebServer, data: Path, count: int) -> Difference:
    analyzer, difference = Analyzer(), Difference()
    for number, path in enumerate(chosen_photos(data, count)):
        name = f"{number}{path.suffix}"
        content = path.read_bytes()
        (found,) = asked(page, server, {name: content}, "judgePhotos", [[name]])
        try:
            expected = analyzer.analyze(content).to_dict()
        except ImageError:
            expected = None
        difference.add(f"{path.parent.name}/{path.name}", found, expected)
    return difference


def compare_films(page: Page, server: WebServer, paths: Sequence[Path]) -> Difference:
    analyzer, difference = Analyzer(), Difference()
    for path in paths:
        if path.suffix not in FILMS:
            continue
        stream, begins, rest = Stream(analyzer), True, frames_of(path)
        while frames := list(islice(rest, TOGETHER)):
            files = {f"{at}.bmp": as_bmp(frame) for at, frame in enumerate(frames)}
            values = [list(files), [frame.time_s for frame in frames], begins]
            found = asked(page, server, files, "judgeFrames", values)
            for frame, report in zip(frames, found, strict=True):
                expected = stream.update(frame.image_rgb, frame.time_s).to_dict()
                difference.add(f"{path.name} at {frame.time_s:.2f} s", report, expected)
            begins = False
        print(path.name, asdict(difference))
    return difference


def frames_of(path: Path) -> Iterator[Frame]:
    with open_source(str(path)) as source:
        yield from source


def as_bmp(frame: Frame) -> bytes:
    content = io.BytesIO()
    Image.fromarray(frame.image_rgb).save(content, "bmp")
    return content.getvalue()


def asked(
    page: Page, server: WebServer, files: dict[str, bytes], door: str, values: list[Any]
) -> list[dict[str, Any]]:
    """What the page answers about files, which lie on its server meanwhile."""
    places = {f"photos/{name}": content for name, content in files.items()}
    server.files.update(places)
    script = f"(values) => import('/contract/judge.js').then((m) => m.{door}(...values))"
    lines = page.evaluate(script, values)
    for place in places:
        del server.files[place]
    return [json.loads(line) for line in lines]


if __name__ == "__main__":
    main()
