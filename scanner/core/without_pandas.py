"""Keeps pyarrow from loading pandas where only pyarrow is used."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType

import pyarrow as pa

_PANDAS = "pandas"


class _Hidden:
    """A finder of modules that finds no pandas."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:  # noqa: ARG004
        if name == _PANDAS:
            raise ModuleNotFoundError(f"{name} is hidden while pyarrow looks for it", name=name)


def settle_without_pandas() -> None:
    """Lets pyarrow look for pandas once, while it is hidden; without effect where pandas is loaded already.

    pyarrow looks for it when the first array is made, to recognize a pandas object among the values, and loads it
    wherever it is installed: 1 s of CPU, most of the start of a scan. What needs pandas itself, as `Table.to_pandas`
    and `Table.from_pandas` do in a plug-in, still loads it.
    """
    if _PANDAS in sys.modules:
        return
    sys.meta_path.insert(0, _Hidden)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(_Hidden)
