"""How browser and server find a way to each other: directly, or through a TURN server.

Video does not come through the page's own address; the two connect anew, by ICE. In one network
they reach each other without help, and no third party is asked. Over the internet a TURN server
has to pass the video on; where it is and how to log in is read from the environment, into which
Streamlit also puts its secrets (.streamlit/secrets.toml):

    TURN_URLS       one address or several with commas between, such as turn:turn.example.org:3478
    TURN_SECRET     what the TURN server shares with this one (coturn: static-auth-secret); browsers
                    get a login made from it that ends by itself
    TURN_USERNAME, TURN_PASSWORD
                    instead of the secret: a login that every browser gets, for any use
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

from maskwatch.errors import SettingError

URLS, SECRET = "TURN_URLS", "TURN_SECRET"
USERNAME, PASSWORD = "TURN_USERNAME", "TURN_PASSWORD"

IceServer = dict[str, str | list[str]]

_SCHEMES = ("turn:", "turns:")
_HOUR_S = 3600
# of a login made from the secret; it has to outlive the start of a connection only
_VALID_HOURS = 6


def ice_servers(environment: Mapping[str, str], time_s: float) -> list[IceServer]:
    """The servers that help to connect; none for a local network.

    Args:
        environment: variables, see above.
        time_s: now, since the epoch; within an hour the answer stays the same.

    Raises:
        SettingError: only part of what a TURN server needs is there.
    """
    urls, secret, username, password = (
        environment.get(name, "").strip() for name in (URLS, SECRET, USERNAME, PASSWORD)
    )
    if not urls:
        if secret or username or password:
            raise SettingError(f"{URLS}: missing, although there is a login for a TURN server")
        return []
    addresses = [address.strip() for address in urls.split(",")]
    if not all(address.startswith(_SCHEMES) for address in addresses):
        raise SettingError(f"{URLS}: each address must begin with turn: or turns:")
    if secret:
        username, password = _passing_login(secret, time_s)
    elif not (username and password):
        raise SettingError(f"{URLS}: needs {SECRET} as well, or {USERNAME} and {PASSWORD}")
    return [{"urls": addresses, "username": username, "credential": password}]


def _passing_login(secret: str, time_s: float) -> tuple[str, str]:
    """User name and password that a TURN server with this secret takes for some hours.

    The name is the second at which it ends, the password its signature: the TURN REST scheme.
    """
    ends_s = (int(time_s) // _HOUR_S + _VALID_HOURS) * _HOUR_S
    username = str(ends_s)
    signature = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(signature).decode()
