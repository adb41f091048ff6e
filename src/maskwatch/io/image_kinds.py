"""Every kind of picture file that is known: what is read, and what is told of the rest.

One list for all doors. What a file is, its first bytes say; its suffix only says whether it counts
as a picture inside a folder, and what to call it where its bytes say nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO

from PIL import features
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

# By signature and with these instead of Image.open, which also opens Pillow's many other formats,
# and warns of large pictures, which can only be silenced for the whole process.
Reader = Callable[[IO[bytes]], ImageFile]

HEAD_BYTES = 64
"""How much of a file `kind_of` looks at."""

# without the path of this Python, for it also goes to those who ask a service
_HEIF = 'needs one more package: pip install "maskwatch[heif]"; or save it as JPEG'
_EXPORT = "is not read; export it as JPEG"
# what the header of a BMP may have for its length, which tells it from a text that begins with BM
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)
_AVIF_BRANDS = (b"avif", b"avis")
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


@dataclass(frozen=True, slots=True)
class ImageKind:
    """A kind of picture file.

    Attributes:
        name: what people call it.
        suffixes: of its files, in lower case.
        is_head: whether a file that begins with these bytes is one.
        reader: gives what opens it; None where nothing that is installed can.
        advice: what to do where it cannot be opened; continues its name.
    """

    name: str
    suffixes: tuple[str, ...]
    is_head: Callable[[bytes], bool]
    reader: Callable[[], Reader | None]
    advice: str = "cannot be read here; save it as JPEG"


def _begins(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(signatures)


def _is_bmp(head: bytes) -> bool:
    return head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADERS


def _is_webp(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP"


def _brands(head: bytes) -> tuple[bytes, ...]:
    """The brands of a file of the family of MP4: its own, then those it is compatible with."""
    if head[4:8] != b"ftyp":
        return ()
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return (head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4)))


def _is_avif(head: bytes) -> bool:
    return any(brand in _AVIF_BRANDS for brand in _brands(head))


def _is_heif(head: bytes) -> bool:
    return _brands(head)[:1] != () and _brands(head)[0] in _HEIF_BRANDS and not _is_avif(head)


def _is_cr2(head: bytes) -> bool:
    return head[:4] == b"II*\0" and head[8:10] == b"CR"


def _is_raw(head: bytes) -> bool:
    if _is_cr2(head) or _brands(head)[:1] == (b"crx ",):
        return True
    return head.startswith(
        (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"\0MRM", b"FOVb")
    )


def _is_tiff(head: bytes) -> bool:
    return head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")) and not _is_cr2(head)


def _is_svg(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<svg")


def _never(_: bytes) -> bool:
    return False


def _avif() -> Reader | None:
    """Pillow's own where it was built with it; loaded when the first is met."""
    if not features.check("avif"):
        return None
    from PIL.AvifImagePlugin import AvifImageFile

    return AvifImageFile


def _heif() -> Reader | None:
    """Of either package: pi-heif is pillow-heif without the part that writes, which is GPL."""
    try:
        from pi_heif import HeifImageFile
    except ModuleNotFoundError:
        try:
            from pillow_heif import HeifImageFile
        except ModuleNotFoundError:
            return None
    return HeifImageFile  # type: ignore[no-any-return]


def _none() -> Reader | None:
    return None


_RAW = (
    ".dng",
    ".cr2",
    ".cr3",
    ".crw",
    ".nef",
    ".nrw",
    ".arw",
    ".srf",
    ".sr2",
    ".orf",
    ".rw2",
    ".raf",
    ".pef",
    ".srw",
    ".x3f",
    ".raw",
    ".rwl",
    ".3fr",
    ".iiq",
    ".kdc",
    ".dcr",
    ".erf",
    ".mrw",
    ".mef",
    ".mos",
    ".gpr",
)
RAW_ADVICE = f"{_EXPORT} with the program of its camera"

