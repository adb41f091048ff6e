"""Text files of other programs: the encoding that their first bytes give away."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like the mark of UTF-16, so it is asked first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_HEAD_BYTES = 256


def marked_encoding(content: bytes) -> str | None:
    """The encoding of a text by its byte order mark, or by its zeros; None where neither tells.

    Notepad and PowerShell write such text; Latin letters in UTF-16 are every other byte zero.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    head = content[:_HEAD_BYTES]
    if head.count(0) * 4 <= len(head):
        return None
    return "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
