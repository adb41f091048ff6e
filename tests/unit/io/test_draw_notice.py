"""Notices: the words fit into pictures of any size.

Run: pytest tests/unit/io/test_draw_notice.py
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.io.draw import notice_picture
from maskwatch.io.style import PLATE

TEXT = "This picture was not judged: the analysis failed (RuntimeError)."
SIDES = st.integers(1, 700)


@given(text=st.sampled_from(["", "word", TEXT, "x" * 200]), size_wh=st.tuples(SIDES, SIDES))
def test_any_text_on_any_size(text: str, size_wh: tuple[int, int]) -> None:
    picture = notice_picture(text, size_wh)
    assert picture.shape == (size_wh[1], size_wh[0], 3) and picture.dtype == np.uint8


@pytest.mark.parametrize("size_wh", [(320, 240), (640, 480), (480, 640), (1920, 1080)])
def test_the_words_stand_inside(size_wh: tuple[int, int]) -> None:
    written = (notice_picture(TEXT, size_wh) != PLATE).any(axis=2)
    assert written.any()
    written[4:-4, 4:-4] = False
    assert not written.any()


def test_nobody_can_write_on_the_shared_picture() -> None:
    with pytest.raises(ValueError, match="read-only"):
        notice_picture(TEXT, (64, 48))[0, 0] = 0
