"""What is kept, for other programs: counts as CSV and JSON, corrections as a YOLO or COCO set.

Times are in UTC; the set comes in a folder or a ZIP file.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from maskwatch._version import __version__
from maskwatch.errors import DataError, MissingExtraError, SettingError
from maskwatch.files import explained, writing
from maskwatch.io.text_files import csv_line
from maskwatch.io.zip_files import zip_entry
from maskwatch.live.events import Event
from maskwatch.store.clock import in_calendar
from maskwatch.store.corrections import (
    CLASS_NAMES,
    Correction,
    CorrectionStore,
    class_list,
    yolo_line,
)
from maskwatch.store.statistics import BUCKET_S, Entry

STATISTICS_SCHEMA = "maskwatch.statistics/1"

CSV_COLUMNS = ("start_utc", "source", "state", "people", "face_s")


def entries_to_csv(entries: Iterable[Entry]) -> str:
    """A header, then one row for each source and state of 20 minutes."""
    return "".join(_csv_lines(map(entry_row, entries), CSV_COLUMNS))


def entries_to_json(entries: Iterable[Entry]) -> str:
    """One document; `bucket_s` says for how many seconds from `start_utc` on a count stands."""
    rows = [entry_row(entry) for entry in entries]
    return json.dumps({"schema": STATISTICS_SCHEMA, "bucket_s": BUCKET_S, "counts": rows})


def entry_row(entry: Entry) -> dict[str, Any]:
    """A count in plain values."""
    start = datetime.fromtimestamp(entry.start_s, UTC)
    return {
        "start_utc": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "source": entry.source,
        "state": entry.state.value,
        "people": entry.count.people,
        "face_s": round(entry.count.face_s, 1),
    }


# Kept events and counts -> a file for other programs: CSV, JSON lines or Parquet; times in UTC.

EVENT_COLUMNS = (
    "time_utc",
    "event_id",
    "camera",
    "old_state",
    "new_state",
    "confidence",
    "old_duration_s",
)

Row = Mapping[str, Any]


_ROWS = 10_000
"""So many are in memory at once, where a form needs several."""


def export_events(events: Iterable[Event], path: Path) -> int:
    """Write events, one after the other; the end of the name says how.

    Returns:
        How many there were.

    Raises:
        SettingError: the name ends otherwise, or the file cannot be written.
        MissingExtraError: Parquet is wanted and cannot be written here.
    """
    return _write(map(event_row, events), EVENT_COLUMNS, path)


def export_counts(entries: Iterable[Entry], path: Path) -> int:
    """Write counts of 20 minutes; see export_events."""
    return _write(map(entry_row, entries), CSV_COLUMNS, path)


def event_row(event: Event) -> Row:
    """An event in plain values.

    Raises:
        DataError: it has values that no event has.
    """
    try:
        moment = in_calendar(event.time_s)
        confidence, old_duration_s = float(event.confidence), float(event.old_duration_s)
    except (ValueError, TypeError) as error:
        raise DataError(f"event {event.event_id}: damaged where it is kept ({error})") from error
    return {
        "time_utc": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "event_id": event.event_id,
        "camera": event.camera,
        "old_state": event.old_state.value,
        "new_state": event.new_state.value,
        "confidence": confidence,
        "old_duration_s": old_duration_s,
    }


def _write(rows: Iterable[Row], columns: Sequence[str], path: Path) -> int:
    write = _FORMATS.get(path.suffix.lower())
    if write is None:
        raise SettingError(f"{path}: the name must end in {', '.join(_FORMATS)}")
    written = 0

    def counted() -> Iterator[Row]:
        nonlocal written
        for row in rows:
            written += 1
            yield row

    with writing(path, SettingError) as part:
        write(counted(), columns, part)
    return written


def _csv_lines(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[str]:
    yield f"{csv_line(columns)}\n"
    for row in rows:
        yield f"{csv_line(row[name] for name in columns)}\n"


def _write_csv(rows: Iterable[Row], columns: Sequence[str], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(_csv_lines(rows, columns))


def _write_jsonl(rows: Iterable[Row], columns: Sequence[str], path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _write_parquet(rows: Iterable[Row], columns: Sequence[str], path: Path) -> None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise MissingExtraError("writing Parquet", "batch") from None
    texts = {"time_utc", "start_utc", "event_id", "camera", "source", "state"}
    texts |= {"old_state", "new_state"}
    kinds = {"people": pyarrow.int64()} | dict.fromkeys(texts, pyarrow.string())
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.float64())) for name in columns])
    left = iter(rows)
    with path.open("wb") as file, pyarrow.parquet.ParquetWriter(file, schema) as writer:
        while some := list(islice(left, _ROWS)):
            writer.write_table(pyarrow.Table.from_pylist(some, schema))


_FORMATS: dict[str, Callable[[Iterable[Row], Sequence[str], Path], None]] = {
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
}


SetFile = tuple[str, bytes]
"""A file of a set: its name with folders, and what is in it."""


def yolo_files(store: CorrectionStore, corrections: Sequence[Correction]) -> Iterator[SetFile]:
    """As the folder itself has them, without the records."""
    yield "data.yaml", class_list().encode()
    for one, picture in _with_pictures(store, corrections):
        yield f"images/{one.correction_id}.jpg", picture
        yield f"labels/{one.correction_id}.txt", yolo_line(one).encode()


def coco_files(store: CorrectionStore, corrections: Sequence[Correction]) -> Iterator[SetFile]:
    """The pictures, and one document that also says what was answered."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (one, picture) in enumerate(_with_pictures(store, corrections), start=1):
        name = f"images/{one.correction_id}.jpg"
        yield name, picture
        width, height = one.size_wh
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        if one.class_name is None:
            continue
        left, top, right, bottom = one.box_xyxy
        box = [left, top, round(right - left, 2), round(bottom - top, 2)]
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": number,
                "category_id": CLASS_NAMES.index(one.class_name) + 1,
                "bbox": box,
                "area": round(box[2] * box[3], 2),
                "iscrowd": 0,
                "attributes": {
                    "answered": one.answered,
                    "confidence": one.confidence,
                    "model": one.model,
                    "source": one.source,
                },
            }
        )
    categories = [
        {"id": number, "name": name, "supercategory": "face"}
        for number, name in enumerate(CLASS_NAMES, start=1)
    ]
    document = {
        "info": {"description": f"MaskWatch {__version__}: corrected answers"},
        "images": images,
        "categories": categories,
        "annotations": annotations,
    }
    yield "annotations.json", json.dumps(document, indent=1).encode()


