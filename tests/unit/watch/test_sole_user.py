"""One `maskwatch watch` a store: a second one is refused, and what ends the first frees it.

Run: pytest tests/unit/watch/test_sole_user.py
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from maskwatch.errors import StoreError, StoreFault
from maskwatch.watch.event_store import EventStore
from maskwatch.watch.sole_user import sole_user

HOLD = """
import sys
from pathlib import Path
from maskwatch.watch.sole_user import sole_user
with sole_user(Path(sys.argv[1])):
    print("has it", flush=True)
    sys.stdin.read()
"""


def test_a_second_one_is_refused_in_one_line_until_the_first_is_over(tmp_path: Path) -> None:
    store = tmp_path / "new" / "s.sqlite3"
    with sole_user(store):
        with pytest.raises(StoreError) as caught, sole_user(store):
            pass
        assert caught.value.fault is StoreFault.BUSY
        said = "is used by another maskwatch watch; give each its own store"
        assert str(caught.value) == f"{store}: {said}"
        with sole_user(tmp_path / "t.sqlite3"), sole_user(tmp_path / "s.sqlite3"):
            pass
    with sole_user(store):
        assert not store.exists()


@pytest.mark.parametrize("name", ["link.sqlite3", "s.db"])
def test_what_shares_the_file_of_the_page_or_the_store_itself_is_one(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "link.sqlite3").symlink_to(tmp_path / "s.sqlite3")
    with (
        sole_user(tmp_path / "s.sqlite3"),
        pytest.raises(StoreError),
        sole_user(tmp_path / name),
    ):
        pass


def test_a_program_that_is_killed_leaves_the_store_free(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite3"
    command = [sys.executable, "-c", HOLD, str(store)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as other:
        assert other.stdout and other.stdout.readline() == "has it\n"
        with pytest.raises(StoreError), sole_user(store):
            pass
        other.kill()
        other.wait()
    with sole_user(store):
        pass


def test_where_no_file_can_be_made_nobody_is_kept_from_watching(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for store in (tmp_path / "file" / "s.sqlite3", tmp_path / ("s" * 300)):
        with ExitStack() as stack:
            stack.enter_context(sole_user(store))
            stack.enter_context(sole_user(store))


def test_links_in_a_circle_are_a_store_that_cannot_be_written_and_no_more(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite3"
    store.symlink_to(store)
    with sole_user(store):
        assert EventStore(store).waiting() == []
        with pytest.raises(StoreError, match="cannot be opened or written"):
            EventStore(store).write([])
