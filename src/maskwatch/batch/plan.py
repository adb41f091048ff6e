"""The plan of a run: its pictures in chunks, written down once, before the first is judged.

A run judges the pictures that were there when it began. The plan is one Parquet file with a row
group a chunk; what is judged already is told by the chunks' own files, so a run that was cut off
needs no other memory. Readers of the folder skip the plan, for its name begins with an underscore.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from maskwatch.errors import DataError, ImageError
from maskwatch.schema import CLASSES, FrameReport

PLAN_NAME = "_plan.parquet"
CHUNK_SIZE = 256
"""Pictures a chunk: half a minute of one core, and all that is lost when a run is killed."""

_LEAST_CHUNKS = 32
"""A short list is cut finer than that, so that every worker gets some of it."""

_ABOUT = b"maskwatch.run"
"""Key of what the run is, in the metadata of the plan."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some pictures that are judged, and whose rows are written, together.

    Attributes:
        index: its number in the plan.
        names: of its pictures.
    """

    index: int
    names: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """Of its rows: the number, for their order, and a hash of the names."""
        listed = hashlib.sha256(b"\0".join(map(os.fsencode, self.names))).hexdigest()
        return f"part-{self.index:07d}-{listed[:16]}.parquet"


def chunk_size(pictures: int) -> int:
    """How many pictures a chunk of so many gets."""
    return max(1, min(CHUNK_SIZE, pictures // _LEAST_CHUNKS))


def cut(names: Sequence[str]) -> Iterator[Chunk]:
    """Names -> chunks of one size; the last may be smaller."""
    size = chunk_size(len(names))
    for index, start in enumerate(range(0, len(names), size)):
        yield Chunk(index, tuple(names[start : start + size]))


def encode_plan(names: Sequence[str], about: Mapping[str, Any]) -> bytes:
    """The file of a plan.

    Args:
        names: of all pictures, each once.
        about: what else makes the run what it is: networks and settings.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    # bytes, because a file name need not be valid text
    schema = pa.schema([("name", pa.binary())], metadata={_ABOUT: json.dumps(dict(about))})
    content = io.BytesIO()
    with pq.ParquetWriter(content, schema, compression="zstd") as writer:
        for chunk in cut(names):
            column = pa.array(map(os.fsencode, chunk.names), pa.binary())
            writer.write_table(pa.table([column], schema), row_group_size=len(chunk.names))
    return content.getvalue()


class Plan:
    """A plan that was written down.

    Attributes:
        about: what else makes the run what it is.
        pictures: how many there are.
    """

    def __init__(self, content: bytes, place: str = PLAN_NAME) -> None:
        """Open the file of a plan.

        Args:
            content: of the file.
            place: where it lies, for messages.

        Raises:
            DataError: it is none.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            self._file = pq.ParquetFile(pa.BufferReader(content))
            self.about = dict[str, Any](json.loads(self._file.schema_arrow.metadata[_ABOUT]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{place}: not the plan of a run ({error})") from error
        self._place = place
        self.pictures: int = self._file.metadata.num_rows

    def chunks(self) -> Iterator[Chunk]:
        """Its chunks in their order.

        Raises:
            DataError: it is damaged.
        """
        for index in range(self._file.num_row_groups):
            try:
                names = self._file.read_row_group(index).column(0).to_pylist()
                yield Chunk(index, tuple(map(os.fsdecode, names)))
            except (OSError, ValueError, TypeError) as error:
                reason = " ".join(str(error).split())
                raise DataError(f"{self._place}: is damaged ({reason})") from error


# Report or failure -> rows of the output: one a face, or one that says why there is none.
#
# Values are those of `FrameReport.to_dict`, to the last digit, whichever engine judged. Rows are
# plain dictionaries, so that a process that judges needs no Parquet library.

Row = dict[str, Any]
"""One row; columns without a value are left out."""

BOX = ("left", "top", "right", "bottom")
COLUMNS = {
    "source": "string",
    "status": "string",
    "error": "string",
    "fault": "string",
    "image_width": "int32",
    "image_height": "int32",
    "face_origin": "string",
    "face": "int32",
    **dict.fromkeys(BOX, "double"),
    "detection_score": "double",
    "state": "string",
    "confidence": "double",
    **dict.fromkeys(map(str, CLASSES), "double"),
    "side_px": "double",
    "sharpness": "double",
    "visible_ratio": "double",
    "roll_deg": "double",
    "yaw_deg": "double",
    "model": "string",
    "model_sha256": "string",
    "detector": "string",
    "detector_sha256": "string",
}
"""Column -> its Arrow type; docs/scale.md says what each means."""

FACE, NO_FACE, ERROR = "face", "no_face", "error"
"""What `status` can be."""

CRASH, UNREACHABLE = "crash", "unreachable"
"""What `fault` can be beside an ImageFault: the process died, the store did not answer."""


class UnreachableError(ImageError):
    """A picture cannot be fetched now, but perhaps later."""


def face_rows(name: str, report: FrameReport, model_sha256: str, detector_sha256: str) -> list[Row]:
    """The rows of a picture that was judged, by networks with these hashes."""
    document = report.to_dict()
    width, height = document["image_size_wh"]
    picture = {
        "source": name,
        "image_width": width,
        "image_height": height,
        "face_origin": document["face_origin"],
        "model": document["model"],
        "model_sha256": model_sha256,
        "detector": document["detector"],
        "detector_sha256": detector_sha256 if document["detector"] else None,
    }
    if not document["faces"]:
        return [{**picture, "status": NO_FACE}]
    rows = []
    for index, face in enumerate(document["faces"]):
        rows.append(
            {
                **picture,
                "status": FACE,
                "face": index,
                **dict(zip(BOX, face["box_xyxy"], strict=True)),
                "detection_score": face["detection_score"],
                "state": face["state"],
                "confidence": face["confidence"],
                **face["probabilities"],
                **(face["quality"] or {}),
            }
        )
    return rows


def error_row(name: str, reason: str, fault: str) -> Row:
    """The row of a picture that could not be judged."""
    return {"source": name, "status": ERROR, "error": reason, "fault": fault}


def failure_row(name: str, error: Exception) -> Row:
    """The same from what was raised, whatever it was: nothing about one picture ends a run."""
    if isinstance(error, UnreachableError):
        return error_row(name, error.reason, UNREACHABLE)
    if isinstance(error, ImageError):
        return error_row(name, error.reason, error.fault.value)
    why = " ".join(str(error).split())
    return error_row(name, f"cannot be judged ({type(error).__name__}: {why})", CRASH)
