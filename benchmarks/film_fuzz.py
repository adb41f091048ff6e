"""Damaged films against the reader of video files: what it says, how long it takes, what it keeps.

    python benchmarks/film_fuzz.py                        # 3,000 films, some minutes
    python benchmarks/film_fuzz.py --cases 300 --out /tmp/film_fuzz.json

Small films in many containers, and odd ones (pictures in a row, a saved HTTP camera, a dump without
a rate, several sizes), are damaged in one of many ways and read by a process of its own. Case and
damage follow from the seed alone. An answer is sound if it is pictures, of no more pixels than
photos may have and at times that grow, or a VideoError of one line without the insides of the
library. A process that dies, hangs or keeps memory would be a fault. The last line of output is one
JSON document; it also goes to benchmarks/results/film_fuzz.json.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import random
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path

from maskwatch.errors import VideoError
from maskwatch.io.environment import cpu_name, versions
from maskwatch.io.images import MAX_PIXELS
from maskwatch.io.video import open_source

sys.path += [str(Path(__file__).parents[1] / "tests" / folder) for folder in ("", "process")]
from support.drawn_video import count_up, write_video
from test_odd_films import ODD, two_sizes

RESULT = Path(__file__).parent / "results" / "film_fuzz.json"
FILMS = (
    ("mp4", "libx264"),
    ("mp4", "mpeg4"),
    ("mp4", "libx265"),
    ("mov", "libx264"),
    ("mkv", "libx264"),
    ("mkv", "ffv1"),
    ("webm", "libvpx"),
    ("webm", "libvpx-vp9"),
    ("avi", "mpeg4"),
    ("ts", "libx264"),
    ("flv", "flv1"),
    ("wmv", "wmv2"),
    ("gif", "gif"),
)
TIMEOUT_S = 60.0
INSIDES = ("Traceback", "object at 0x", "site-packages", "Error(")

Damage = Callable[[random.Random, bytes], bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a film.

    Attributes:
        said: "frames", the reason of a VideoError, or what else happened.
        frames: how many there were.
        took_s: from its opening to its end.
        sound: whether that is as it should be.
    """

    said: str
    frames: int
    took_s: float
    sound: bool


def samples() -> dict[str, bytes]:
    """Whole films, small ones."""
    contents = {}
    with tempfile.TemporaryDirectory() as folder:
        for suffix, codec in FILMS:
            path = Path(folder, f"{codec}.{suffix}")
            contents[path.name] = write_video(path, count_up(25), codec=codec).read_bytes()
        contents["sizes.mp4"] = two_sizes(Path(folder, "sizes.mp4")).read_bytes()
    return contents | {name: make() for name, make in ODD.items()}


def flip_bits(draw: random.Random, content: bytes, within: int | None = None) -> bytes:
    """Up to 32 bits turned over, anywhere or among the first bytes."""
    damaged = bytearray(content)
    for _ in range(draw.randint(1, 32)):
        damaged[draw.randrange(min(len(damaged), within or len(damaged)))] ^= 1 << draw.randrange(8)
    return bytes(damaged)


def large_numbers(draw: random.Random, content: bytes) -> bytes:
    """Numbers of the head become the largest there are: sizes, counts, rates and lengths."""
    damaged = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(min(len(damaged), 2000))
        damaged[at : at + 4] = draw.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4)))
    return bytes(damaged[: len(content)])


def move_a_piece(draw: random.Random, content: bytes) -> bytes:
    """A piece stands elsewhere, perhaps twice."""
    start, end = sorted(draw.randrange(len(content)) for _ in range(2))
    at = draw.randrange(len(content))
    return content[:at] + content[start:end] + content[at:]


def leave_out(draw: random.Random, content: bytes) -> bytes:
    """A piece is missing."""
    start, end = sorted(draw.randrange(len(content)) for _ in range(2))
    return content[:start] + content[end:]