READ = (
    ImageKind(
        "JPEG",
        (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".jfi", ".mpo", ".pjpeg", ".pjp"),
        _begins(b"\xff\xd8\xff"),
        lambda: JpegImageFile,
    ),
    ImageKind("PNG", (".png", ".apng"), _begins(b"\x89PNG\r\n\x1a\n"), lambda: PngImageFile),
    ImageKind("WebP", (".webp",), _is_webp, lambda: WebPImageFile),
    ImageKind("BMP", (".bmp", ".dib"), _is_bmp, lambda: BmpImageFile),
    ImageKind("TIFF", (".tif", ".tiff"), _is_tiff, lambda: TiffImageFile),
    ImageKind("GIF", (".gif",), _begins(b"GIF8"), lambda: GifImageFile),
    ImageKind("AVIF", (".avif", ".avifs"), _is_avif, _avif),
    ImageKind("HEIC", (".heic", ".heif", ".hif", ".heics"), _is_heif, _heif, _HEIF),
)
"""What is read, HEIC where its package is installed."""

_UNREAD = (
    ImageKind("raw photo", _RAW, _is_raw, _none, RAW_ADVICE),
    ImageKind(
        "JPEG XL",
        (".jxl",),
        _begins(b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"),
        _none,
        _EXPORT,
    ),
    ImageKind(
        "JPEG 2000",
        (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".jpm"),
        _begins(b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"),
        _none,
        _EXPORT,
    ),
    ImageKind("JPEG XR", (".jxr", ".wdp", ".hdp"), _begins(b"II\xbc"), _none, _EXPORT),
    ImageKind("Photoshop file", (".psd", ".psb"), _begins(b"8BPS"), _none, _EXPORT),
    ImageKind("GIMP file", (".xcf",), _begins(b"gimp xcf"), _none, _EXPORT),
    ImageKind("SVG drawing", (".svg", ".svgz"), _is_svg, _none, _EXPORT),
    ImageKind("icon", (".ico", ".cur", ".icns"), _begins(b"\0\0\1\0", b"icns"), _none, _EXPORT),
    ImageKind("TGA", (".tga",), _never, _none, _EXPORT),
    ImageKind("PCX", (".pcx",), _never, _none, _EXPORT),
    ImageKind("PNM", (".ppm", ".pgm", ".pbm", ".pnm", ".pam", ".pfm"), _never, _none, _EXPORT),
    ImageKind("OpenEXR", (".exr",), _begins(b"v/1\x01"), _none, _EXPORT),
    ImageKind("Radiance HDR", (".hdr",), _begins(b"#?RADIANCE"), _none, _EXPORT),
    ImageKind("DICOM", (".dcm",), _never, _none, _EXPORT),
    ImageKind("QOI", (".qoi",), _begins(b"qoif"), _none, _EXPORT),
    ImageKind("BPG", (".bpg",), _begins(b"BPG\xfb"), _none, _EXPORT),
)

IMAGE_SUFFIXES = frozenset(suffix for kind in (*READ, *_UNREAD) for suffix in kind.suffixes)
"""What counts as a picture inside a folder; what is not read is told of, not left out."""

UPLOAD_SUFFIXES = tuple(suffix.removeprefix(".") for kind in READ for suffix in kind.suffixes)
"""What a page's field for files offers, without dots."""

NAMES = ", ".join(kind.name for kind in READ[:-1]) + f" or {READ[-1].name}"
"""What is read, for messages."""


def kind_of(head: bytes, name: str = "") -> ImageKind | None:
    """The kind of a file, None where it is no picture.

    Args:
        head: its first HEAD_BYTES, or all there are.
        name: of the file; asked where the bytes do not say enough.
    """
    suffix = PurePath(name).suffix.lower()
    known = next((kind for kind in (*READ, *_UNREAD) if kind.is_head(head)), None)
    # raw photos are TIFFs whose first picture is a small one for the camera's own screen
    if known is None or (known.name == "TIFF" and suffix in _RAW):
        return next((kind for kind in _UNREAD if suffix in kind.suffixes), known)
    return known


def counts_as_picture(name: str) -> bool:
    """Whether a file in a folder is one by its name.

    A leading dot marks what systems leave beside pictures, such as ._photo.jpg.
    """
    path = PurePath(name)
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def may_be_video(head: bytes) -> bool:
    """Whether these are the first bytes of a film, which somebody may give for a picture."""
    is_avi = head[:4] == b"RIFF" and head[8:12] == b"AVI "
    return is_avi or head.startswith(b"\x1aE\xdf\xa3") or bool(_brands(head))
