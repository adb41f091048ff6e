"""Chunks hold every picture once, and their files tell what is left to do.

Run: pytest tests/unit/batch/test_batch_plan.py
"""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwatch.batch.plan import CHUNK_SIZE, Chunk, Plan, chunk_size, cut, encode_plan
from maskwatch.errors import DataError

NAMES = st.lists(st.binary(min_size=1, max_size=30), unique=True, max_size=300)


@pytest.mark.parametrize(
    ("pictures", "size"),
    [
        (0, 1),
        (1, 1),
        (31, 1),
        (64, 2),
        (100, 3),
        (32 * CHUNK_SIZE - 1, CHUNK_SIZE - 1),
        (32 * CHUNK_SIZE, CHUNK_SIZE),
        (10_000_000, CHUNK_SIZE),
    ],
)
def test_the_size_of_a_chunk(pictures: int, size: int) -> None:
    assert chunk_size(pictures) == size


@settings(deadline=None)
@given(NAMES)
def test_every_picture_is_in_one_chunk_whatever_its_name(encoded: list[bytes]) -> None:
    names = [name.decode("utf-8", "surrogateescape") for name in encoded]
    plan = Plan(encode_plan(names, {"a": 1}))
    chunks = list(plan.chunks())
    assert [name for chunk in chunks for name in chunk.names] == names
    assert chunks == list(cut(names))
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert (plan.pictures, plan.about) == (len(names), {"a": 1})
    assert all(chunk.names for chunk in chunks)
    assert len({len(chunk.names) for chunk in chunks[:-1]}) <= 1


@settings(deadline=None)
@given(NAMES, st.sets(st.integers(0, 400)))
def test_what_is_left_and_what_is_done_are_all(encoded: list[bytes], written: set[int]) -> None:
    names = [name.decode("utf-8", "surrogateescape") for name in encoded]
    files = [chunk.file_name for chunk in cut(names)]
    present = {files[index] for index in written if index < len(files)}
    chunks = list(Plan(encode_plan(names, {})).chunks())
    left = [chunk for chunk in chunks if chunk.file_name not in present]
    assert len(left) + len(present) == len(chunks)
    assert {chunk.file_name for chunk in left} | present == set(files)


def test_a_file_is_named_by_what_the_chunk_holds() -> None:
    name = Chunk(3, ("a.png", "b.png")).file_name
    assert name.startswith("part-0000003-")
    others = [Chunk(3, ("a.png",)), Chunk(3, ("b.png", "a.png")), Chunk(4, ("a.png", "b.png"))]
    assert len({name, *(chunk.file_name for chunk in others)}) == 4
    assert sorted(Chunk(index, ("a",)).file_name for index in (9, 10, 100))[0][5:12] == "0000009"


@pytest.mark.parametrize("content", [b"", b"PAR1", b"nonsense" * 100])
def test_a_file_that_is_no_plan(content: bytes) -> None:
    with pytest.raises(DataError, match=r"^out/_plan\.parquet: not the plan of a run"):
        Plan(content, "out/_plan.parquet")


def test_a_plan_that_describes_nothing_or_is_damaged_within() -> None:
    schema = pa.schema([("name", pa.binary())], metadata={b"maskwatch.run": b"null"})
    bare = io.BytesIO()
    pq.write_table(pa.table([[b"a.png"]], schema), bare)
    with pytest.raises(DataError, match="not the plan of a run"):
        Plan(bare.getvalue())
    content = encode_plan(["a.png"], {"sources": "x"})
    plan = Plan(b"PAR1" + bytes(20) + content[24:], "out/_plan.parquet")
    with pytest.raises(DataError, match=r"^out/_plan\.parquet: is damaged \("):
        list(plan.chunks())
