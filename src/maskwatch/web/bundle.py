"""The page put together: its own files, the networks, the words of every language.

What comes out is a handful of files for any host of static pages; `maskwatch web` and the service
hand out the same ones. In them the arithmetic of the package stands once more, in JavaScript
(page/lib); golden vectors hold both to the same answers (tests/contract).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from maskwatch._version import __version__
from maskwatch.errors import MissingExtraError, SettingError
from maskwatch.io.images import MAX_PIXELS
from maskwatch.io.style import INK, PLATE, STYLES, hex_colour
from maskwatch.models.card import (
    SHIPPED_DETECTOR,
    SHIPPED_MODEL,
    SIDE_RANGE_PX,
    load_detector,
    load_model,
)
from maskwatch.models.runtime import joined
from maskwatch.pipeline import Networks
from maskwatch.samples import SAMPLES

_PACKAGE = Path(__file__).parents[1]
PAGE = Path(__file__).with_name("page")
"""Its files as they ship: those that are the same for all networks and languages. The page of the
cameras shares some of them."""

_CATALOGUES = _PACKAGE / "app" / "catalogues"

# what the page says; the rest of a catalogue belongs to pages that have a server
_SECTIONS = (
    "format",
    "states",
    "picture",
    "counts",
    "legend",
    "networks",
    "faults",
    "photo",
    "table",
    "live",
    "live_counts",
    "warning_signs",
    "warned_before",
    "intake",
    "samples",
    "downloads",
    "web",
)
_CLASSIFIER_VALUES = (
    "name",
    "sha256",
    "classes",
    "input_side_px",
    "crop_margin_ratio",
    "temperature",
    "logit_shift",
    "unsure_below",
)
_DETECTOR_VALUES = (
    "name",
    "sha256",
    "side_px",
    "live_side_px",
    "coarse_side_px",
    "fine_face_px",
    "coarse_face_px",
    "min_score",
    "live_min_score",
    "nms_iou",
)
# everything but what nobody needs offline: licences, and the page that measures
_LEFT_OUT = re.compile(r"\.txt$|^bench\.")


def build_page(networks: Networks, slim: bool = False) -> dict[str, bytes]:
    """All files of the page by their path.

    Args:
        networks: what judges in it.
        slim: keep weights with two bytes: 9.4 instead of 14.4 MB in all, and answers that differ
            a little.

    Raises:
        ModelError: a network or its card is missing, altered or unusable.
        SettingError: the side is out of range.
        MissingExtraError: slim networks need a package that is not installed.
    """
    files = {
        path.relative_to(PAGE).as_posix(): path.read_bytes()
        for path in sorted(PAGE.rglob("*"))
        if path.is_file() and path.suffix != ".mts"  # types, for the checker only
    }
    files["index.html"] = files["index.html"].replace(
        b"<!-- live_view.html -->", files.pop("live_view.html")
    )
    del files["streamlit.js"]  # the way into another page
    files |= {f"samples/{sample.path.name}": sample.path.read_bytes() for sample in SAMPLES}
    catalogues = words_in(_SECTIONS)
    files |= {f"words/{code}.json": as_json(words) for code, words in catalogues.items()}
    english = catalogues["en"]
    for name in ("index.html", "bench.html"):
        files[name] = with_words(files[name], english)
    packed = pack_networks(networks, slim)
    files |= {f"models/{kind}.onnx.gz": network.content for kind, network in packed.items()}
    languages = {code: words["web"]["language"] for code, words in catalogues.items()}
    files["about.json"] = as_json({**page_facts(packed), "languages": languages})
    files["files.js"] = _file_list(files)
    return files


def page_facts(packed: Mapping[str, PackedNetwork]) -> dict[str, Any]:
    """What the scripts of the page must know beside the words, as plain JSON values."""
    return {
        "version": __version__,
        "cards": {kind: network.card for kind, network in packed.items()},
        "samples": [sample.name for sample in SAMPLES],
        "max_pixels": MAX_PIXELS,
        "plate": hex_colour(PLATE),
        "ink": hex_colour(INK),
        "styles": styles(),
    }


def styles() -> dict[str, dict[str, Any]]:
    """How each state looks, for scripts."""
    return {
        state: {
            "colour": hex_colour(style.colour),
            "line": style.line,
            "symbol": style.symbol,
            "strokes": style.strokes,
        }
        for state, style in STYLES.items()
    }


def page_words(language: str) -> dict[str, Any]:
    """The words of the page in one language, by section and name."""
    return words_in(_SECTIONS)[language]


def words_in(sections: Iterable[str]) -> dict[str, dict[str, Any]]:
    """These sections of the catalogue of each language, by its code."""
    found = {}
    for path in sorted(_CATALOGUES.glob("*.toml")):
        catalogue = tomllib.loads(path.read_text(encoding="utf-8"))
        found[path.stem] = {name: catalogue[name] for name in sections}
    return found


@dataclass(frozen=True, slots=True)
class PackedNetwork:
    """A network as the page loads it.

    Attributes:
        content: its file, packed by gzip.
        card: what the page must know of it.
    """

    content: bytes = field(repr=False)
    card: Mapping[str, Any]


def pack_networks(networks: Networks, slim: bool = False) -> dict[str, PackedNetwork]:
    """The networks by what the page calls them; see build_page."""
    return {
        kind: PackedNetwork(gzip.compress(content, mtime=0), card)
        for kind, content, card in _networks(networks, slim)
    }


def _networks(networks: Networks, slim: bool) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    side_px = networks.detector_side_px
    low, high = SIDE_RANGE_PX
    if side_px is not None and not low <= side_px <= high:
        raise SettingError(f"detector side: must be {low} to {high} pixels, not {side_px}")
    classifier, model_card = load_model(networks.model or SHIPPED_MODEL)
    detector, detector_card = load_detector(networks.detector or SHIPPED_DETECTOR)
    sides = {} if side_px is None else {"side_px": side_px, "live_side_px": side_px}
    search: dict[str, Any] = {**sides, "tiles": networks.tiles}
    for kind, content, card, names, own in (
        ("classifier", classifier, model_card, _CLASSIFIER_VALUES, {}),
        ("detector", detector, detector_card, _DETECTOR_VALUES, search),
    ):
        short = {name: getattr(card, name) for name in names} | own
        content = joined(content, card.name)  # at every visit it would take as long as to run it
        if slim:
            content, short["name"] = to_float16(content), f"{card.name} (float16)"
        file = {
            "sha256": hashlib.sha256(content).hexdigest(),
            "optimization": "basic" if slim else "disabled",  # weights are widened once
        }
        yield kind, content, {**short, "file": file}


def with_words(html: bytes, words: Mapping[str, Any]) -> bytes:
    """The page with words in it, for whoever reads it before a script can."""

    def filled(match: re.Match[str]) -> str:
        section, name = match["key"].split(".")
        return f"{match[0]}{escape(words[section][name], quote=False)}"

    return re.sub(r'data-text="(?P<key>[a-z_.]+)"[^>]*>', filled, html.decode()).encode()


def _file_list(files: Mapping[str, bytes]) -> bytes:
    """What the service worker keeps and what must be in it, under a name that changes with that."""
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(path.encode() + hashlib.sha256(content).digest())
    kept = {
        path: _integrity(path, content)
        for path, content in sorted(files.items())
        if not _LEFT_OUT.search(path) and path != "sw.js"
    }
    known = {"name": digest.hexdigest()[:16], "files": {"./": kept["index.html"], **kept}}
    return b"self.BUNDLE = " + as_json(known) + b";\n"


def _integrity(path: str, content: bytes) -> str:
    """By what browsers know a file; what a host declares as packed they have unpacked before."""
    forms = [content, gzip.decompress(content)] if path.endswith(".gz") else [content]
    hashes = (base64.b64encode(hashlib.sha256(form).digest()).decode() for form in forms)
    return " ".join(f"sha256-{each}" for each in hashes)


def as_json(values: object) -> bytes:
    """A file of JSON."""
    return json.dumps(values, ensure_ascii=False).encode()


_LEAST_VALUES = 64
"""Smaller tensors are shapes and scales, which save nothing."""


def to_float16(model: bytes) -> bytes:
    """The same network with narrow weights; inputs, outputs and arithmetic keep four bytes.

    Args:
        model: the content of an ONNX file.

    Raises:
        MissingExtraError: the package that reads ONNX files is not installed.
    """
    try:
        import onnx
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as error:
        raise MissingExtraError("--slim", "train") from error
    proto = onnx.load_from_string(model)
    casts = []
    for tensor in proto.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _LEAST_VALUES:
            continue
        wide, narrow = tensor.name, f"{tensor.name}_float16"
        tensor.CopyFrom(numpy_helper.from_array(values.astype("float16"), narrow))
        casts.append(helper.make_node("Cast", [narrow], [wide], to=TensorProto.FLOAT))
    for place, node in enumerate(casts):  # ahead of whatever uses them
        proto.graph.node.insert(place, node)
    return bytes(proto.SerializeToString())
