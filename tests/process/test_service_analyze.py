"""POST /v1/analyze against a real server: every form of body, every image, every refusal.

Run: pytest tests/process/test_service_analyze.py
"""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from support import bad_images
from support.service_server import GatedAnalyzer, Running, held_picture, png, running
from support.toy_detector import crowd
from support.toy_model import BLUE, GREEN, RED, plain
from support.waiting import LIMIT_S, until

from maskwatch.service.limits import MEDIA_TYPE

TWO_FACES = crowd((3, 2, RED), (16, 3, BLUE))
NOBODY = np.full((300, 400, 3), 128, np.uint8)
JSON = {"content-type": "application/json"}
PNG = {"content-type": "image/png"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One with small limits, for all tests that leave it as it was."""
    analyzer = GatedAnalyzer(tmp_path_factory.mktemp("networks"))
    limits = {"images": 3, "body_bytes": 2_000_000, "image_pixels": 200_000}
    with running(analyzer, **limits) as service:
        yield service


def post(service: Running, **request: object) -> httpx.Response:
    return httpx.post(f"{service.url}/v1/analyze", timeout=120, **request)


def form(*contents: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [("images", (f"{index}.png", content)) for index, content in enumerate(contents)]


def as_json(*contents: bytes) -> dict[str, object]:
    return {"images": [{"data": base64.b64encode(content).decode()} for content in contents]}


def refused(response: httpx.Response, status: int, kind: str) -> str:
    """Check a refusal; what it says."""
    document = response.json()
    assert (response.status_code, document["type"]) == (status, kind), response.text
    assert response.headers["content-type"] == MEDIA_TYPE
    assert document["status"] == status
    assert document["detail"] and "\n" not in document["detail"]
    for word in ("Traceback", "object at 0x", ".py", "/tmp", str(Path.cwd()), "secret"):
        assert word not in document["detail"]
    return str(document["detail"])


@pytest.mark.parametrize("image_rgb", [NOBODY, TWO_FACES, plain(RED)], ids=["0", "2", "crop"])
def test_every_way_in_gives_the_report_of_the_analyzer(
    service: Running, image_rgb: np.ndarray
) -> None:
    content = png(image_rgb)
    expected = json.loads(json.dumps(service.engine.analyzer.analyze(content).to_dict()))
    for response, source in (
        (post(service, content=content, headers=PNG), None),
        (post(service, files=form(content)), "0.png"),
        (post(service, json=as_json(content)), None),
    ):
        assert response.status_code == 200, response.text
        assert response.json()["reports"] == [expected | {"source": source}]


def test_says_which_networks_judged(service: Running) -> None:
    document = post(service, content=png(NOBODY), headers=PNG).json()
    card, detector = service.engine.analyzer.card, service.engine.analyzer.detector_card
    assert detector is not None
    assert document["model"] == {
        "name": card.name,
        "sha256": card.sha256,
        "unsure_below": card.unsure_below,
    }
    assert document["detector"] == {
        "name": detector.name,
        "sha256": detector.sha256,
        "min_score": detector.min_score,
        "live_min_score": detector.live_min_score,
    }


def test_images_stay_in_order_and_keep_their_names(service: Running) -> None:
    contents = [png(plain(colour)) for colour in (RED, GREEN, BLUE)]
    document = post(service, files=form(*contents)).json()
    assert [r["source"] for r in document["reports"]] == ["0.png", "1.png", "2.png"]
    states = [r["faces"][0]["state"] for r in document["reports"]]
    assert states == ["mask", "no_mask", "incorrect_mask"]
    named = as_json(*contents)
    named["images"][1]["source"] = "door\n1"
    document = post(service, json=named).json()
    assert [r["source"] for r in document["reports"]] == [None, "door 1", None]
    assert [r["faces"][0]["state"] for r in document["reports"]] == states


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("name", bad_images.FINE)
def test_every_kind_of_image_is_read(service: Running, name: str) -> None:
    content = bad_images.FINE[name]()
    response = post(service, content=content, headers={"content-type": "image/*"})
    assert response.status_code == 200, response.text
    (entry,) = response.json()["reports"]
    assert entry == json.loads(json.dumps(service.engine.analyzer.analyze(content).to_dict()))


@pytest.mark.parametrize("name", bad_images.BAD)
def test_a_broken_image_is_refused_and_others_beside_it_are_judged(
    service: Running, name: str
) -> None:
    make, reason = bad_images.BAD[name]
    content = make()
    reason = reason.replace("89 mega", "0.2 mega")
    detail = refused(post(service, content=content, headers=PNG), 422, "unreadable")
    assert reason in detail
    response = post(service, files=form(png(plain(RED)), content, png(plain(BLUE))))
    assert response.status_code == 200
    first, broken, last = response.json()["reports"]
    assert (first["faces"][0]["state"], last["faces"][0]["state"]) == ("mask", "incorrect_mask")
    assert reason in broken["error"]
    assert set(broken) == {"schema", "source", "error", "fault"}


def test_when_no_image_can_be_read_each_says_why(service: Running) -> None:
    response = post(service, files=form(b"", b"I am no picture."))
    assert refused(response, 422, "unreadable") == "empty file"
    entries = response.json()["reports"]
    assert [entry["source"] for entry in entries] == ["0.png", "1.png"]
    assert [entry["fault"] for entry in entries] == ["empty", "format"]


@pytest.mark.parametrize(
    ("content", "media_type", "status", "kind", "detail"),
    [
        (b"", "", 415, "wrong_type", "not an unnamed type"),
        (b"hello", "text/plain", 415, "wrong_type", "not text/plain"),
        (b"a=b", "application/x-www-form-urlencoded", 415, "wrong_type", "not application/x-www"),
        (b"", "application/json", 422, "unusable", "Invalid JSON"),
        (b"{", "application/json", 422, "unusable", "Invalid JSON"),
        (b"[]", "application/json", 422, "unusable", "should be an object"),
        (b'{"images": []}', "application/json", 422, "unusable", "no image in it"),
        (b'{"images": [{"data": "?"}]}', "application/json", 422, "unusable", "images.0.data"),
        (b'{"images": [{"url": "x"}]}', "application/json", 422, "unusable", "images.0.data"),
        (b'{"images": [{"data": "", "url": ""}]}', "application/json", 422, "unusable", "url"),
        (b'{"images": [{"data": ["/etc"]}]}', "application/json", 422, "unusable", "valid string"),
        (b'{"images": ["aGk="]}', "application/json", 422, "unusable", "images.0"),
        (b"", "multipart/form-data", 400, "malformed", "no boundary"),
        (b"", "multipart/form-data; boundary=" + "x" * 300, 400, "malformed", "no boundary"),
        (b"", "multipart/form-data; boundary=x", 400, "malformed", "cut short"),
        (b"--y\r\n", "multipart/form-data; boundary=x", 400, "malformed", "as its boundary says"),
        (b"--x--\r\n", "multipart/form-data; boundary=x", 422, "unusable", "no image in it"),
        (
            b'--x\r\nContent-Disposition: form-data; name="images"\r\n\r\nabc',
            "multipart/form-data; boundary=x",
            400,
            "malformed",
            "cut short",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="url"\r\n\r\nhttp:\r\n--x--\r\n',
            "multipart/form-data; boundary=x",
            422,
            "unusable",
            "must be called images, not 'url'",
        ),
        (
            b"--x\r\n" + b"a: b\r\n" * 50 + b"\r\n\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
            400,
            "malformed",
            "as its boundary says",
        ),
    ],
)
def test_a_body_that_is_not_what_it_should_be(
    service: Running, content: bytes, media_type: str, status: int, kind: str, detail: str
) -> None:
    headers = {"content-type": media_type} if media_type else {}
    assert detail in refused(post(service, content=content, headers=headers), status, kind)


@pytest.mark.parametrize("coding", ["gzip", "X-GZip", "identity, br", "deflate"])
def test_a_compressed_body_is_called_so(service: Running, coding: str) -> None:
    """And not a damaged picture, or JSON that is none."""
    for headers in (PNG, JSON):
        answer = post(service, content=b"x", headers=headers | {"content-encoding": coding})
        detail = f"send the body as it is, not compressed ({coding})"
        assert refused(answer, 415, "wrong_type") == detail


def test_a_coding_that_compresses_nothing_is_let_be(service: Running) -> None:
    for coding in ("identity", "utf-8", ""):
        headers = PNG | {"content-encoding": coding}
        assert post(service, content=png(NOBODY), headers=headers).status_code == 200


def test_json_may_begin_with_a_mark(service: Running) -> None:
    content = json.dumps(as_json(png(NOBODY))).encode("utf-8-sig")
    assert post(service, content=content, headers=JSON).status_code == 200


def test_nothing_a_client_names_is_opened(service: Running, tmp_path: Path) -> None:
    image = tmp_path / "mine.png"
    image.write_bytes(png(TWO_FACES))
    for named in (str(image), image.as_uri(), f"{service.url}/health"):
        response = post(service, content=named.encode(), headers=PNG)
        assert "not a JPEG" in refused(response, 422, "unreadable")
        response = post(service, files=[("images", (named, b""))])
        assert refused(response, 422, "unreadable") == "empty file"


@pytest.mark.parametrize("announced", [True, False], ids=["with length", "in chunks"])
@pytest.mark.parametrize(
    "media_type", ["image/png", "application/json", "multipart/form-data; boundary=x"]
)
def test_too_many_bytes(service: Running, announced: bool, media_type: str) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="images"\r\n\r\n'
    body = (part if "form" in media_type else b"") + bytes(2_000_000) + b"!"
    chunks = (body[i : i + 65536] for i in range(0, len(body), 65536))
    headers = {"content-type": media_type}
    response = post(service, content=body if announced else chunks, headers=headers)
    assert "over the limit of 2 MB" in refused(response, 413, "too_many_bytes")
    assert service.engine.calls.taken == 0


def test_a_lie_about_the_length_gains_nothing(service: Running) -> None:
    """What goes beyond it is another request to the server, and none that it knows."""
    with socket.create_connection(("127.0.0.1", service.port), LIMIT_S) as client:
        client.sendall(
            b"POST /v1/analyze HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\n"
            b"content-length: 4\r\n\r\n" + bytes(3_000_000)
        )
        assert b" 422 " in client.recv(65536).splitlines()[0]


def test_too_many_images(service: Running) -> None:
    tiny = png(plain(RED, 8, 8))
    for request in ({"files": form(*[tiny] * 4)}, {"json": as_json(*[tiny] * 4)}):
        assert "limit of 3" in refused(post(service, **request), 413, "too_many_images")
    assert post(service, files=form(*[tiny] * 3)).status_code == 200


def test_too_many_pixels(service: Running) -> None:
    response = post(service, content=png(np.zeros((401, 500, 3), np.uint8)), headers=PNG)
    assert "500 x 401 pixels, over the limit of 0.2" in refused(response, 422, "unreadable")
    assert response.json()["reports"][0]["fault"] == "too_large"


def test_a_body_that_comes_too_slowly(tmp_path: Path) -> None:
    with (
        running(GatedAnalyzer(tmp_path), body_s=0.3) as service,
        socket.create_connection(("127.0.0.1", service.port), LIMIT_S) as client,
    ):
        client.sendall(
            b"POST /v1/analyze HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\n"
            b"connection: close\r\ncontent-length: 100\r\n\r\nabc"
        )
        answer = b"".join(iter(lambda: client.recv(65536), b""))
        assert b" 408 " in answer.splitlines()[0]
        assert b'"type":"slow_body"' in answer
        until(lambda: service.engine.calls.taken == 0, "its place is free")


def test_a_client_that_hangs_up_frees_its_place(service: Running) -> None:
    before = service.metric("requests_total", route="/v1/analyze", status="499")
    head = b"POST /v1/analyze HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\n"
    held = png(held_picture())
    service.gate.shut()
    for body, length in ((b"abc", 100), (held, len(held))):
        client = socket.create_connection(("127.0.0.1", service.port), LIMIT_S)
        client.sendall(head + b"content-length: %d\r\n\r\n" % length + body)
        until(lambda: service.engine.calls.taken == 1, "the call is under way")
        if body is held:
            service.gate.await_one()
        client.close()
        until(lambda: service.engine.calls.taken == 0, "its place is free")
    service.gate.open()
    until(
        lambda: service.metric("requests_total", route="/v1/analyze", status="499") == before + 2,
        "both are counted",
    )
    assert post(service, content=png(NOBODY), headers=PNG).status_code == 200


@pytest.mark.parametrize(
    "written",
    [
        lambda content: base64.encodebytes(content).decode(),  # in lines of 76
        lambda content: base64.encodebytes(content).decode().replace("\n", "\r\n"),
        lambda content: f"data:image/png;base64,{base64.b64encode(content).decode()}",
        lambda content: f"DATA:image/png;name=a.png;BASE64,{base64.b64encode(content).decode()}",
        lambda content: f" {base64.b64encode(content).decode()}\n",
    ],
)
def test_base64_is_read_as_programs_and_browsers_write_it(
    service: Running, written: Callable[[bytes], str]
) -> None:
    content = png(NOBODY)
    plainly = post(service, json=as_json(content)).json()
    assert post(service, json={"images": [{"data": written(content)}]}).json() == plainly


@pytest.mark.parametrize("data", ["data:image/png,aGk=", "data:;base64", "http://x/y.png", "a=bc"])
def test_all_else_is_no_base64(service: Running, data: str) -> None:
    response = post(service, json={"images": [{"data": data}]})
    assert refused(response, 422, "unusable") == "images.0.data: no base64"


@pytest.mark.parametrize(
    "content",
    [
        b'{"images":[' + b"1," * 300_000 + b"1]}",
        b'{"images":[' + b"{}," * 300_000 + b"{}]}",
        b'{"images":[{' + b'"a":1,' * 200_000 + b'"b":1}]}',
        b"[" * 500_000,
        b'{"a":' * 200_000,
    ],
)
def test_json_is_counted_before_it_is_looked_at(service: Running, content: bytes) -> None:
    response = post(service, content=content, headers=JSON)
    assert "more values than 3 images need" in refused(response, 422, "unusable")


def test_names_of_images_may_hold_anything(service: Running) -> None:
    images = as_json(*[png(NOBODY)] * 3)["images"]
    assert isinstance(images, list)
    for image in images:
        image["source"] = '{"a", [b]}'
    assert post(service, json={"images": images}).status_code == 200


def test_many_callers_at_once_get_their_own_answers(service: Running) -> None:
    colours = {"mask": RED, "no_mask": GREEN, "incorrect_mask": BLUE}

    def call(index: int) -> bool:
        state = list(colours)[index % 3]
        response = post(service, content=png(plain(colours[state])), headers=PNG)
        return bool(response.json()["reports"][0]["faces"][0]["state"] == state)

    with ThreadPoolExecutor(12) as executor:
        assert all(executor.map(call, range(60)))


def test_more_calls_than_can_be_borne_are_refused_at_once(tmp_path: Path) -> None:
    held = png(held_picture())
    with running(GatedAnalyzer(tmp_path), calls=2) as service, ThreadPoolExecutor(2) as executor:
        service.gate.shut()
        waiting = [executor.submit(post, service, content=held, headers=PNG) for _ in range(2)]
        until(lambda: service.engine.calls.taken == 2, "both are under way")
        response = post(service, content=held, headers=PNG)
        assert refused(response, 503, "busy") == "all 2 calls at once are taken"
        assert response.headers["retry-after"] == "1"
        assert httpx.get(f"{service.url}/health").status_code == 200
        service.gate.open()
        assert [call.result().status_code for call in waiting] == [200, 200]
        assert post(service, content=held, headers=PNG).status_code == 200


def test_an_answer_that_takes_too_long_is_not_waited_for(tmp_path: Path) -> None:
    with running(GatedAnalyzer(tmp_path), answer_s=0.5) as service:
        service.gate.shut()
        response = post(service, content=png(held_picture()), headers=PNG)
        assert refused(response, 503, "too_long") == "there was no answer within 0.5 s"
        assert int(response.headers["retry-after"]) > 0
        until(lambda: service.engine.calls.taken == 0, "its place is free")


def test_json_that_waits_for_a_thread_is_no_body_that_comes_too_slowly(tmp_path: Path) -> None:
    with running(GatedAnalyzer(tmp_path), answer_s=0.5) as service:
        service.gate.shut()
        for _ in range(service.engine._threads):
            service.engine._executor.submit(service.gate.pass_through)
        response = post(service, json=as_json(png(NOBODY)))
        assert refused(response, 503, "too_long") == "there was no answer within 0.5 s"


class Broken(GatedAnalyzer):
    """Fails in a way that nobody foresaw, with a message that is nobody's business."""

    def analyze(self, image: object, boxes: object = None) -> object:
        if isinstance(image, np.ndarray) and image.shape[1] == self.WIDTH_PX:
            raise KeyError("secret /tmp/frame.png")
        return super().analyze(image, boxes)


def test_a_fault_of_ours_is_one_line_to_the_client_and_one_in_the_log(tmp_path: Path) -> None:
    with running(Broken(tmp_path)) as service:
        response = post(service, content=png(held_picture()), headers=PNG)
        detail = refused(response, 500, "internal")
        assert "KeyError" not in detail
        assert post(service, content=png(NOBODY), headers=PNG).status_code == 200
        until(lambda: "internal error" in service.log.getvalue(), "it is logged")
        (line,) = [x for x in service.log.getvalue().splitlines() if "internal error" in x]
        assert "ERROR" in line
        assert "KeyError" in line
