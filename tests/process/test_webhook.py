"""Requests to a real server: signed, under one number, and judged by what it answers.

Run: pytest tests/test_webhook.py
"""

from __future__ import annotations

import hashlib
import hmac
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alert_factory import NOON_S, alert
from http_endpoint import CUT, HANG, endpoint
from stream_servers import free_port

from maskwatch.settings import Secret
from maskwatch.watch.config import WebhookConfig
from maskwatch.watch.queue import AlertQueue, Delivery
from maskwatch.watch.sending import Outcome, Sender
from maskwatch.watch.webhook import Webhook, host_of, signature

SENT, UNREACHABLE, NOT_NOW, NEVER = Outcome


def webhook(url: str, secret: str = "", timeout_s: float = 10.0) -> Webhook:
    config = WebhookConfig("ops", Secret(url), Secret(secret), timeout_s)
    return Webhook(config, lambda: NOON_S + 0.9)


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
    assert "X-MaskWatch-Signature" not in unsigned.headers


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
        (400, NEVER), (401, NEVER), (403, NEVER), (404, NEVER), (410, NEVER), (422, NEVER),
        (408, NOT_NOW), (425, NOT_NOW), (429, NOT_NOW),
        (500, NOT_NOW), (502, NOT_NOW), (503, NOT_NOW),
    ],
)  # fmt: skip
def test_what_becomes_of_it(status: int, outcome: Outcome) -> None:
    with endpoint(status) as there:
        answer = webhook(there.url).send(Delivery(alert(), "ops"))
    assert answer.outcome is outcome
    assert outcome is SENT or answer.reason == f"answers {status}"
    assert len(there.requests) == 1  # a redirect is not followed


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
        sender = Sender(webhook(there.url, timeout_s=0.2), queue, lambda: NOON_S)
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


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/services/T0/B0/token", "https://example.org/..."),
        ("https://example.org:8443/?key=hidden", "https://example.org:8443/..."),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert host_of(url) == shown
