"""A folder of pictures and labels, in whatever form a tool wrote them, as labelled faces.

    folder per class   any depth; the class is the name of the folder a picture lies in
    label files        COCO, CreateML, CVAT, Pascal VOC, YOLO and tables, one module each in `data/`

Pictures are found by the names in or of the label files (`data/files.py`), and boxes are laid on
the upright pictures (`data/placing.py`). Nothing is left out in silence: whatever cannot be used
becomes a `Problem` with its path.

Datumaro and supervision read many forms too, and were tried on small sets of every form here. Of
21 sets Datumaro 1.13 read 2 (its detection knows neither boxes beside pictures nor darknet), and it
needs an older OpenCV, Pillow and pandas than the rest of this package. supervision 0.31 has no
detection, no CVAT and no tables; it takes boxes of another picture size as they are, loses pictures
with decomposed names without a word, and one wrong line or byte order mark costs a whole set.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from maskwatch.errors import DataError, ImageError
from maskwatch.training.data import coco, cvat, tables, voc, yolo
from maskwatch.training.data.catalog import Layout
from maskwatch.training.data.files import LABEL_SUFFIXES, SetFiles, list_files
from maskwatch.training.data.labels import Annotation, LabelledFace, Problem, Reading
from maskwatch.training.data.placing import open_picture, place

Reader = Callable[[SetFiles], Iterator[Annotation | Problem]]

READERS: dict[str, Reader] = {
    coco.COCO: coco.read_coco,
    coco.CREATE_ML: coco.read_create_ml,
    cvat.NAME: cvat.read,
    voc.NAME: voc.read,
    yolo.NAME: yolo.read,
    tables.NAME: tables.read,
}
"""What reads each form of label file; the first that finds labels reads the set."""


def read_set(folder: Path, form: str | None = None) -> Reading:
    """Reads a set.

    Args:
        folder: the set's top folder.
        form: how it stores labels, a name of READERS or Layout.FOLDERS; None finds out.

    Raises:
        DataError: the folder is missing, cannot be read or holds no face at all.
    """
    files = list_files(folder)
    form, told, broken = (form, [], []) if form else find_form(files)
    notes: dict[str, list[Path]] = defaultdict(list)
    if form == Layout.FOLDERS:
        found = list(_read_folders(files, broken))
    else:
        found = list(_read_annotated(files, READERS[form](files), notes))
    faces = tuple(item for item in found if isinstance(item, LabelledFace))
    problems = (*files.problems, *(item for item in found if isinstance(item, Problem)))
    if not faces:
        first = f"; first problem: {problems[0]}" if problems else ""
        raise DataError(f"{folder}: no labelled picture in it (read as {form}){first}")
    for note, paths in notes.items():
        first = paths[0].relative_to(folder).as_posix()
        told.append(f"{note} (pictures: {len(paths)}, first: {first})")
    return Reading(faces, problems, form, tuple(told))


def find_form(files: SetFiles) -> tuple[str, list[str], list[Problem]]:
    """The form of the label files; which others there are; broken files where there is none."""
    problems: list[Problem] = []
    forms: list[str] = []
    for form, reader in READERS.items():
        for item in reader(files):
            if isinstance(item, Annotation):
                forms.append(form)
                break
            problems.append(item)
    if not forms:
        return Layout.FOLDERS, [], problems
    return forms[0], [f"read as {forms[0]}; {form} are left aside" for form in forms[1:]], []


def _read_folders(files: SetFiles, broken: list[Problem]) -> Iterator[LabelledFace | Problem]:
    yield from broken
    named = {problem.path for problem in broken}
    for path in files.pictures:
        yield LabelledFace(path, "." if path.parent == files.folder else path.parent.name)
    for path in files.others:
        if path not in named:
            yield Problem(path, "not the file name of a picture")


def _read_annotated(
    files: SetFiles, found: Iterator[Annotation | Problem], notes: dict[str, list[Path]]
) -> Iterator[LabelledFace | Problem]:
    labelled_by: dict[Path, Path] = {}
    for item in found:
        if isinstance(item, Problem):
            yield item
            if item.path.suffix.lower() in LABEL_SUFFIXES:  # its picture is not to blame
                with suppress(LookupError):
                    labelled_by[files.find(item.path, item.path.name)] = item.path
            continue
        try:
            path = files.find(item.label_path, item.picture, item.hint)
            if path in labelled_by:
                other = labelled_by[path].relative_to(files.folder).as_posix()
                raise LookupError(f"{path.name} is labelled before, in {other}")
            labelled_by[path] = item.label_path
            fit_notes, faces = place(item, open_picture(path))
        except LookupError as error:
            yield Problem(item.label_path, str(error))
        except ImageError as error:
            yield Problem(Path(error.source), error.reason)
        else:
            if faces:
                for note in fit_notes:
                    notes[note].append(path)
            yield from faces
    for path in files.pictures:
        if path not in labelled_by:
            yield Problem(path, "no annotation for this picture")
