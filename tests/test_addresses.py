"""No password of an address shows in a message.

Run: pytest tests/test_addresses.py
"""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.addresses import without_passwords


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("video.mp4", "video.mp4"),
        ("rtsp://host/1", "rtsp://host/1"),
        ("rtsp://host:554/1", "rtsp://host:554/1"),
        ("rtsp://host:554/user@1", "rtsp://host:554/user@1"),
        ("rtsp://user@host/1", "rtsp://user@host/1"),
        ("rtsp://user:secret@host:554/1", "rtsp://user:***@host:554/1"),
        ("rtsp://user:@host/1", "rtsp://user:***@host/1"),
        ("rtsp://:secret@host/1", "rtsp://:***@host/1"),
        ("rtsp://user:se:cr@et@host/1", "rtsp://user:***@host/1"),
        ("rtsp://user:sec/ret@host/1", "rtsp://user:***@host/1"),
        ("rtsp://user:12345@host/1", "rtsp://user:***@host/1"),
        ("cannot open 'http://u:p@h/': gone", "cannot open 'http://u:***@h/': gone"),
        ("http://h/cgi?user=admin&pwd=a.b&x=1", "http://h/cgi?user=admin&pwd=***&x=1"),
        ("http://h/cgi?PASSWORD=a'b c", "http://h/cgi?PASSWORD=***'b c"),
        ("http://h/cgi?access_token=abc", "http://h/cgi?access_token=***"),
        ("http://h/cgi?loginuse=a&loginpas=b", "http://h/cgi?loginuse=a&loginpas=***"),
        ("http://h/cgi?pass", "http://h/cgi?pass"),
        ("two rtsp://a:b@c/ rtsp://d:e@f/", "two rtsp://a:***@c/ rtsp://d:***@f/"),
    ],
)
def test_addresses(text: str, shown: str) -> None:
    assert without_passwords(text) == shown


@given(st.text(string.ascii_letters + string.digits + "@:!$%&*+-_.~", min_size=1))
def test_any_password(password: str) -> None:
    shown = without_passwords(f"rtsp://user:{password}@camera.local:554/stream")
    assert shown == "rtsp://user:***@camera.local:554/stream"
