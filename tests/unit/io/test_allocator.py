"""Threads share pools of the C library's memory.

Run: pytest tests/unit/io/test_allocator.py
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

COUNT = """
import ctypes, sys, threading
from maskwatch.io.process import limit_arenas

if sys.argv[2] == "limited":
    limit_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
all_there = threading.Barrier(12)

def take():
    all_there.wait()
    libc.malloc(5000)
    all_there.wait()

threads = [threading.Thread(target=take) for _ in range(12)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


def arenas(path: Path, how: str, **variables: str) -> int:
    """How many pools a process has whose twelve threads all took memory."""
    environment = {k: v for k, v in os.environ.items() if k != "MALLOC_ARENA_MAX"} | variables
    subprocess.run([sys.executable, "-c", COUNT, path, how], env=environment, check=True)
    return path.read_text().count("<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has these pools")
def test_threads_share_two_pools_of_memory(tmp_path: Path) -> None:
    path = tmp_path / "pools.xml"
    assert arenas(path, "limited") <= 2 < arenas(path, "as usual")
    assert arenas(path, "limited", MALLOC_ARENA_MAX="5") > 2  # who sets it is not overruled
