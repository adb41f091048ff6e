"""Requests to a real server: signed, under one number, and judged by what it answers.

Run: pytest tests/process/test_webhook.py
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from threading import enumerate as enumerate_threads

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.alert_factory import NOON_S, alert
from support.http_endpoint import CUT, HANG, endpoint
from support.ports import free_port
from support.raw_server import Answering, answering
from support.waiting import until

from maskwatch.io.settings import Secret
from maskwatch.watch.config import WebhookConfig
from maskwatch.watch.outbox import AlertQueue, Answer, Delivery, Outcome, Sender
from maskwatch.watch.pictures import Picture
from maskwatch.watch.webhook import Webhook, signature, standard_signature

SENT, UNREACHABLE, NOT_NOW, NEVER = Outcome


def webhook(url: str, secret: str = "", timeout_s: float = 10.0) -> Webhook:
    config = WebhookConfig("ops", Secret(url), Secret(secret), timeout_s)
    return Webhook(config, lambda: NOON_S + 0.9)


def test_a_picture_goes_along_where_it_is_asked_for_and_still_kept() -> None:
    kept = {"e1": Picture(b"\x89PNG...", "image/png")}
    with endpoint() as there:
        for asked in (True, False):
            config = WebhookConfig("ops", Secret(there.url), Secret("s3cret"), picture=asked)
            told = Webhook(config, lambda: NOON_S, kept.get)
            for about in ({"event": "e1"}, {"event": "e2"}, {}):
                assert told.send(Delivery(alert(**about), "ops")).outcome is SENT
    with_picture, *others = there.requests
    picture = with_picture.document["picture"]
    assert picture["media_type"] == "image/png"
    assert base64.b64decode(picture["base64"]) == b"\x89PNG..."
    assert with_picture.document["event"] == "e1" and with_picture.document["word"] == "é"
    assert not any("picture" in request.document for request in others)
    for request in there.requests:
        timestamp = request.headers["X-MaskWatch-Timestamp"]
        assert request.headers["X-MaskWatch-Signature"] == signature(
            "s3cret", int(timestamp), request.body
        )


def test_what_is_sent() -> None:
    one = Delivery(alert("the-number"), "ops")
    with endpoint() as there:
        assert webhook(there.url, "s3cret").send(one).outcome is SENT
        assert webhook(there.url).send(one).outcome is SENT
    signed, unsigned = there.requests
    assert signed.body == unsigned.body == one.alert.body.encode()
    assert signed.key == unsigned.key == "the-number"
    assert signed.headers["Content-Type"] == "application/json"
    # as a receiver would check it, who knows nothing of this package
    timestamp = signed.headers["X-MaskWatch-Timestamp"]
    assert timestamp == str(int(NOON_S))
    expected = hmac.new(b"s3cret", timestamp.encode() + b"." + signed.body, hashlib.sha256)
    assert signed.headers["X-MaskWatch-Signature"] == f"sha256={expected.hexdigest()}"
    assert signed.headers["webhook-id"] == "the-number"
    assert signed.headers["webhook-timestamp"] == timestamp
    standard = standard_signature("s3cret", "the-number", int(timestamp), signed.body)
    assert signed.headers["webhook-signature"] == standard
    assert "X-MaskWatch-Signature" not in unsigned.headers
    assert "webhook-signature" not in unsigned.headers


def test_a_signature_depends_on_everything() -> None:
    signatures = {
        signature(secret, timestamp, body)
        for secret in ("a", "b")
        for timestamp in (1, 2)
        for body in (b"", b"x")
    }
    assert len(signatures) == 8


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, SENT), (201, SENT), (204, SENT),
        (301, NOT_NOW), (302, NOT_NOW), (307, NOT_NOW), (308, NOT_NOW),
        (400, NEVER), (405, NEVER), (410, NEVER), (422, NEVER),
        (401, NOT_NOW), (403, NOT_NOW), (407, NOT_NOW),
        (404, NOT_NOW), (408, NOT_NOW), (425, NOT_NOW), (429, NOT_NOW),
        (500, NOT_NOW), (502, NOT_NOW), (503, NOT_NOW),
    ],
)  # fmt: skip
def test_what_becomes_of_it(status: int, outcome: Outcome) -> None:
    with endpoint(status) as there:
        answer = webhook(there.url).send(Delivery(alert(), "ops"))
    assert answer.outcome is outcome
    assert outcome is SENT or answer.reason == f"answers {status}"
    assert len(there.requests) == 1  # a redirect is not followed


def test_an_alert_outlives_a_clock_that_had_lost_its_time() -> None:
    """After a power cut it may say 1970, and a receiver turns down what is signed so long ago."""
    queue, now_s = AlertQueue(["ops"]), [5.0]
    queue.add(alert("one"))
    with endpoint(401, 204) as there:
        hook = Webhook(WebhookConfig("ops", Secret(there.url), Secret("s3cret")), lambda: now_s[0])
        sender = Sender(hook, queue, lambda: now_s[0])
        assert sender.step() > 0 and queue.lengths() == {"ops": 1}
        now_s[0] = NOON_S
        assert sender.step() == 0 and queue.lengths() == {"ops": 0}
    stamps = [request.headers["webhook-timestamp"] for request in there.requests]
    assert stamps == ["5", f"{NOON_S:.0f}"]


def test_a_server_that_hangs_up_hangs_or_is_not_there() -> None:
    one = Delivery(alert(), "ops")
    with endpoint(CUT) as there:
        answer = webhook(there.url).send(one)
        assert answer.outcome is UNREACHABLE and "broke" in answer.reason
    with endpoint(HANG) as there:
        answer = webhook(there.url, timeout_s=0.2).send(one)
        assert (answer.outcome, answer.reason) == (UNREACHABLE, "no answer within 0.2 s")
    for url in (f"http://127.0.0.1:{free_port()}/hook?token=hidden", "https://no.such.invalid/x"):
        answer = webhook(url).send(one)
        assert answer.outcome is UNREACHABLE
        assert answer.reason.startswith("cannot be reached (")
        assert "hidden" not in answer.reason and "/hook" not in answer.reason


def test_a_server_that_fails_then_works_gets_everything_once_under_the_first_number() -> None:
    queue = AlertQueue(["ops"])
    for name in ("one", "two", "three"):
        queue.add(alert(name))
    with endpoint(500, CUT, HANG, 200, 410, 200) as there:
        # what answers does so within this, also on a machine that stands still for some seconds
        sender = Sender(webhook(there.url, timeout_s=6.0), queue, lambda: NOON_S)
        while any(queue.lengths().values()):
            sender.step()
    assert there.keys() == ["one"] * 4 + ["two", "three"]
    assert len({request.body for request in there.requests[:4]}) == 1
    assert queue.status("bare", "door").sent_s == NOON_S


def certificate(folder: Path) -> Path:
    """A key and a certificate for localhost that signs itself, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "localhost.pem"
    plain = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, *plain)
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_a_certificate_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    one = Delivery(alert(), "ops")
    with endpoint(context=context) as there:
        answer = webhook(there.url).send(one)
        assert answer.outcome is UNREACHABLE
        assert "CERTIFICATE_VERIFY_FAILED" in answer.reason and there.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert webhook(there.url).send(one).outcome is SENT


