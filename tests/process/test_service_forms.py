"""Forms of several parts against a real server: what may stand before the first of them.

Run: pytest tests/process/test_service_forms.py
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from support.service_server import GatedAnalyzer, Running, png, running

NOBODY = np.full((300, 400, 3), 128, np.uint8)
PART = b'--x\r\nContent-Disposition: form-data; name="images"\r\n\r\n%b\r\n--x--\r\nand after'


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(GatedAnalyzer(tmp_path_factory.mktemp("networks"))) as service:
        yield service


def post(service: Running, body: bytes, chunk_bytes: int) -> httpx.Response:
    chunks = (body[at : at + chunk_bytes] for at in range(0, len(body), chunk_bytes))
    headers = {"content-type": "multipart/form-data; boundary=x"}
    return httpx.post(f"{service.url}/v1/analyze", content=chunks, headers=headers, timeout=120)


@pytest.mark.parametrize("chunk_bytes", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    "preamble",
    [
        b"",
        b"\r\n",
        b"A form of several parts.\r\n",
        b"--x\nno\r\n--xy\r\n --x\r\n",  # looks like a boundary, and is none
        b"-" * 999 + b"\r\n",
    ],
)
def test_text_before_the_first_boundary_is_for_people(
    service: Running, preamble: bytes, chunk_bytes: int
) -> None:
    response = post(service, preamble + PART % png(NOBODY), chunk_bytes)
    assert response.status_code == 200, response.text
    assert len(response.json()["reports"]) == 1


@pytest.mark.parametrize("chunk_bytes", [777, 1 << 20])
def test_there_is_an_end_to_that_text(service: Running, chunk_bytes: int) -> None:
    response = post(service, b"a" * 200_000, chunk_bytes)
    assert (response.status_code, response.json()["type"]) == (400, "malformed")
    assert "64 kB of text before the first boundary" in response.json()["detail"]
