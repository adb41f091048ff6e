"""Damaged pictures against `maskwatch serve`: what it answers, how long it takes, what it keeps.

    python benchmarks/service_fuzz.py                     # 3 times 10,000 calls, ten minutes
    python benchmarks/service_fuzz.py --cases 500 --rounds 1 --out /tmp/fuzz.json

The server is a process of its own with the shipped networks; several callers send it pictures,
after each was damaged in one of many ways, raw, in a form or as base64. The pictures are the drawn
samples of the app, small and in six formats, and odd ones: animated, turned by EXIF, with 16 bits,
transparent, bombs, and one just below the limit of pixels. Case and damage follow from the seed
alone. An answer is sound if it is one of the service's documents, tells nothing of its insides and
has one of the statuses that the description of the service knows for a client's mistake. The rounds
send the same calls again: the answers must be the same, and memory that still grows would leak.
The last line of output is one JSON document; it also goes to benchmarks/results/service_fuzz.json.
"""

from __future__ import annotations

import argparse
import base64
import io
import itertools
import json
import os
import random
import statistics
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.resources import files
from pathlib import Path

import httpx
from PIL import Image

from maskwatch.io.environment import cpu_name, versions
from maskwatch.models.runtime import available_cpus

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "tests")]
from service_load import Server
from support.bad_images import BAD, FINE, SEE_THROUGH, SIXTEEN_BIT, png_that_claims

RESULT = Path(__file__).parent / "results" / "service_fuzz.json"
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
LONGEST_SIDE_PX = 96
LARGEST_WH = (7000, 7000)
CALLERS = 6
"""Fewer than the calls that the service takes at once, so that nobody is refused for that."""

SOUND = frozenset({200, 400, 413, 415, 422})
INSIDES = ("Traceback", "object at 0x", ".py", "/tmp", "site-packages", "Error(")
SIDES_PX = (0, 1, 65535, 2**31 - 1, 2**32 - 1)


def small_samples() -> list[bytes]:
    """The drawn samples of the app in each format."""
    contents = []
    for path in sorted(files("maskwatch.samples").iterdir(), key=lambda path: path.name):
        if path.name.endswith(".jpg"):
            image = Image.open(io.BytesIO(path.read_bytes()))
            image.thumbnail((LONGEST_SIDE_PX, LONGEST_SIDE_PX))
            for name in FORMATS:
                content = io.BytesIO()
                image.save(content, name)
                contents.append(content.getvalue())
    return contents


@cache
def odd_samples() -> list[bytes]:
    """Pictures of unusual kinds, bombs among them."""
    makers = [*FINE.values(), *SIXTEEN_BIT.values(), *SEE_THROUGH.values()]
    makers += [maker for maker, _ in BAD.values()]
    contents = [maker() for maker in makers]
    largest = io.BytesIO()
    Image.new("L", LARGEST_WH).save(largest, "PNG")
    return [content for content in contents if content] + [largest.getvalue()]


@dataclass(frozen=True, slots=True)
class Case:
    """One call.

    Attributes:
        damage: what was done to the picture.
        content: the body.
        media_type: what it says that it is.
    """

    damage: str
    content: bytes
    media_type: str


def flip_bits(draw: random.Random, content: bytes, within: int | None = None) -> bytes:
    """Up to 32 bits turned over, anywhere or among the first bytes."""
    damaged = bytearray(content)
    for _ in range(draw.randint(1, 32)):
        damaged[draw.randrange(min(len(damaged), within or len(damaged)))] ^= 1 << draw.randrange(8)
    return bytes(damaged)


def claim_a_size(draw: random.Random, content: bytes) -> bytes:
    """A header that promises another size, where this format keeps it and the file is that long."""
    width, height = draw.choice(SIDES_PX), draw.choice(SIDES_PX)
    if content[:4] == b"\x89PNG":
        return png_that_claims(width, height)
    damaged = bytearray(content)
    with suppress(struct.error):
        write_size(damaged, width, height)
    return bytes(damaged)


