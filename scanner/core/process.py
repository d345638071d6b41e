"""Sets up a process that runs the application: what it allocates from, and what it may open."""

from __future__ import annotations

import os

from scanner.core.arrow_memory import use_system_allocator
from scanner.core.heap import share_one_heap
from scanner.core.in_flight import raise_open_files_limit


def set_up_process() -> None:
    """Chooses the heap, Arrow's allocator and the limit of open files; call it before Arrow is imported.

    It may be called again, and where Arrow is imported already: what is chosen too late only takes more memory.
    """
    # numpy comes with pyarrow. Its threads for linear algebra, which nothing here uses, take 0.05 s of CPU to start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    share_one_heap()
    use_system_allocator()
    raise_open_files_limit()
