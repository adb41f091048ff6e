"""Damaged label files against the readers of labelled sets: what they give, and how long it takes.

    python benchmarks/label_fuzz.py                     # 10,000 sets, five minutes
    python benchmarks/label_fuzz.py --cases 500 --out /tmp/fuzz.json

A small set is written in every form that is read (COCO, CreateML, CVAT, Pascal VOC, YOLO, tables),
and one of its label files is damaged: as bytes, or as text whose numbers and words are exchanged.
Case and damage follow from the seed alone. What comes back is sound if it is a reading whose boxes
lie inside of their pictures, or one line of what is wrong, and if whole files give all faces.
The last line of output is one JSON document; it also goes to benchmarks/results/label_fuzz.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from maskwatch.errors import DataError
from maskwatch.io.environment import cpu_name, versions
from maskwatch.models.runtime import available_cpus
from maskwatch.training.data.labels import Reading
from maskwatch.training.data.readers import read_set

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "tests")]
from service_fuzz import flip_bits, overwrite, splice
from support.label_factory import CLASSES, FORMS, HEIGHT, WIDTH, Faces

RESULT = Path(__file__).parent / "results" / "label_fuzz.json"
FACES: Faces = {
    "a": [(CLASSES[1], (10, 20, 40, 60)), (CLASSES[2], (50, 10, 90, 70))],
    "b.c": [(CLASSES[0], (0, 0, 100, 80))],
    "d": [(CLASSES[1], (5.5, 6.25, 30, 40))],
}
FACE_COUNT = sum(map(len, FACES.values()))
ODD_NUMBERS = (
    "0",
    "-1",
    "nan",
    "inf",
    "-inf",
    "1e999",
    "1e308",
    "0x10",
    "",
    "1,5",
    "٣",
    "9" * 5000,
)
ODD_WORDS = ("", "null", "{}", "[]", '"', "<", "&x;", "../../a", "a\0b", "\ud7ff", "\n", "é" * 300)
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
_WORD = re.compile(r"[A-Za-z_]{2,}")
SLOW_CPU_S = 5.0


def exchange(draw: random.Random, text: str, what: re.Pattern[str], odd: tuple[str, ...]) -> str:
    """One to three numbers or words of a text replaced by odd ones."""
    for _ in range(draw.randint(1, 3)):
        if places := list(what.finditer(text)):
            place = draw.choice(places)
            text = text[: place.start()] + draw.choice(odd) + text[place.end() :]
    return text


def shuffle_lines(draw: random.Random, text: str) -> str:
    """Lines dropped, doubled and in another order."""
    lines = text.splitlines(keepends=True)
    return "".join(draw.choices(lines, k=draw.randint(0, 2 * len(lines)))) if lines else text


def damages(draw: random.Random, content: bytes, other: bytes) -> dict[str, Callable[[], bytes]]:
    """Every way of damaging a label file."""
    text = content.decode()
    return {
        "none": lambda: content,
        "cut short": lambda: content[: draw.randrange(len(content))],
        "bits flipped": lambda: flip_bits(draw, content),
        "spliced": lambda: splice(draw, content, other),
        "overwritten": lambda: overwrite(draw, content),
        "repeated": lambda: content * draw.randint(2, 20),
        "numbers exchanged": lambda: exchange(draw, text, _NUMBER, ODD_NUMBERS).encode(),
        "words exchanged": lambda: exchange(draw, text, _WORD, ODD_WORDS).encode(),
        "lines shuffled": lambda: shuffle_lines(draw, text).encode(),
        "another encoding": lambda: text.encode(draw.choice(ENCODINGS)),
        "wrong encoding": lambda: text.encode("utf-16")[draw.randint(0, 3) :],
        "brackets": lambda: draw.choice([b"[", b'{"a":', b"<annotations>"]) * 50_000,
        "noise": lambda: draw.randbytes(draw.randrange(1, 3000)),
        "empty": lambda: b"",
    }


@dataclass(frozen=True, slots=True)
class Case:
    """One damaged set.

    Attributes:
        form: a name of label_factory.FORMS.
        damage: what was done to the label file.
        label_path: which of its label files, inside the set.
        content: what it holds then.
    """

    form: str
    damage: str
    label_path: Path
    content: bytes


class Sets:
    """A whole set of each form, of which one label file at a time is damaged."""

    def __init__(self, folder: Path) -> None:
        """Writes them below a folder."""
        self.folder = folder
        self._labels: dict[str, dict[Path, bytes]] = {}
        for name, form in FORMS.items():
            form(folder / name, FACES)
            paths = [path for path in sorted((folder / name).rglob("*.*")) if path.suffix != ".jpg"]
            self._labels[name] = {path: path.read_bytes() for path in paths}

    def cases(self, count: int, seed: int = 0) -> Iterator[Case]:
        """So many cases; the same for the same seed."""
        draw = random.Random(seed)
        contents = [text for files in self._labels.values() for text in files.values()]
        for _ in range(count):
            form = draw.choice(list(FORMS))
            path, content = draw.choice(list(self._labels[form].items()))
            ways = damages(draw, content, draw.choice(contents))
            damage = draw.choice(list(ways))
            yield Case(form, damage, path, ways[damage]())

    def read(self, case: Case) -> Reading | DataError:
        """Reads a set while it is damaged.

        Raises:
            Exception: what must not come.
        """
        case.label_path.write_bytes(case.content)
        try:
            return read_set(self.folder / case.form)
        except DataError as error:
            return error
        finally:
            case.label_path.write_bytes(self._labels[case.form][case.label_path])


@dataclass
class Seen:
    """What came back.

    Attributes:
        outcomes: how often all faces came, some, or one line, by damage.
        faults: what should not have been, one line each.
        seconds: of each reading.
    """

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def judge(self, sets: Sets, case: Case) -> None:
        """Reads a case and judges what comes."""
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        try:
            result = sets.read(case)
        except Exception as error:  # anything at all is a fault here
            outcome, wrong = "traceback", f"{type(error).__name__}: {error}"
        else:
            outcome, wrong = judged(result)
        took_s = time.perf_counter() - began_s
        if (cpu_s := time.process_time() - began_cpu_s) > SLOW_CPU_S:
            wrong = wrong or f"took {cpu_s:.0f} s of a processor"
        if case.damage in ("none", "another encoding") and outcome != "all faces":
            wrong = wrong or f"a whole set gave {outcome}"
        self.seconds.append(took_s)
        self.outcomes.setdefault(case.damage, Counter())[outcome] += 1
        if wrong:
            self.faults.append(f"{case.form}, {case.label_path.name}, {case.damage}: {wrong[:300]}")


def judged(result: Reading | DataError) -> tuple[str, str]:
    """What a reading comes to, and why it is not sound, nothing if it is."""
    if isinstance(result, DataError):
        return "one line", "more than one line" if "\n" in str(result) else ""
    for face in result.faces:
        left, top, right, bottom = face.box_xyxy or (0, 0, WIDTH, HEIGHT)
        if not (0 <= left < right <= WIDTH and 0 <= top < bottom <= HEIGHT):
            return "some faces", f"box {face.box_xyxy} lies outside"
    if any("\n" in problem.reason for problem in result.problems):
        return "some faces", "a problem of more than one line"
    if len(result.faces) >= FACE_COUNT:
        return "all faces", ""
    return "some faces", ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    seen, began_s = Seen(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        sets = Sets(Path(folder))
        for number, case in enumerate(sets.cases(options.cases, options.seed), 1):
            seen.judge(sets, case)
            if number % 2000 == 0:
                print(number, len(seen.faults), flush=True)
    result = {
        "cpu": cpu_name(),
        "cores": available_cpus(),
        "load": round(os.getloadavg()[0], 1),
        "versions": versions(("pillow", "pyyaml", "numpy")),
        "cases": options.cases,
        "seed": options.seed,
        "seconds": round(time.monotonic() - began_s, 1),
        "outcomes": dict(sum(seen.outcomes.values(), Counter())),
        "outcomes_by_damage": {
            damage: dict(sorted(counts.items())) for damage, counts in sorted(seen.outcomes.items())
        },
        "faults": seen.faults,
        "median_ms": round(statistics.median(seen.seconds) * 1000, 1),
        "longest_ms": round(max(seen.seconds) * 1000, 1),
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    sys.exit(bool(seen.faults))


if __name__ == "__main__":
    main()
