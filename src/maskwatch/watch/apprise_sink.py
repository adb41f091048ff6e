"""Alerts as messages to people by Apprise: ntfy, e-mail, Slack, Teams, Discord, Telegram, others.

Apprise knows how each of them is told; what it is told here is a title, a line and perhaps a
picture. Its own log names addresses, in which a password may be, so nobody gets to read it.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from maskwatch.errors import MissingExtraError, SettingError
from maskwatch.io.style import STYLES
from maskwatch.schema import MaskState
from maskwatch.watch.outbox import Answer, Delivery, Outcome
from maskwatch.watch.pictures import FindPicture, Picture, no_picture, picture_of
from maskwatch.watch.rules import Alert, AlertKind

if TYPE_CHECKING:
    from apprise import NotifyBase

    from maskwatch.watch.config import AppriseConfig

_ATTEMPT_S = 30.0


class AppriseSink:
    """Sends alerts to one address of Apprise; see Sink."""

    def __init__(self, config: AppriseConfig, find_picture: FindPicture = no_picture) -> None:
        """Nothing is sent yet.

        Args:
            config: where to.
            find_picture: of an event, where it is still kept.
        """
        self._config = config
        self._find_picture = find_picture
        self._service = service_at(config.url)

    @property
    def name(self) -> str:
        """What messages call it; the address may hold a password."""
        return self._config.name

    def send(self, delivery: Delivery) -> Answer:
        """Tell it once; Apprise does not say whether a later attempt could do better."""
        alert = delivery.alert
        title, line = message(alert)
        picture = picture_of(alert, self._config.picture, self._find_picture)
        try:
            taken = self._service.notify(
                body=line,
                title=title,
                body_format="text",  # names of cameras may look like HTML
                notify_type="warning" if alert.kind is AlertKind.VIOLATION else "success",
                attach=picture and _attachment(picture),
            )
        except TypeError:  # how Apprise answers where there is nothing to be told
            taken = False
        return Answer(Outcome.SENT) if taken else Answer(Outcome.NOT_NOW, "does not take it")


def service_at(url: str) -> NotifyBase:
    """What Apprise makes of an address.

    Raises:
        SettingError: it knows none of this kind, or the address lacks something.
        MissingExtraError: it is not installed.
    """
    try:
        from apprise import Apprise, AppriseAsset, NotifyBase
    except ModuleNotFoundError:
        raise MissingExtraError("telling people through Apprise", "apprise") from None
    logging.getLogger("apprise").disabled = True
    # no picture of its own is linked, which the receiver would fetch from its makers
    asset = AppriseAsset(
        app_id="MaskWatch",
        app_desc="MaskWatch",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        http_redirects=False,
        service_timeout=_ATTEMPT_S,
    )
    service = Apprise.instantiate(url, asset=asset)
    if not isinstance(service, NotifyBase):
        raise SettingError(
            "url is no address that Apprise knows, such as ntfys://TOPIC or "
            "mailtos://USER:PASSWORD@HOST?to=ADDRESS"
        )
    return service


def message(alert: Alert) -> tuple[str, str]:
    """Title and line of an alert, for people."""
    told = json.loads(alert.body)
    place = ", ".join(filter(None, (alert.camera, told.get("zone"))))
    clock = datetime.fromtimestamp(alert.time_s).strftime("%Y-%m-%d %H:%M:%S")
    link = f" {told['link']}" if "link" in told else ""
    if alert.kind is AlertKind.ALL_CLEAR:
        return f"All clear at {place}", f"{clock}{link}"
    people = "1 person" if told["people"] == 1 else f"{told['people']} people"
    label = STYLES[MaskState(told["state"])].label
    return f"{label} at {place}", f"{people}, for {told['lasted_s']:.0f} s, {clock}{link}"


def _attachment(picture: Picture) -> Any:
    from apprise.attachment.memory import AttachMemory

    new: Any = AttachMemory  # its types are not told
    return new(
        content=picture.content, name=f"picture{picture.suffix}", mimetype=picture.media_type
    )
