"""The simulator's clock, a parameter so that tests decide what time it is."""

from __future__ import annotations

from collections.abc import Callable

Clock = Callable[[], float]  # Seconds since the epoch, as `time.time`
