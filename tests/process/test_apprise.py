"""Alerts to people by Apprise: to a real mail catcher and a real web server, and no secret told.

Run: pytest tests/process/test_apprise.py
"""

from __future__ import annotations

import base64
import email
import email.policy
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from support.alert_factory import alert
from support.http_endpoint import endpoint
from support.mail_catcher import mail_catcher
from support.ports import free_port
from support.waiting import until
from test_cli_watch import BARE, RULE, camera, named, networks, watching

from maskwatch.errors import SettingError
from maskwatch.io.settings import Secret
from maskwatch.watch.apprise_sink import AppriseSink, message
from maskwatch.watch.config import AppriseConfig
from maskwatch.watch.outbox import Delivery, Outcome
from maskwatch.watch.pictures import Picture
from maskwatch.watch.rules import AlertKind

__all__ = ["networks"]

PICTURE = Picture(b"\x89PNG\r\n\x1a\n" + bytes(64), "image/png")
LINK = "https://cameras.example.org/#event=e1"


def violation(**more: object) -> Delivery:
    told = {"state": "no_mask", "people": 2, "lasted_s": 2.6, "event": "e1", **more}
    return Delivery(alert(**told), "phone")


def sink(url: str, picture: bool = False) -> AppriseSink:
    return AppriseSink(AppriseConfig("phone", Secret(url), picture), {"e1": PICTURE}.get)


@contextmanager
def quiet(caplog: pytest.LogCaptureFixture, *secrets: str) -> Iterator[None]:
    """What is logged meanwhile holds none of these."""
    with caplog.at_level(logging.WARNING):
        yield
    assert not any(secret in caplog.text for secret in secrets)


@pytest.mark.parametrize(
    ("more", "title", "line"),
    [
        ({}, "No mask at door", "2 people, for 3 s, "),
        ({"people": 1, "zone": "till"}, "No mask at door, till", "1 person, for 3 s, "),
        ({"state": "incorrect_mask", "link": LINK}, "Mask worn incorrectly at door", LINK),
    ],
)
def test_what_people_read(more: dict[str, object], title: str, line: str) -> None:
    told_title, told_line = message(violation(**more).alert)
    assert told_title == title and line in told_line and "2026-11-24" in told_line


def test_the_all_clear() -> None:
    title, line = message(alert(kind=AlertKind.ALL_CLEAR, link=LINK))
    assert title == "All clear at door" and line.endswith(LINK)


@pytest.mark.parametrize("picture", [False, True])
def test_a_mail_with_and_without_a_picture(picture: bool) -> None:
    with mail_catcher() as caught:
        address = f"mailto://127.0.0.1:{caught.port}/reception@example.org?from=watch@example.org"
        assert sink(address, picture).send(violation()).outcome is Outcome.SENT
    (content,) = caught.mails
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert mail["Subject"] == "No mask at door" and "reception@example.org" in mail["To"]
    attached = [part.get_content() for part in mail.iter_attachments()]
    assert attached == ([PICTURE.content] if picture else [])
    assert b"http" not in content  # nothing is fetched from elsewhere by whoever reads it


def test_ntfy_and_a_webhook_in_the_shape_of_slack() -> None:
    with endpoint() as there:
        host = there.url.removeprefix("http://").removesuffix("/hook")
        assert sink(f"ntfy://{host}/gate-7").send(violation()).outcome is Outcome.SENT
        token = "a1b2c3d4e5f6g7h8i9j0k1l2m3"
        assert sink(f"mmost://{host}/{token}").send(violation(link=LINK)).outcome is Outcome.SENT
        assert sink(f"json://{host}/", picture=True).send(violation()).outcome is Outcome.SENT
    ntfy, slack, whole = (request.document for request in there.requests)
    assert (ntfy["topic"], ntfy["title"]) == ("gate-7", "No mask at door")
    assert LINK in slack["text"]
    (attached,) = whole["attachments"]
    assert base64.b64decode(attached["base64"]) == PICTURE.content


