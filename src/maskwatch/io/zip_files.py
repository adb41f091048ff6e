"""What goes into a ZIP file; apart, since nothing that judges pictures needs it when it starts."""

from __future__ import annotations

import time
import zipfile

# of the years that a ZIP file can hold the first and the last, which is even by two seconds
_ZIP_FIRST, _ZIP_LAST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)


def zip_entry(
    name: str, how: int = zipfile.ZIP_STORED, now_s: float | None = None
) -> zipfile.ZipInfo:
    """A file to put into a ZIP file, of now or, where the clock is far off, of what ZIP can say.

    Small computers without a clock begin in 1970 each time they are switched on.
    """
    moment = time.localtime(now_s)[:6]
    entry = zipfile.ZipInfo(name, min(max(moment, _ZIP_FIRST), _ZIP_LAST))
    entry.compress_type = how
    entry.external_attr = 0o600 << 16  # as `writestr` has it for a name alone
    return entry
