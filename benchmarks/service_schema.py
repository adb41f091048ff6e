"""Calls drawn from the OpenAPI document of `maskwatch serve`: are all answers as it says?

    pip install -e '.[fuzz]'
    python benchmarks/service_schema.py                   # a minute; --seeds 3 --examples 100

Schemathesis reads the document of a running service with the shipped networks and draws calls from
it, sound ones and such as it forbids. Each answer must be described: its status, type, headers and
schema; none may be 5xx. One check is left out: that whatever fits the schema is accepted. A schema
cannot say that base64 must hold a picture, or that a route speaks WebSocket. The last line of
output is one JSON document; it also goes to benchmarks/results/service_schema.json.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from maskwatch.io.environment import cpu_name, versions
from maskwatch.models.runtime import available_cpus

sys.path.append(str(Path(__file__).parent))
from service_load import Server

RESULT = Path(__file__).parent / "results" / "service_schema.json"
CODE = "from schemathesis.cli import schemathesis; schemathesis()"
ABSENT = "positive_data_acceptance"


def by_schema(url: str, examples: int, seed: int) -> dict[str, Any]:
    """What Schemathesis reports of so many calls at most for each route."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-c", CODE, "run", f"{url}/openapi.json", "--no-color"]
        command += ["--max-examples", str(examples), "--seed", str(seed), "--continue-on-failure"]
        command += ["--checks", "all", "--exclude-checks", ABSENT, "--generation-database", "none"]
        command += ["--report", "json", "--report-json-path", str(report)]
        seen = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if not report.exists():
            raise SystemExit(seen.stdout + seen.stderr)
        found: dict[str, Any] = json.loads(report.read_text())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--examples", type=int, default=500, help="of each route at most")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    failures: list[Any] = []
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder)) as server:
        memory_mb = [server.memory_mb()]
        for seed in range(options.seeds):
            report = by_schema(f"http://127.0.0.1:{server.port}", options.examples, seed)
            counts.update(report["test_cases"])
            failures += report["failures"] + report["errors"]
            memory_mb.append(server.memory_mb())
            print(seed, dict(counts), memory_mb[-1], flush=True)
        statuses = Counter(
            line.split()[-4] for line in server.log.splitlines() if line.endswith(" ms")
        )
        exit_code = server.end()
    result = {
        "cpu": cpu_name(),
        "cores": available_cpus(),
        "load": round(os.getloadavg()[0], 1),
        "versions": versions(("schemathesis", "hypothesis", "fastapi", "uvicorn", "starlette")),
        "seeds": options.seeds,
        "examples": options.examples,
        "cases": counts,
        "statuses": dict(sorted(statuses.items())),
        "failures": failures,
        "memory_mb": memory_mb,
        "exit_code": exit_code,
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))
    sys.exit(bool(failures or exit_code))


if __name__ == "__main__":
    main()