def write_size(damaged: bytearray, width: int, height: int) -> None:
    if damaged[:4] == b"GIF8":
        struct.pack_into("<HH", damaged, 6, width & 0xFFFF, height & 0xFFFF)
    elif damaged[:2] == b"BM":
        struct.pack_into("<II", damaged, 18, width, height)
    elif damaged[:4] == b"RIFF":
        struct.pack_into("<HH", damaged, 26, width & 0xFFFF, height & 0xFFFF)
    elif damaged[:4] == b"II*\0":
        for kind in (3, 4):  # the width as a short or a long number
            if (start := damaged.find(struct.pack("<HHI", 256, kind, 1))) >= 0:
                struct.pack_into("<HHII", damaged, start, 256, 4, 1, width)
    elif (start := damaged.find(b"\xff\xc0")) >= 0:
        struct.pack_into(">HH", damaged, start + 5, height & 0xFFFF, width & 0xFFFF)


def splice(draw: random.Random, content: bytes, other: bytes) -> bytes:
    """The beginning of one file and the end of another."""
    return content[: draw.randrange(len(content))] + other[draw.randrange(len(other)) :]


def overwrite(draw: random.Random, content: bytes) -> bytes:
    """A part replaced by one byte again and again, or by noise."""
    start = draw.randrange(len(content))
    length = draw.randint(1, min(200, len(content) - start))
    noise = draw.choice([draw.randbytes(length), bytes(length), b"\xff" * length])
    return content[:start] + noise + content[start + length :]


def damages(draw: random.Random, content: bytes, other: bytes) -> dict[str, Callable[[], bytes]]:
    """Every way of damaging a picture."""
    return {
        "none": lambda: content,
        "cut short": lambda: content[: draw.randrange(len(content))],
        "bits flipped": lambda: flip_bits(draw, content),
        "bits of the header flipped": lambda: flip_bits(draw, content, 64),
        "another size claimed": lambda: claim_a_size(draw, content),
        "spliced": lambda: splice(draw, content, other),
        "overwritten": lambda: overwrite(draw, content),
        "repeated": lambda: content * draw.randint(2, 20),
        "noise behind the signature": lambda: content[:12] + draw.randbytes(draw.randrange(3000)),
        "noise": lambda: draw.randbytes(draw.randrange(1, 3000)),
        "empty": lambda: b"",
    }


def as_form(draw: random.Random, content: bytes) -> tuple[bytes, str]:
    """A form, now and then with a wrong name or cut short."""
    name = draw.choice(["images"] * 9 + ["x"])
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="a.jpg"\r\n\r\n'
    body = head.encode() + content + b"\r\n--b--\r\n"
    if draw.random() < 0.1:
        body = body[: draw.randrange(len(body))]
    return body, "multipart/form-data; boundary=b"


def as_json(draw: random.Random, content: bytes) -> tuple[bytes, str]:
    """JSON with base64, now and then cut short or with flipped bits."""
    body = json.dumps({"images": [{"data": base64.b64encode(content).decode()}]}).encode()
    if draw.random() < 0.1:
        body = body[: draw.randrange(len(body))]
    elif draw.random() < 0.1:
        body = flip_bits(draw, body)
    return body, "application/json"


def as_it_is(draw: random.Random, content: bytes) -> tuple[bytes, str]:
    """The bytes themselves, now and then under a wrong type."""
    types = ["image/jpeg"] * 12 + ["image/png", "application/json", "text/plain", "", "image/"]
    return content, draw.choice([*types, "multipart/form-data; boundary=b", "multipart/form-data"])


def cases(count: int, seed: int = 0) -> Iterator[Case]:
    """So many calls; the same for the same seed."""
    samples = small_samples() + odd_samples()
    draw = random.Random(seed)
    for _ in range(count):
        ways = damages(draw, draw.choice(samples), draw.choice(samples))
        damage = draw.choice(list(ways))
        wrap = draw.choice([as_it_is, as_it_is, as_form, as_json])
        yield Case(damage, *wrap(draw, ways[damage]()))


