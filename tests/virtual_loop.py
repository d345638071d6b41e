"""An event loop whose clock stands still while there is work and jumps to the next timer when there is none."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

T = TypeVar("T")


class _NoWaiting(selectors.DefaultSelector):
    """Does not wait for files: `waited` is told how long it would have been."""

    def __init__(self, waited: Callable[[float], None]) -> None:
        super().__init__()
        self._waited = waited

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout:
            self._waited(timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its seconds pass only while every task sleeps, so that what a program does takes no time."""

    def __init__(self) -> None:
        self._now_s = 0.0
        super().__init__(_NoWaiting(self._pass))

    def _pass(self, seconds: float) -> None:
        self._now_s += seconds

    def time(self) -> float:
        return self._now_s


def run_in_virtual_time(main: Callable[[], Awaitable[T]]) -> T:
    """Runs it on such a loop; `anyio.current_time` is the clock."""
    return anyio.run(main, backend_options={"loop_factory": VirtualLoop})
