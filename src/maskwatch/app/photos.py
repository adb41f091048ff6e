"""The photos of one browser session and what was found in them; without Streamlit.

One `SessionPhotos` lives in the state of one session, so no visitor ever meets another's pictures,
and it outlives a change of page. It knows a photo by its content and the networks that judged it: a
new language, a filter or the same photo under another name costs no new analysis.
"""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TypeVar

from PIL import Image

import maskwatch
from maskwatch.app.components import for_screen, jpeg, little_pictures, marked_jpeg
from maskwatch.app.correcting import Answers
from maskwatch.app.decoders import open_photo
from maskwatch.app.i18n import Catalogue
from maskwatch.errors import ImageError
from maskwatch.files import told_apart
from maskwatch.io.blur import blur_heads
from maskwatch.io.draw import annotate
from maskwatch.io.report import Result, to_csv, to_jsonl
from maskwatch.io.style import Words
from maskwatch.io.zip_files import zip_entry
from maskwatch.models.card import fingerprint
from maskwatch.schema import FrameReport, ImageRGB, MaskState
from maskwatch.store.seen_faces import SeenFace, cut_out
from maskwatch.vision.classify import Explanation, explain

SOURCE = "photo"
"""Under which name faces of visitors' photos are kept, those of all of them."""

MAX_PHOTOS = 200
"""How many photos one session may hold; each costs about as much as a photo on a web page."""

# marked pictures and explanations that are kept: what a person may soon look at again
_RECENT = 32

_K = TypeVar("_K")
_V = TypeVar("_V")


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A photo that somebody gave.

    Attributes:
        upload_id: of this upload; the same photo given twice has two.
        name: of the file, unlike all others on the page.
        content: of the file.
    """

    upload_id: str
    name: str
    content: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What is kept of a photo.

    Attributes:
        key: says its content and the networks that judged it.
        result: the report, or why there is none; its source is the photo's name.
        screen_jpeg: the photo at a size made for the browser; empty where it cannot be read.
        face_urls: each face as a little picture in an address, in the report's order.
    """

    key: str
    result: Result
    screen_jpeg: bytes = b""
    face_urls: tuple[str, ...] = ()

    @property
    def report(self) -> FrameReport | None:
        """What was found; None where the photo cannot be read."""
        return None if isinstance(self.result, ImageError) else self.result


@dataclass(frozen=True, slots=True, eq=False)
class Why:
    """What a verdict rests on.

    Attributes:
        crop_rgb: (S, S, 3), what the network saw of the face.
        explanation: what becomes of the verdict when parts of that are covered.
    """

    crop_rgb: ImageRGB
    explanation: Explanation


class SessionPhotos:
    """What one browser session knows of its photos."""

    def __init__(self) -> None:
        self.given: list[Photo] = []  # by the visitor, in their order
        self._keys: dict[str, str] = {}  # of uploads, so that no content is hashed twice
        self._judged: dict[str, Judged] = {}
        self._marked: OrderedDict[tuple[str, str, int, bool], bytes] = OrderedDict()
        self._why: OrderedDict[tuple[str, int], Why] = OrderedDict()

    def add(self, files: Iterable[tuple[str, str, bytes]]) -> list[str]:
        """Take more photos, up to a limit.

        Args:
            files: of each the upload, the name and the content.

        Returns:
            The names of those for which there is no room.
        """
        files = list(files)
        taken = [photo.name for photo in self.given]
        names = told_apart([*taken, *(name for _, name, _ in files)])[len(taken) :]
        room = max(0, MAX_PHOTOS - len(taken))
        self.given += [
            Photo(upload_id, name, content)
            for (upload_id, _, content), name in zip(files[:room], names, strict=False)
        ]
        return names[room:]

    def remove(self, upload_id: str) -> None:
        """Take a photo away."""
        self.given = [photo for photo in self.given if photo.upload_id != upload_id]

    def sizes_bytes(self) -> list[int]:
        """How large each photo is."""
        return [len(photo.content) for photo in self.given]

    def keep_only(self, photos: Iterable[Photo]) -> None:
        """Forget everything about all other photos."""
        uploads = {photo.upload_id for photo in photos}
        self._keys = {upload: key for upload, key in self._keys.items() if upload in uploads}
        keys = set(self._keys.values())
        self._judged = {key: kept for key, kept in self._judged.items() if key in keys}
        for name in [name for name in self._marked if name[0] not in keys]:
            del self._marked[name]
        for place in [place for place in self._why if place[0] not in keys]:
            del self._why[place]

    def find(self, analyzer: maskwatch.Analyzer, photo: Photo) -> Judged | None:
        """What is known of a photo; None where it has to be judged first."""
        key = self._keys.get(photo.upload_id)
        if key is None or not key.endswith(_networks(analyzer)):
            key = hashlib.sha256(photo.content).hexdigest() + _networks(analyzer)
            self._keys[photo.upload_id] = key
        kept = self._judged.get(key)
        return kept and replace(kept, result=_renamed(kept.result, photo.name))

    def judge(self, analyzer: maskwatch.Analyzer, photo: Photo) -> Judged:
        """What is in a photo, found now where that is not known."""
        known = self.find(analyzer, photo)
        if known is None:
            known = judge_photo(analyzer, photo, self._keys[photo.upload_id])
            self._judged[known.key] = known
        return known

    def marked(
        self, judged: Judged, report: FrameReport, shown_px: int, say: Catalogue, blur: bool = False
    ) -> bytes:
        """The photo as JPEG with what was found drawn on it, in this language."""
        words = say.picture_words()
        return _remembered(
            self._marked,
            (judged.key, say.code, shown_px, blur),
            lambda: marked_jpeg(judged.screen_jpeg, report, shown_px, words, blur),
        )

    def why(self, analyzer: maskwatch.Analyzer, photo: Photo, judged: Judged, index: int) -> Why:
        """What the verdict on a face of a report rests on; the photo is opened again for it."""
        return _remembered(
            self._why, (judged.key, index), lambda: explain_face(analyzer, photo, judged, index)
        )


