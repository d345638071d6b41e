"""Chooses the allocator of Arrow's buffers for this process."""

from __future__ import annotations

import os

_VARIABLE = "ARROW_DEFAULT_MEMORY_POOL"  # Arrow's own, read once when Arrow is loaded
_SYSTEM = "system"


def use_system_allocator() -> None:
    """Lets Arrow allocate with `malloc`, unless the environment chooses an allocator for it.

    Call it before Arrow is imported. What Arrow allocates inside, such as Parquet's buffers, comes from the allocator
    that the variable names at that moment, whatever is chosen later. Arrow's own keeps a heap for each thread,
    and worker threads take turns over the segments of a scan: peak memory of a scan of 3,000 nodes was 224 MB where
    only the rest came from `malloc`, and 201 MB where all of it does; in delta mode 270 and 212 MB.
    """
    if os.environ.get(_VARIABLE):
        return
    os.environ[_VARIABLE] = _SYSTEM
    try:
        import pyarrow as pa  # noqa: PLC0415 - the variable comes first

        if pa.default_memory_pool().backend_name != _SYSTEM:  # it was imported earlier
            pa.set_memory_pool(pa.system_memory_pool())
    finally:
        del os.environ[_VARIABLE]  # other programs that this process starts choose for themselves
