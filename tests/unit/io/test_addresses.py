"""Of an address, messages show scheme, host and port: whatever its form, no password.

Run: pytest tests/unit/io/test_addresses.py
"""

from __future__ import annotations

import string
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from maskwatch.io.addresses import (
    holds_password,
    plain_address,
    shown_address,
    without_addresses,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("0", "0"),
        ("video.mp4", "video.mp4"),
        (r"C:\films\video.mp4", r"C:\films\video.mp4"),
        ("/films/a b.mp4", "/films/a b.mp4"),
        ("rtsp://host", "rtsp://host"),
        ("rtsp://host/", "rtsp://host/"),
        ("rtsp://host/1", "rtsp://host/..."),
        ("rtsp://host:554/1", "rtsp://host:554/..."),
        ("rtsps://[fe80::1%eth0]:322/1", "rtsps://[fe80::1%eth0]:322/..."),
        ("rtsp://user@host/1", "rtsp://***@host/..."),
        ("rtsp://user:secret@host:554/1", "rtsp://***@host:554/..."),
        ("rtsp://:secret@host", "rtsp://***@host"),
        ("rtsp://user:se:cr@et@host/1", "rtsp://***@host/..."),
        ("rtsp://user:sec/ret@host/1", "rtsp://***@host/..."),
        ("rtsp://user:1#2@host/1", "rtsp://***@host/..."),
        ("rtsp://user:secret@/1", "rtsp://***@/..."),
        ("rtsp://user:12345/secret@host/1", "rtsp://..."),
        ("rtsp://host:554/secret@1", "rtsp://..."),
        ("rtsp://se cret/1", "rtsp://..."),
        ("rtsp://host/user=admin_password=secret_channel=1", "rtsp://host/..."),
        ("http://host/cgi?p=secret", "http://host/..."),
        ("http://host?secret", "http://host/..."),
        # the beginning is left out or mistyped, and there is no such file
        ("user:secret@host/1", "***"),
        ("host/user=admin_password=secret", "***"),
        ("rtsp:/host/secret", "***"),
        (" rtsp://host/secret", "***"),
        ("a\0=b", "***"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert shown_address(text) == shown


def test_a_file_keeps_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a=b @ c.mp4"
    path.touch()
    assert shown_address(str(path)) == str(path)


MARK = "hunter2"
TYPED = st.text(string.ascii_letters + string.digits + "@:!$%&*+-_.~/#?=;,'()[] é", max_size=6)
FORMS = (
    "{kind}://user:{secret}@{host}/1",
    "{kind}://{secret}@{host}/1",
    "{kind}://{secret}:x@{host}/1",
    "{kind}://{host}/user=admin_password={secret}_channel=1_stream=0.sdp",
    "{kind}://{host}/user=admin;pwd={secret};ch=1",
    "{kind}://{host}/{secret}/1",
    "{kind}://{host}/1?{name}={secret}&x=1",
    "{kind}://{host}?{secret}",
    "{kind}://{host}/#{secret}",
    "user:{secret}@{host}/1",
    "{host}/1?{name}={secret}",
    "{kind}:/user:{secret}@{host}/1",
)


@given(
    st.sampled_from(FORMS),
    st.sampled_from(["rtsp", "rtsps", "http", "HTTPS", "ftp"]),
    st.sampled_from(["192.168.1.20", "camera.local:554", "[::1]:80", "exa..mple", ""]),
    st.sampled_from(["pw", "psw", "p", "token", "anything"]),
    TYPED,
    TYPED,
)
@example(FORMS[0], "rtsp", "h", "p", "12/", "@")
@example(FORMS[3], "rtsp", "h", "p", "a@", "")
def test_no_secret_is_shown_wherever_it_stands(
    form: str, kind: str, host: str, name: str, before: str, after: str
) -> None:
    secret = f"{before}{MARK}{after}"
    address = form.format(kind=kind, host=host, name=name, secret=secret)
    assert MARK not in shown_address(address)


@pytest.mark.parametrize("form", [form for form in FORMS if "://" in form])
def test_no_address_in_the_words_of_other_programs_shows_one(form: str) -> None:
    address = form.format(kind="rtsp", host="camera", name="p", secret=MARK)
    said = without_addresses(f"cannot open '{address}': gone")
    assert MARK not in said and "cannot open 'rtsp://" in said and said.endswith("': gone")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("s3://bucket/a@b/c=1/d.jpg", False),
        ("s3://bucket/part?/year=2024/*.jpg", False),
        ("abfs://photos@account.dfs.core.windows.net/a.jpg", False),
        ("ftp://me:secret@host/photos", True),
        ("https://secret@host/a.jpg", True),
        ("https://host/a.jpg?sig=secret", True),
        ("https://host/a.jpg?x=1&p=secret", True),
    ],
)
def test_which_addresses_of_stores_hold_a_password(address: str, expected: bool) -> None:
    assert holds_password(address) is expected


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("rtsp://host/1#x", "rtsp://host/1#x"),
        ("rtsp://host:554/user@1", "rtsp://host:554/user@1"),
        ("rtsp://user:a#b@host/1", "rtsp://user:a%23b@host/1"),
        ("rtsp://user:a/b@host:554/1", "rtsp://user:a%2Fb@host:554/1"),
        ("rtsp://user:a?b c@d@host", "rtsp://user:a%3Fb%20c%40d@host"),
        ("rtsp://user:a%23b@host/1", "rtsp://user:a%23b@host/1"),
    ],
)
def test_what_libraries_are_given(text: str, plain: str) -> None:
    assert plain_address(text) == plain


@given(st.text(string.ascii_letters + "!$&*+-_.~:/#?=,;", min_size=1))
@example("1#2")
@example("a#@b/")
def test_a_password_reaches_the_camera_as_it_was_typed(password: str) -> None:
    parts = urlsplit(plain_address(f"rtsp://user:{password}@camera.local:554/stream"))
    assert (parts.hostname, parts.port, parts.path) == ("camera.local", 554, "/stream")
    assert unquote(parts.password or "") == password