FORMS: dict[str, Callable[[CorrectionStore, Sequence[Correction]], Iterator[SetFile]]] = {
    "yolo": yolo_files,
    "coco": coco_files,
}


def export_folder(store: CorrectionStore, form: str, out: Path) -> int:
    """Write all that are kept as a set.

    Args:
        store: of the corrections.
        form: one of FORMS.
        out: a new or empty folder.

    Returns:
        How many there are.

    Raises:
        DataError: the folder holds something, or cannot be written.
    """
    kept = store.entries()
    with explained(out):
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise DataError(f"{out}: is not empty; name a new folder")
        for name, content in FORMS[form](store, kept):
            path = out / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
    return len(kept)


def export_zip(store: CorrectionStore, form: str) -> bytes:
    """The same as the content of a ZIP file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FORMS[form](store, store.entries()):
            archive.writestr(zip_entry(name, zipfile.ZIP_DEFLATED), data)
    return content.getvalue()


def _with_pictures(
    store: CorrectionStore, corrections: Sequence[Correction]
) -> Iterator[tuple[Correction, bytes]]:
    """Each with its picture, oldest first; one that has just been undone is left out."""
    for one in reversed(corrections):
        try:
            picture = store.picture_path(one).read_bytes()
        except FileNotFoundError:
            continue
        yield one, picture
