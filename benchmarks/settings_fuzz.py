"""Spoilt settings against `maskwatch watch`: what it says of them, and whether a password is in it.

    python benchmarks/settings_fuzz.py                    # 20,000 files, some minutes
    python benchmarks/settings_fuzz.py --cases 2000 --out /tmp/fuzz.json

Each file begins as settings that are right, with a marked secret wherever one can stand, in one of
the forms that cameras, brokers and web servers have. Then values take each other's place or another
shape, and the text of the file is damaged as hands and editors do. Everything that is said is
looked through: the message, the lines of `--check`, every representation, and the traceback with
all causes. A file is soundly refused by one line that names it, and no other error comes up. What
is drawn follows from the seed alone. The last line of output is one JSON document; it also goes to
benchmarks/results/settings_fuzz.json.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from maskwatch.cli.watch import describe
from maskwatch.errors import SettingError
from maskwatch.io.environment import cpu_name, versions
from maskwatch.watch.config import load_config

RESULT = Path(__file__).parent / "results" / "settings_fuzz.json"
MARK = "HUNTER2"
"""What no message may hold."""

ADDRESSES = (
    "rtsp://viewer:{}@192.168.1.20/stream1",
    "rtsp://{}:@camera.local:554/1",
    "rtsp://192.168.1.20:554/user=admin_password={}_channel=1_stream=0.sdp",
    "rtsp://192.168.1.20/user=admin;pwd={};ch=1",
    "http://192.168.1.20/cgi-bin/mjpg?usr=a&psw={}",
    "https://camera/live/{}/1.m3u8",
    "ftp://viewer:{}@camera/x",
    "viewer:{}@192.168.1.20/stream1",
    "192.168.1.20/user=admin_password={}_channel=1",
)
SECRETS = (MARK, f"a#{MARK}", f"{MARK}/b@c", f"{MARK}: d", f"1{MARK}", f"é {MARK}", f"{MARK}'\"")
SPECIAL = ":#@%*!&'\"\t{}[]|>-?,`\\ \n\0\u00e9\u2028"
SHOWN = ("name", "store", "folder", "host", "topic", "discovery", "cameras")
"""Settings that `--check` shows: a secret that is written there is none."""


@dataclass(frozen=True, slots=True)
class Case:
    """One file, and what was done to it."""

    damage: str
    content: bytes


@dataclass(slots=True)
class Seen:
    """What came of the files.

    Attributes:
        outcomes: "taken" and "refused", by damage.
        faults: what must not be, with the file.
    """

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def settings(draw: random.Random) -> dict[str, Any]:
    """Settings that are right, with secrets in them."""

    def secret() -> str:
        return draw.choice(SECRETS)

    def camera(name: str) -> dict[str, Any]:
        form = draw.choice(ADDRESSES[:6])
        zone = {"name": "mat", "polygon_xy": [[0, 0.5], [1, 0.5], [1, 1]]}
        source = form.format(secret())
        return {"name": name, "source": source, "steadiness": draw.random(), "zones": [zone]}

    return {
        "cameras": [camera(name) for name in ("entrance", "canteen")],
        "store": "events.sqlite3",
        "rules": [
            {
                "name": "missing",
                "cameras": ["entrance"],
                "min_duration_s": 2,
                "zones": ["mat"],
                "hours": {"weekly": ["mon-fri 07:00-18:00"], "time_zone": "Europe/Berlin"},
            }
        ],
        "webhooks": [
            {
                "name": "reception",
                "url": f"https://example.org/hook/{MARK}/1?token={MARK}",
                "secret": secret(),
                "timeout_s": 10,
            }
        ],
        "mqtt": {"host": "broker", "tls": True, "username": secret(), "password": secret()},
        "apprise": [{"name": "guard", "url": f"ntfys://{MARK}-door"}],
        "evidence": {"folder": "evidence", "keep_days": 7},
        "page": {"owner_keys": [MARK * 3], "viewer_keys": [MARK * 4]},
        "status_every_s": 10,
    }


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value, the outermost first."""
    yield way
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*way, key))


def at(value: Any, way: tuple[Any, ...]) -> Any:
    """What stands at a place."""
    for key in way:
        value = value[key]
    return value


SHAPES: dict[str, Callable[[Any, random.Random], Any]] = {
    "in a list": lambda value, _: [value],
    "in a mapping": lambda value, _: {"value": value},
    "as a key": lambda value, _: {str(value): None},
    "as text": lambda value, _: str(value),
    "its first": lambda value, _: next(iter(value), None) if hasattr(value, "__iter__") else value,
    "its values": lambda value, _: list(value.values()) if isinstance(value, dict) else value,
    "numbered": lambda value, _: dict(enumerate(value)) if isinstance(value, list) else value,
    "flat": lambda value, _: value[0] if isinstance(value, list) and value else value,
    "nothing": lambda *_: None,
    "a number": lambda _, draw: draw.choice([0, -1, 3.5, 10**400, float("nan"), True]),
    "an odd address": lambda _, draw: draw.choice(ADDRESSES).format(draw.choice(SECRETS)),
}


