"""Hides modules from what would load them only because they are installed."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType


class _Hidden:
    """A finder of modules that does not find some of them."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:  # noqa: ARG002
        if name in self._names:
            raise ModuleNotFoundError(f"{name} is hidden from what is loaded now", name=name)


@contextmanager
def hidden(*names: str) -> Iterator[None]:
    """Lets nothing load these modules while the block runs; one that is loaded already stays."""
    finder = _Hidden(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
