"""From a camera to who is told: RTSP, zone, hours, page, broker, webhook and mail, all real.

Run: pytest tests/process/test_watch_whole.py
"""

from __future__ import annotations

import base64
import email
import email.policy
import json
from pathlib import Path

from support.http_endpoint import endpoint
from support.mail_catcher import mail_catcher
from support.mqtt_broker import listening, mosquitto
from support.stream_servers import Rtsp, serve
from support.waiting import until
from test_cli_watch import EMPTY, EVER, RULE, Stage, named, networks, watching
from test_watch_page import EVERYTHING, KEYS, Site

from maskwatch.watch.event_store import EventStore

__all__ = ["networks"]

URL = "https://cameras.example.org"
NEVER = {"weekly": ["mon 00:00-00:01"], "time_zone": "UTC", "holidays": ["2000-01-01/2999-12-31"]}


def test_one_violation_reaches_everybody_with_its_picture_and_hours_silence_the_next(
    networks: list[str], tmp_path: Path
) -> None:
    stage, store = Stage(), EventStore(tmp_path / "s.sqlite3")
    hall = {"name": "hall", "polygon_xy": EVERYTHING}
    with (
        serve(Rtsp, stage.show) as host,
        mosquitto(tmp_path) as server,
        listening(server.port) as listener,
        endpoint() as there,
        mail_catcher() as caught,
    ):
        mailto = f"mailto://127.0.0.1:{caught.port}/guard@example.org?from=watch@example.org"
        settings = {
            "cameras": [{**named("door", f"rtsp://{host}/1"), "zones": [hall]}],
            "rules": [{**RULE, "zones": ["hall"]}],
            "webhooks": [{"name": "ops", "url": there.url, "picture": True}],
            "mqtt": {"host": "127.0.0.1", "port": server.port, "picture": True},
            "apprise": [{"name": "guard", "url": mailto, "picture": True}],
            "evidence": {"folder": str(tmp_path / "evidence"), "keep_days": 1, "picture": "whole"},
            "page": {**KEYS, "url": URL},
        }
        with watching(networks, tmp_path, ["--page", "0"], **settings) as program:
            site = Site(program.page(), program, tmp_path)
            until(lambda: site.door()["condition"] == "live")
            stage.bare_again(program)
            until(lambda: there.requests and listener.alerts and listener.pictures and caught.mails)
            stage.picture = EMPTY
            alert = there.requests[0].document
            assert alert["zone"] == "hall" and alert["state"] == "no_mask"
            assert alert["link"] == f"{URL}/#event={alert['event']}"
            (shown,) = site.ask(f"/api/events?event={alert['event']}").document
            assert shown["new_state"] == "no_mask" and shown["picture"]
            picture = site.ask(f"/api/picture?event={alert['event']}").content

            assert base64.b64decode(alert["picture"]["base64"]) == picture
            told = json.loads(listener.alerts[0])
            assert (told["id"], told["event"]) == (alert["id"], alert["event"])
            assert listener.pictures[0] == picture
            discovered = json.loads(
                listener.heard["homeassistant/image/maskwatch_door/picture/config"]
            )
            assert discovered["content_type"] == "image/jpeg"
            mail = email.message_from_bytes(caught.mails[0], policy=email.policy.default)
            assert mail["Subject"] == "No mask at door, hall"
            assert [part.get_content() for part in mail.iter_attachments()] == [picture]

            assert site.ask("/api/hours", body={"rule": "bare", "hours": NEVER}).status == 204
            # where the machine stood still meanwhile, there may have been a second one
            until(lambda: not store.waiting())
            until(lambda: len(there.requests) == len(listener.alerts) == len(caught.mails))
            alerts = len(there.requests)
            before = len(store.events(*EVER))
            stage.bare_again(program)
            until(lambda: len(store.events(*EVER)) >= before + 2)
            assert program.end() == 0
        assert len(there.requests) == len(listener.alerts) == len(caught.mails) == alerts
