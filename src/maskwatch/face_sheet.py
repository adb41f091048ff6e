"""The sheet of faces that an evaluation leaves (faces.png): how it is laid out, and its cells.

Whoever writes it and whoever cuts it share this file.
"""

from __future__ import annotations

from PIL import Image

FACES_FILE = "faces.png"
"""In the folder of an evaluation."""

COLUMNS, CELL_PX, CAPTION_PX, GAP_PX = 8, 190, 34, 8
"""Faces in a row, the side of each, the height of the words beneath, and the space between."""

MISTAKES = 16
"""At most so many mistakes come first, in the order of `mistakes` in evaluation.json."""


def sheet_size_wh(faces: int) -> tuple[int, int]:
    """Size of a sheet of so many faces, in pixels."""
    rows = max(-(-faces // COLUMNS), 1)
    step_x, step_y = CELL_PX + GAP_PX, CELL_PX + CAPTION_PX + GAP_PX
    return COLUMNS * step_x + GAP_PX, rows * step_y + GAP_PX


def cell_xy(place: int) -> tuple[int, int]:
    """Left and upper edge of a face, in pixels."""
    row, column = divmod(place, COLUMNS)
    step_x, step_y = CELL_PX + GAP_PX, CELL_PX + CAPTION_PX + GAP_PX
    return GAP_PX + column * step_x, GAP_PX + row * step_y


def cut_faces(sheet: Image.Image, count: int) -> list[Image.Image]:
    """The first faces of a sheet, without the words beneath.

    Raises:
        ValueError: the sheet has not so many faces.
    """
    width, height = sheet_size_wh(count)
    if sheet.width != width or sheet.height < height:
        raise ValueError(f"the sheet must be {width} pixels wide and {height} high at least")
    corners = map(cell_xy, range(count))
    return [sheet.crop((x, y, x + CELL_PX, y + CELL_PX)) for x, y in corners]
