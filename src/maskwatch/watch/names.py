"""Names that people give to cameras, zones, rules and receivers."""

from __future__ import annotations

from maskwatch.io.settings import require


def check_name(name: str) -> None:
    """Raise a SettingError unless this can name a camera, a zone, a rule or a sink everywhere."""
    plain = 0 < len(name) <= 64 and name.isprintable() and name == name.strip()
    valid = "1 to 64 printable characters without / + # $ < > and spaces around"
    # the first four mean something in MQTT, the last two in messages that are HTML
    require(plain and not set(name) & set("/+#$<>"), "name", valid)
