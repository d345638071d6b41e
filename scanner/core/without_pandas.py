"""Keeps pyarrow from loading pandas where only pyarrow is used."""

from __future__ import annotations

import sys

import pyarrow as pa

from scanner.core.hidden_module import hidden

_PANDAS = "pandas"


def settle_without_pandas() -> None:
    """Lets pyarrow look for pandas once, while it is hidden; without effect where pandas is loaded already.

    pyarrow looks for it when the first array is made, to recognize a pandas object among the values, or, where numpy
    is hidden from it, when the first time with a zone is read. It loads pandas wherever it is installed: 1 s of CPU,
    most of the start of a scan. What needs pandas itself, as `Table.to_pandas` and `Table.from_pandas` do in a plug-in,
    still loads it.
    """
    if _PANDAS not in sys.modules:
        with hidden(_PANDAS):
            pa.array([])
            pa.scalar(0, pa.timestamp("ms", "UTC")).as_py()
