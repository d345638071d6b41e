"""Keeps what the threads of a process allocate in one heap, and large blocks out of it."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Mapping

_ARENA_MAX = -8  # M_ARENA_MAX of glibc's <malloc.h>
_VARIABLES = {"MALLOC_ARENA_MAX": "", "GLIBC_TUNABLES": "arena_max"}  # glibc's own, and what of them is about this

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD
_LARGE_BYTES = 256 * 1024
_LARGE_VARIABLES = {"MALLOC_MMAP_THRESHOLD_": "", "GLIBC_TUNABLES": "mmap_threshold"}


def share_one_heap() -> None:
    """Lets all threads allocate from one heap, unless the environment says how many there are.

    Call it before there are threads. glibc gives each thread a heap of its own, and memory that one has freed is not
    used by another: worker threads take turns over the segments of a scan, and peak memory of a scan of 3,000 nodes was
    201 MB with heaps of their own and 195 MB with one, in delta mode 219 and 204 MB, for the same CPU.
    """
    _set(_ARENA_MAX, 1, _VARIABLES)


def return_large_blocks() -> None:
    """Lets blocks of 256 KiB and more go back to the system when they are freed, unless the environment says which do.

    glibc raises that size with the blocks that are freed, up to 32 MB. For work that comes in many parts of some
    megabytes each: what one part leaves in the heap lies between small blocks that live on, and the next one does not
    fit. Peak memory of a diff of 2.5 million changes was 550 MB with this and 650 to 710 MB without, for the same CPU.
    """
    _set(_MMAP_THRESHOLD, _LARGE_BYTES, _LARGE_VARIABLES)


def return_free_memory() -> None:
    """Gives what lies free in the heap back to the system: after work that needs much memory, before other such work.

    glibc keeps it between blocks that live on, where what comes next does not fit. A worker of a delta scan has 222 MB
    when it has read its 200,000 nodes, and 176 MB after this.
    """
    gc.collect()  # what hangs together in circles is looked for rarely
    trim_heap()


def trim_heap() -> None:
    """Does that without looking for circles: between parts of one work, each of which leaves something behind.

    Arrow's buffers begin at multiples of 64 bytes, for which glibc looks for 96 bytes more, so that a buffer does not
    fit where an equal one has been. It takes milliseconds.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (OSError, AttributeError):
        return  # as below


def _set(option: int, value: int, variables: Mapping[str, str]) -> None:
    if any(name in os.environ and part in os.environ[name] for name, part in variables.items()):
        return
    try:
        ctypes.CDLL(None).mallopt(option, value)
    except (OSError, AttributeError):
        return  # another C library, which has no such heaps
