"""Names that people give to cameras, zones, rules and receivers."""

from __future__ import annotations

from collections.abc import Sequence

from maskwatch.errors import SettingError
from maskwatch.io.settings import require


def check_name(name: str) -> None:
    """Raise a SettingError unless this can name a camera, a zone, a rule or a sink everywhere."""
    plain = 0 < len(name) <= 64 and name.isprintable() and name == name.strip()
    valid = "1 to 64 printable characters without / + # $ < > and spaces around"
    # the first four mean something in MQTT, the last two in messages that are HTML
    require(plain and not set(name) & set("/+#$<>"), "name", valid)


def check_once(what: str, names: Sequence[str], taken: Sequence[str] = ()) -> None:
    """Raise a SettingError where a name is there twice, or one that is taken."""
    # topics and numbers are made from names without regard to upper and lower case
    seen = {name.casefold() for name in taken}
    for index, name in enumerate(names):
        if name.casefold() in seen:
            raise SettingError(f"{what}[{index}].name is there twice; each needs a name of its own")
        seen.add(name.casefold())
