"""A client where the environment names proxies or certificates, or the address is an older one.

Run: pytest tests/process/test_client_environment.py
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.raw_server import answering

from maskwatch.client import Client
from maskwatch.errors import ServiceError, SettingError

Ask = Callable[[Client], object]

ASKS: tuple[Ask, ...] = (
    lambda client: client.analyze([b"x"]),
    lambda client: next(client.stream([b"x"])),
)
ODD_PROXIES = [
    ("ALL_PROXY", "socks4://user:s3cret@proxy:1080"),
    ("http_proxy", "ftp://proxy:21"),
    ("HTTP_PROXY", "http://[::1"),
    ("NO_PROXY", "[::1],localhost"),
    ("NO_PROXY", "fe80::/10"),
]


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("all_proxy", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(("name", "said"), ODD_PROXIES)
def test_a_proxy_that_is_none_is_one_line_where_one_is_needed(
    monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv(name, said)
    told = rf"^.*\b{name.upper()}\b.*: cannot be used \(.+\)$"
    with pytest.raises(SettingError, match=told) as caught:
        Client("https://maskwatch.invalid")
    assert "s3cret" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "said"), ODD_PROXIES)
def test_a_service_on_this_computer_needs_no_proxy(
    monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.setenv(name, said)
    for ask in ASKS:
        with (
            answering([b""]) as there,
            Client(f"http://127.0.0.1:{there.port}") as client,
            pytest.raises(ServiceError),
        ):
            ask(client)
        assert there.answered


def test_certificates_that_are_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    for url in ("https://maskwatch.invalid", "https://localhost"):
        with pytest.raises(SettingError, match=r"^SSL_CERT_FILE.*: cannot be used \(.+\)$"):
            Client(url)


def test_a_redirect_is_told() -> None:
    moved = b"HTTP/1.1 301 Moved Permanently\r\nLocation: https://masks.example.org/v1/analyze?k=1"
    with (
        answering([moved + b"\r\nContent-Length: 0\r\n\r\n"]) as there,
        Client(f"http://127.0.0.1:{there.port}") as client,
        pytest.raises(ServiceError) as caught,
    ):
        client.analyze([b"x"])
    said = "is redirected to https://masks.example.org/...; give that as url (status 301)"
    assert str(caught.value) == f"http://127.0.0.1:{there.port}: {said}"