@pytest.mark.parametrize(("spared", "heard"), [("", (1, 0)), ("127.0.0.1,localhost", (0, 1))])
def test_the_proxy_of_the_environment_is_asked_unless_it_says_otherwise(
    spared: str, heard: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also for a service on this computer, unlike webhooks; the page on alerts says so."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with endpoint() as proxy, endpoint() as there:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", spared)
        host = there.url.removeprefix("http://").removesuffix("/hook")
        assert sink(f"json://{host}/").send(violation()).outcome is Outcome.SENT
    assert (len(proxy.requests), len(there.requests)) == heard


def test_names_are_no_html_where_messages_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Telegram refuses what is no HTML, for ever."""
    sent: list[str] = []

    def post(url: str, data: str = "", **more: object) -> requests.Response:
        sent.append(json.loads(data)["text"])
        answer = requests.Response()
        answer.status_code, answer._content = 200, b'{"ok": true, "result": []}'
        return answer

    monkeypatch.setattr(requests, "post", post)
    address = "tgram://123456789:abcdefg_hijklmnop/12315544"
    delivery = Delivery(alert(camera="lab & hall", state="no_mask", people=1, lasted_s=2), "phone")
    assert sink(address).send(delivery).outcome is Outcome.SENT
    assert "lab &amp; hall" in sent[-1]


def test_who_does_not_take_it_is_asked_again_and_no_secret_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with quiet(caplog, "s3cret"), endpoint(500, 404, 301) as there:
        host = there.url.removeprefix("http://").removesuffix("/hook")
        for _ in range(3):
            answer = sink(f"json://user:s3cret@{host}/s3cret").send(violation())
            assert answer.outcome is Outcome.NOT_NOW and "s3cret" not in answer.reason
        gone = sink(f"json://user:s3cret@127.0.0.1:{free_port()}/").send(violation())
        assert gone.outcome is Outcome.NOT_NOW
    assert {request.path for request in there.requests} == {"/s3cret"}  # no redirect is followed


@pytest.mark.parametrize(
    "url",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
        "workflows://prod.example.org:443/643a8d3cf2c9/q2TqHRRy8eZbJ",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "tgram://123456789:abcdefg_hijklmnop/12315544",
        "ntfys://gate-7",
        "mailtos://watch:s3cret@mail.example.org?to=reception@example.org",
    ],
)
def test_addresses_of_well_known_services_are_taken(url: str) -> None:
    assert repr(AppriseConfig("phone", Secret(url))).find(url) < 0


@pytest.mark.parametrize("url", ["", "s3cret", "nope://s3cret", "slack://s3cret", "mailto://"])
def test_what_is_no_address_is_told_without_showing_it(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with quiet(caplog, "s3cret"), pytest.raises(SettingError, match="url is no address") as caught:
        AppriseConfig("phone", Secret(url))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "ntfys://ntfy.example.org/gate-7/gate-8",
        "tgram://123456789:abcdefg_hijklmnop/12315544/12315545",
        "mailtos://watch:s3cret@mail.example.org?to=a@example.org,b@example.org",
    ],
)
def test_several_receivers_need_several_addresses(url: str) -> None:
    """Where one of them does not take it, all others would get it again at each attempt."""
    with pytest.raises(SettingError, match=r"^url must be the address of one receiver; ") as caught:
        AppriseConfig("phone", Secret(url))
    assert "s3cret" not in str(caught.value)


def test_the_whole_program_writes_a_mail(networks: list[str], tmp_path: Path) -> None:
    with mail_catcher() as caught, camera(BARE) as address:
        mailto = f"mailto://127.0.0.1:{caught.port}/reception@example.org?from=watch@example.org"
        settings = {
            "cameras": [named("door", address)],
            "rules": [{**RULE, "cool_down_s": 3600}],
            "apprise": [{"name": "phone", "url": mailto, "picture": True}],
            "evidence": {"folder": str(tmp_path / "evidence"), "keep_days": 1},
        }
        with watching(networks, tmp_path, **settings) as program:
            until(lambda: caught.mails)
            assert program.end() == 0 and program.errors == ""
    mail = email.message_from_bytes(caught.mails[0], policy=email.policy.default)
    (attached,) = [part.get_content() for part in mail.iter_attachments()]
    # where the machine stands still the face is lost and found, which is another violation
    assert attached in [path.read_bytes() for path in (tmp_path / "evidence").iterdir()]
