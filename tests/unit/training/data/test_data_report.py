"""The data report is one self-contained page that says what the manifest holds and what leaks.

Run: pytest tests/unit/training/data/test_data_report.py
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from support.data_factory import folder_set, table_of, voc_set

from maskwatch.errors import DataError
from maskwatch.training.data.catalog import LABELS, UNCLEAR
from maskwatch.training.data.charts import face_sizes
from maskwatch.training.data.collect import collect
from maskwatch.training.data.report import (
    brightness_scores,
    build_page,
    split_leaks,
    write_data_report,
)


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    """Two sets; every two crops of a class form a group. Tests only read it."""
    folder = tmp_path_factory.mktemp("sets")
    crops = folder_set(folder / "crops", 12)
    photos = voc_set(folder / "photos", {"a": [("with_mask", (0, 0, 15, 30))]})
    table = collect({"crops": crops, "<b>photos</b>": photos}).table
    return table.assign(group=[f"g{number // 2}" for number in range(len(table))])


@pytest.fixture(scope="module")
def text(audited):
    return build_page(audited, "mine")


class _Page(HTMLParser):
    """Collects what a page refers to, and fails on an element left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.references: list[str] = []
        self.images = 0
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.images += tag == "img"
        names = {"src", "srcset", "data"} | ({"href"} if tag in {"link", "use", "image"} else set())
        self.references += [value for name, value in attrs if name in names]
        if tag not in {"meta", "img", "link", "br", "path", "use"}:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if tag not in {"path", "use"}:
            assert self._open.pop() == tag


@pytest.mark.parametrize("table", [table_of([]), table_of([{}])], ids=["empty", "no groups"])
def test_a_manifest_without_groups_is_an_error(table):
    with pytest.raises(DataError, match=r"needs groups; run `maskwatch data audit` first"):
        build_page(table, "mine")


def test_the_page_is_self_contained_and_small(audited, tmp_path):
    steps: list[int] = []
    out = tmp_path / "deep" / "report.html"
    write_data_report(audited, "mine", out, steps.append)
    text = out.read_text(encoding="utf-8")
    page = _Page(text)
    assert sum(steps) == len(audited)
    assert page.images > 20
    assert all(
        reference.startswith(("data:image/jpeg;base64,", "#")) for reference in page.references
    )
    assert not re.search(r"@import|<script|url\((?!#)", text)
    assert len(text) < 5_000_000


def test_the_page_does_not_depend_on_the_order_of_rows(audited, text):
    assert build_page(audited.iloc[::-1], "mine") == text


def test_the_page_says_what_is_in_the_manifest(text):
    assert "<title>Data report: mine</title>" in text
    assert "<svg" in text and "currentColor" in text
    assert "&lt;b&gt;photos&lt;/b&gt;" in text and "<b>photos</b>" not in text
    assert "36 are whole pictures" in text
    assert "1 (2.7%) are under 20 pixels" in text
    assert re.search(r"Brightness alone.*names the right class of\s+<b>\d+%</b>", text, re.DOTALL)


def test_the_page_names_pictures_under_two_labels(audited, text):
    assert "under two labels" not in text
    twice = pd.concat([audited, audited.head(1).assign(label="no_mask")], ignore_index=True)
    path = audited["image_path"][0]
    said = (
        f"1 picture stands under two labels, such as {path} (incorrect_mask) and {path} (no_mask)"
    )
    assert said in build_page(twice, "mine")


def test_an_unusable_picture_is_named(audited, tmp_path):
    path = tmp_path / "empty.jpg"
    path.write_bytes(b"")
    table = audited.copy()
    table.loc[0, "image_path"] = str(path)
    with pytest.raises(DataError, match=rf"1 rows are unusable, first: {path} is empty"):
        build_page(table, "mine")


def test_one_row_is_enough(audited):
    text = build_page(audited.tail(1), "mine")
    assert text.count("No face of this class.") == 2
    assert "No grouped split: class mask has 1 different photos" in text
    assert "Too few faces or classes" in text


def test_unclear_faces_alone_are_enough(audited):
    text = build_page(audited.assign(label=UNCLEAR), "mine")
    assert text.count("No face of this class.") == 3


def test_a_page_that_cannot_be_written_is_an_error(audited, tmp_path):
    with pytest.raises(DataError, match="cannot be written"):
        write_data_report(audited.tail(1), "mine", tmp_path)


def test_leaks_tell_a_grouped_split_from_the_others():
    rows = [{"label": label, "group": f"{label}{n // 4}"} for label in LABELS for n in range(80)]
    leaks, reason = split_leaks(table_of(rows))
    share = {leak.name: leak.share for leak in leaks}
    assert reason is None
    assert share["random 80/20"] > 0.8
    assert share["grouped"] == 0
    assert [leak.groups > 0 for leak in leaks] == [True, True, False]


def test_brightness_scores_tell_a_giveaway_from_none():
    rows = [
        {"label": label, "source": source} for source in "ab" for label in LABELS for _ in range(40)
    ]
    table = table_of(rows)
    generator = np.random.default_rng(0)
    given_away = table["label"].map(LABELS.index) * 60.0
    values = given_away.where(table["source"] == "a", 0) + generator.normal(100, 5, len(table))
    scores = {score.name: score for score in brightness_scores(table, pd.Series(values))}
    assert list(scores) == ["all", "a", "b"]
    assert scores["a"].recall > 0.95
    assert scores["b"].recall < 0.5
    assert scores["a"].chance == pytest.approx(1 / 3)


def test_no_brightness_score_without_enough_faces_or_classes():
    table = table_of([{"label": "mask"}] * 20 + [{"label": "no_mask"}] * 4)
    assert brightness_scores(table, pd.Series(np.arange(24.0))) == []


def test_the_sizes_of_a_set_of_one_size_have_an_axis_to_read_them_on():
    svg = face_sizes(pd.Series([128.0] * 5), pd.Series(["mask"] * 5), tiny_px=20)
    for tick in ("20", "50", "100"):
        assert re.search(rf"<text[^>]*>{tick}</text>", svg)
