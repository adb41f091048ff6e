"""By which names a program here may be called.

Run: pytest tests/unit/io/test_hosts.py
"""

from __future__ import annotations

import socket

import pytest

from maskwatch.io.addresses import is_own_host

HERE = socket.gethostname()


@pytest.mark.parametrize(
    ("header", "names", "own"),
    [
        ("", (), True),
        ("localhost", (), True),
        ("localhost:8000", (), True),
        ("LocalHost.:8000", (), True),
        ("pages.localhost", (), True),
        ("127.0.0.1:8501", (), True),
        ("192.168.1.5", (), True),
        ("[::1]:8000", (), True),
        (HERE, (), True),
        (f"{HERE}.local:8501", (), True),
        ("evil.example", (), False),
        ("evil.example:8000", (), False),
        ("localhost.evil.example", (), False),
        ("evillocalhost", (), False),
        ("127.0.0.1.evil.example", (), False),
        ("[::1", (), False),
        (":8000", (), False),
        ("masks.example.org", ("masks.example.org",), True),
        ("Masks.Example.org:443", ("MASKS.example.org",), True),
        ("a.masks.example.org", ("masks.example.org",), False),
        ("a.example.org", ("*.example.org",), True),
        ("example.org", ("*.example.org",), False),
        ("evilexample.org", ("*.example.org",), False),
    ],
)
def test_a_name_is_that_of_this_computer_or_given(
    header: str, names: tuple[str, ...], own: bool
) -> None:
    assert is_own_host(header, names) is own
