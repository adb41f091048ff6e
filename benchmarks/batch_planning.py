"""What it takes to plan a run over very many pictures, before the first one is judged.

    python benchmarks/batch_planning.py      # a minute

A manifest names a million pictures in an object store. They are listed, the plan is encoded, as
when a run begins, and read, as also when it goes on. Processor time, the growth of this process at
its largest and the size of the plan go to benchmarks/results/batch_planning.json with the machine;
the last line of output is the same.
"""

from __future__ import annotations

import csv
import json
import resource
import tempfile
import time
from pathlib import Path

import click

from maskwatch.batch.manifests import PATH_COLUMN
from maskwatch.batch.plan import Plan, encode_plan
from maskwatch.batch.storage import list_pictures
from maskwatch.io.environment import cpu_name, versions
from maskwatch.models.runtime import available_cpus

RESULT = Path(__file__).parent / "results" / "batch_planning.json"


def largest_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


@click.command()
@click.option("--pictures", default=1_000_000, show_default=True)
@click.option("--out", default=RESULT, show_default=True, type=click.Path(path_type=Path))
def main(pictures: int, out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "list.csv"
        with manifest.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow([PATH_COLUMN])
            for number in range(pictures):
                rows.writerow([f"s3://photos/2026/{number // 10_000:04d}/camera-{number:09d}.jpg"])
        encode_plan(["warm-up"], {})
        before_mb, began_s = largest_mb(), time.process_time()
        names = list_pictures([str(manifest)])
        listed_s = time.process_time()
        content = encode_plan(names, {})
        encoded_s = time.process_time()
        chunks = sum(1 for _ in Plan(content).chunks())
        read_s = time.process_time()
    result = {
        "machine": {"cpu": cpu_name(), "cores": available_cpus()},
        "versions": versions(("pyarrow",)),
        "pictures": pictures,
        "chunks": chunks,
        "core_s": {
            "list": round(listed_s - began_s, 1),
            "encode": round(encoded_s - listed_s, 1),
            "read": round(read_s - encoded_s, 1),
        },
        "memory_mb": round(largest_mb() - before_mb, 1),
        "plan_mb": round(len(content) / 1e6, 1),
    }
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
