"""Photos that are much larger than what is looked at, decoded at a fraction of their size."""

from __future__ import annotations

from PIL import Image

from maskwatch.io.image_turn import ON_ITS_SIDE, turn_of


class Reduction:
    """Lets a JPEG that is much larger than needed be decoded at a half, a quarter or an eighth.

    That takes a fourth of the time and less. Of anything else nothing is left out.

    Attributes:
        whole_wh: width and height of the whole upright picture; None until one is decoded smaller.
    """

    def __init__(self, least_px: int) -> None:
        """Ask for so many pixels on the longer side at least."""
        self._least_px = least_px
        self.whole_wh: tuple[int, int] | None = None

    def begin(self, image: Image.Image) -> None:
        """Choose the size at which a picture will be decoded."""
        width, height = image.size
        scales = (scale for scale in (8, 4, 2) if max(width, height) >= scale * self._least_px)
        scale = next(scales, 1)
        smaller_wh = max(1, width // scale), max(1, height // scale)
        if scale > 1 and image.draft(None, smaller_wh):  # None of anything but a JPEG
            on_its_side = turn_of(image) in ON_ITS_SIDE
            self.whole_wh = (height, width) if on_its_side else (width, height)
