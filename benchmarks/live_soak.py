"""Browsers that come and go: how fast video comes back, and what they leave behind on the server.

    MALLOC_ARENA_MAX=1 python benchmarks/live_soak.py     # a minute or two; --json FILE

Each session is a real WebRTC connection on this machine, of a peer in the part of the browser and
streamlit-webrtc's server side with the page's `Watcher` and the shipped models. Sessions come in
rounds, several at a time; in half of them the server hangs up first, as when a tab is closed, in
half the browser. After each round it is counted what is still there; the first rounds fill pools
and caches and are the measure for the others. Without the variable, the C library keeps memory of
threads that have ended in many places, and its sum says little. The last line of output is one
JSON document.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from pathlib import Path

import numpy as np

from maskwatch import Analyzer
from maskwatch.io.environment import cpu_name, versions
from maskwatch.models.runtime import available_cpus

sys.path.append(str(Path(__file__).parents[1] / "tests"))
from support.cartoon_face import cartoon
from support.loopback import Soak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--at-once", type=int, default=2)
    parser.add_argument("--frames", type=int, default=20, help="judged frames a session")
    parser.add_argument("--json", type=Path, help="write the result here as well")
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # streamlit-webrtc misses the runtime of a page
    soak = Soak(Analyzer(), cartoon(masked=True))
    counts = []
    for _ in range(options.rounds):
        soak.round(options.at_once, options.frames)
        counts.append(soak.count())
        print("  ".join(f"{name} {value:g}" for name, value in counts[-1].items()), flush=True)
    soak.close()
    delays_ms = np.percentile(np.array(soak.delays_s) * 1000, (50, 95)).round(1).tolist()
    result = {
        "cpu": cpu_name(),
        "cores": available_cpus(),
        "versions": versions(("aiortc", "av", "streamlit-webrtc", "onnxruntime")),
        "load": round(os.getloadavg()[0], 1),
        "malloc_arena_max": os.environ.get("MALLOC_ARENA_MAX"),
        "at_once": options.at_once,
        "camera_to_screen_ms": dict(zip(("p50", "p95"), delays_ms, strict=True)),
        "rounds": counts,
    }
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
