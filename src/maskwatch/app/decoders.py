"""How all pages open photos: in processes that can be ended, few at a time for all visitors."""

from __future__ import annotations

import atexit
from contextlib import AbstractContextManager

from maskwatch.io.decoder_pool import DecoderPool
from maskwatch.models.runtime import available_cpus
from maskwatch.schema import ImageRGB

MAX_PIXELS = 50_000_000
"""Of one photo, as many as the service takes."""

# of 13 megapixels at most, beside one that may be larger: the pages are to fit in 2 GB, whatever
# their visitors upload at once
_AT_ONCE = 2

_POOL = DecoderPool(MAX_PIXELS, min(_AT_ONCE, available_cpus()))
atexit.register(_POOL.close)


def open_photo(content: bytes) -> AbstractContextManager[ImageRGB]:
    """The pixels of a photo; the block should last as long as they are kept.

    Raises:
        ImageError: it cannot be read, or takes too long.
    """
    return _POOL.open(content)
