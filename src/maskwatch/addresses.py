"""What a source is called in messages: its address, in which no password shows."""

from __future__ import annotations

import re

# From the colon after the user's name to the last @ before the path; a password with a raw slash in
# it is no part of a valid address, but somebody will have typed one. Digits and a slash are a port.
_PASSWORD = re.compile(r"(?<=://)([^\s/@:?#]*):(?!\d{1,5}/)(?:[^\s/?#]*|\S*)@")

# Cameras also take it as a parameter, such as cgi?user=admin&pwd=secret.
_PARAMETER = re.compile(
    r"([?&][^\s=&]*(?:pass|pwd|pas=|token|key|secret|auth|sig)[^\s=&]*=?)(?<==)[^\s&'\"]*",
    re.IGNORECASE,
)


def without_passwords(text: str) -> str:
    """A text in which every password of an address is three asterisks.

    Example:
        >>> without_passwords("rtsp://user:secret@host/1?token=abc")
        'rtsp://user:***@host/1?token=***'
    """
    return _PARAMETER.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text))
