"""Time that passes only where somebody sleeps."""

from __future__ import annotations

import anyio.lowlevel


class FakeTime:
    """A clock and the sleep that goes with it, for code that takes both."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now
        self.naps: list[float] = []

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds
        await anyio.lowlevel.checkpoint()
