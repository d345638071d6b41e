"""Errors of disks, databases and stores as the one error that a sink may raise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from scanner.core.errors import SinkError

_E = TypeVar("_E", bound=Exception)


@contextmanager
def as_sink_error(kind: type[_E], sentence: Callable[[_E], str]) -> Iterator[None]:
    """Turns an error of this kind into a `SinkError` with the sentence."""
    try:
        yield
    except kind as error:
        raise SinkError(sentence(error)) from error


@contextmanager
def disk_errors(doing: str, place: Path) -> Iterator[None]:
    """Turns any `OSError` into a sentence that says what could not be done, where, and what to do."""

    def sentence(error: OSError) -> str:
        why = error.strerror or type(error).__name__
        return f"cannot {doing} {place}: {why}; correct that, then send the scan again with: patchsweep publish"

    with as_sink_error(OSError, sentence):
        yield
