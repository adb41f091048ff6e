"""The routes about the service itself, its metrics, and an OpenAPI document that is true.

Run: pytest tests/process/test_service_routes.py
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families
from support.service_server import GatedAnalyzer, Running, held_picture, png, running
from support.toy_detector import crowd
from support.toy_model import BLUE, GREY, RED, plain
from support.waiting import LIMIT_S
from websockets.sync.client import connect

from maskwatch import __version__
from maskwatch.service import limits
from maskwatch.service.documents import REQUEST
from maskwatch.service.limits import Kind

TWO_FACES = crowd((3, 2, RED), (16, 3, BLUE))
KEY = "key-of-the-door-key-of-the-door"
HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory: pytest.TempPathFactory) -> GatedAnalyzer:
    return GatedAnalyzer(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="module")
def service(analyzer: GatedAnalyzer) -> Iterator[Running]:
    with running(analyzer) as service:
        yield service


def test_alive_and_ready(service: Running) -> None:
    health, ready = (httpx.get(service.url + path) for path in ("/health", "/ready"))
    assert (health.status_code, health.json()) == (200, {"status": "alive"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


def test_head_says_the_same_without_a_body(service: Running) -> None:
    for path in ("/health", "/ready", "/v1/model", "/openapi.json", "/", "/v1/stream", "/nowhere"):
        whole, head = httpx.get(service.url + path), httpx.head(service.url + path)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        for headers in (head.headers, whole.headers):
            del headers["date"]
        assert head.headers == whole.headers
    metrics = httpx.head(f"{service.url}/metrics")  # says more with each call
    assert (metrics.status_code, metrics.content) == (200, b"")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert httpx.head(f"{service.url}/v1/analyze").status_code == 405
    refused = httpx.post(f"{service.url}/health")
    assert refused.headers["allow"] == "GET, HEAD"
    service.engine.warm = False
    assert httpx.head(f"{service.url}/ready").status_code == 503
    service.engine.warm = True


def said(service: Running, target: str, host: str, *headers: str) -> str:
    """The first line of the answer to a request for a target as it stands."""
    lines = (f"GET {target} HTTP/1.1", f"Host: {host}", "Connection: close", *headers)
    with socket.create_connection(("127.0.0.1", service.port), LIMIT_S) as client:
        client.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
        return client.recv(65536).decode().partition("\r\n")[0].strip()


def test_a_target_may_be_a_whole_address(analyzer: GatedAnalyzer) -> None:
    """Which has the say over `Host`, and opens nothing that its path does not."""
    with running(analyzer, keys=[KEY]) as service:
        here, key = f"localhost:{service.port}", f"X-API-Key: {KEY}"
        for target, host, headers, status in (
            (f"http://{here}/health", here, (), 200),
            (f"HTTPS://{here}/health?a=http://b/c", here, (), 200),
            (f"http://{here}", here, (), 200),
            (f"http://{here}/health", "evil.example", (), 200),
            ("http://evil.example/health", here, (), 421),
            ("http://localhost@evil.example/health", here, (), 421),
            (f"http://{here}/v1/model", here, (), 401),
            (f"http://{here}/v1/model", here, (key,), 200),
            (f"http://{here}/v1/model", here, (key, "Origin: http://evil.example"), 403),
            (f"http://{here}/v1/model", here, (key, f"Origin: http://{here}"), 200),
            (f"http://{here}/nowhere", here, (key,), 404),
            (f"/http://{here}/health", here, (key,), 404),
            (f"http://{here}/v1/stream", here, (key, *HANDSHAKE), 101),
            (f"http://{here}/v1/stream", here, HANDSHAKE, 401),
        ):
            line = said(service, target, host, *headers)
            assert line.startswith(f"HTTP/1.1 {status}"), (target, headers, line)


def test_no_browser_shows_an_answer_as_a_page(service: Running) -> None:
    for path in ("/health", "/openapi.json", "/nowhere"):
        headers = httpx.get(service.url + path).headers
        policy = headers["content-security-policy"]
        assert policy == "default-src 'none'; frame-ancestors 'none'"
        assert headers["x-content-type-options"] == "nosniff"


def test_not_ready_before_it_is_warm_nor_while_it_ends(analyzer: GatedAnalyzer) -> None:
    with running(analyzer) as service:
        service.engine.warm = False
        cold = httpx.get(f"{service.url}/ready")
        assert (cold.status_code, cold.json()["type"]) == (503, "not_ready")
        service.engine.warm = True
        with httpx.Client() as client:
            assert client.get(f"{service.url}/ready").status_code == 200
            service.engine.end()
            ending = client.get(f"{service.url}/ready")
            assert (ending.status_code, ending.json()["type"]) == (503, "ending")
            assert client.get(f"{service.url}/health").status_code == 200


def test_the_model_says_what_it_is_and_what_is_accepted(service: Running) -> None:
    document = httpx.get(f"{service.url}/v1/model").json()
    card, detector = service.engine.analyzer.card, service.engine.analyzer.detector_card
    assert detector is not None
    assert document["version"] == __version__
    assert document["model"]["sha256"] == card.sha256
    assert document["model"]["unsure_below"] == card.unsure_below
    assert document["model"]["limits"] == list(card.limits)
    assert document["detector"]["name"] == detector.name
    assert document["limits"]["images"] == 16
    assert "training" not in document["model"]


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/docs/", 404, "no_route"),
        ("GET", "/v1/analyze/", 404, "no_route"),
        ("GET", "/%2e%2e/etc/passwd", 404, "no_route"),
        ("GET", "/v1/analyze", 405, "wrong_method"),
        ("POST", "/health", 405, "wrong_method"),
        ("GET", "/v1/stream", 426, "no_websocket"),
    ],
)
def test_what_is_not_there_is_refused_in_one_line(
    service: Running, method: str, path: str, status: int, kind: str
) -> None:
    response = httpx.request(method, service.url + path)
    assert (response.status_code, response.json()["type"]) == (status, kind)
    assert response.headers["content-type"] == limits.MEDIA_TYPE
    assert "passwd" not in service.log.getvalue()


def test_calls_are_counted_as_prometheus_reads_them(analyzer: GatedAnalyzer) -> None:
    with running(analyzer) as service:
        url = f"{service.url}/v1/analyze"
        for image_rgb in (TWO_FACES, plain(GREY), np.full((300, 400, 3), 128, np.uint8)):
            files = [("images", ("a", png(image_rgb))), ("images", ("b", b"no picture"))]
            assert httpx.post(url, files=files).status_code == 200
        assert httpx.post(url, content=b"", headers={"content-type": "x/y"}).status_code == 415
        httpx.get(f"{service.url}/someone/private")
        httpx.get(f"{service.url}/openapi.json")
        text = httpx.get(f"{service.url}/metrics").text
        values = {
            (sample.name.removeprefix("maskwatch_"), *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
    assert values["requests_total", "/v1/analyze", "200"] == 3
    assert values["requests_total", "/v1/analyze", "415"] == 1
    assert values["requests_total", "none", "404"] == 1
    assert values["requests_total", "/openapi.json", "200"] == 1
    assert values["images_total", "analyze", "judged"] == 3
    assert values["images_total", "analyze", "unreadable"] == 3
    assert values["faces_total", "analyze", "mask"] == 1
    assert values["faces_total", "analyze", "incorrect_mask"] == 1
    assert values["faces_total", "analyze", "unsure"] == 1
    assert values["faces_total", "analyze", "no_mask"] == 0
    assert values["unsure_ratio",] == pytest.approx(1 / 3)
    assert values["request_seconds_count", "/v1/analyze"] == 4
    assert values["analysis_seconds_count", "analyze"] == 6
    assert values["wait_seconds_count", "analyze"] == 6
    assert values["calls",] == 0
    for name in ("label_switches_total", "dropped_frames_total", "sessions"):
        assert values[name,] == 0
    assert values["process_resident_memory_bytes",] > 0
    assert "private" not in text and "track" not in text


def test_calls_under_way_show(service: Running) -> None:
    service.gate.shut()
    headers = {"content-type": "image/png"}
    with ThreadPoolExecutor(1) as executor:
        url, content = f"{service.url}/v1/analyze", png(held_picture())
        call = executor.submit(httpx.post, url, content=content, headers=headers, timeout=120)
        service.gate.await_one()
        assert "\nmaskwatch_calls 1.0\n" in httpx.get(f"{service.url}/metrics").text
        service.gate.open()
        assert call.result().status_code == 200
    assert "\nmaskwatch_calls 0.0\n" in httpx.get(f"{service.url}/metrics").text


@pytest.fixture(scope="module")
def openapi(service: Running) -> dict[str, Any]:
    document: dict[str, Any] = httpx.get(f"{service.url}/openapi.json").json()
    return document


def resolved(openapi: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    """Checks values against a schema that refers to others of the document."""
    return Draft202012Validator({**schema, "components": openapi["components"]})


def operations(openapi: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_the_document_is_sound(openapi: dict[str, Any]) -> None:
    assert openapi["openapi"].startswith("3.1")
    assert set(openapi["paths"]) == {
        "/v1/analyze",
        "/v1/stream",
        "/v1/model",
        "/health",
        "/ready",
        "/metrics",
    }
    for schema in openapi["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    names = openapi["components"]["schemas"]
    text = json.dumps(openapi)
    for reference in text.split('"$ref": "')[1:]:
        path = reference.partition('"')[0]
        assert path.startswith("#/components/schemas/")
        assert path.rpartition("/")[2] in names
    identities = [operation["operationId"] for *_, operation in operations(openapi)]
    assert len(set(identities)) == len(identities)
    for scheme in openapi["security"]:
        assert set(scheme) <= set(openapi["components"]["securitySchemes"])


def test_every_answer_and_refusal_has_an_example_that_fits(openapi: dict[str, Any]) -> None:
    for path, _, operation in operations(openapi):
        assert operation["summary"]
        for status, answer in operation["responses"].items():
            assert answer["content"], (path, status)
            for media_type, content in answer["content"].items():
                values = [e["value"] for e in content.get("examples", {}).values()]
                values += [content["example"]] if "example" in content else []
                assert values, (path, status, media_type)
                for value in values:
                    resolved(openapi, content["schema"]).validate(value)


def test_every_kind_of_refusal_is_described(openapi: dict[str, Any]) -> None:
    described = {
        (name, int(status))
        for *_, operation in operations(openapi)
        for status, answer in operation["responses"].items()
        for content in answer["content"].values()
        for name in content.get("examples", {})
    }
    kinds = {value for value in vars(limits).values() if isinstance(value, Kind)}
    # these two are of no route
    kinds -= {limits.NO_ROUTE, limits.WRONG_METHOD}
    assert {(kind.name, kind.status) for kind in kinds} <= described


def test_the_example_request_works_and_its_answer_fits(
    service: Running, openapi: dict[str, Any]
) -> None:
    operation = openapi["paths"]["/v1/analyze"]["post"]
    body = operation["requestBody"]["content"]["application/json"]
    assert body["example"] == REQUEST
    resolved(openapi, body["schema"]).validate(body["example"])
    response = httpx.post(f"{service.url}/v1/analyze", json=body["example"])
    assert response.status_code == 200, response.text
    (report,) = response.json()["reports"]
    assert report["source"] == REQUEST["images"][0]["source"]
    assert len(report["faces"]) == 1


def test_real_answers_are_as_described(service: Running, openapi: dict[str, Any]) -> None:
    files = [("images", ("a", png(TWO_FACES))), ("images", ("b", b"no picture"))]
    analyze = f"{service.url}/v1/analyze"
    answers = {
        ("/v1/analyze", "post"): [
            httpx.post(analyze, files=files),
            httpx.post(analyze, files=files[1:]),
            httpx.post(analyze, files=[]),
        ],
        **{
            (path, "get"): [httpx.get(service.url + path)]
            for path in ("/v1/model", "/health", "/ready", "/v1/stream")
        },
    }
    for (path, method), responses in answers.items():
        for response in responses:
            described = openapi["paths"][path][method]["responses"][str(response.status_code)]
            content = described["content"][response.headers["content-type"]]
            resolved(openapi, content["schema"]).validate(response.json())
    described = openapi["paths"]["/v1/stream"]["get"]["responses"]["101"]
    schema = described["content"]["application/json"]["schema"]
    with connect(service.url.replace("http", "ws") + "/v1/stream") as socket:
        for content in (png(TWO_FACES), b"no picture"):
            socket.send(content)
            resolved(openapi, schema).validate(json.loads(socket.recv(LIMIT_S)))
