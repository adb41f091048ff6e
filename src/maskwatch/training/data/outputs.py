"""Whether a result can be written, asked before the work for it, which would be lost."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile

from maskwatch.files import explained


def require_folder(folder: Path) -> None:
    """Make a folder where it is missing, and try to put a file into it.

    Raises:
        DataError: that cannot be done.
    """
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass


def require_file(path: Path) -> None:
    """The same for a file that files.writing is to write.

    Raises:
        DataError: it cannot be written.
    """
    with explained(path):
        if path.is_file() or not path.exists():
            require_folder(path.resolve().parent)