def test_the_signature_that_the_standard_gives_as_its_example() -> None:
    made = standard_signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_an_alert_goes_without_a_picture_that_is_too_large() -> None:
    kept = {"e1": Picture(bytes(100_000), "image/jpeg")}
    queue = AlertQueue(["ops"])
    queue.add(alert("one", event="e1"))
    with endpoint(413, 204) as there:
        config = WebhookConfig("ops", Secret(there.url), picture=True)
        assert Sender(Webhook(config, find_picture=kept.get), queue).step() == 0
    assert there.keys() == ["one", "one"] and queue.lengths() == {"ops": 0}
    assert ["picture" in request.document for request in there.requests] == [True, False]
    with endpoint(413) as there:
        assert webhook(there.url).send(Delivery(alert(), "ops")) == Answer(NEVER, "answers 413")
    assert len(there.requests) == 1


def test_no_proxy_hears_what_a_server_on_this_machine_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with endpoint(502) as proxy, endpoint() as there:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        for url in (there.url, there.url.replace("127.0.0.1", "localhost")):
            assert webhook(url).send(Delivery(alert(), "ops")).outcome is SENT
    assert proxy.requests == [] and len(there.requests) == 2


def test_others_are_asked_through_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with answering([b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"]) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        answer = webhook("https://receiver.invalid/").send(Delivery(alert(), "ops"))
        until(lambda: proxy.answered)
    assert answer.outcome is UNREACHABLE


def hidden(server: Answering) -> str:
    return f"http://127.0.0.1:{server.port}/hidden"


HEAD = b"HTTP/1.1 200 OK\r\n"
ODD_ANSWERS = [
    b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 302 Found\r\nLocation: http://[::1]:x\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 308 x\r\nLocation: \xff\xfe\r\nContent-Length: -7\r\n\r\n",
    b"HTTP/1.1 301 x\r\n\r\n",
    b"HTTP/1.1 \xb2\xb3\xb9 OK\r\n\r\n",
    b"HTTP/1.1 99999 OK\r\n\r\n",
    b"HTTP/1.1 401 x\r\nWWW-Authenticate: \xff\r\n\r\n",
    b"HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\n\r\n",
    b"HTTP/9.9 200 OK\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    HEAD + b"Content-Length: 9999999999999999999999\r\n\r\n",
    HEAD + b"no colon here\r\n \r\n\r\n",
    HEAD + b"".join(b"A: b\r\n" for _ in range(300)) + b"\r\n",
    HEAD + b"A: " + b"x" * 100_000 + b"\r\n\r\n",
    b"\x00" * 1000,
    b"SSH-2.0-OpenSSH\r\n",
    b"",
]


@pytest.mark.parametrize("said", ODD_ANSWERS)
def test_whatever_a_server_answers_is_an_answer(said: bytes) -> None:
    with answering([said]) as there:
        answer = webhook(hidden(there), timeout_s=2).send(Delivery(alert(), "ops"))
    assert answer.outcome in Outcome and "hidden" not in answer.reason


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.sampled_from([b"", HEAD, b"HTTP/1.1 302 Found\r\nLocation: "]))
def test_no_answer_ends_the_thread_that_sends(end: bytes, begin: bytes) -> None:
    queue = AlertQueue(["ops"])
    queue.add(alert("one"))
    with answering([begin + end]) as there:
        Sender(webhook(hidden(there), timeout_s=2), queue).step()


@pytest.mark.parametrize(
    "url",
    [
        "https://exa..mple.org/x",
        "https://" + "a" * 70 + ".org/",
        "https://exa..m\u00fcple.org/",
        "http://127.0.0.1:PORT/t\u00fcr",
        "http://127.0.0.1:0/",
    ],
)
def test_what_cannot_be_told_is_kept_and_told_later(url: str) -> None:
    url = url.replace("PORT", str(free_port()))
    queue = AlertQueue(["ops"])
    queue.add(alert("one"))
    assert Sender(webhook(url, timeout_s=2), queue).step() > 0
    assert queue.lengths() == {"ops": 1}
    with endpoint() as there:
        Sender(webhook(there.url), queue).step()
    assert there.keys() == ["one"] and queue.lengths() == {"ops": 0}


def test_letters_of_other_languages_reach_the_server() -> None:
    with endpoint() as there:
        answer = webhook(f"{there.url}/t\u00fcr?a=%20b").send(Delivery(alert(), "ops"))
    assert answer.outcome is SENT and there.paths == ["/hook/t%C3%BCr?a=%20b"]


def test_the_time_for_an_attempt_is_for_all_of_it() -> None:
    over = Event()

    def drip() -> Iterator[bytes]:
        yield HEAD + b"X: "
        while not over.wait(0.05):
            yield b"a"

    with answering(drip()) as there:
        answer = webhook(hidden(there), timeout_s=0.5).send(Delivery(alert(), "ops"))
        assert answer == Answer(UNREACHABLE, "no answer within 0.5 s")
        until(lambda: not any(thread.name == "webhook" for thread in enumerate_threads()))
        over.set()
