"""Hides a module from what would load it only because it is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType


class _Hidden:
    """A finder of modules that does not find one of them."""

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:  # noqa: ARG002
        if name == self._name:
            raise ModuleNotFoundError(f"{name} is hidden from what is loaded now", name=name)


@contextmanager
def hidden(name: str) -> Iterator[None]:
    """Lets nothing load this module while the block runs; one that is loaded already stays."""
    finder = _Hidden(name)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