def reshape(document: dict[str, Any], draw: random.Random) -> str:
    """Give a value another shape, or its key another name; what was done."""
    *way, key = draw.choice([way for way in places(document) if way])
    holder = at(document, tuple(way))
    if isinstance(key, str) and draw.random() < 0.2:
        holder[draw.choice([key + "s", key[:-1], key.upper(), f"{key}:{MARK}"])] = holder.pop(key)
        return "a key renamed"
    name = draw.choice(list(SHAPES))
    if key in SHOWN or (way and way[-1] in SHOWN[1:]):
        name = draw.choice(["in a list", "in a mapping", "nothing", "a number"])
    holder[key] = SHAPES[name](holder[key], draw)
    return name


TEXTS: dict[str, Callable[[str, random.Random], str]] = {
    "none": lambda text, _: text,
    "a character added": lambda text, draw: _cut(text, draw, draw.choice(SPECIAL)),
    "a character taken": lambda text, draw: _cut(text, draw, "", 1),
    "cut short": lambda text, draw: text[: draw.randrange(len(text))],
    "a line taken": lambda text, draw: _lines(text, draw, lambda line: ""),
    "a line twice": lambda text, draw: _lines(text, draw, lambda line: line * 2),
    "a line moved in": lambda text, draw: _lines(text, draw, lambda line: " " + line),
    "a line moved out": lambda text, draw: _lines(text, draw, lambda line: line.lstrip()),
    "no space after a colon": lambda text, draw: _lines(
        text, draw, lambda line: line.replace(": ", ":", 1)
    ),
    "without quotes": lambda text, _: re.sub(r"['\"]", "", text),
    "an open quote": lambda text, draw: _lines(
        text, draw, lambda line: line.replace(": ", ': "', 1)
    ),
    "a special beginning": lambda text, draw: _lines(
        text, draw, lambda line: line.replace(": ", f": {draw.choice('@%*!&|>[{`')}", 1)
    ),
}
BYTES: dict[str, Callable[[str], bytes]] = {
    "utf-8": str.encode,
    "with a mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "latin-1": lambda text: text.encode("latin-1", "replace"),
}


def cases(count: int, seed: int = 0) -> Iterator[Case]:
    """Files, spoilt in shape, in text, in both or not at all."""
    draw = random.Random(seed)
    for _ in range(count):
        document = deepcopy(settings(draw))
        shapes = [reshape(document, draw) for _ in range(draw.choice([0, 0, 1, 1, 2]))]
        text = yaml.safe_dump(
            document,
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=draw.choice([False, None, True]),
        )
        damage = draw.choice(list(TEXTS))
        coding = draw.choices(list(BYTES), [20, 1, 1, 1])[0]
        content = BYTES[coding](TEXTS[damage](text, draw))
        yield Case(", ".join([*shapes[:1], damage]), content)


def attack(spoilt: Iterator[Case], seen: Seen) -> None:
    """Read each file, and look through everything that is said of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "watch.yaml"
        for case in spoilt:
            path.write_bytes(case.content)
            outcome, said = read(path)
            seen.outcomes.setdefault(case.damage, Counter())[outcome] += 1
            if wrong := wrong_with(outcome, said):
                seen.faults.append(f"{case.damage}: {wrong}\n{case.content!r}")


def read(path: Path) -> tuple[str, list[str]]:
    """What becomes of a file, and everything that is said of it."""
    try:
        config = load_config(path, {})
    except SettingError as error:
        return "refused", [str(error), "".join(traceback.format_exception(error))]
    except BaseException as error:
        return "other error", [repr(error), "".join(traceback.format_exception(error))]
    return "taken", [repr(config), str(config), f"{config}", *describe(config)]


def wrong_with(outcome: str, said: list[str]) -> str:
    """What must not be; empty where all is well."""
    if outcome == "other error":
        return said[0]
    if outcome == "refused" and (len(said[0].splitlines()) != 1 or "watch.yaml" not in said[0]):
        return f"not one line that names the file: {said[0]}"
    return next((f"it tells: {text}" for text in said if MARK in text), "")


def _cut(text: str, draw: random.Random, instead: str, length: int = 0) -> str:
    place = draw.randrange(len(text))
    return text[:place] + instead + text[place + length :]


def _lines(text: str, draw: random.Random, change: Callable[[str], str]) -> str:
    lines = text.splitlines(keepends=True)
    place = draw.randrange(len(lines))
    lines[place] = change(lines[place])
    return "".join(lines)


def main() -> None:
    """Read spoilt files, and say what came of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    seen, began_s = Seen(), time.perf_counter()
    attack(cases(options.cases, options.seed), seen)
    for fault in seen.faults[:20]:
        print(fault)
    outcomes = sum(seen.outcomes.values(), Counter())
    result = {
        "schema": "maskwatch.settings-fuzz/1",
        "cases": options.cases,
        "seed": options.seed,
        "outcomes": dict(outcomes),
        "faults": len(seen.faults),
        "seconds": round(time.perf_counter() - began_s, 1),
        "cpu": cpu_name(),
        "versions": versions(("pydantic", "pyyaml")),
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    sys.exit(bool(seen.faults))


if __name__ == "__main__":
    main()