def blank(draw: random.Random, content: bytes) -> bytes:
    """A piece is zeros, as of a download that was never finished."""
    start, end = sorted(draw.randrange(len(content)) for _ in range(2))
    return content[:start] + bytes(end - start) + content[end:]


DAMAGES: dict[str, Damage] = {
    "nothing": lambda draw, content: content,
    "cut": lambda draw, content: content[: draw.randrange(1, len(content))],
    "bits": flip_bits,
    "bits of the head": lambda draw, content: flip_bits(draw, content, 600),
    "large numbers": large_numbers,
    "moved": move_a_piece,
    "left out": leave_out,
    "zeros": blank,
    "noise after it": lambda draw, content: content + draw.randbytes(draw.randrange(1, 100_000)),
    "noise": lambda draw, content: content[: draw.randrange(1, 600)] + draw.randbytes(20_000),
}


def read(path: Path) -> Answer:
    """Read one film to its end."""
    began_s = time.monotonic()
    times_s, fits = [], True
    try:
        with open_source(path) as source:
            for frame in source:
                times_s.append(frame.time_s)
                fits &= frame.image_rgb.shape[0] * frame.image_rgb.shape[1] <= MAX_PIXELS
        said, sound = "frames", bool(times_s)
    except VideoError as error:
        said = error.reason
        sound = "\n" not in str(error) and not any(inside in said for inside in INSIDES)
    except Exception as error:
        said, sound = f"{type(error).__name__}: {error}", False
    grows = all(later > earlier for earlier, later in pairwise(times_s))
    return Answer(said, len(times_s), time.monotonic() - began_s, sound and fits and grows)


def work(connection: Connection) -> None:
    """The process that reads: paths in, answers and its largest memory in MB out."""
    logging.disable(logging.CRITICAL)
    with suppress(EOFError):  # whoever asked has ended
        while True:
            answer = read(connection.recv())
            peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            connection.send((answer, peak_mb))


class Reader:
    """A process that reads films, started anew where it dies or hangs."""

    def __init__(self) -> None:
        self.peak_mb = 0
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, path: Path) -> Answer:
        """What becomes of a film."""
        self._ours.send(path)
        try:
            if self._ours.poll(TIMEOUT_S):
                answer: Answer
                answer, peak_mb = self._ours.recv()
                self.peak_mb = max(self.peak_mb, peak_mb)
                return answer
            said = "hangs"
        except EOFError:
            said = "died"
        self._process.kill()
        self._process.join()
        self._start()
        return Answer(f"the process {said}", 0, TIMEOUT_S, False)


def kind_of(said: str) -> str:
    """A reason without the numbers that differ from film to film."""
    return said.split(":")[0] if said.startswith("cut short") else said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--keep", type=Path, help="Where films go whose answer is not sound.")
    options = parser.parse_args()
    films = samples()
    reader, answers, faults = Reader(), [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "film")
        for case in range(options.cases):
            draw = random.Random(f"{options.seed}-{case}")
            name, damage = draw.choice(sorted(films)), draw.choice(sorted(DAMAGES))
            content = DAMAGES[damage](draw, films[name])
            path.write_bytes(content)
            answer = reader.ask(path)
            answers.append(answer)
            if not answer.sound:
                faults.append({"case": case, "film": name, "damage": damage, "said": answer.said})
                print(faults[-1], flush=True)
                if options.keep:
                    options.keep.mkdir(parents=True, exist_ok=True)
                    Path(options.keep, f"{case}-{name}").write_bytes(content)
    took_s = [answer.took_s for answer in answers]
    document = {
        "cases": len(answers),
        "seed": options.seed,
        "said": dict(Counter(kind_of(answer.said) for answer in answers).most_common()),
        "frames": sum(answer.frames for answer in answers),
        "faults": faults,
        "median_ms": round(statistics.median(took_s) * 1000, 1),
        "longest_ms": round(max(took_s) * 1000),
        "peak_mb": reader.peak_mb,
        "cpu": cpu_name(),
        "versions": versions(("av", "numpy")),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps(document))
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