@dataclass
class Seen:
    """What came back.

    Attributes:
        statuses: how often which status came, by damage.
        faults: what should not have been, one line each.
        seconds: of each answer.
    """

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def note(self, case: Case, answer: httpx.Response, took_s: float) -> None:
        """Judge an answer."""
        self.statuses.setdefault(case.damage, Counter())[answer.status_code] += 1
        self.seconds.append(took_s)
        if reason := wrong_with(answer):
            self.faults.append(f"{case.damage}, {case.media_type}: {reason}")

    @property
    def total(self) -> Counter[int]:
        """How often which status came."""
        return sum(self.statuses.values(), Counter())


def wrong_with(answer: httpx.Response) -> str:
    """Why an answer is not sound, nothing if it is."""
    if answer.status_code not in SOUND:
        return f"status {answer.status_code}"
    if told := [word for word in INSIDES if word in answer.text]:
        return f"it tells {told}: {answer.text[:200]}"
    key = "reports" if answer.status_code == 200 else "detail"
    return "" if key in answer.json() else f"no {key} in it"


def attack(url: str, some: Iterable[Case], seen: Seen, callers: int = CALLERS) -> None:
    """Send calls from several connections, each as soon as its last one was answered."""

    def call(client: httpx.Client, case: Case) -> tuple[Case, httpx.Response, float]:
        began_s = time.perf_counter()
        headers = {"content-type": case.media_type} if case.media_type else {}
        answer = client.post(f"{url}/v1/analyze", content=case.content, headers=headers)
        return case, answer, time.perf_counter() - began_s

    with httpx.Client(timeout=60, trust_env=False) as client, ThreadPoolExecutor(callers) as pool:
        for answered in pool.map(partial(call, client), some):
            seen.note(*answered)


def judged(url: str, samples: Sequence[bytes]) -> list[object]:
    """What the service says of pictures that are whole."""
    parts = [
        [("images", (f"{index}", content)) for index, content in enumerate(batch)]
        for batch in (samples[start : start + 8] for start in range(0, len(samples), 8))
    ]
    with httpx.Client(timeout=60, trust_env=False) as client:
        answers = [client.post(f"{url}/v1/analyze", files=part) for part in parts]
    return [report for answer in answers for report in answer.json()["reports"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3, help="of the same calls")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    rounds: list[Seen] = []
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder)) as server:
        url = f"http://127.0.0.1:{server.port}"
        samples = small_samples()
        before = judged(url, samples)
        memory_mb = [server.memory_mb()]
        for _ in range(options.rounds):
            rounds.append(Seen())
            left = cases(options.cases, options.seed)
            while some := list(itertools.islice(left, max(1, options.cases // 10))):
                attack(url, some, rounds[-1])
                memory_mb.append(server.memory_mb())
                print(dict(rounds[-1].total), memory_mb[-1], len(rounds[-1].faults), flush=True)
        same = judged(url, samples) == before
        cpu_s = server.cpu_s()
        log = server.log.splitlines()
        exit_code = server.end()
    first = rounds[0]
    faults = [fault for seen in rounds for fault in seen.faults]
    seconds = [took_s for seen in rounds for took_s in seen.seconds]
    sound = same and all(seen.statuses == first.statuses for seen in rounds)
    result = {
        "cpu": cpu_name(),
        "cores": available_cpus(),
        "load": round(os.getloadavg()[0], 1),
        "versions": versions(("fastapi", "uvicorn", "starlette", "pillow", "onnxruntime")),
        "cases": first.total.total(),
        "rounds": options.rounds,
        "seed": options.seed,
        "seconds": round(time.monotonic() - began_s, 1),
        "server_cpu_s": round(cpu_s, 1),
        "statuses": dict(sorted(first.total.items())),
        "statuses_by_damage": {
            damage: dict(sorted(counts.items()))
            for damage, counts in sorted(first.statuses.items())
        },
        "same_answers_in_each_round": all(seen.statuses == first.statuses for seen in rounds),
        "same_judgements_afterwards": same,
        "faults": faults,
        "median_ms": round(statistics.median(seconds) * 1000, 1),
        "longest_ms": round(max(seconds) * 1000, 1),
        "memory_mb": memory_mb,
        "log_lines": len(log),
        "log_lines_of_others": [line for line in log if " INFO " not in line][:20],
        "exit_code": exit_code,
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    sys.exit(bool(faults or not sound or exit_code))


if __name__ == "__main__":
    main()
