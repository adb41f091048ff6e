"""What sessions keep in memory of visitors' files, for the limit on all of them together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakKeyDictionary

from streamlit import runtime
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

BESIDE_BYTES = 500_000
"""What is kept of a file besides itself: as the browser shows it, and its faces."""


class Keeper(Protocol):
    """Keeps files of one session."""

    def sizes_bytes(self) -> Sequence[int]:
        """How large each file is."""


@dataclass(frozen=True, eq=False)
class KeptFile:
    """One file, such as a picture of the camera.

    Attributes:
        content: of the file.
    """

    content: bytes

    def sizes_bytes(self) -> Sequence[int]:
        """How large it is."""
        return [len(self.content)]


_KEEPERS: WeakKeyDictionary[Keeper, str] = WeakKeyDictionary()


def count_in(keeper: Keeper) -> None:
    """Count what it keeps as this session's, for as long as it is there."""
    if context := get_script_run_ctx():
        _KEEPERS[keeper] = context.session_id


def kept_bytes() -> Counter[str]:
    """What each session has in memory: uploads that Streamlit holds, and those taken over."""
    found: Counter[str] = Counter()
    for keeper, session in list(_KEEPERS.items()):
        found[session] += sum(size + BESIDE_BYTES for size in keeper.sizes_bytes())
    if uploads := _uploads():
        for session, files in list(uploads.file_storage.items()):
            found[session] += sum(len(file.data) + BESIDE_BYTES for file in list(files.values()))
    return found


def take_over(given: object) -> list[tuple[str, str, bytes]]:
    """Take uploads over from Streamlit, which then forgets them; it would keep them to the end.

    Args:
        given: the value of a field for files or of a camera. One that is gone, as a browser may
            still name it after it was taken, is passed over.

    Returns:
        Of each the upload, the name and the content.
    """
    files = given if isinstance(given, list) else [given]
    taken = []
    for file in files:
        if isinstance(file, UploadedFile):
            taken.append((file.file_id, file.name, file.getvalue()))
            _forget(file.file_id)
    return taken


def _forget(file_id: str) -> None:
    context, uploads = get_script_run_ctx(), _uploads()
    if context and uploads:
        uploads.remove_file(context.session_id, file_id)


def _uploads() -> MemoryUploadedFileManager | None:
    """What Streamlit holds; None where nothing is served, as in tests."""
    if not runtime.exists():
        return None
    uploads = runtime.get_instance().uploaded_file_mgr
    return uploads if isinstance(uploads, MemoryUploadedFileManager) else None