def judge_photo(analyzer: maskwatch.Analyzer, photo: Photo, key: str) -> Judged:
    """What is in a photo."""
    try:
        with open_photo(photo.content) as image_rgb:
            report = analyzer.analyze(image_rgb)
            face_urls = tuple(little_pictures(image_rgb, report.faces))
            screen_jpeg = jpeg(for_screen(image_rgb), quality=90)
    except ImageError as error:
        return Judged(key, _renamed(error, photo.name))
    return Judged(key, _renamed(report, photo.name), screen_jpeg, face_urls)


def explain_face(analyzer: maskwatch.Analyzer, photo: Photo, judged: Judged, index: int) -> Why:
    """What the verdict on a face rests on."""
    report = judged.report
    assert report is not None  # only faces of a report are asked about
    face = report.faces[index]
    with open_photo(photo.content) as image_rgb:
        (crop_rgb,) = analyzer.crops(image_rgb, [face], report.face_origin)
    return Why(crop_rgb, explain(analyzer.classifier, crop_rgb, face.state))


def photo_answers(photo: Photo, judged: Judged, names: Sequence[str]) -> Answers:
    """The faces of a photo, whose names these are, for a visitor to correct."""

    def see(index: int) -> SeenFace:
        report = judged.report
        assert report is not None  # only faces of a report are offered
        with open_photo(photo.content) as image_rgb:
            return cut_out(image_rgb, report.faces[index], SOURCE, report.model)

    return Answers(photo.upload_id, judged.key, names, judged.face_urls, see)


def needs_attention(result: Result) -> bool:
    """Whether a person should look: a violation, doubt, no face, or a photo that is unreadable."""
    if isinstance(result, ImageError) or not result.faces:
        return True
    return any(face.state is not MaskState.MASK for face in result.faces)


def _networks(analyzer: maskwatch.Analyzer) -> str:
    """Tells the networks from others, and from themselves before they were calibrated anew."""
    return f"+{fingerprint(analyzer.card, analyzer.detector_card)}"


def _renamed(result: Result, name: str) -> Result:
    if isinstance(result, ImageError):
        return ImageError(name, result.reason, result.fault)
    return replace(result, source=name)


def _remembered(cache: OrderedDict[_K, _V], place: _K, make: Callable[[], _V]) -> _V:
    """What is kept at a place, or else made now; of more than a few the oldest goes."""
    if place not in cache:
        cache[place] = make()
        if len(cache) > _RECENT:
            cache.popitem(last=False)
    cache.move_to_end(place)
    return cache[place]


# What can be taken away from the photo page, as files; without Streamlit.

_LONGEST = 100
# characters of a name; file systems take 255 bytes, and a character may be four of them

# what Windows does not take in a name, and what is no character to be seen
_UNFIT = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_DEVICES = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE)


def csv_file(results: Iterable[Result]) -> str:
    """One row a face, as `maskwatch predict --format csv` writes it."""
    return "".join(f"{line}\n" for line in to_csv(results))


def json_file(results: Iterable[Result]) -> str:
    """One line a photo, as `maskwatch predict --format jsonl` writes it."""
    return "".join(f"{line}\n" for line in to_jsonl(results))


def marked_file(photo: Photo, report: FrameReport, words: Words, blur: bool = False) -> bytes:
    """A photo in its full size with what was found drawn on it, as JPEG."""
    with open_photo(photo.content) as image_rgb:
        shown_rgb = blur_heads(image_rgb, report) if blur else image_rgb
        return jpeg(Image.fromarray(annotate(shown_rgb, report, words=words)), quality=92)


def zip_file(found: Sequence[tuple[Photo, FrameReport]], words: Words, blur: bool = False) -> bytes:
    """Every photo in its full size with what was found drawn on it, one JPEG each."""
    names = zip_names([photo.name for photo, _ in found])
    content = io.BytesIO()
    # pictures are compressed already
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, (photo, report) in zip(names, found, strict=True):
            archive.writestr(zip_entry(name), marked_file(photo, report, words, blur))
    return content.getvalue()


def zip_names(names: Sequence[str]) -> list[str]:
    """Names for JPEGs in an archive, safe on every system, of which no two are the same.

    None is absolute, leads out of the folder or names a device; capitals make no difference.
    """
    return told_apart((f"{_safe_stem(name)}.jpg" for name in names), str.casefold)


def _safe_stem(name: str) -> str:
    last = PurePosixPath(name.replace("\\", "/")).name
    stem = last.rpartition(".")[0] or last
    kept = "".join(
        c for c in unicodedata.normalize("NFC", stem) if unicodedata.category(c)[0] != "C"
    )
    stem = _UNFIT.sub("_", kept)[:_LONGEST].strip(" .")
    if not stem or _DEVICES.match(stem.partition(".")[0]):
        stem = f"photo {stem}".strip()
    return stem
