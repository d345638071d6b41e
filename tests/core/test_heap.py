"""Whether the threads of a scan allocate from one heap, and what of it goes back to the system."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

#: Prints the heaps of glibc's own report after four threads have allocated at the same time.
_HEAPS = """
import ctypes, re, tempfile, threading
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.fopen.restype = ctypes.c_void_p, ctypes.c_void_p
together = threading.Barrier(4)
def allocate():
    together.wait()
    libc.malloc(ctypes.c_size_t(1000))
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
with tempfile.NamedTemporaryFile() as file:
    stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
    libc.malloc_info(0, stream)
    libc.fclose(stream)
    print(len(re.findall(b"<heap nr", file.read())))
"""
_SHARED = "from scanner.core.heap import share_one_heap; share_one_heap()\n" + _HEAPS

#: Prints how many MB the process still has of 128 MB that were freed, though blocks after them live on.
_LEFT = """
def megabytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4 // 1024
large = bytearray(16_000_000)
del large
before = megabytes()
blocks = [(bytearray(b"x" * 500_000), bytearray(b"x" * 50_000)) for _ in range(256)]
small = [each for _, each in blocks]
del blocks
print(megabytes() - before - 256 * 50_000 // 1_000_000)
"""
_RETURNED = "from scanner.core.heap import return_large_blocks; return_large_blocks()\n" + _LEFT

#: The same of 25,600 smaller blocks, which are not returned one by one.
_FREED = """
def megabytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4 // 1024
blocks = [(bytearray(b"x" * 5_000), bytearray(b"x" * 600)) for _ in range(25_600)]
small = [each for _, each in blocks]
before = megabytes()
del blocks
RETURN
print(before - megabytes())
"""
_BY_CALL = "from scanner.core.heap import return_free_memory\n" + _FREED.replace("RETURN", "return_free_memory()")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="the C library is not glibc"),
]


def _number(code: str, **variables: str) -> int:
    kept = {name: value for name, value in os.environ.items() if name not in {"MALLOC_ARENA_MAX", "GLIBC_TUNABLES"}}
    command = [sys.executable, "-c", code]
    return int(subprocess.run(command, env=kept | variables, capture_output=True, text=True, check=True).stdout)


def test_all_threads_allocate_from_one_heap():
    assert _number(_SHARED) == 1


@pytest.mark.parametrize(
    "variables",
    [{"MALLOC_ARENA_MAX": "3"}, {"GLIBC_TUNABLES": "glibc.malloc.arena_max=3"}],
    ids=lambda each: next(iter(each)),
)
def test_the_number_of_heaps_that_the_environment_names_wins(variables):
    assert _number(_SHARED, **variables) == _number(_HEAPS, **variables) > 1


def test_another_setting_of_the_c_library_leaves_the_heap_shared():
    assert _number(_SHARED, GLIBC_TUNABLES="glibc.malloc.check=0") == 1


def test_large_blocks_go_back_to_the_system_though_others_live_on():
    assert _number(_RETURNED) < 20 < _number(_LEFT)


def test_the_size_of_large_blocks_that_the_environment_names_wins():
    assert _number(_RETURNED, MALLOC_MMAP_THRESHOLD_="33554432") > 20


def test_what_lies_free_between_blocks_that_live_on_is_given_back():
    assert _number(_BY_CALL) > 50 > _number(_FREED.replace("RETURN", ""))
