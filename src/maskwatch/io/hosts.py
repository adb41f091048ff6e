"""By which names a program on this computer may be called.

A page on the web can make its own name point to this computer (DNS rebinding). A browser then takes
what answers here for a part of that page, which may read it all. The name stands in the `Host` of
each call, where no page can change it. An address instead of a name cannot be made to point
elsewhere.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from contextlib import suppress
from urllib.parse import urlsplit


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


def _own_names() -> tuple[str, ...]:
    name = socket.gethostname()
    return "localhost", "*.localhost", name, f"{name}.local"


def _fits(host: str, name: str) -> bool:
    if name.startswith("*."):
        return host.endswith(name[1:])
    return bool(host) and host == name
