"""An address as messages show it, and as libraries take it; by which names this computer is called.

Cameras and servers take passwords in every part of an address: before the host, in the path
(user=admin_password=..._channel=1) and in parameters of any name. So nothing is shown but what can
hold none: the scheme, the host and the port.

A page on the web can make its own name point to this computer (DNS rebinding). A browser then takes
what answers here for a part of that page, which may read it all. The name stands in the `Host` of
each call, where no page can change it. An address instead of a name cannot be made to point
elsewhere.
"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Collection
from contextlib import suppress
from urllib.parse import quote, urlsplit

HIDDEN = "***"

_HOST = re.compile(r"(?:[\w.-]*|\[[\da-f:.]+(?:%\w+)?\])(?::\d{1,5})?", re.IGNORECASE)
_END_OF_HOST = re.compile(r"[/?#\\]")
# in a text that is no address, somebody may have left out its beginning: user:password@host/...
_LIKE_AN_ADDRESS = re.compile(r"[=@]|://|^[a-z][a-z\d+.-]+:[\\/]", re.IGNORECASE)
# must be written %NN before the host; people paste passwords as they are
_UNSAFE = re.compile(r"[/?#@\\\s]")
# kinds of store in which a container, not a login, stands before the @
_CONTAINERS = ("abfs", "abfss", "az", "adl", "wasb", "wasbs", "oci")
_PARAMETER = re.compile(r"[?&][^\s/=]+=")
_WITHIN_TEXT = re.compile(r"\b[a-z][a-z\d+.-]*://[^\s'\"<>]+", re.IGNORECASE)


def shown_address(text: str) -> str:
    """What messages call an address, or a file.

    Args:
        text: an address, of which scheme, host and port are shown; or the path of a file, which is
            shown whole unless there is no such file and it looks like a part of an address.

    Example:
        >>> shown_address("rtsp://user:secret@host:554/1?token=abc")
        'rtsp://***@host:554/...'
    """
    scheme, found, after = text.partition("://")
    if not found or not scheme.replace("+", "").isalnum():
        return HIDDEN if _LIKE_AN_ADDRESS.search(text) and not _is_file(text) else text
    login, host, rest = _split(after)
    if not _HOST.fullmatch(host) or "@" in rest:  # who knows where the password ends
        return f"{scheme}://..."
    before = f"{HIDDEN}@" if login is not None else ""
    return f"{scheme}://{before}{host}{rest if rest in ('', '/') else '/...'}"


def holds_password(address: str) -> bool:
    """Whether an address of an object store holds a login or parameters; its path is a name."""
    kind, _, after = address.partition("://")
    login, _, rest = _split(after)
    logs_in = login is not None and (":" in login or kind.lower() not in _CONTAINERS)
    return logs_in or _PARAMETER.search(rest) is not None


def without_addresses(text: str) -> str:
    """What another program says, with each address in it as `shown_address` has it."""
    return _WITHIN_TEXT.sub(lambda found: shown_address(found[0]), text)


def plain_address(text: str) -> str:
    """An address as libraries take it: of a login, what would end it too early is written %NN.

    Example:
        >>> plain_address("rtsp://user:a#b/c@host/1")
        'rtsp://user:a%23b%2Fc@host/1'
    """
    scheme, _, after = text.partition("://")
    login, host, rest = _split(after)
    if login is None:
        return text
    login = _UNSAFE.sub(lambda found: quote(found[0], safe=""), login)
    return f"{scheme}://{login}@{host}{rest}"


def _split(after: str) -> tuple[str | None, str, str]:
    """What stands behind :// as login, host with port, and the rest.

    The login of a valid address ends at the last @ before the path. Where no host stands there, or
    a # follows, which is part of no such address, the password holds what ends one: then it ends at
    the last @ of all.
    """
    end = _END_OF_HOST.search(after)
    authority, rest = (after[: end.start()], after[end.start() :]) if end else (after, "")
    if "@" not in authority and "@" in rest:
        if not _HOST.fullmatch(authority) or rest.startswith("#"):
            login, _, behind = after.rpartition("@")
            return login, *_split(behind)[1:]
        return None, authority, rest
    login, found, host = authority.rpartition("@")
    return login if found else None, host, rest


def _is_file(text: str) -> bool:
    try:
        return os.path.exists(text)  # noqa: PTH110 - Path.exists raises where it may not look
    except ValueError:
        return False


def is_own_host(header: str, names: Collection[str] = ()) -> bool:
    """Whether a call means this computer: by an address, by a name of its own, or by one of these.

    Args:
        header: what its `Host` says; nothing where none does, and then it comes from no browser.
        names: that the owner gives; `*.example.org` means all names that end so.
    """
    if not header:
        return True
    try:
        host = (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return False
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return True
    return any(_fits(host, name.lower().rstrip(".")) for name in (*_own_names(), *names))


def is_here(url: str) -> bool:
    """Whether an address is of this computer; a proxy would look for it on its own."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, or no address at all
        return False


def _own_names() -> tuple[str, ...]:
    name = socket.gethostname()
    return "localhost", "*.localhost", name, f"{name}.local"


def _fits(host: str, name: str) -> bool:
    if name.startswith("*."):
        return host.endswith(name[1:])
    return bool(host) and host == name
