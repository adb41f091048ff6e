"""Image files that are small and valid, and ask for far more work than their pixels need."""

from __future__ import annotations

import struct


def jpeg_of_scans(side_px: int, scans: int) -> bytes:
    """A grey progressive JPEG: each scan goes over all blocks and says nothing of any of them."""
    blocks = ((side_px + 7) // 8) ** 2
    begin = b"\xff\xd8" + _segment(0xDB, b"\0" + bytes([1] * 64))
    begin += _segment(0xC2, struct.pack(">BHHB", 8, side_px, side_px, 1) + bytes([1, 0x11, 0]))
    # the only code of each table: no difference; the end of band for up to 32,767 blocks
    begin += _segment(0xC4, b"\x00" + bytes([1] + [0] * 15) + b"\x00")
    begin += _segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\xe0")
    begin += _segment(0xDA, bytes([1, 1, 0x00, 0, 0, 0x00])) + b"\0" * ((blocks + 7) // 8)
    bits = ("0" + "1" * 14) * -(-blocks // 32_767)
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    scan = _segment(0xDA, bytes([1, 1, 0x00, 1, 63, 0x00])) + data
    return begin + scan * scans + b"\xff\xd9"


def tiff_of_strips(strips: int, claimed_bytes: int = 1) -> bytes:
    """A grey TIFF of one column, each row a strip, and all of them the same bytes."""
    first, lengths = 8 + 2 + 12 * 9 + 4, 8 + 2 + 12 * 9 + 4 + 4 * strips
    entries = (
        (256, 4, 1, 1),
        (257, 4, 1, strips),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, strips, first),
        (277, 3, 1, 1),
        (278, 4, 1, 1),
        (279, 4, strips, lengths),
    )
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    head += b"".join(struct.pack("<HHII", *entry) for entry in entries) + struct.pack("<I", 0)
    place = struct.pack("<I", lengths + 4 * strips)
    return head + place * strips + struct.pack("<I", claimed_bytes) * strips + b"\x80" * 64


def tiff_of_tags(tags: int, shared_bytes: int) -> bytes:
    """A TIFF each of whose tags claims the same bytes as its own."""
    shared = ((10_000 + number, 7, shared_bytes, 0) for number in range(tags))
    entries = ((256, 4, 1, 1), (257, 4, 1, 1), *shared)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return head + b"".join(struct.pack("<HHII", *e) for e in entries) + b"\0" * shared_bytes


def _segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data
