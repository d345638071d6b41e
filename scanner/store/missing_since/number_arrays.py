"""Numbers without nulls, looked at by Python and by Arrow without a copy."""

from __future__ import annotations

from array import array
from typing import Literal

import pyarrow as pa

_CODES: dict[pa.DataType, Literal["q", "I"]] = {pa.int64(): "q", pa.uint32(): "I"}  # of Python's `array`


class Numbers:
    """Numbers up to 4 billion, `size` of them at most: memory that grows piece by piece is left full of holes."""

    def __init__(self, size: int) -> None:
        self.values = array("I", [0]) * size
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, numbers: pa.Array) -> None:
        """Appends numbers of type `uint32`."""
        stop = self._count + len(numbers)
        memoryview(self.values)[self._count : stop] = view(numbers)
        self._count = stop


def view(numbers: pa.Array) -> memoryview:
    """Returns the values of an `int64` or `uint32` array."""
    data: memoryview = memoryview(numbers.buffers()[1] or b"").cast("B").cast(_CODES[numbers.type])
    return data[numbers.offset : numbers.offset + len(numbers)]


def arrow(numbers: array[int]) -> pa.Array:
    """Returns a Python array of type "q" or "I" as Arrow."""
    kind = next(kind for kind, code in _CODES.items() if code == numbers.typecode)
    return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(numbers)])
