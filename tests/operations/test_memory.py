"""How many pools of memory the threads of a process share."""

import ctypes
import platform
import subprocess
import sys

import pytest

from radlogic.adapters.operations.memory import ARENAS, few_arenas

COUNT = """
import ctypes, sys, threading
from radlogic.adapters.operations.memory import few_arenas

assert few_arenas(int(sys.argv[1]))
together = threading.Barrier(12)

def takes():
    together.wait()
    held = [bytearray(50_000) for _ in range(100)]
    together.wait()

threads = [threading.Thread(target=takes) for _ in range(12)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fopen(sys.argv[2].encode(), b"w"))
libc.malloc_info(0, out)
libc.fclose(out)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
@pytest.mark.parametrize("most", [1, ARENAS])
def test_threads_share_no_more_pools_than_said(tmp_path, most):
    told = tmp_path / "pools.xml"
    subprocess.run([sys.executable, "-c", COUNT, str(most), str(told)], check=True, timeout=60)

    assert told.read_text(encoding="utf-8").count("<heap nr=") == most


def test_another_c_library_is_let_be(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())

    assert not few_arenas()
