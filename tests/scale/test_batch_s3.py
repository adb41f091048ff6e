"""Pictures and output in S3, against a server of its protocol on this machine.

The server and the driver are no part of `make test`, so these tests skip. To run them:
    pip install -e '.[dev,scale-test]' && pytest tests/scale/test_batch_s3.py
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.batch_factory import expected_rows, toy_networks, write_pictures
from support.ports import free_port
from support.waiting import until

from maskwatch.pipeline import Networks

pytestmark = [
    pytest.mark.skipif(
        find_spec("moto") is None or find_spec("s3fs") is None,
        reason="needs an S3 server and driver: pip install -e '.[dev,scale-test]'",
    ),
    pytest.mark.filterwarnings("ignore"),  # of the AWS packages
]
SECRET = "very secret"


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    return toy_networks(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """What a command needs in its environment to reach the server."""
    port = free_port()
    log = subprocess.PIPE
    server = subprocess.Popen([sys.executable, "-m", "moto.server", "-p", str(port)], stderr=log)
    settings = {
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    assert server.stderr is not None
    for line in server.stderr:
        if b"Running on" in line:
            break
    yield {**os.environ, **settings}
    server.terminate()
    server.communicate()


@pytest.fixture
def store(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    for key, value in environment.items():
        if key.startswith("AWS"):
            monkeypatch.setenv(key, value)
    import s3fs

    store = s3fs.S3FileSystem(skip_instance_cache=True)
    for bucket in ("photos", "out"):
        if not store.exists(bucket):
            store.mkdir(bucket)
    return store


def command(networks: Networks, *arguments: str) -> list[str]:
    models = ["--model", str(networks.model), "--detector", str(networks.detector)]
    return [sys.executable, "-m", "maskwatch", "predict", *models, *arguments]


def rows_in(store: Any, folder: str) -> list[dict[str, Any]]:
    parts = sorted(name for name in store.find(folder) if "/part-" in name)
    return [
        row for name in parts for row in pq.read_table(io.BytesIO(store.cat_file(name))).to_pylist()
    ]


def test_from_s3_to_s3_and_on_after_a_kill(
    store: Any, environment: dict[str, str], networks: Networks, tmp_path: Path
) -> None:
    photos = write_pictures(tmp_path / "photos", 70)
    (photos / "empty.png").touch()
    store.put(str(photos), "photos/day", recursive=True)
    arguments = command(networks, "s3://photos/day", "--out", "s3://out/run", "--workers", "2")

    def parts() -> list[str]:
        store.invalidate_cache()
        return [name for name in store.find("out/run") if "/part-" in name]

    driver = subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE)
    until(lambda: len(parts()) >= 2)
    driver.kill()
    driver.communicate()
    done = parts()
    seen = subprocess.run(
        arguments, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert seen.returncode == 0, seen.stderr
    assert SECRET not in seen.stdout + seen.stderr
    assert set(done) < set(parts())
    rows = rows_in(store, "out/run")
    (empty,) = [row for row in rows if row["status"] == "error"]
    assert (empty["source"], empty["error"]) == ("s3://photos/day/empty.png", "empty file")
    local = [
        {**row, "source": f"s3://photos/day/{Path(row['source']).relative_to(photos)}"}
        for row in expected_rows(sorted(photos.rglob("0*.png")), networks)
    ]
    assert [row for row in rows if row["status"] != "error"] == local


@pytest.mark.parametrize(
    ("source", "out", "said"),
    [
        ("s3://photos/nothing", "s3://out/x", "s3://photos/nothing: no pictures there"),
        ("s3://nowhere/at/all", "s3://out/x", "s3://nowhere/at/all: no pictures there"),
        ("{photos}", "s3://nowhere/x", "s3://nowhere/x/_plan.parquet: cannot be written"),
    ],
)
def test_places_that_are_not_there(
    environment: dict[str, str],
    networks: Networks,
    tmp_path: Path,
    store: Any,
    source: str,
    out: str,
    said: str,
) -> None:
    photos = write_pictures(tmp_path / "photos", 2)
    seen = subprocess.run(
        command(networks, source.format(photos=photos), "--out", out),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert seen.returncode in (1, 2), seen
    (line,) = seen.stderr.splitlines()
    assert said in line and SECRET not in line


def test_a_store_that_is_gone_ends_the_run(networks: Networks, tmp_path: Path) -> None:
    listed = "".join(f"s3://photos/{number}.png\n" for number in range(32 * 8))
    (tmp_path / "list.csv").write_text(f"image_path\n{listed}")
    nobody = {
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}",
        "FSSPEC_S3": '{"config_kwargs": {"connect_timeout": 1, "retries": {"max_attempts": 1}}}',
    }
    seen = subprocess.run(
        command(networks, str(tmp_path / "list.csv"), "--out", str(tmp_path / "out")),
        env={**os.environ, **nobody},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert seen.returncode == 1
    (line,) = seen.stderr.splitlines()
    assert "nor can others be fetched. 0 of 256 pictures are done" in line
    assert SECRET not in line
