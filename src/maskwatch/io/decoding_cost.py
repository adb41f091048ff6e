"""How much work an image file asks for, read off its structure without decoding it.

Bytes and pixels are limited elsewhere. A few formats can ask for far more work than either: a
progressive JPEG goes over all its pixels once for every scan, and a scan may be a dozen bytes long;
a TIFF may cut its pixels into a million strips, and let all of them lie at the same place.
What gets past this is ended by its processor time; this only spares that time.
"""

from __future__ import annotations

import re
import struct

from maskwatch.errors import ImageError, ImageFault

MAX_SCANS = 100
"""Of a JPEG; encoders make about ten, 64 with every bit apart."""

MAX_STRIPS = 65_536
"""Of a TIFF: strips or tiles; a file of one row each has as many as it has rows."""

_SCAN = b"\xff\xda"
# what follows the scan's own bytes: any marker but the two that belong to them
_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_ALONE = frozenset(b"\x01\xd8")
_END = 0xD9
_STRIP_TAGS = frozenset({273, 279, 324, 325})
_LENGTH_TAGS = frozenset({279, 325})
_LENGTHS = {3: "H", 4: "I"}
# bytes of a value of each TIFF type
_SIZES = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8), start=1))


def check_cost(content: bytes) -> None:
    """Refuse an image file that asks for far more work than its pixels need.

    Raises:
        ImageError: it does. Nothing is said of a file that is damaged or no image.
    """
    if content.startswith(b"\xff\xd8"):
        # what looks like a scan may stand in a thumbnail, or in a film behind the picture
        if content.count(_SCAN) > MAX_SCANS and _jpeg_scans(content) > MAX_SCANS:
            raise _too_much(f"a JPEG of more than {MAX_SCANS} scans")
    elif content[:4] in (b"II*\0", b"MM\0*"):
        strips, claimed_bytes = _tiff_claims(content)
        if strips > MAX_STRIPS:
            raise _too_much(f"a TIFF of {strips} strips, over the limit of {MAX_STRIPS}")
        if claimed_bytes > 4 * len(content):
            raise _too_much("a TIFF whose tags claim more bytes than it has")


def _jpeg_scans(content: bytes) -> int:
    """How many scans there are up to the end of the first picture, or one more than are borne."""
    scans, place = 0, 2
    while found := _MARKER.search(content, place):
        marker, place = found[1][0], found.end()
        if marker == _END:
            break
        if marker in _ALONE:
            continue
        scans += marker == _SCAN[1]
        if scans > MAX_SCANS:
            break
        place += int.from_bytes(content[place : place + 2], "big")
    return scans


def _tiff_claims(content: bytes) -> tuple[int, int]:
    """How many strips or tiles the first picture has, and how many bytes its tags say there are."""
    order = "<" if content.startswith(b"II") else ">"
    try:
        (place,) = struct.unpack_from(f"{order}I", content, 4)
        (count,) = struct.unpack_from(f"{order}H", content, place)
        entries = [
            struct.unpack_from(f"{order}HHII", content, place + 2 + 12 * index)
            for index in range(count)
        ]
        strips = max((values for tag, _, values, _ in entries if tag in _STRIP_TAGS), default=0)
        claimed_bytes = sum(values * _SIZES.get(kind, 1) for _, kind, values, _ in entries)
        for tag, kind, values, where in entries:
            # a single length stands in place of the address and is checked by whatever reads it
            if tag in _LENGTH_TAGS and kind in _LENGTHS and 1 < values <= MAX_STRIPS:
                lengths = struct.unpack_from(f"{order}{values}{_LENGTHS[kind]}", content, where)
                claimed_bytes += sum(lengths)
    except struct.error:
        return 0, 0
    return strips, claimed_bytes


def _too_much(what: str) -> ImageError:
    return ImageError("<bytes>", f"{what}: takes too long to open", ImageFault.TOO_SLOW)
